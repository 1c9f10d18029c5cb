"""A small catalog and real stores for the tests of ingestion."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Event, Limits, Project, Source
from engagement_pipeline.core.frames import CONFLICTS, LANDED, event_schema
from engagement_pipeline.ingestion.events import events_for
from engagement_pipeline.ingestion.intake import take_in
from engagement_pipeline.ingestion.outcome import Intake
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.layout import table_spec
from engagement_pipeline.storage.ledger import Ledger

RECEIVED = datetime(2026, 5, 1, 6, tzinfo=UTC)

EVENTS = {
    "order": Event(
        channel="commerce", unit="EUR", properties={"items": "integer", "coupon": "text", "weight": "number"}
    ),
    "visit": Event(channel="web", properties={"page": "text", "first": "boolean", "joined": "date"}),
}
WEB = {
    "event_id": "id",
    "person_id": "user.id",
    "event": {"path": "type", "names": {"purchase": "order"}},
    "occurred_at": "at",
    "value": "total",
    "session_id": "session",
    "is_machine": "bot",
    "properties": {"page": "context.page"},
}
FLAT = {"event_id": "id", "person_id": "person", "event": "event", "occurred_at": "at", "value": "total"}
UNNAMED = {key: value for key, value in FLAT.items() if key != "event_id"}


def source(name: str = "web", form: str = "jsonl", **mapping: object) -> Source:
    return Source.model_validate(
        {
            "source": name,
            "owner": "team:data",
            "path": f"{name}/*",
            "format": form,
            "events": {**(WEB if form == "jsonl" else FLAT), **mapping},
        }
    )


def till(form: str = "csv") -> Source:
    """A source whose rows have no id."""
    return Source.model_validate(
        {"source": "till", "owner": "team:data", "path": "till/*", "format": form, "events": UNNAMED}
    )


def crm(**mapping: object) -> Source:
    return Source.model_validate(
        {
            "source": "crm",
            "owner": "team:data",
            "path": "crm/*",
            "format": "csv",
            "profiles": {"person_id": "person", "observed_at": "at", "columns": {"plan": "tier"}, **mapping},
            "columns": {"plan": "text", "age": "integer", "spent": "number", "joined": "date"},
        }
    )


def catalog(*sources: Source, events: Mapping[str, Event] = EVENTS, **project: object) -> Catalog:
    settings = {
        "project": "shop",
        "timezone": "Europe/Berlin",
        "start_date": date(2020, 1, 1),
        "limits": Limits(reject_share=1.0),
        **project,
    }
    return Catalog(
        project=Project.model_validate(settings),
        events=dict(events),
        sources={each.source: each for each in sources},
        scores={},
        segments={},
        campaigns={},
    )


def row(number: int = 1, **changed: object) -> dict[str, object]:
    """A valid row of the web source; None takes a field away."""
    whole = {
        "id": f"e{number}",
        "user": {"id": f"p{number % 7}"},
        "type": "visit",
        "at": f"2026-04-{1 + number % 28:02}T10:00:00Z",
        **changed,
    }
    return {key: value for key, value in whole.items() if value is not None}


def lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in rows).encode()


def landed(*raw: str, batch: str = "b1", received_at: datetime = RECEIVED) -> pl.DataFrame:
    """Landed rows of one file."""
    numbered = [(batch, "web/one", number, received_at, text) for number, text in enumerate(raw, start=1)]
    return pl.DataFrame(numbered, schema=LANDED, orient="row")


@dataclass
class Shop:
    """Folders, stores and a catalog; what the orchestration does, in its order."""

    folder: Path
    catalog: Catalog
    received_at: datetime = RECEIVED

    @cached_property
    def database(self) -> Database:
        return Database(f"sqlite:///{self.folder / 'engagement.db'}")

    @cached_property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"), self.database)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    def drop(self, file: str, content: bytes | Iterable[Mapping[str, object]]) -> Path:
        path = self.landing / file
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else lines(content)
        path.write_bytes(gzip.compress(data, mtime=0) if file.endswith(".gz") else data)
        return path

    def take_in(self, name: str = "web", replay: bool = False) -> Intake:
        return take_in(
            self.catalog.sources[name],
            self.landing,
            self.received_at,
            self.catalog,
            self.lake,
            self.ledger,
            replay=(lambda: self.ledger.landed(name)) if replay else None,
        )

    def run(self, name: str = "web") -> Intake:
        """Take in what is new and make the days that it touches."""
        took = self.take_in(name)
        self.make(took.touched, name)
        return took

    def make(self, days: Iterable[date], name: str = "web") -> None:
        keys = sorted({day.isoformat() for day in days})
        if not keys:
            return
        inputs = {**self.lake.versions([f"landed/{name}"]), **self.ledger.read_replays(name)}
        wanted = [date.fromisoformat(key) for key in keys]
        found = list(events_for(self.catalog.sources[name], wanted, self.catalog, self.lake, self.ledger))
        keys = [day.isoformat() for each in found for day in each.days]
        events = pl.concat([event_schema(self.catalog).to_frame(), *(each.events for each in found)])
        lost = pl.concat([CONFLICTS.to_frame(), *(each.conflicts for each in found)])
        self.lake.replace(table_spec(f"events/{name}", self.catalog), events, keys, inputs)
        self.lake.replace(table_spec(f"conflicts/{name}", self.catalog), lost, keys, inputs)

    def table(self, name: str) -> pl.DataFrame:
        return self.lake.scan(name).collect()

    def content(self, name: str = "web") -> tuple[pl.DataFrame, pl.DataFrame]:
        """Events and conflicts without the columns that say which delivery brought them."""
        events = self.table(f"events/{name}").drop("received_at", "batch", "row_number")
        lost = self.table(f"conflicts/{name}").drop("batch", "row_number")
        order = ["event_id", "occurred_at", "content_hash"]
        return events.sort(order), lost.sort(order)
