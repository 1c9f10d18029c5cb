"""Every example of the guide to mappings and presets does what stands below it."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from engagement_pipeline_tests.ingestion.providers import through

GUIDE = Path(__file__).parents[2] / "docs" / "sources.md"
HEAD = "source: s\nowner: team:data\npath: s/*\nformat: jsonl\n"
PLAN = """
  page_viewed: {channel: web}
  order_completed: {channel: commerce, unit: EUR, properties: {product: text, coupon: text}}
  email_clicked: {channel: email, properties: {link: text}}
"""


class Example(NamedTuple):
    """A source, rows, and by kind what is said to come of them."""

    yaml: str
    found: dict[str, str]


def examples() -> list[Example]:
    text = GUIDE.read_text("utf-8")
    found: list[Example] = []
    for heading in ("Mappings", "Presets"):
        section = re.split(r"^## ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
        for language, kind, body in re.findall(r"```(yaml|json|csv) ?(\w*)\n(.*?)```", section, re.DOTALL):
            if language == "yaml":
                found.append(Example(body, {}))
            else:
                found[-1].found[kind] = body
    return found


def source(yaml: str) -> str:
    """The whole source of an example, with the events of a usual plan."""
    if yaml.startswith("source:"):
        return yaml
    plan = PLAN if "plan:" in yaml else f"plan:{PLAN}"
    head = HEAD.replace("format: jsonl\n", "") if "format: csv" in yaml else HEAD
    return head + yaml.rstrip() + (plan.rstrip() if "plan:" in yaml else "\n" + plan)


@pytest.mark.parametrize("example", examples(), ids=lambda each: each.yaml.split("\n")[1].strip()[:40])
def test_an_example_does_what_stands_below_it(tmp_path: Path, example: Example) -> None:
    named = re.match(r"source: (\w+)", example.yaml)
    name = named[1] if named else "s"
    judged = through(tmp_path, source(example.yaml), example.found["rows"], name)
    for kind in ("events", "profiles", "identities", "rejected"):
        frame: pl.DataFrame = getattr(judged, kind).sort("row_number", maintain_order=True)
        expected = [json.loads(line) for line in example.found.get(kind, "").splitlines()]
        assert frame.height == len(expected), kind
        for row, said in zip(frame.to_dicts(), expected, strict=True):
            assert {key: _plain(row[key]) for key in said} == said


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def test_every_key_of_a_mapping_is_in_the_guide() -> None:
    from engagement_pipeline.catalog.specs import AliasMapping, EventMapping, Origin, ProfileMapping, Rates

    shown = "".join(each.yaml for each in examples()) + GUIDE.read_text("utf-8")
    for model in (EventMapping, ProfileMapping, AliasMapping, Origin, Rates):
        for key in model.model_fields:
            assert re.search(rf"\b{key}:", shown), f"{model.__name__}.{key}"
