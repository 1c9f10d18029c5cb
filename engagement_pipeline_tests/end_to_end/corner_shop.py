"""A project of ten days that fits on a page: its catalog as files, its deliveries, and the runs a day takes.

Here: what every end-to-end test needs to drive the real asset graph. Not here: any expectation.
"""

import gzip
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline_tests.instances import in_memory

START, END = date(2025, 3, 1), date(2025, 3, 10)
AS_OF = END.isoformat()
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

FILES = {
    "project.yaml": f"""
project: corner_shop
timezone: Europe/Berlin
start_date: {START}
end_date: {END}
limits: {{reject_share: 50%}}
""",
    "events.yaml": """
events:
  visit: {channel: web, properties: {page: text}}
  order: {channel: commerce, unit: EUR}
  email_opened: {channel: email}
""",
    "sources/web.yaml": """
source: web
owner: team:data
path: web/*
format: jsonl
events: {event_id: id, person_id: person, event: event, occurred_at: at, value: total}
""",
    "sources/mail.yaml": """
source: mail
owner: team:data
path: mail/*
format: csv
events: {event_id: id, person_id: person, event: event, occurred_at: at}
""",
    "sources/crm.yaml": """
source: crm
owner: team:data
path: crm/*
format: csv
profiles: {person_id: person, observed_at: at}
columns: {plan: text, city: text}
""",
    "scores/shopping.yaml": """
score: shopping
goal: Who buys, and looks around?
owner: team:growth
window: 5d
decay: {half_life: 2d}
rules:
  - {event: visit, weight: 1, cap: {per_day: 2}}
  - {event: order, weight: 3, per: 10}
bands: {quiet: [null, 5], busy: [5, null]}
""",
    "scores/reading.yaml": """
score: reading
goal: Who reads what we send?
owner: team:growth
window: 5d
rules:
  - {event: email_opened, weight: 2}
scale: {method: percentile, range: [1, 10]}
bands: {low: [1, 5], high: [5, 10]}
""",
    "segments/buyers.yaml": """
segment: buyers
owner: team:growth
where: "band.shopping = 'busy' and profile.plan = 'gold'"
""",
    "segments/readers.yaml": """
segment: readers
owner: team:growth
where: "score.reading >= 5 and not segment.buyers"
""",
    "campaigns/thanks.yaml": """
campaign: thanks
goal: Say thank you
owner: team:growth
audience: {include: [buyers, readers]}
channel: email
variants:
  - {when: "score.shopping >= 10", message: a_gift}
  - {message: a_card}
holdout: 30%
destinations: [{kind: files, path: thanks}]
""",
}
PROVENANCE = {"received_at", "batch", "row_number"}
TABLES = (
    *("events/web", "events/mail", "conflicts/web", "conflicts/mail", "daily_measures", "persons"),
    *("points/shopping", "points/reading", "references/reading", "scores/shopping", "scores/reading"),
    *("segments/buyers", "segments/readers", "audiences/thanks"),
)
"""What must be the same however the same events arrived; landed and rejected rows say how they did."""
Row = Mapping[str, object]


def web(number: int, day: int, person: str = "", event: str = "visit", **more: object) -> Row:
    """An event of the web source on a day of March."""
    at = f"2025-03-{day:02}T{8 + number % 12:02}:{number % 60:02}:00+01:00"
    return {"id": f"w{number}", "person": person or f"p{number % 6}", "event": event, "at": at, **more}


def web_rows() -> list[Row]:
    """Visits and orders of six people on all days, with an id used twice on different days."""
    rows = [web(number, 1 + number * 7 % 10) for number in range(40)]
    rows += [web(100 + n, 1 + n, f"p{n % 4}", "order", total=4.5 + 3 * n) for n in range(10)]
    return [*rows, web(3, 9, "p5", "order", total=99.0)]


def mail_rows() -> list[Row]:
    """Mails opened by five people."""
    return [
        {
            "id": f"m{n}",
            "person": f"p{n * n % 7}",
            "event": "email_opened",
            "at": f"2025-03-{1 + n % 10:02} 12:00",
        }
        for n in range(25)
    ]


def crm_rows() -> list[Row]:
    """Facts of six people, one of whom changed plan."""
    plans = [(f"p{n}", "2025-03-01", ("gold", "basic")[n % 2], "Bonn") for n in range(6)]
    plans.append(("p1", "2025-03-06", "gold", "Trier"))
    return [dict(zip(("person", "at", "plan", "city"), each, strict=True)) for each in plans]


def jsonl(rows: Iterable[Row]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in rows).encode()


def csv(rows: Sequence[Row]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(str(value) for value in each.values()) for each in rows)]
    return ("\n".join(lines) + "\n").encode()


def write_catalog(folder: Path, changed: Mapping[str, str] | None = None) -> Path:
    """The catalog's files, some of them changed or added."""
    for name, text in {**FILES, **(changed or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@dataclass
class CornerShop:
    """The project in a folder of its own, with the instance that its runs are recorded in."""

    folder: Path
    instance: dg.DagsterInstance

    @property
    def environment(self) -> dict[str, str]:
        """The settings that another process needs to work on this project."""
        return {
            "ENGAGEMENT_CATALOG": str(self.folder / "catalog"),
            "ENGAGEMENT_LAKE": str(self.folder / "lake"),
            "ENGAGEMENT_DATABASE_URL": f"sqlite:///{self.folder / 'engagement.db'}",
            "ENGAGEMENT_LANDING": str(self.folder / "landing"),
            "ENGAGEMENT_EXPORTS": str(self.folder / "exports"),
        }

    @cached_property
    def catalog(self) -> Catalog:
        return load_catalog(self.folder / "catalog")

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_env(self.environment)

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.catalog, self.settings)

    @cached_property
    def bench(self) -> Workbench:
        """Stores of our own, to look at what the runs made."""
        return Workbench(self.catalog, self.settings)

    def copy(self, folder: Path) -> "CornerShop":
        """The same catalog, files and stores elsewhere, with an instance that knows nothing of them."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return CornerShop(folder, in_memory())

    def redefine(self, file: str, text: str) -> None:
        """Write a catalog file; what is loaded from now on says so."""
        write_catalog(self.folder / "catalog", {file: text})
        self.bench.database.close()
        for name in ("catalog", "definitions", "bench"):
            self.__dict__.pop(name, None)

    def drop(self, file: str, content: bytes) -> Path:
        """A file into the landing folder; zipped where it is called so."""
        path = self.folder / "landing" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0) if file.endswith(".gz") else content)
        return path

    def stock(self) -> None:
        """One file of each source."""
        self.drop("web/all.jsonl", jsonl(web_rows()))
        self.drop("mail/all.csv", csv(mail_rows()))
        self.drop("crm/all.csv", csv(crm_rows()))

    def run(
        self,
        job: str,
        day: str | None = None,
        tags: Mapping[str, str] | None = None,
        selection: Sequence[dg.AssetKey] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run of a job; a failed one is given back, not raised."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **(config or {})},
            instance=self.instance,
            partition_key=day,
            tags=dict(tags or {}),
            asset_selection=selection,
            raise_on_error=False,
        )

    def days(self, job: str, first: date = START, last: date = END) -> dg.ExecuteInProcessResult:
        """One run of a job over a range of days."""
        return self.run(job, tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat()})

    def everything(self) -> None:
        """Files to audiences as of the last day."""
        for result in (
            self.run("landing"),
            self.days("event_days"),
            self.run("refit", AS_OF),
            self.run("campaigns", AS_OF),
        ):
            assert result.success, failure(result)

    def table(self, name: str) -> pl.DataFrame:
        return self.bench.lake.scan(name).collect()

    def rows(self, name: str) -> pl.DataFrame:
        """A table's rows in one order, without what only says how they arrived."""
        frame = self.table(name).drop(PROVENANCE, strict=False)
        keys = (
            "event_date",
            "as_of",
            "person_id",
            "event_id",
            "occurred_at",
            "content_hash",
            "measure",
            "valid_from",
        )
        return frame.sort([key for key in keys if key in frame.columns])

    def versions(self, name: str) -> dict[str, str]:
        """Data version of every partition."""
        return {key: info.data_version for key, info in self.bench.lake.partitions(name).items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Everything that the failed steps of a run say, causes included."""
    said = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                said.append(data.user_failure_data.description)
            cause = data.error
            while cause is not None:
                said.append(cause.message)
                cause = cause.cause
    return "\n".join(said)


def days_between(first: int, last: int) -> list[str]:
    return [(START + timedelta(days=day - 1)).isoformat() for day in range(first, last + 1)]
