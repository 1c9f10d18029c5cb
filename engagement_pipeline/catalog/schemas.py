"""JSON Schemas of the catalog's files, for editors that complete and check YAML.

`python -m engagement_pipeline.catalog.schemas` writes them beside this module, into `schemas/`; a test keeps
them fresh. Not here: the models they are made from (`specs`).
"""

import json
from pathlib import Path
from typing import Any

from engagement_pipeline.catalog.draft import FOLDERS
from engagement_pipeline.catalog.specs import Project, Spec, TrackingPlan

SCHEMA_FOLDER = Path(__file__).with_suffix("")


def json_schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of file: project, events, source, score, segment, campaign."""
    models: dict[str, type[Spec]] = {"project": Project, "events": TrackingPlan}
    models |= {folder[:-1]: model for folder, model in FOLDERS.items()}
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {kind: {"$schema": dialect, **model.model_json_schema()} for kind, model in models.items()}


def as_text(schema: dict[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> None:
    """Write every schema to `<kind>.json` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, schema in json_schemas().items():
        (folder / f"{kind}.json").write_text(as_text(schema), "utf-8")


if __name__ == "__main__":
    write_schemas(SCHEMA_FOLDER)
