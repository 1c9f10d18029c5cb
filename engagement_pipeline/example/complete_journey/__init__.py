"""The Complete Journey: a year of one grocer's tills and coupon campaigns, recorded by dunnhumby."""
