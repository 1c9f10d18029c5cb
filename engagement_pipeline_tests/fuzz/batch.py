"""Broken files among good ones through the real intake, and what must hold whatever they are.

Here: one batch of files, from landing to events. Not here: how many batches (`__main__`, `test_fuzz`).
"""

import json
import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

import polars as pl

from engagement_pipeline.storage.layout import table_spec
from engagement_pipeline_tests.fuzz.good import FORMATS, fuzzed_catalog, rows, written
from engagement_pipeline_tests.fuzz.mutators import mutated
from engagement_pipeline_tests.ingestion.shop import Shop

GOOD = 2
"""Good files beside the broken ones, for each format."""


@dataclass
class Outcome:
    """What became of a batch."""

    files: int = 0
    landed: int = 0
    refused: int = 0
    rows: int = 0
    rejected: int = 0
    failures: list[str] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)


@dataclass
class Dropped:
    """The files of one source."""

    good: dict[str, list[str]] = field(default_factory=dict)
    """Names to the times of their rows."""
    broken: dict[str, str] = field(default_factory=dict)
    """Names to how they were broken."""


def run(seed: int, count: int, keep: Path | None = None) -> Outcome:
    """A batch of `count` broken files, spread over the formats. `keep` gets the files of failed sources."""
    draw, outcome = Random(seed), Outcome()
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
        shop = Shop(Path(folder), fuzzed_catalog(draw.choice([1.0, 1.0, 0.05])))
        for index, form in enumerate(FORMATS):
            dropped = _drop(shop, form, len(range(index, count, len(FORMATS))), draw)
            outcome.files += len(dropped.broken)
            try:
                _check(shop, form, dropped, outcome)
            # A panic of polars is no Exception, and just what is looked for.
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                outcome.failures.append(f"seed {seed}, {form}: {traceback.format_exc()}")
                outcome.failures[-1] += _culprit(shop, form, dropped)
                if keep is not None:
                    shutil.copytree(shop.landing / form, keep / f"{seed}-{form}", dirs_exist_ok=True)
        shop.database.close()
    return outcome


def _drop(shop: Shop, form: str, count: int, draw: Random) -> Dropped:
    dropped = Dropped()
    for number in range(count):
        name = f"{draw.randrange(10**6):06}-{number}"
        data, dropped.broken[name] = mutated(form, name, draw)
        shop.drop(f"{form}/{name}", data)
    for number in range(GOOD):
        name = f"{draw.randrange(10**6):06}-good{number}"
        made = rows(form, name, draw)
        dropped.good[name] = [str(row["at"]) for row in made]
        shop.drop(f"{form}/{name}", written(form, made))
    return dropped


def _check(shop: Shop, form: str, dropped: Dropped, outcome: Outcome) -> None:
    took = shop.run(form)
    landed = {Path(file.file).name: file for file in took.landing.landed}
    failed = {Path(file.file).name: file for file in took.landing.failed}
    assert not dropped.good.keys() & failed.keys(), "a good file was refused"
    assert all(file.reason for file in failed.values())
    assert not took.landing.outage, took.landing.outage
    stored, rejected, events, lost = (
        _table(shop, f"{name}/{form}") for name in ("landed", "rejected", "events", "conflicts")
    )
    made = shop.lake.partitions(f"events/{form}")
    left_out = {day for day in took.touched if day.isoformat() not in made}
    for name, times in dropped.good.items():
        file = landed[name]
        assert file.rows == len(times), f"{name}: {file.rows} rows landed of {len(times)}"
        of_file = pl.concat([events, lost], how="diagonal").filter(pl.col("batch") == file.fingerprint)
        missing = len(times) - of_file["row_number"].n_unique()
        assert missing <= sum(_waits(at, left_out) for at in times), f"{name}: rows of a good file are lost"
    whole = dict(stored.group_by("batch").len().iter_rows())
    for name, file in landed.items():
        assert whole.get(file.fingerprint, 0) == file.rows, f"{name}: landed in part"
    assert whole.keys() <= {file.fingerprint for file in landed.values()}, "rows of a refused file landed"
    _add_up(stored, rejected, events, lost, left_out)
    outcome.landed += len(landed) - len(dropped.good)
    outcome.refused += len(failed)
    outcome.rows += stored.height
    outcome.rejected += rejected.height
    outcome.rules.update(rejected["rule"].to_list())
    before = _versions(shop, form)
    again = shop.run(form)
    assert not again.landing.landed, "a second run landed files"
    assert {Path(file.file).name for file in again.landing.failed} == failed.keys()
    assert not again.touched, "a second run touched days"
    assert _versions(shop, form) == before, "a second run changed tables"


def _table(shop: Shop, name: str) -> pl.DataFrame:
    """The table; without rows when nothing was stored yet."""
    if shop.lake.exists(name):
        return shop.table(name)
    return pl.DataFrame(schema=table_spec(name, shop.catalog).schema)


def _versions(shop: Shop, form: str) -> dict[str, int | None]:
    return {
        name: shop.lake.version(f"{name}/{form}") for name in ("landed", "rejected", "events", "conflicts")
    }


def _waits(at: str, left_out: set[date]) -> bool:
    """Whether the day of a time has too many conflicts to be made. Days end two hours before those of UTC."""
    try:
        day = date.fromisoformat(at[:10])
    except ValueError:
        return False
    return bool(left_out & {day, day + timedelta(days=1)})


def _add_up(
    stored: pl.DataFrame,
    rejected: pl.DataFrame,
    events: pl.DataFrame,
    lost: pl.DataFrame,
    left_out: set[date],
) -> None:
    """Every landed row is an event, a conflict, rejected, the same as one that is an event, or of a day that
    was left out."""
    key = ["batch", "row_number"]
    kept = pl.concat([events.select(key), lost.select(key)])
    assert kept.join(rejected, on=key, how="semi").is_empty(), "a rejected row is an event"
    left = stored.join(kept, on=key, how="anti").join(rejected, on=key, how="anti")
    known, same = set(events["event_id"]), set(stored.join(kept, on=key, how="semi")["raw"])
    for raw in left["raw"]:
        if raw not in same:
            row = json.loads(raw, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
            assert str(row["id"]).strip() in known or _waits(str(row["at"]), left_out), (
                f"a row is lost: {raw[:300]}"
            )


def _culprit(shop: Shop, form: str, dropped: Dropped) -> str:
    """The broken files that fail by themselves."""
    found = []
    for name, how in dropped.broken.items():
        path = shop.landing / form / name
        if not path.exists():
            continue
        with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
            alone = Shop(Path(folder), shop.catalog)
            alone.drop(f"{form}/{name}", path.read_bytes())
            try:
                _check(alone, form, Dropped({}, {name: how}), Outcome())
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                found.append(f"{name} ({how}): {type(error).__name__}: {str(error)[:300]}")
            alone.database.close()
    return "\n  " + "\n  ".join(found or ["no file fails by itself"])
