"""Rejected rows as they may stand in Dagster's metadata, which keeps them for ever: few, and masked.

Here: choosing and masking them. Of every text and number the first letters stand, of names of fields those
that the source's mapping knows (of a file without its header a person may be a field). Not here: the rows
themselves, which `rejected/<source>` holds.
"""

import json
import re
from typing import Any

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.contracts.rules import masked
from engagement_pipeline.ingestion.canonical import mapped_paths
from engagement_pipeline.ingestion.outcome import Intake
from engagement_pipeline.orchestration.metadata import markdown, markdown_table
from engagement_pipeline.orchestration.workbench import Workbench

PER_RULE = 2
RULES = 10
FIELDS = 8


def rejected_samples(bench: Workbench, source: Source, took: Intake) -> dict[str, Any]:
    """A table of some rejected rows for each rule, of what a landing judged; nothing where none was, or where
    the project wants no samples in metadata."""
    batches = sorted(each.batch for each in took.verdicts if each.rejected_rows)
    if not batches or not bench.catalog.project.samples_in_metadata:
        return {}
    chosen = (
        bench.lake.scan(f"rejected/{source.source}", batches)
        .sort("rule", "file", "row_number")
        .group_by("rule", maintain_order=True)
        .head(PER_RULE)
        .collect()
    )
    known = _known(source)
    words = frozenset(bench.catalog.events)
    rows = [
        (
            row["rule"],
            row["file"],
            row["row_number"],
            masked_reason(row["reason"]),
            masked_row(row["raw"], known, words),
        )
        for row in chosen.head(PER_RULE * RULES).iter_rows(named=True)
    ]
    header = ("rule", "file", "row", "reason", "the row, masked")
    return {"for example": markdown(markdown_table(header, rows))}


def masked_reason(reason: str) -> str:
    """The reason with what it quotes of the row cut to its first letters."""
    return re.sub(r"'(.*)'", lambda found: f"'{masked('', found[1])}'", reason, count=1, flags=re.DOTALL)


def masked_row(raw: str, known: frozenset[str], words: frozenset[str]) -> str:
    """A raw row with its values cut, but for `words`; names of fields that are not `known` are cut, too."""
    try:
        fields = json.loads(raw)
    except ValueError:
        return str(masked("", raw))
    if not isinstance(fields, dict):
        return str(masked("", raw))
    shown = [
        f"{key if key in known else masked('', key)}: {_masked(value, words)}"
        for key, value in list(fields.items())[:FIELDS]
    ]
    return ", ".join(shown) + (", …" if len(fields) > FIELDS else "")


def _masked(value: object, words: frozenset[str]) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    text = str(value)
    return text if text in words else str(masked("", text))


def _known(source: Source) -> frozenset[str]:
    """The fields in which the mapping's paths begin."""
    return frozenset(re.split(r"[.\[]", path)[0] for path in mapped_paths(source)) | frozenset(
        mapped_paths(source)
    )
