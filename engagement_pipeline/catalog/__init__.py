"""What the user declares: YAML models, reading, lint, conditions, JSON Schemas. Imports nothing of ours."""
