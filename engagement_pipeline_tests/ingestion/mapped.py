"""Rows of a source and what its mapping makes of them, for the tests of the mapping language.

Here: a plan, sources, rows, and judging them. Not here: any expectation.
"""

import json
from datetime import date

from engagement_pipeline.catalog.specs import Catalog, Event, Source
from engagement_pipeline.ingestion.canonical import canonical_events
from engagement_pipeline.ingestion.event_ids import number_repeats
from engagement_pipeline.ingestion.judging import Judged, judge
from engagement_pipeline_tests.ingestion.shop import catalog, landed

PLAN = {
    "page_viewed": Event(channel="web", properties={"page": "text", "seconds": "integer"}),
    "order": Event(channel="commerce", unit="EUR", properties={"items": "integer", "coupon": "text"}),
    "opened": Event(channel="email"),
}


def of(events: object = (), form: str = "jsonl", **more: object) -> Source:
    return Source.model_validate(
        {"source": "s", "owner": "team:data", "path": "s/*", "format": form, "events": events, **more}
    )


def known(source: Source, **project: object) -> Catalog:
    return catalog(source, events=PLAN, **project)


def judged(source: Source, *rows: object, **project: object) -> Judged:
    raw = [each if isinstance(each, str) else json.dumps(each) for each in rows]
    return judge(landed(*raw), source, known(source, **project))


def events(source: Source, *rows: object, columns: list[str], **project: object) -> list[tuple[object, ...]]:
    found = judged(source, *rows, **project)
    assert found.rejected.rows() == []
    return found.events.select(columns).rows()


AT = "2026-04-01T10:00:00Z"
VIEW = {"event_id": "id", "person_id": "who", "event": {"constant": "page_viewed"}, "occurred_at": "at"}
ORDER = {**VIEW, "event": {"constant": "order"}}
LINES = {
    **ORDER,
    "explode": "lines",
    "value": "each.price",
    "properties": {"coupon": ["each.coupon", "coupon"], "items": "each.count"},
}


def view(number: int = 1, **more: object) -> dict[str, object]:
    return {"id": f"e{number}", "who": f"p{number}", "at": AT, **more}


def value(origin: object, **row: object) -> object:
    ((found,),) = events(of({**ORDER, "value": origin}), view(**row), columns=["value"])
    return found


def prop(origin: object, name: str = "coupon", **row: object) -> object:
    ((found,),) = events(of({**ORDER, "properties": {name: origin}}), view(**row), columns=[name])
    return found


def ids(source: Source, *rows: object, batch: str = "b1", days: list[date] | None = None) -> list[str]:
    raw = landed(*(json.dumps(each) for each in rows), batch=batch)
    found = canonical_events(raw, source, known(source), days)
    return number_repeats(found, source)["event_id"].to_list()
