"""The sample data of the example catalog: 90 days of a made-up retailer, as its providers deliver them.

Here: from people and behaviour to files in a landing folder. The same seed gives the same bytes.
Not here: reading them.
"""

import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engagement_pipeline.example import behaviour, flaws
from engagement_pipeline.example.people import START, customer_database, people
from engagement_pipeline.example.shapes import SHAPES

PERSONS = 4000
SEED = 7
_WEEKLY = ("web", "app")
"""Cut by week; the other sources by month."""
_SUFFIX = {
    "web": "jsonl.gz", "app": "jsonl", "courses": "csv", "email": "csv", "messaging": "csv",
    "shop": "jsonl", "tills": "parquet", "social": "csv", "care": "jsonl", "crm": "csv",
}  # fmt: skip
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Generated:
    """What was written."""

    folder: Path
    files: int
    rows: int
    """Rows delivered, repeated and spoilt ones included."""


def generate(folder: Path, persons: int = PERSONS, seed: int = SEED) -> Generated:
    """Writes the sample's landing files below `folder`, one subfolder per source.

    Files that are there already with the same content stay untouched. About 250,000 events of 4,000
    persons in a second; `persons` and `seed` give other samples.
    """
    files, rows = _deliveries(persons, seed)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    return Generated(folder, len(files), rows)


def _deliveries(persons: int, seed: int) -> tuple[dict[str, bytes], int]:
    """Every file's bytes by its path below the landing folder, and the number of rows in all."""
    # Every source draws from its own stream, so that a change in one leaves the others' files as they are.
    streams = np.random.default_rng(seed).spawn(len(SHAPES) + 3)
    crowd = people(streams[-1], persons)
    files: dict[str, bytes] = {}
    rows = 0
    left_email = protected = pl.DataFrame()
    for stream, (source, shape) in zip(streams, SHAPES.items(), strict=False):
        events = getattr(behaviour, source)(stream, crowd)
        if source == "email":
            left_email = _days_of(events, "email_unsubscribed")
        if source == "shop":
            protected = _days_of(events, "protection_bought")
        shaped = shape(events)
        spoilt = flaws.FLAWS[source](stream, shaped) if source in flaws.FLAWS else shaped
        parts = _extras(stream, source, _cut(source, spoilt))
        rows += sum(part.height for part in parts.values())
        files |= {
            f"{source}/{name}.{_SUFFIX[source]}": _encode(source, name, part) for name, part in parts.items()
        }
    exports = flaws.crm(streams[-2], customer_database(streams[-3], crowd, left_email, protected))
    for (exported_at,), part in exports.group_by("exported_at", maintain_order=True):
        rows += part.height
        files[f"crm/{str(exported_at)[:10]}.csv"] = part.write_csv().encode()
    return files, rows


def _days_of(events: pl.DataFrame, name: str) -> pl.DataFrame:
    """Who did it on which days since the start."""
    day = (pl.col("at").dt.date() - pl.lit(START)).dt.total_days()
    return events.filter(pl.col("event") == name).select("person_id", day=day)


def _cut(source: str, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows by the file they are delivered in: `2026-04-01` for a week, `2026-04` for a month."""
    moment = pl.col("moment").dt
    if source in _WEEKLY:
        start = pl.lit(START)
        name = start.dt.offset_by(
            pl.format("{}d", (moment.date() - start).dt.total_days() // 7 * 7)
        ).dt.strftime("%Y-%m-%d")
    else:
        name = moment.strftime("%Y-%m")
    parts = rows.with_columns(name.alias("_file")).partition_by("_file", as_dict=True, maintain_order=True)
    return {str(key[0]): part.drop("_file", "moment") for key, part in parts.items()}


def _extras(rng: np.random.Generator, source: str, parts: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Files that come late, twice, empty, or say something else about an event already delivered."""
    week, month = "2026-04-08", "2026-05"
    if source == "app" and week in parts:
        # Phones that were offline in the second week report a month later.
        offline = pl.Series(rng.random(parts[week].height) < 0.25)
        late = {"2026-05-11_late_phones": parts[week].filter(offline)}
        return parts | {week: parts[week].filter(~offline)} | late
    if source == "email" and month in parts:
        # The provider's export job ran twice.
        return parts | {f"{month}_copy": parts[month]}
    if source == "shop" and month in parts:
        # Some orders come again with another amount.
        is_order = pl.col("line").str.contains('"kind":"order_completed"', literal=True)
        amount = pl.col("line").str.replace(r'"amount":[\d.]+', '"amount":19.99')
        return parts | {f"{month}_corrections": parts[month].filter(is_order).head(14).with_columns(amount)}
    if source == "social":
        return parts | {"2026-07_nothing_yet": next(iter(parts.values()), pl.DataFrame()).clear()}
    return parts


def _encode(source: str, name: str, part: pl.DataFrame) -> bytes:
    """The file's bytes in the source's format."""
    if source == "tills":
        buffer = io.BytesIO()
        part.write_parquet(buffer)
        return buffer.getvalue()
    if "line" in part.columns:
        text = "".join(f"{line}\n" for line in part["line"]).encode()
        # Without mtime=0 the header would hold the time of writing.
        return gzip.compress(text, 6, mtime=0) if source == "web" else text
    if part.is_empty():
        return b""
    if source == "email" and name >= "2026-06":
        # The provider's export changed in June: a byte order mark and a column more.
        part = part.with_columns(region=pl.lit("eu"))
        return _BOM + part.write_csv().encode()
    return part.write_csv().encode()
