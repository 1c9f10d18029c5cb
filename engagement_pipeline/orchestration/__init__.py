"""Dagster: assets, partitions, checks, I/O manager, sensors, schedules, metadata."""
