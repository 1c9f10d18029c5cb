"""Good files of every format, and the sources that read them.

Here: rows that are all events. Not here: breaking them (`mutators`, `bytes_of`).
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from random import Random

import fastavro
import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline_tests.ingestion.shop import FLAT, UNNAMED, WEB, catalog

Row = dict[str, object]
NESTED = ("jsonl", "json", "parquet", "avro")
FORMATS = ("csv", "tsv", *NESTED)
MORE = {"depth": [1, [2, {"three": None}]]}
TEXTS = [
    "",
    "a b",
    'say "hi"',
    "new\nline",
    "ünïcode ✓",
    "x" * 300,
    "{}",
    "[1,2]",
    "a,b;c\td",
    "null",
    "\\",
    "007",
]


def sources() -> list[Source]:
    """One source a format; the rows of TSV have no id but their content."""
    mappings: dict[str, Mapping[str, object]] = {"csv": FLAT, "tsv": UNNAMED, **dict.fromkeys(NESTED, WEB)}
    return [
        Source.model_validate(
            {
                "source": form,
                "owner": "team:data",
                "path": f"{form}/*",
                "format": form,
                "events": mapping,
                **({"records": "data.events"} if form == "json" else {}),
            }
        )
        for form, mapping in mappings.items()
    ]


def fuzzed_catalog(reject_share: float) -> Catalog:
    return catalog(*sources(), limits={"reject_share": reject_share})


def rows(form: str, name: str, draw: Random) -> list[Row]:
    """Rows whose ids no other file has."""
    made: list[Row] = []
    for number in range(draw.randrange(1, 40)):
        at = f"2026-04-{1 + draw.randrange(28):02}T{draw.randrange(24):02}:00:{number:02}Z"
        person = f"p{draw.randrange(50)}"
        event = draw.choice(["order", "visit"])
        note = draw.choice(TEXTS)
        if form in NESTED:
            made.append(
                {
                    "id": f"{name}-{number}",
                    "user": {"id": person},
                    "type": event,
                    "at": at,
                    "total": round(draw.random() * 100, 2),
                    "bot": draw.random() < 0.1,
                    "context": {"page": note, **({} if form in ("parquet", "avro") else MORE)},
                }
            )
        else:
            made.append(
                {
                    "id": f"{name}-{number}",
                    "person": person,
                    "event": event,
                    "at": at,
                    "total": f"{draw.random() * 100:.2f}",
                    "coupon": note,
                }
            )
    return made


def _table(delimiter: str) -> Callable[[list[Row]], bytes]:
    def written(made: list[Row]) -> bytes:
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in made for name in row))
        writer = csv.DictWriter(text, names, delimiter=delimiter, restval="")
        writer.writeheader()
        writer.writerows(made)
        return text.getvalue().encode("utf-8", errors="surrogatepass")

    return written


def _json(made: object) -> bytes:
    return json.dumps(made, ensure_ascii=False).encode("utf-8", errors="surrogatepass")


def _parquet(made: list[Row]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(made, infer_schema_length=None, strict=False).write_parquet(file, row_group_size=16)
    return file.getvalue()


LEAF = ["null", "boolean", "long", "double", "string"]
AVRO = fastavro.parse_schema(
    {
        "type": "record",
        "name": "row",
        "fields": [
            {"name": "user", "type": [*LEAF, {"type": "map", "values": LEAF}], "default": None},
            {
                "name": "context",
                "type": {"type": "map", "values": [*LEAF, {"type": "array", "items": LEAF}]},
                "default": {},
            },
            *({"name": name, "type": LEAF, "default": None} for name in ("id", "type", "at", "total", "bot")),
        ],
    }
)


def _avro(made: list[Row]) -> bytes:
    file = io.BytesIO()
    flat = [{**row, "context": {"page": row.get("context", {}).get("page")}} for row in made]  # type: ignore[attr-defined]
    fastavro.writer(file, AVRO, flat, codec="deflate", sync_interval=500)
    return file.getvalue()


WRITERS: dict[str, Callable[[list[Row]], bytes]] = {
    "csv": _table(","),
    "tsv": _table("\t"),
    "jsonl": lambda made: b"\n".join(_json(row) for row in made),
    "json": lambda made: _json({"page": 1, "data": {"events": made}}),
    "parquet": _parquet,
    "avro": _avro,
}


def written(form: str, made: list[Row]) -> bytes:
    """The rows as a file of the format."""
    return WRITERS[form](made)
