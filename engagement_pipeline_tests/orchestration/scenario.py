"""A small project to drive through Dagster: its YAML, ten days of files, real stores and an instance.

Here: the catalog as text (so that tests edit it as an analyst would), landing files, running jobs, reading
tables. Not here: expectations. The days hold the night in which summer time begins (29 March).
"""

import io
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

import dagster as dg
import polars as pl
import sqlalchemy as sa
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from PIL import Image

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports import plots
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline_tests.instances import in_memory

FIRST, LAST = date(2026, 3, 27), date(2026, 4, 5)
DAYS = [FIRST + timedelta(days=age) for age in range((LAST - FIRST).days + 1)]
PEOPLE = ("kunde-ada-71", "kunde-ben-72", "kunde-cem-73", "kunde-dee-74", "kunde-eve-75", "kunde-fay-76")

PROJECT = """\
project: corner
timezone: Europe/Berlin
start_date: 2026-03-27
end_date: 2026-04-05
limits: {reject_share: 40%, reference_people: 1}
"""
EVENTS = """\
events:
  email_sent: {channel: email, chosen: false}
  email_opened: {channel: email, properties: {category: text}}
  email_clicked: {channel: email, properties: {category: text}}
  order_completed: {channel: commerce, unit: EUR, properties: {items: integer}}
"""
MAIL = """\
source: mail
owner: team:lifecycle
description: The mail provider's export.
path: mail/*.csv
format: csv
events:
  event_id: id
  person_id: person
  event: {path: type, names: {open: email_opened, click: email_clicked, sent: email_sent}}
  occurred_at: at
"""
SHOP = """\
source: shop
owner: team:shop
description: Orders of the shop.
path: shop/*.jsonl
format: jsonl
events:
  event_id: id
  person_id: customer.id
  event: type
  occurred_at: at
  value: total
"""
CRM = """\
source: crm
owner: team:data
path: crm/*.csv
format: csv
profiles:
  person_id: person
columns: {plan: text}
"""
READING = """\
score: reading
goal: Is this person reading our emails?
owner: team:lifecycle
window: 3d
rules:
  - {event: email_opened, weight: 2, cap: {per_day: 1}}
  - {event: email_clicked, weight: 5}
bands: {cold: [null, 3], warm: [3, null]}
applies_to: "profile.plan is not null"
"""
BUYING = """\
score: buying
goal: How much does this person order?
owner: team:shop
window: 5d
decay: {half_life: 4d}
rules:
  - {event: order_completed, weight: 1, per: 10}
scale: {method: percentile, range: [1, 10]}
bands: {low: [1, 5], high: [5, 10]}
"""
READERS = """\
segment: readers
owner: team:lifecycle
where: "band.reading = 'warm'"
"""
BUYERS = """\
segment: buyers
owner: team:shop
where: "score.buying >= 5"
"""
FANS = """\
segment: fans
owner: team:shop
where: "segment.readers and segment.buyers"
"""
PERKS = """\
campaign: perks
goal: Thank those who read
owner: team:lifecycle
audience: {include: [readers]}
channel: email
variants:
  - {when: "score.reading >= 5", message: big_perk}
  - {message: small_perk}
holdout: 20%
destinations: [{kind: files, path: perks}]
"""
CATALOG = {
    "project.yaml": PROJECT,
    "events.yaml": EVENTS,
    "sources/mail.yaml": MAIL,
    "sources/shop.yaml": SHOP,
    "sources/crm.yaml": CRM,
    "scores/reading.yaml": READING,
    "scores/buying.yaml": BUYING,
    "segments/readers.yaml": READERS,
    "segments/buyers.yaml": BUYERS,
    "segments/fans.yaml": FANS,
    "campaigns/perks.yaml": PERKS,
}


def mail(rows: Iterable[tuple[str, str, str, str]]) -> bytes:
    """A CSV of (id, person, type, at)."""
    lines = ["id,person,type,at,category", *(",".join((*row, "news")) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def orders(rows: Iterable[tuple[str, str, str, float]]) -> bytes:
    """JSON lines of (id, person, at, total)."""
    return "".join(
        json.dumps(
            {"id": n, "customer": {"id": p}, "type": "order_completed", "at": at, "total": total, "items": 1}
        )
        + "\n"
        for n, p, at, total in rows
    ).encode()


def files() -> dict[str, bytes]:
    """Ten days: person k opens on every (k+1)th day, clicks half as often and orders on some days."""
    mails, bought = [], []
    for age, day in enumerate(DAYS):
        for k, person in enumerate(PEOPLE[:5]):
            if age % (k + 1) == 0:
                mails.append((f"o{age}-{k}", person, "open", f"{day}T09:00:00Z"))
            if age % (2 * k + 2) == 1:
                mails.append((f"c{age}-{k}", person, "click", f"{day}T09:05:00Z"))
            if (age + k) % 3 == 0:
                bought.append((f"b{age}-{k}", person, f"{day}T15:30:00Z", 10.0 * (k + 1) + age))
    # One open after midnight in Berlin, which is the evening before in UTC.
    mails.append(("late", PEOPLE[4], "open", "2026-03-30T22:30:00Z"))
    mails.append(("bad", PEOPLE[0], "open", "no time at all"))
    profiles = "person,plan\n" + "".join(f"{p},{'gold' if k % 2 else ''}\n" for k, p in enumerate(PEOPLE))
    return {
        "mail/all.csv": mail(mails),
        "shop/all.jsonl": orders(bought),
        "crm/people.csv": profiles.replace(",\n", ",silver\n", 2).encode(),
    }


@dataclass
class Scenario:
    """A project in a folder. `definitions` are built anew after each edit, as a code location reload does."""

    folder: Path
    instance: dg.DagsterInstance = field(default_factory=in_memory)
    draws: bool = True
    """Whether runs draw their pictures. Copies do not: those look at what is stored, and of a run of all
    as-of assets the drawing is a tenth of the processor time."""
    _built: dg.Definitions | None = None
    _benches: list[Workbench] = field(default_factory=list)

    @classmethod
    def new(
        cls,
        folder: Path,
        changed: Mapping[str, str | None] | None = None,
        landing: Mapping[str, bytes] | None = None,
    ) -> "Scenario":
        """The catalog with some files changed or added (None: left out), and landing files."""
        made = cls(folder)
        for file, text in {**CATALOG, **(changed or {})}.items():
            if text is not None:
                made.write(file, text)
        for file, content in (files() if landing is None else landing).items():
            made.drop(file, content)
        return made

    def copy(self, folder: Path) -> "Scenario":
        """The same catalog, files and stores elsewhere, with an instance that knows nothing of them."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Scenario(folder, draws=False)

    # --- files ----------------------------------------------------------------------------------------

    def write(self, file: str, text: str) -> None:
        """Write a file of the catalog."""
        path = self.folder / "catalog" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.reload()

    def reload(self) -> None:
        """Build the definitions anew, as a code location does."""
        self._built = None

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a piece of a catalog file that stands there once."""
        text = (self.folder / "catalog" / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        self.write(file, text.replace(old, new))

    def drop(self, file: str, content: bytes) -> Path:
        """Put a file into the landing folder."""
        path = self.settings.landing / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def arrive(self, file: str, content: bytes, first: date | None = None, last: date | None = None) -> None:
        """A file of events comes and lands; then the days given are made of its source, and measured.

        Other sources and what is known of people stay as they are, which they would anyway if all were run.
        """
        source = file.partition("/")[0]
        self.drop(file, content)
        self.run("landing", only=[f"landed/{source}", f"rejected/{source}"])
        if first is not None:
            self.run("event_days", first, last, only=[f"events/{source}", "daily_measures"])

    # --- what is built from them ----------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        return Settings(
            lake=str(self.folder / "lake"),
            database_url=f"sqlite:///{self.folder / 'engagement.db'}",
            landing=self.folder / "landing",
            exports=self.folder / "exports",
        )

    @property
    def catalog(self) -> Catalog:
        return self.bench.catalog

    @property
    def definitions(self) -> dg.Definitions:
        if self._built is None:
            self._built = build_definitions(load_catalog(self.folder / "catalog"), self.settings)
            self._benches.append(self._built.resources["io_manager"]._bench)
        return self._built

    @property
    def bench(self) -> Workbench:
        """What the assets of the current definitions work with."""
        assert self.definitions is not None
        return self._benches[-1]

    def close(self) -> None:
        """Give the database and the instance back."""
        for bench in self._benches:
            if "database" in vars(bench):
                bench.database.close()
        self.instance.dispose()

    # --- running and reading --------------------------------------------------------------------------

    def run(
        self,
        job: str,
        first: date | None = None,
        last: date | None = None,
        *,
        only: Iterable[str] | None = None,
        ok: bool = True,
    ) -> dg.ExecuteInProcessResult:
        """Run a job, for a day or a range of days, or only some of its tables' assets."""
        tags = {}
        if last is not None:
            assert first is not None
            tags = {
                ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
            }
        with drawing(self.draws):
            result = self.definitions.resolve_job_def(job).execute_in_process(
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                instance=self.instance,
                tags=tags,
                partition_key=first.isoformat() if first is not None and last is None else None,
                asset_selection=None if only is None else [key(table) for table in only],
                raise_on_error=False,
            )
        assert result.success == ok, "\n".join(failures(result).values()) or "the run succeeded"
        return result

    def table(self, name: str, *days: date) -> pl.DataFrame:
        """A stored table, or some days of it, in the order of its rows on disk."""
        return self.bench.lake.scan(name, [day.isoformat() for day in days] or None).collect()

    def content(self) -> dict[str, pl.DataFrame]:
        """Every table of the lake, rows sorted, without what says which delivery brought them."""
        found = {}
        for log in sorted((self.folder / "lake").rglob("_delta_log")):
            name = log.parent.relative_to(self.folder / "lake").as_posix()
            rows = self.table(name)
            rows = rows.drop("received_at", "batch", "row_number", strict=False)
            if name.startswith("profiles/"):  # those without a time of their own have that of the landing
                rows = rows.drop("observed_at")
            flat = [column for column, kind in rows.schema.items() if not kind.is_nested()]
            found[name] = rows.sort(flat)
        return found


@contextmanager
def drawing(on: bool) -> Iterator[None]:
    """Figures are put together; where it is off, a dot stands for each of them when it would be drawn."""
    dot = io.BytesIO()
    Image.new("RGB", (1, 1)).save(dot, format="png")
    with mock.patch.object(plots, "png", plots.png if on else lambda _: dot.getvalue()):
        yield


def key(table: str) -> dg.AssetKey:
    """The asset of a table, in a project without a prefix."""
    return dg.AssetKey(table.split("/"))


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Step -> why it failed, in the words that its page shows."""
    found = {}
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            cause = data.error
            while cause is not None and cause.cause is not None:
                cause = cause.cause
            described = data.user_failure_data.description if data.user_failure_data else None
            assert event.step_key is not None
            found[event.step_key] = described or (cause.message if cause else "no reason given")
    return found


def event_log(scenario: Scenario) -> str:
    """Everything that the instance's event log holds, as text."""
    storage = scenario.instance.event_log_storage
    with storage.index_connection() as connection:
        tables = sa.inspect(connection).get_table_names()
        return "\n".join(
            repr(tuple(row))
            for table in tables
            for row in connection.execute(sa.text(f"select * from {table}"))
        )
