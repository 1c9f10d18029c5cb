"""Engagement scores, segments and campaign audiences from your own events, as Dagster assets."""
