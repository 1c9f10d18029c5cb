"""The sources that the guide shows for object stores, upstream assets and Kafka, as it shows them."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

import engagement_pipeline
from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.specs import Source
from engagement_pipeline_tests.catalog.folders import EVENTS, catalog
from engagement_pipeline_tests.ingestion.shop import Shop, lines
from engagement_pipeline_tests.object_stores import Bucket

GUIDE = Path(engagement_pipeline.__file__).parents[1] / "docs/sources.md"


def shown(heading: str) -> str:
    """The YAML of a section."""
    text = GUIDE.read_text(encoding="utf-8")
    section = re.split(r"(?m)^## ", text.split(f"\n## {heading}\n")[1])[0]
    (block,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    return str(block)


@pytest.mark.parametrize("heading", ["Object stores", "Upstream assets", "Kafka"])
def test_what_is_shown_has_no_issues(tmp_path: Path, heading: str) -> None:
    text = shown(heading)
    name = yaml.safe_load(text)["source"]
    folder = catalog(tmp_path, {f"sources/{name}_shown.yaml": text, "events.yaml": EVENTS})
    issues = [str(issue) for issue in lint(folder) if "already declared" not in issue.message]
    assert issues == []


def message(offset: int, **more: object) -> dict[str, object]:
    """What InsertField makes of a message."""
    return {
        "customer": {"id": f"p{offset % 3}"},
        "type": "order",
        "total": 10.0 + offset,
        "_topic": "shop-events",
        "_partition": 0,
        "_offset": offset,
        "_timestamp": 1_775_048_400_000 + offset,
        **more,
    }


def test_a_topic_lands_through_its_connector_once(open_shop: Callable[..., Shop], s3: Bucket) -> None:
    """Connectors write again what they had written when they died: other files, the same messages."""
    given = yaml.safe_load(shown("Kafka").replace("s3://acme-events", s3.uri))
    shop = open_shop(Source.model_validate(given))

    def deliver(hour: str, first: int, last: int, partition: int = 0) -> None:
        rows = [message(offset, _partition=partition) for offset in range(first, last)]
        key = f"topics/shop-events/date=2026-04-01/hour={hour}/shop-events+{partition}+{first:010}.json.gz"
        s3.put(key, gzip.compress(lines(rows), mtime=0))

    deliver("13", 0, 50)
    deliver("13", 0, 20, partition=1)
    shop.run("kafka_shop")
    deliver("13", 40, 60)
    deliver("24", 60, 70)  # no hour of a day
    shop.run("kafka_shop")
    events = shop.table("events/kafka_shop")
    expected = [f"shop-events+{0}+{n}" for n in range(60)] + [f"shop-events+1+{n}" for n in range(20)]
    assert sorted(events["event_id"]) == sorted(expected)
    assert shop.table("conflicts/kafka_shop").is_empty()


def test_a_message_within_text_is_read(open_shop: Callable[..., Shop]) -> None:
    """Vector puts the message as text beside where it came from."""
    given = yaml.safe_load(shown("Kafka"))
    plain = Source.model_validate({**given, "path": "plain/*.jsonl", "source": "plain"})
    inside = json.loads(json.dumps(given["events"]).replace("customer.id", "message.customer.id"))
    for column in ("event", "value"):
        inside[column] = f"message.{given['events'][column]}"
    wrapped = Source.model_validate({**given, "path": "in/*.jsonl", "source": "wrapped", "events": inside})
    shop = open_shop(plain, wrapped)
    rows = [message(offset) for offset in range(5)]
    outer = {"_topic", "_partition", "_offset", "_timestamp"}
    shop.drop("plain/a.jsonl", rows)
    shop.drop(
        "in/a.jsonl",
        [
            {key: value for key, value in row.items() if key in outer}
            | {"message": json.dumps({key: value for key, value in row.items() if key not in outer})}
            for row in rows
        ],
    )
    for name in ("plain", "wrapped"):
        shop.run(name)
    columns = ["event_id", "person_id", "event", "occurred_at", "value"]
    found, expected = (
        shop.table(f"events/{name}").select(columns).sort("event_id") for name in ("wrapped", "plain")
    )
    assert_frame_equal(found, expected)
    assert found["value"].to_list() == pl.Series(range(10, 15)).cast(pl.Float64).to_list()
