from collections.abc import Callable

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion.people import snapshots_of, statements_of
from engagement_pipeline.storage.tables import TableMissing
from engagement_pipeline_tests.ingestion.shop import Shop

LOGINS = {
    "source": "logins",
    "owner": "team:web",
    "path": "logins/*",
    "format": "csv",
    "profiles": {"person_id": "user", "observed_at": "at", "consents": {"email": "news"}},
    "columns": {"plan": "text"},
    "aliases": {"alias": "browser", "person_id": "user", "occurred_at": "at"},
}
ROWS = (
    b"user,browser,at,plan,news\nada,b1,2026-04-02,gold,yes\nada,b1,2026-04-01,,\nada,,2026-04-03,free,no\n"
)


def logins(**changed: object) -> Source:
    return Source.model_validate({**LOGINS, **changed})


def test_what_rows_say_of_people_is_stored_as_they_land(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(logins())
    shop.drop("logins/a.csv", ROWS)
    shop.take_in("logins")
    source = shop.catalog.sources["logins"]
    said = statements_of(source, shop.lake).select("alias", "person_id", pl.col("observed_at").dt.day())
    assert said.collect().rows() == [("b1", "ada", 31)]  # the first time of two, as Berlin's 1 April began
    snapshots = snapshots_of(source, shop.lake).sort("observed_at").select("plan", "consent.email").collect()
    assert snapshots.rows() == [(None, None), ("gold", True), ("free", False)]


def test_what_is_too_long_for_an_id_says_nothing_of_who_is_who(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(logins(profiles=None, columns={}))
    shop.drop("logins/a.csv", ROWS + b"x" * 401 + b",b2,2026-04-02,,\neve," + b"y" * 401 + b",2026-04-02,,\n")
    assert shop.take_in("logins").by_rule == {"unusable_alias": 1, "unusable_person_id": 1}
    assert shop.table("identities/logins")["alias"].to_list() == ["b1"]


def test_refused_files_say_nothing_of_people(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(logins())
    shop.drop("logins/a.csv", ROWS)
    shop.drop(
        "logins/bad.csv", b"user,browser,at,plan,news\n,b2,2026-04-02,gold,yes\neve,b3,no time,gold,yes\n"
    )
    shop.take_in("logins")
    assert shop.table("identities/logins")["alias"].to_list() == ["b1"]
    assert shop.table("profiles/logins")["person_id"].unique().to_list() == ["ada"]


def test_a_mapping_of_people_that_comes_later_takes_in_what_had_landed(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(logins(profiles=None, columns={}))
    shop.drop("logins/a.csv", ROWS)
    shop.take_in("logins")
    source = logins()
    with pytest.raises(TableMissing, match="profiles/logins"):  # missing is never read as empty
        snapshots_of(source, shop.lake)
    shop.catalog = shop.catalog.model_copy(update={"sources": {"logins": source}})
    shop.take_in("logins")
    assert shop.table("profiles/logins").height == 3
