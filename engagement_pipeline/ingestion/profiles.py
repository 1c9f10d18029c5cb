"""Landed profile rows to snapshots: what a source said of a person at an instant.

Here: mapping and judging profile rows. Not here: periods in which a fact held (`core.people`).
"""

from collections.abc import Iterator
from typing import NamedTuple

import pandera.polars as pa
import polars as pl

from engagement_pipeline.catalog.rowpaths import EACH
from engagement_pipeline.catalog.specs import Catalog, Origin, ProfileMapping, Source
from engagement_pipeline.catalog.times import written
from engagement_pipeline.contracts.events import KINDS, TEXT
from engagement_pipeline.contracts.rules import SHOWN, failures, rule, unusable_id
from engagement_pipeline.core.frames import REJECTED, profile_schema
from engagement_pipeline.core.text import filled
from engagement_pipeline.ingestion.routing import FROM, Rows, read_rows
from engagement_pipeline.ingestion.values import (
    as_boolean,
    as_type,
    factor,
    field_text,
    id_text,
    mapped_times,
)

CONSENT = "consent."


class SplitProfiles(NamedTuple):
    """`snapshots`: columns of `profile_schema`. `rejected`: as `frames.REJECTED`."""

    snapshots: pl.DataFrame
    rejected: pl.DataFrame


class _Rule(NamedTuple):
    name: str
    broken: pl.Expr
    reason: pl.Expr


def split_profiles(landed: pl.DataFrame, source: Source, catalog: Catalog) -> SplitProfiles:
    """Snapshots and rejected rows of landed rows (columns of `frames.LANDED`).

    A row without a time of its own was observed when its file was received. A fact that cannot be read
    rejects its row: half a row would look as if the other facts had been taken back.
    """
    return snapshots_in(read_rows(landed, source, [profile_reads(source)]), catalog)


def profile_reads(source: Source) -> tuple[ProfileMapping, list[Origin]]:
    """The profile mapping and all that it reads of a row."""
    mapping = _mapping(source)
    origins = [mapping.person_id, *([mapping.observed_at] if mapping.observed_at else [])]
    return mapping, [*origins, *_facts(mapping, source).values(), *mapping.consents.values()]


def snapshots_in(taken: Rows, catalog: Catalog) -> SplitProfiles:
    """`split_profiles` of rows that were read for the profile mapping of their source."""
    source = taken.source
    rows = _mapped(taken, catalog)
    rules = list(_rules(source, catalog))
    schema = pa.DataFrameSchema(checks=[rule(each.name, ~each.broken) for each in rules], name="profile rows")
    broken = failures(rows, schema)
    rejected = [
        rows.filter(broken[each.name]).select(
            "batch", "file", "row_number", rule=pl.lit(each.name), reason=each.reason, raw="raw"
        )
        for each in rules
        if each.name in broken
    ]
    bad = pl.Series([False]).new_from_index(0, rows.height)
    for mask in broken.values():
        bad = bad | mask
    return SplitProfiles(
        rows.filter(~bad).select(profile_schema(source).names()),
        pl.concat([REJECTED.to_frame(), *rejected]).sort("batch", "row_number", "rule"),
    )


def _mapping(source: Source) -> ProfileMapping:
    if source.profiles is None:
        raise ValueError(f"source {source.source!r} maps no profiles")
    return source.profiles


def _facts(mapping: ProfileMapping, source: Source) -> dict[str, Origin]:
    """Every declared fact: from where the mapping says, else from a field of its own name, first of the
    element where a list is exploded."""
    own = {name: [f"{EACH}.{name}", name] if mapping.explode else [name] for name in source.columns}
    return {name: mapping.columns.get(name) or Origin(path=own[name]) for name in source.columns}


def _mapped(taken: Rows, catalog: Catalog) -> pl.DataFrame:
    source = taken.source
    mapping = _mapping(source)
    facts = _facts(mapping, source)
    rows = taken.of(mapping, malformed=True)
    rows = rows.with_columns(
        id_text(mapping.person_id, FROM).alias("person_id"),
        *(field_text(origin, FROM).alias(TEXT + name) for name, origin in facts.items()),
    )
    rows = rows.with_columns(
        *(
            as_type(pl.col(TEXT + name), kind, factor(facts[name], FROM), facts[name].format).alias(name)
            for name, kind in source.columns.items()
        ),
        *(
            as_boolean(field_text(origin, FROM)).alias(CONSENT + channel)
            for channel, origin in mapping.consents.items()
        ),
    )
    return _observed(rows, mapping.observed_at, catalog.project.timezone)


def _observed(rows: pl.DataFrame, origin: Origin | None, zone: str) -> pl.DataFrame:
    if origin is None:
        return rows.with_columns(
            pl.col("received_at").alias("observed_at"), pl.lit(None, pl.String).alias(TEXT + "observed_at")
        )
    texts, times = mapped_times(rows, origin, FROM, zone)
    return rows.with_columns(texts.alias(TEXT + "observed_at"), times.alias("observed_at"))


def _rules(source: Source, catalog: Catalog) -> Iterator[_Rule]:
    readable = pl.col("malformed").is_null()
    yield _Rule("malformed_row", ~readable, pl.col("malformed"))
    yield _Rule(
        "missing_person_id",
        readable & pl.col("person_id").is_null(),
        pl.lit("the row has no person id, or a blank one"),
    )
    yield _Rule("unusable_person_id", *unusable_id("person_id"))
    text, at = pl.col(TEXT + "observed_at"), pl.col("observed_at")
    origin = _mapping(source).observed_at
    forms = origin.format if origin else None
    yield _Rule(
        "missing_time", readable & at.is_null() & text.is_null(), pl.lit("the row does not say when it held")
    )
    yield _Rule(
        "unreadable_time",
        at.is_null() & text.is_not_null(),
        filled("the time '{}' cannot be read: it must be {}", text.str.head(SHOWN), pl.lit(written(forms))),
    )
    minutes = catalog.project.limits.future_minutes
    yield _Rule(
        "future_time",
        (at > pl.col("received_at") + pl.duration(minutes=minutes)).fill_null(False),
        filled(
            f"the row claims {{}}, more than {minutes} minutes after it was received", at.dt.to_string("iso")
        ),
    )
    unread = {name: _unread(name, kind) for name, kind in source.columns.items()}
    yield _Rule(
        "unreadable_fact",
        pl.any_horizontal(unread.values()),
        pl.concat_str(
            [
                pl.when(bad).then(
                    filled(f"{name}: '{{}}' is not {KINDS[kind]}", pl.col(TEXT + name).str.head(SHOWN))
                )
                for (name, bad), kind in zip(unread.items(), source.columns.values(), strict=True)
            ],
            separator="; ",
            ignore_nulls=True,
        ),
    )


def _unread(name: str, kind: str) -> pl.Expr:
    unread = pl.col(name).is_null() & pl.col(TEXT + name).is_not_null()
    # NaN orders above every number, so a condition such as `profile.age > 30` would match it.
    return unread | (~pl.col(name).is_finite()).fill_null(False) if kind == "number" else unread
