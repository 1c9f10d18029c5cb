"""Landing JSON lines: read, judged, stored and made into events, beside polars alone and line by line.

Run `python -m engagement_pipeline_tests.benchmarks.bench_landing [--events 5000000]`. The file has records of
12 fields, some of them nested, and one broken line in 10,000: half of them cut off, half with a quote lost.
The library takes it in (`take_in`) and makes the events of every day (`events_for`); its clock is read per
stage, so that what storing costs stands apart. Polars' own scan, which fails as a whole for one broken line,
gets a file without those; Python parses each line by itself. Every contender runs in a process of its own, so
that its peak memory is its own.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Event, Project, Source
from engagement_pipeline.ingestion import intake, landing, verdicts
from engagement_pipeline.ingestion.events import events_for
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import Ledger
from engagement_pipeline_tests.benchmarks.measured import Clock, clock, in_a_process, peak_gb

DAYS = 30
FIRST = date(2026, 4, 1)
BROKEN_EVERY = 10_000
SLICE = 500_000
RECORD = pl.Schema(
    {
        "id": pl.String(),
        "user": pl.Struct({"id": pl.String()}),
        "type": pl.String(),
        "at": pl.String(),
        "session_id": pl.String(),
        "total": pl.Float64(),
        "currency": pl.String(),
        "bot": pl.Boolean(),
        "page": pl.Struct({"path": pl.String(), "referrer": pl.String()}),
        "campaign": pl.Struct({"name": pl.String()}),
        "properties": pl.Struct({"category": pl.String(), "items": pl.Int64(), "rating": pl.Float64()}),
        "device": pl.String(),
    }
)
"""What a line holds; 12 fields, 15 values, some 320 bytes."""
TYPES = ["page_viewed", "product_viewed", "cart_updated", "order_placed", "search_done", "video_watched"]
SOURCE = Source.model_validate(
    {
        "source": "web",
        "owner": "team:data",
        "path": "web/*",
        "format": "jsonl",
        "events": {
            "event_id": "id",
            "person_id": "user.id",
            "event": "type",
            "occurred_at": "at",
            "value": "total",
            "session_id": "session_id",
            "campaign_id": "campaign.name",
            "is_machine": "bot",
            "properties": {
                "page": "page.path",
                "category": "properties.category",
                "items": "properties.items",
                "rating": "properties.rating",
            },
        },
    }
)
STAGES = ["read", "judged", "stored", "made into events"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.part:
        print(json.dumps(PARTS[given.part](given.folder, given.events)))
        return
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        _part("generate", folder, given.events)
        size = (folder / "landing/web/events.jsonl").stat().st_size
        print(f"\n{given.events:,} JSON lines, {size / 1e9:.2f} GB, one broken in {BROKEN_EVERY:,}")
        found: dict[str, Any] = {}
        for part in CONTENDERS:
            found[part] = _part(part, folder, given.events)
        _print(found, given.events)


def _part(name: str, folder: Path, events: int) -> Any:
    given = ["--part", name, "--folder", str(folder), "--events", str(events)]
    return in_a_process(name, "engagement_pipeline_tests.benchmarks.bench_landing", given)


def _print(found: dict[str, Any], events: int) -> None:
    ours, scan, lines = found["library"], found["polars"], found["python"]
    read, judged = ours["read"], ours["judged"]
    work = {key: read[key] + judged[key] for key in ("seconds", "cpu")}
    rows = {
        "polars scan_ndjson, good lines only": scan,
        "json.loads, line by line": lines,
        "library: read, parsed, validated, split": {**work, "peak_gb": ours["landing_gb"]},
        "  of which read": {**read, "peak_gb": None},
        "landing's own write": {**ours["stored"], "peak_gb": None},
        "made into events, all days": {**ours["made into events"], "peak_gb": ours["peak_gb"]},
    }
    print(f"  {'':40}{'seconds':>9}{'cpu s':>9}{'events/s':>12}{'x scan':>8}{'x lines':>9}{'peak GB':>9}")
    for name, each in rows.items():
        peak = "" if each["peak_gb"] is None else f"{each['peak_gb']:9.2f}"
        print(
            f"  {name:40}{each['seconds']:9.1f}{each['cpu']:9.1f}{events / each['seconds']:12,.0f}"
            f"{each['cpu'] / scan['cpu']:8.2f}{each['cpu'] / lines['cpu']:9.2f}{peak}"
        )
    print(
        f"  ratios are of processor seconds; {ours['events']:,} events, {ours['rejected']:,} rejected, "
        f"{ours['lake_gb']:.2f} GB in the lake"
    )


def generate(folder: Path, count: int) -> None:
    """`landing/web/events.jsonl`, and `good.jsonl`: the same without its broken lines."""
    mixed, good = folder / "landing/web/events.jsonl", folder / "good.jsonl"
    mixed.parent.mkdir(parents=True)
    with mixed.open("wb") as all_lines, good.open("wb") as good_lines:
        for start in range(0, count, SLICE):
            lines = _lines(start, min(SLICE, count - start))
            number = pl.int_range(start, start + lines.len(), eager=True)
            bad = number % BROKEN_EVERY == 77
            good_lines.write(lines.filter(~bad).str.join("\n").item().encode() + b"\n")
            cut_off = number // BROKEN_EVERY % 2 == 0
            broken = lines.str.head(100).zip_with(
                cut_off, lines.str.replace('"total"', "total", literal=True)
            )
            all_lines.write(lines.zip_with(~bad, broken).str.join("\n").item().encode() + b"\n")


def _lines(start: int, count: int) -> pl.Series:
    number = pl.int_range(start, start + count, dtype=pl.Int64).alias("n")
    n = pl.col("n")
    noise = n.hash(7)
    at = pl.lit(FIRST).cast(pl.Datetime("us")) + pl.duration(seconds=noise % (DAYS * 86_400))
    kind = (noise // 11) % len(TYPES)
    value = pl.when(kind == TYPES.index("order_placed")).then((noise % 20_000) / 100)
    text = {
        "id": pl.format("01J{}{}", noise % 10**12, n),
        "user": pl.struct(id=pl.format("customer-{}", noise % 120_000)),
        "type": kind.replace_strict(dict(enumerate(TYPES)), return_dtype=pl.String),
        "at": at.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
        "session_id": pl.format("s{}", noise % 2_000_000),
        "total": value,
        "currency": pl.lit("EUR"),
        "bot": noise % 97 == 0,
        "page": pl.struct(path=pl.format("/products/{}", noise % 5_000), referrer=pl.lit("search.example")),
        "campaign": pl.struct(name=pl.format("spring-{}", noise % 12)),
        "properties": pl.struct(
            category=pl.format("category {}", noise % 40), items=noise % 9, rating=(noise % 50) / 10
        ),
        "device": pl.lit("phone"),
    }
    frame = pl.select(number).select(each.alias(name) for name, each in text.items())
    return frame.select(pl.struct(pl.all()).struct.json_encode().alias("raw")).to_series()


# --- contenders -------------------------------------------------------------------------------------


def polars_alone(folder: Path, count: int) -> dict[str, float]:
    """Every line parsed by `scan_ndjson`, in batches."""
    with clock() as taken:
        scan = pl.scan_ndjson(folder / "good.jsonl", schema=RECORD)
        rows = sum(batch.height for batch in scan.collect_batches(chunk_size=65_536))
    return {**vars(taken), "peak_gb": peak_gb(), "rows": rows}


def line_by_line(folder: Path, count: int) -> dict[str, float]:
    """Every line parsed by itself, broken ones left out."""
    rows = 0
    with clock() as taken, (folder / "landing/web/events.jsonl").open("rb") as file:
        for line in file:
            try:
                json.loads(line)
                rows += 1
            except ValueError:
                continue
    return {**vars(taken), "peak_gb": peak_gb(), "rows": rows}


def library(folder: Path, count: int) -> dict[str, Any]:
    """Taken in, and made into the events of every day."""
    clocks = {name: Clock() for name in STAGES}
    catalog = _catalog()
    database = Database(f"sqlite:///{folder / 'engagement.db'}")
    lake, ledger = Lake(str(folder / "lake"), database), Ledger(database)
    with _watched(clocks), clock() as whole:
        received = datetime.combine(FIRST + timedelta(days=DAYS + 1), datetime.min.time(), UTC)
        took = intake.take_in(SOURCE, folder / "landing", received, catalog, lake, ledger)
    took.raise_problems()
    landing_gb = peak_gb()
    for key in ("seconds", "cpu"):
        setattr(clocks["stored"], key, getattr(whole, key) - sum(getattr(c, key) for c in clocks.values()))
    events = 0
    with clock() as clocks["made into events"]:
        for each in events_for(SOURCE, took.touched, catalog, lake, ledger):
            events += each.events.height
    size = sum(path.stat().st_size for path in (folder / "lake").rglob("*.parquet"))
    rejected = sum(verdict.rejected_rows for verdict in took.verdicts)
    figures = {name: vars(each) for name, each in clocks.items()}
    peaks = {"landing_gb": landing_gb, "peak_gb": peak_gb()}
    return {**figures, **peaks, "events": events, "rejected": rejected, "lake_gb": size / 1e9}


def _catalog() -> Catalog:
    properties = {"page": "text", "category": "text", "items": "integer", "rating": "number"}
    events = {
        name: Event.model_validate(
            {"channel": "web", "unit": "EUR" if name == "order_placed" else None, "properties": properties}
        )
        for name in TYPES
    }
    project = Project.model_validate({"project": "bench", "timezone": "Europe/Berlin", "start_date": FIRST})
    return Catalog(
        project=project, events=events, sources={"web": SOURCE}, scores={}, segments={}, campaigns={}
    )


@contextmanager
def _watched(clocks: dict[str, Clock]) -> Iterator[None]:
    """Reads the clock around what reads and what judges."""
    read_raw, weigh = landing.read_raw, verdicts.Judge.weigh

    def reading(*given: Any) -> Iterator[pl.DataFrame]:
        blocks = read_raw(*given)
        while True:
            with clock() as taken:
                block = next(blocks, None)
            _add(clocks["read"], taken)
            if block is None:
                return
            yield block

    def judging(*given: Any) -> None:
        with clock() as taken:
            weigh(*given)
        _add(clocks["judged"], taken)

    landing.read_raw, verdicts.Judge.weigh = reading, judging  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        landing.read_raw, verdicts.Judge.weigh = read_raw, weigh  # type: ignore[method-assign]


def _add(total: Clock, taken: Clock) -> None:
    total.seconds += taken.seconds
    total.cpu += taken.cpu


CONTENDERS = {"polars": polars_alone, "python": line_by_line, "library": library}
PARTS: dict[str, Callable[[Path, int], Any]] = {"generate": generate, **CONTENDERS}

if __name__ == "__main__":
    sys.exit(main())
