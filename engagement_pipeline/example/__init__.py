"""The example catalog (a retailer with an app and courses), its data generator, and real data sets."""
