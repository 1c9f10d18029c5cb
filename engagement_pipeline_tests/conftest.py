"""What holds for every test."""

import gc
import os

# Thousands of long-lived objects (a schema, an asset, a job) are walked at each collection: with Python's own
# threshold of 700 that was 8 % of the suite's time.
gc.set_threshold(100_000, 20, 100)

# deltalake wakes as many threads as there are processors for each small table it opens: 2.5 ms of processor
# time instead of 1.1, some hundred times in a test of a few runs. Read when the first table is opened.
os.environ.setdefault("TOKIO_WORKER_THREADS", "1")
