"""Pure polars: measures, points, scales, segments, audiences. No Dagster, no I/O, no clock."""
