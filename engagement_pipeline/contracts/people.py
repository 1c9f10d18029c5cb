"""What the tables about people promise: who they are, which ids are theirs, and how they may be reached.

Here: their grain, periods and words. Not here: the other tables (`tables`).
"""

from typing import get_args

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Channel
from engagement_pipeline.contracts.rules import Contract, Rules, said
from engagement_pipeline.core import frames


def profiles(name: str, catalog: Catalog) -> Contract:
    """`profiles/<source>`: what a source's rows say of people."""
    schema = frames.profile_schema(catalog.sources[name])
    needed = {"batch", "row_number", "person_id", "observed_at"}
    facts = [fact for fact, kind in catalog.sources[name].columns.items() if kind == "number"]
    rules = {
        "person_id: said": said("person_id"),
        **{f"{fact}: finite": pl.col(fact).is_finite() for fact in facts},
    }
    return schema, [], set(schema) - needed, rules


def identities(_name: str, _catalog: Catalog) -> Contract:
    """`identities/<source>`: which ids a source says are one person's."""
    rules = {
        "alias: said": said("alias"),
        "person_id: said": said("person_id"),
        "alias: another id than the person's": pl.col("alias") != pl.col("person_id"),
    }
    return frames.IDENTITIES, ["batch", "alias", "person_id", "merges"], [], rules


def aliases(_name: str, _catalog: Catalog) -> Contract:
    """`aliases`: whom an id meant, period by period."""
    rules = {
        "alias: another id than the person's": pl.col("alias") != pl.col("person_id"),
        **_periods("alias"),
    }
    return frames.ALIASES, ["alias", "valid_from"], ["valid_to"], rules


def persons(_name: str, catalog: Catalog) -> Contract:
    """`persons`: whom there is and which facts held, period by period."""
    schema = frames.person_schema(catalog)
    facts = [name for name, kind in catalog.profile_columns.items() if kind == "number"]
    rules = {
        "person_id: said": said("person_id"),
        **_periods("person_id"),
        **{f"{name}: finite": pl.col(name).is_finite() for name in facts},
    }
    return schema, ["person_id", "valid_from"], {"valid_to", *catalog.profile_columns}, rules


def consents(_name: str, _catalog: Catalog) -> Contract:
    """`consents`: who may be reached on which channel, period by period."""
    rules = {
        "person_id: said": said("person_id"),
        "channel: known": pl.col("channel").is_in(list(get_args(Channel))),
        "state: in or out": pl.col("state").is_in(["in", "out"]),
        **_periods("person_id", "channel"),
    }
    grain = ["person_id", "channel", "valid_from"]
    return frames.CONSENTS, grain, ["event_id", "valid_to"], rules


def held(_name: str, _catalog: Catalog) -> Contract:
    """`held/<table>`: what a table of periods held on a date."""
    return frames.HELD, ["as_of"], [], {}


def _periods(*whose: str) -> Rules:
    """Periods end after they begin and before the next one does."""
    following = pl.col("valid_from").shift(-1).over(whose, order_by="valid_from")
    return {
        "valid_to: after valid_from": pl.col("valid_to") > pl.col("valid_from"),
        "valid_to: before the next period": pl.when(following.is_not_null()).then(
            (pl.col("valid_to") <= following).fill_null(False)
        ),
    }
