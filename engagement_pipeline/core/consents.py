"""Consents: who may be contacted on which channel, since when and because of what.

Here: statements to periods, and the columns that conditions read. Not here: finding statements in events and
profiles (`orchestration.assets.people`).

A statement says `in` or `out` for a person's channel. The newest one counts, of several at one instant `out`;
of ids that are one person the newest of all. A profile that repeats what it said before says nothing new, so
that a monthly export does not take an unsubscribe back. Nothing counts before it was said.
"""

from collections.abc import Collection, Iterable
from datetime import date

import polars as pl

from engagement_pipeline.core.frames import CONSENTS, UTC_MICROS
from engagement_pipeline.core.identity import memberships

IN, OUT = "in", "out"
PARTS = ("consent", "reachable")
STATEMENTS = pl.Schema(
    {
        "person_id": pl.String(),
        "channel": pl.String(),
        "state": pl.String(),
        "reason": pl.String(),
        "source": pl.String(),
        "event_id": pl.String(),
        "observed_at": UTC_MICROS,
    }
)


def said_in_events(events: pl.LazyFrame, says: dict[str, str], source: str) -> pl.LazyFrame:
    """`STATEMENTS` of a source's events. says: event -> `in` or `out`.

    events: of `frames.event_schema` at least `person_id`, `channel`, `event`, `event_id`, `occurred_at` and
    `is_machine`. A machine that follows links may unsubscribe somebody, but not sign them up.
    """
    state = pl.col("event").replace_strict(says, default=None, return_dtype=pl.String)
    return (
        events.filter(pl.col("event").is_in(sorted(says)))
        .with_columns(state=state)
        .filter(~(pl.col("is_machine").fill_null(value=False) & (pl.col("state") == IN)))
        .select(
            "person_id",
            "channel",
            "state",
            pl.col("event").alias("reason"),
            pl.lit(source).alias("source"),
            "event_id",
            pl.col("occurred_at").alias("observed_at"),
        )
    )


def said_in_profiles(snapshots: pl.LazyFrame, channels: Iterable[str], source: str) -> pl.LazyFrame:
    """`STATEMENTS` of a source's profiles: each time that a row says something else than the one before.

    snapshots: `person_id`, `observed_at` and for each of the channels a Boolean `consent.<channel>`; null
    says nothing.
    """
    found = [STATEMENTS.to_frame().lazy()]
    for channel in channels:
        said = pl.col(f"consent.{channel}")
        # Of several rows at one instant a no counts, as it does among statements.
        rows = (
            snapshots.filter(said.is_not_null())
            .group_by("person_id", "observed_at")
            .agg(said.min())
            .sort("person_id", "observed_at")
        )
        new = said.ne_missing(said.shift(1).over("person_id", order_by="observed_at"))
        found.append(
            rows.filter(new).select(
                "person_id",
                pl.lit(channel).alias("channel"),
                pl.when(said).then(pl.lit(IN)).otherwise(pl.lit(OUT)).alias("state"),
                pl.lit(f"profile of {source}").alias("reason"),
                pl.lit(source).alias("source"),
                pl.lit(None, dtype=pl.String).alias("event_id"),
                "observed_at",
            )
        )
    return pl.concat(found)


def consents(statements: pl.LazyFrame, aliases: pl.DataFrame, timezone: str) -> pl.LazyFrame:
    """`frames.CONSENTS`: a row per person, channel and period of one state, with the statement that brought
    it about, sorted by `person_id`, `channel`, `valid_from`.

    statements: `STATEMENTS`. aliases: `frames.ALIASES`. Days are those of `timezone`; what held at the end of
    a day counts for it. Who became one with another has rows of their own until then.
    """
    key = ["person_id", "channel"]
    said = (
        statements.sort("observed_at", pl.col("state") == OUT, "source", "reason", "event_id")
        .with_row_index("rank")
        .with_columns(
            valid_from=pl.col("observed_at").dt.convert_time_zone(timezone).dt.date(),
            until=pl.lit(None, dtype=pl.Date),
        )
    )
    if aliases.height:
        said = _by_person(said.collect().lazy(), aliases)
    told = (
        said.sort(*key, "valid_from", "rank")
        .unique([*key, "valid_from"], keep="last", maintain_order=True)
        # Where two become one, statements come late that are older than what is known already.
        .filter(pl.col("rank") == pl.col("rank").cum_max().over(key))
    )
    same = [*key, "state", "until"]
    repeats = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in same)
    return (
        told.filter(~repeats)
        .with_columns(valid_to=pl.min_horizontal(pl.col("valid_from").shift(-1).over(key), "until"))
        .select(CONSENTS.names())
    )


def held(consents: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """The rows that hold on a day. consents: `frames.CONSENTS`."""
    return consents.filter(
        pl.col("valid_from") <= day, pl.col("valid_to").is_null() | (pl.col("valid_to") > day)
    )


def with_consents(
    people: pl.LazyFrame, held: pl.LazyFrame, columns: Collection[str], opt_in_needed: Collection[str]
) -> pl.LazyFrame:
    """The people with the `consent.` and `reachable.` columns asked for, others left as they are.

    `consent.<channel>` is `in`, `out` or null for who never said. `reachable.<channel>` is never null:
    whether they did not opt out, and on the channels of `opt_in_needed` whether they opted in. people: a row
    per `person_id`. held: rows of `frames.CONSENTS`, one per person and channel.
    """
    wanted = sorted({column.partition(".")[2] for column in columns if column.partition(".")[0] in PARTS})
    if not wanted:
        return people
    for channel in wanted:
        consent = f"consent.{channel}"
        states = held.filter(pl.col("channel") == channel).select("person_id", pl.col("state").alias(consent))
        state = pl.col(consent)
        reachable = (
            state.eq_missing(pl.lit(IN)) if channel in opt_in_needed else state.ne_missing(pl.lit(OUT))
        )
        people = people.join(states, on="person_id", how="left").with_columns(
            reachable.alias(f"reachable.{channel}")
        )
    return people


def _by_person(said: pl.LazyFrame, aliases: pl.DataFrame) -> pl.LazyFrame:
    """Statements by whom they count for and since when; each counts anew for everyone its id becomes."""
    members = memberships(aliases.lazy()).collect().lazy()
    ids = members.select(pl.col("id").alias("person_id")).unique()
    moved = (
        said.rename({"person_id": "id"})
        .drop("until")
        .join(members, on="id")
        .filter(pl.col("until").is_null() | (pl.col("until") > pl.col("valid_from")))
        .with_columns(valid_from=pl.max_horizontal("valid_from", "since"))
        .select(said.collect_schema().names())
    )
    return pl.concat([said.join(ids, on="person_id", how="anti"), moved])
