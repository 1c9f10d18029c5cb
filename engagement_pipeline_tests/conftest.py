"""What holds for every test."""

import gc

# Thousands of long-lived objects (a schema, an asset, a job) are walked at each collection: with Python's own
# threshold of 700 that was 8 % of the suite's time.
gc.set_threshold(100_000, 20, 100)
