"""`python -m engagement_pipeline.cli`."""

from engagement_pipeline.cli import app

app()
