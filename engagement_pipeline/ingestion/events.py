"""Landed rows to the events of given days, each id settled once and each event judged by its timing.

Here: which batches a day needs, reading them in bounded memory, what earlier days claimed. Not here: the
mapping (`canonical`), the rules (`contracts.events`), how an id is settled (`core.events`) and whose event it
is (`core.machine`).
"""

import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.events import split
from engagement_pipeline.contracts.rules import TooManyRejected, enforce_limit
from engagement_pipeline.core.events import CLAIM, settle
from engagement_pipeline.core.frames import CONFLICTS, event_schema
from engagement_pipeline.core.machine import LINK, judge_timing
from engagement_pipeline.core.text import filled
from engagement_pipeline.ingestion.canonical import canonical_events
from engagement_pipeline.ingestion.event_ids import number_repeats
from engagement_pipeline.ingestion.landing import in_pieces, weight
from engagement_pipeline.ingestion.machine import timings_of
from engagement_pipeline.ingestion.values import by_receipt
from engagement_pipeline.ingestion.verdicts import landed_blocks
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import Ledger
from engagement_pipeline.storage.tables import older

CHUNK_ROWS = 500_000
"""Rows settled at once, long ones counted as several; about 350 MB with a JSON of 250 bytes each."""
WAITING_ROWS = 131_072
"""Rows that are held before they wait on disk for their turn, long ones counted as several."""


class DayEvents(NamedTuple):
    """Some of the days asked for: `events` as `frames.event_schema`, `conflicts` as `frames.CONFLICTS`."""

    days: list[date]
    events: pl.DataFrame
    conflicts: pl.DataFrame
    duplicates: dict[date, int]
    """Deliveries of an event that was delivered already, on days that had any."""
    refused: dict[date, TooManyRejected]
    """Days asked for that cannot be made: too many of their ids conflict. Nothing of them is given."""


def events_for(
    source: Source, days: Collection[date], catalog: Catalog, lake: Lake, ledger: Ledger
) -> Iterator[DayEvents]:
    """The source's events of these days, in chunks of ascending days; a day may have none.

    Every batch that touches the days is read once. An id that stored events or conflicts of the days
    before (`project.lateness_horizon`) claimed already is a conflict, whether or not these days were made
    since they landed, or since a replay judged them anew.
    """
    wanted = sorted(set(days))
    horizon = catalog.project.lateness_horizon
    read = sorted({*wanted, *_outdated(source, wanted, horizon, lake, ledger)})
    batches = ledger.batches(source.source, read)
    if not batches:
        yield DayEvents(wanted, event_schema(catalog).to_frame(), CONFLICTS.to_frame(), {}, {})
        return
    claimed = _claimed(source, read, horizon, lake)
    for some, rows in _by_chunk(source, batches, read, catalog, lake):
        found = _settled(number_repeats(rows, source), claimed, horizon)
        asked = [day for day in some if day in wanted]
        refused = _refused(*found, asked, catalog, source)
        good = [day for day in asked if day not in refused]
        given = pl.col("event_date").is_in(good)
        kept, lost = found if good == some else (frame.filter(given) for frame in found)
        yield DayEvents(good, _judged(kept, source), lost, _duplicates(rows, kept, lost), refused)
        since = some[-1] - timedelta(days=horizon)
        claimed = pl.concat(
            [claimed.filter(pl.col("occurred_at").dt.date() >= since), *(f.select(CLAIM) for f in found)]
        )
        del rows, found, kept, lost  # before the next chunk is made


def _outdated(
    source: Source, wanted: Sequence[date], horizon: int, lake: Lake, ledger: Ledger
) -> Iterator[date]:
    """Days whose claims matter to the wanted ones and that were landed but not made since; where rows have
    the time of their receipt all of those, for what was received again is stored nowhere else.

    Their claims are read from what landed, so that days may be made in any order.
    """
    if not _given_ids(source):
        return
    received = any(by_receipt(each.occurred_at) for each in source.events)
    made = lake.partitions(f"events/{source.source}")
    for day, versions in ledger.needed(source.source).items():
        if _near(day, wanted, horizon) and (received or older(made.get(day.isoformat()), versions)):
            yield day


def _near(day: date, wanted: Sequence[date], horizon: int) -> bool:
    """Whether an id claimed on the day may stand in the way on one of the (sorted) wanted days."""
    return wanted[0] - timedelta(days=horizon + 1) <= day <= wanted[-1]


def _given_ids(source: Source) -> bool:
    """Whether an id may stand on several days: where rows name it, or do not name their time. One made of
    content with a time cannot."""
    return any(each.event_id is not None or by_receipt(each.occurred_at) for each in source.events)


def _by_chunk(
    source: Source, batches: Sequence[str], days: list[date], catalog: Catalog, lake: Lake
) -> Iterator[tuple[list[date], pl.DataFrame]]:
    """Runs of days with their valid events; every batch is read once, and much of it waits on disk."""
    blocks = (
        split(canonical_events(block, source, catalog, days), catalog).valid
        for block in landed_blocks(source, batches, lake)
    )
    empty = _unjudged(source, catalog).to_frame().lazy()
    with tempfile.TemporaryDirectory(prefix="engagement-") as folder:
        weights, waiting = _waiting(blocks, Path(folder))
        for some in _chunks(days, weights):
            yield some, pl.concat([empty, *(part for day in some for part in waiting.pop(day, []))]).collect()


def _waiting(
    blocks: Iterable[pl.DataFrame], folder: Path
) -> tuple[Mapping[date, int], dict[date, list[pl.LazyFrame]]]:
    """The rows by day, and how many they are, long ones counted as several. They wait on disk, all but the
    last WAITING_ROWS."""
    weights: Counter[date] = Counter()
    waiting: dict[date, list[pl.LazyFrame]] = {}
    for number, piece in enumerate(in_pieces(blocks, WAITING_ROWS, "properties")):
        last = weight([piece], "properties") < WAITING_ROWS
        for (day,), part in piece.partition_by("event_date", as_dict=True).items():
            weights[day] += weight([part], "properties")
            path = folder / f"{day}-{number}.arrow"
            if not last:
                part.write_ipc(path)
            waiting.setdefault(day, []).append(part.lazy() if last else pl.scan_ipc(path))
    return weights, waiting


def _chunks(days: list[date], weights: Mapping[date, int]) -> list[list[date]]:
    """Runs of days with about CHUNK_ROWS rows each, and at least a day."""
    runs: list[list[date]] = [[]]
    held = 0
    for day in days:
        more = weights.get(day, 0)
        if runs[-1] and held + more > CHUNK_ROWS:
            runs.append([])
            held = 0
        runs[-1].append(day)
        held += more
    return runs


def _claimed(source: Source, wanted: Sequence[date], horizon: int, lake: Lake) -> pl.DataFrame:
    """What stored days near the wanted ones claimed (CLAIM), the wanted ones left out."""
    skip = set(wanted)
    frames = [pl.DataFrame(schema={name: CONFLICTS[name] for name in CLAIM})]
    if not _given_ids(source):
        return frames[0]
    for table in (f"events/{source.source}", f"conflicts/{source.source}"):
        days = {key: date.fromisoformat(key) for key in lake.partitions(table)}
        near = [key for key, day in days.items() if day not in skip and _near(day, wanted, horizon)]
        if near:
            frames.append(lake.scan(table, near).select(CLAIM).collect())
    return pl.concat(frames)


def _settled(rows: pl.DataFrame, claimed: pl.DataFrame, horizon: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events and conflicts. Only ids that are claimed twice, a few in a hundred, go through settling."""
    ids = rows["event_id"]
    earlier = claimed.join(rows.select("event_id"), on="event_id", how="semi")
    twice = ids.is_duplicated() | ids.is_in(earlier["event_id"].implode())
    if not twice.any():
        return rows, CONFLICTS.to_frame()
    contested = rows.filter(twice)
    kept, conflicts = pl.collect_all(settle(contested.lazy(), earlier.lazy(), horizon))
    return pl.concat([rows.filter(~twice), kept]), _explained(conflicts)


def _explained(conflicts: pl.DataFrame) -> pl.DataFrame:
    reason = filled(
        "the event id '{}' was used for other content at {}: the earlier one counts",
        "event_id",
        pl.col("earlier_at").dt.to_string("iso"),
    )
    return conflicts.with_columns(
        rule=pl.lit("conflicting_event_id"), reason=reason, raw=pl.col("properties")
    ).select(CONFLICTS.names())


def _unjudged(source: Source, catalog: Catalog) -> pl.Schema:
    """Columns of valid events that were not judged by their timing yet."""
    timings = timings_of(source)
    links = timings is not None and timings.links is not None
    return pl.Schema({**event_schema(catalog), **({LINK: pl.String()} if links else {})})


def _judged(events: pl.DataFrame, source: Source) -> pl.DataFrame:
    timings = timings_of(source)
    return events if timings is None else judge_timing(events, timings)


def _duplicates(rows: pl.DataFrame, kept: pl.DataFrame, lost: pl.DataFrame) -> dict[date, int]:
    """Rows of the days of `kept` and `lost` that are in neither."""
    found = _by_day(pl.concat([kept.select("event_date"), lost.select("event_date")]))
    extra = {day: count - found[day] for day, count in _by_day(rows).items() if day in found}
    return {day: count for day, count in sorted(extra.items()) if count}


def _by_day(frame: pl.DataFrame) -> dict[date, int]:
    return dict(frame.group_by("event_date").len().iter_rows())


def _refused(
    kept: pl.DataFrame, lost: pl.DataFrame, days: Sequence[date], catalog: Catalog, source: Source
) -> dict[date, TooManyRejected]:
    """Days with more conflicts than `limits.reject_share`, and the words for it."""
    refused, events, conflicts = {}, _by_day(kept), _by_day(lost)
    for day in days:
        count = conflicts.get(day, 0)
        try:
            enforce_limit(
                count,
                count + events.get(day, 0),
                catalog.project.limits.reject_share,
                f"events of source {source.source!r} on {day}",
                {"conflicting_event_id": count},
            )
        except TooManyRejected as error:
            refused[day] = error
    return refused
