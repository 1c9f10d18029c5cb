"""Files as sources deliver them, and what the readers make of them."""

import io
from pathlib import Path

import fastavro
import polars as pl

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion.readers import RAW, read_raw

Rows = list[tuple[int, str]]


def source(form: str, **options: object) -> Source:
    return Source.model_validate(
        {
            "source": "web",
            "owner": "team:data",
            "path": "web/*",
            "format": form,
            "events": {"person_id": "person", "event": "event", "occurred_at": "at"},
            **options,
        }
    )


def read(folder: Path, content: bytes, form: str, *, name: str = "file", **options: object) -> Rows:
    path = folder / name
    path.write_bytes(content)
    blocks = list(read_raw(path, source(form, **options)))
    assert all(block.schema == RAW for block in blocks)
    return [row for block in blocks for row in block.iter_rows()]


def texts(rows: Rows) -> list[str]:
    return [text for _, text in rows]


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def avro(
    fields: dict[str, object], rows: list[dict[str, object]], codec: str = "null", **options: int
) -> bytes:
    schema = {
        "type": "record",
        "name": "row",
        "fields": [{"name": name, "type": kind} for name, kind in fields.items()],
    }
    file = io.BytesIO()
    fastavro.writer(file, schema, rows, codec=codec, **options)
    return file.getvalue()
