"""The JSON Schemas for editors are fresh and take what the models take."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from engagement_pipeline.catalog.loader import catalog_folder
from engagement_pipeline.catalog.schemas import SCHEMA_FOLDER, as_text, json_schemas, write_schemas

jsonschema = pytest.importorskip("jsonschema")


def test_the_files_are_fresh() -> None:
    """Run `python -m engagement_pipeline.catalog.schemas` when this fails."""
    stored = {path.name: path.read_text("utf-8") for path in SCHEMA_FOLDER.iterdir()}
    assert stored == {f"{kind}.json": as_text(schema) for kind, schema in json_schemas().items()}


def test_they_are_written_where_asked(tmp_path: Path) -> None:
    write_schemas(tmp_path / "new")
    kinds = {"project", "events", "source", "score", "segment", "campaign", "outcome", "alert"}
    assert {path.stem for path in (tmp_path / "new").iterdir()} == kinds


@cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    """Checking a schema itself takes longer than using it."""
    schema = json_schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def accepts(kind: str, data: Any) -> bool:
    return bool(validator(kind).is_valid(data))


def test_they_take_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENGAGEMENT_CATALOG", raising=False)
    files = sorted(catalog_folder().rglob("*.yaml"))
    assert files
    for path in files:
        kind = path.stem if path.parent == catalog_folder() else path.parent.name[:-1]
        data = json.loads(json.dumps(yaml.load(path.read_text("utf-8"), yaml.SafeLoader), default=str))
        assert accepts(kind, data), path.name


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"window": 30}, True),
        ({"window": "4w"}, True),
        ({"window": "4 weeks"}, False),
        ({"decay": {"half_life": "30d"}}, True),
        ({"decay": "exponential"}, False),
        ({"bands": {"low": [None, 5], "high": {"from": 5, "include_from": False}}}, True),
        ({"bands": {"low": [1]}}, False),
        ({"rule": []}, False),
        ({"owner": "me"}, False),
        ({"rules": []}, False),
    ],
)
def test_they_know_the_short_forms(changed: dict[str, Any], expected: bool) -> None:
    rules = [{"event": ["a"], "weight": 1}]
    base = {"score": "s", "goal": "Goal", "owner": "team:x", "window": "30d", "rules": rules}
    assert accepts("score", {**base, **changed}) is expected


def test_a_share_may_be_written_in_percent() -> None:
    base = {"project": "p", "start_date": "2026-01-01"}
    assert accepts("project", {**base, "limits": {"reject_share": "20%"}})
    assert accepts("project", {**base, "limits": {"reject_share": 0.2}})
    assert not accepts("project", {**base, "limits": {"reject_share": "a fifth"}})
