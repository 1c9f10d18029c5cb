"""Landed rows to statements that two ids are one person.

Here: mapping and judging them. Not here: who is who once all is said (`core.identity`).
"""

from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import AliasMapping, Catalog, Origin, Source
from engagement_pipeline.catalog.times import written
from engagement_pipeline.contracts.events import TEXT
from engagement_pipeline.contracts.rules import SHOWN, unusable_id
from engagement_pipeline.core.frames import IDENTITIES, REJECTED
from engagement_pipeline.core.text import filled
from engagement_pipeline.ingestion.routing import FROM, Rows, read_rows
from engagement_pipeline.ingestion.values import id_text, mapped_times


class SplitIdentities(NamedTuple):
    """`identities` as `frames.IDENTITIES`; `rejected` as `frames.REJECTED`."""

    identities: pl.DataFrame
    rejected: pl.DataFrame


def split_identities(landed: pl.DataFrame, source: Source, catalog: Catalog) -> SplitIdentities:
    """What landed rows (columns of `frames.LANDED`) say of who is who.

    A statement that says no time of its own was made when its file was received. A row that lacks one of the
    ids, or whose ids are equal, states nothing and is no mistake.
    """
    if not source.aliases:
        raise ValueError(f"source {source.source!r} maps no aliases")
    return identities_in(read_rows(landed, source, alias_reads(source)), catalog)


def alias_reads(source: Source) -> list[tuple[AliasMapping, list[Origin]]]:
    """The alias mappings, each with all that it reads of a row."""
    return [
        (each, [each.alias, each.person_id, *([each.occurred_at] if each.occurred_at else [])])
        for each in source.aliases
    ]


def identities_in(taken: Rows, catalog: Catalog) -> SplitIdentities:
    """`split_identities` of rows that were read for every alias mapping of their source."""
    stated, rejected = [IDENTITIES.to_frame()], [REJECTED.to_frame()]
    for mapping in taken.source.aliases:
        rows = _mapped(taken.of(mapping, malformed=mapping is taken.source.aliases[0]), mapping, catalog)
        rules = _rules(mapping, catalog)
        for rule, (broken, reason) in rules.items():
            rejected.append(
                rows.filter(broken).select(
                    "batch", "file", "row_number", rule=pl.lit(rule), reason=reason, raw="raw"
                )
            )
        bad = pl.any_horizontal(broken for broken, _ in rules.values())
        says = pl.col("alias") != pl.col("person_id")
        stated.append(rows.filter(~bad, says).select(IDENTITIES.names()))
    return SplitIdentities(
        pl.concat(stated).unique(maintain_order=True),
        pl.concat(rejected).sort("batch", "row_number", "rule"),
    )


def _mapped(rows: pl.DataFrame, mapping: AliasMapping, catalog: Catalog) -> pl.DataFrame:
    rows = rows.with_columns(
        id_text(mapping.alias, FROM).alias("alias"), id_text(mapping.person_id, FROM).alias("person_id")
    )
    states = (pl.col("alias") != pl.col("person_id")).fill_null(False) | pl.col("malformed").is_not_null()
    rows = rows.filter(states).with_columns(merges=pl.lit(mapping.merges))
    if mapping.occurred_at is None:
        return rows.with_columns(
            pl.col("received_at").alias("observed_at"), pl.lit(None, pl.String).alias(TEXT + "occurred_at")
        )
    texts, times = mapped_times(rows, mapping.occurred_at, FROM, catalog.project.timezone)
    said = texts.is_not_null()
    return rows.with_columns(
        texts.alias(TEXT + "occurred_at"),
        pl.when(said).then(times).otherwise("received_at").alias("observed_at"),
    )


def _rules(mapping: AliasMapping, catalog: Catalog) -> dict[str, tuple[pl.Expr, pl.Expr]]:
    """Rule -> which rows break it, and why in words."""
    readable, at = pl.col("malformed").is_null(), pl.col("observed_at")
    minutes = catalog.project.limits.future_minutes
    late = (at > pl.col("received_at") + pl.duration(minutes=minutes)).fill_null(False)
    text = pl.col(TEXT + "occurred_at").str.head(SHOWN)
    forms = mapping.occurred_at.format if mapping.occurred_at else None
    return {
        "malformed_row": (~readable, pl.col("malformed")),
        "unusable_alias": unusable_id("alias"),
        "unusable_person_id": unusable_id("person_id"),
        "unreadable_time": (
            readable & at.is_null(),
            filled("the time '{}' cannot be read: it must be {}", text, pl.lit(written(forms))),
        ),
        "future_time": (
            late,
            filled(
                f"the statement claims {{}}, more than {minutes} minutes after it was received",
                at.dt.to_string("iso"),
            ),
        ),
    }
