"""Asset factories, one module per stage of the pipeline."""
