"""Sources and rows as providers send them: each provider is one YAML text, and a few of its rows.

The shapes follow what the providers document; the values are made up.
"""

import json
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion.judging import Judged, judge
from engagement_pipeline.ingestion.readers import read_raw
from engagement_pipeline_tests.ingestion.shop import RECEIVED

PROJECT = (
    "project: shop\ntimezone: UTC\nstart_date: 2005-01-01\nlimits: {reject_share: 100%, past_days: 9999}\n"
)


def loaded(folder: Path, text: str, name: str) -> tuple[Source, Catalog]:
    """A catalog of one source, read and linted as a user's would be."""
    files = {"project.yaml": PROJECT, "events.yaml": "events: {}\n", f"sources/{name}.yaml": text}
    for file, content in files.items():
        path = folder / "catalog" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    found = load_catalog(folder / "catalog")
    return found.sources[name], found


def through(folder: Path, text: str, rows: list[object] | str, name: str = "s") -> Judged:
    """What a file of these rows gives; text is the file's content as it is."""
    source, catalog = loaded(folder, text, name)
    file = folder / f"rows.{source.format}"
    content = rows if isinstance(rows, str) else "".join(json.dumps(each) + "\n" for each in rows)
    file.write_text(content, "utf-8")
    blocks = [block.select("row_number", "raw") for block in read_raw(file, source)]
    landed = pl.concat(blocks).select(
        pl.lit("b1").alias("batch"),
        pl.lit("rows").alias("file"),
        "row_number",
        pl.lit(RECEIVED, dtype=LANDED["received_at"]).alias("received_at"),
        "raw",
    )
    return judge(landed, source, catalog)
