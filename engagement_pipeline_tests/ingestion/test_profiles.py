"""Profile rows to snapshots, and on to the periods in which facts held."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from engagement_pipeline.catalog.specs import Limits
from engagement_pipeline.core.frames import profile_schema
from engagement_pipeline.core.people import FIRST_EVENT, Fact, persons
from engagement_pipeline.ingestion.people import snapshots_of
from engagement_pipeline.ingestion.profiles import split_profiles
from engagement_pipeline_tests.ingestion.shop import RECEIVED, Shop, catalog, crm, landed

HEAD = b"person,at,tier,age,spent,joined\n"
GOOD = '{"person":"p1","at":"2026-04-01","tier":"gold","age":"41","spent":"1.5","joined":"2020-02-03"}'


def test_a_row_is_a_snapshot() -> None:
    found = split_profiles(landed(GOOD, '{"person":"p2","at":"2026-04-01"}'), crm(), catalog(crm()))
    assert found.rejected.height == 0
    when = datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert found.snapshots.rows() == [
        ("b1", 1, "p1", when, "gold", 41, 1.5, date(2020, 2, 3)),
        ("b1", 2, "p2", when, None, None, None, None),
    ]
    assert found.snapshots.schema == profile_schema(crm())


def test_without_a_time_a_row_counts_from_when_it_was_received() -> None:
    source = crm(observed_at=None)
    found = split_profiles(landed(GOOD), source, catalog(source))
    assert found.snapshots["observed_at"].to_list() == [RECEIVED]


@pytest.mark.parametrize(
    ("raw", "rule", "reason"),
    [
        ("1,2,3", "malformed_row", "the row has more fields than the file has columns"),
        ('{"person":"null","at":"2026-04-01"}', "missing_person_id", "no person id"),
        ('{"person":"p\\u0000","at":"2026-04-01"}', "unusable_person_id", "'p\\0'"),
        ('{"person":"p"}', "missing_time", "does not say when"),
        ('{"person":"p","at":"April"}', "unreadable_time", "the time 'April' cannot be read: it must be ISO"),
        ('{"person":"p","at":"2026-06-01"}', "future_time", "2026-05-31"),
        (
            '{"person":"p","at":"2026-04-01","age":"old"}',
            "unreadable_fact",
            "age: 'old' is not a whole number",
        ),
        ('{"person":"p","at":"2026-04-01","spent":"NaN"}', "unreadable_fact", "spent: 'NaN'"),
    ],
)
def test_a_bad_row_is_rejected_for_what_it_says(raw: str, rule: str, reason: str) -> None:
    found = split_profiles(landed(GOOD, raw), crm(), catalog(crm()))
    ((number, name, why),) = found.rejected.select("row_number", "rule", "reason").rows()
    assert (number, name) == (2, rule)
    assert reason in why
    assert found.snapshots.height == 1


def test_landed_profiles_become_history(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(crm(), limits=Limits(reject_share=0.4))
    shop.drop("crm/april.csv", HEAD + b"p1,2026-04-01,gold,41,,\np2,2026-04-01,blue,,,\n,2026-04-01,,,,\n")
    shop.drop("crm/march.csv", HEAD + b"p1,2026-03-01,blue,40,,\n")
    shop.drop("crm/bad.csv", HEAD + b"p3,2026-03-01,blue,x,,\np4,2026-03-01,blue,20,,\n")
    took = shop.take_in("crm")
    assert [each.file for each in took.landing.failed] == ["crm/bad.csv"]
    assert took.by_rule == {"missing_person_id": 1, "unreadable_fact": 1}
    assert took.touched == [date(2026, 3, 1), date(2026, 4, 1)]
    snapshots = {"crm": snapshots_of(shop.catalog.sources["crm"], shop.lake)}
    events, facts = FIRST_EVENT.to_frame().lazy(), {"plan": Fact(("crm",))}
    periods = persons(snapshots, events, facts, date(2026, 1, 1), "Europe/Berlin").collect()
    assert periods.select("person_id", "valid_from", "valid_to", "plan").rows() == [
        ("p1", date(2026, 1, 1), date(2026, 4, 1), "blue"),
        ("p1", date(2026, 4, 1), None, "gold"),
        ("p2", date(2026, 1, 1), None, "blue"),
    ]


def test_a_source_without_files_has_no_snapshots(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(crm())
    found = snapshots_of(shop.catalog.sources["crm"], shop.lake).collect()
    assert found.height == 0
    assert found.schema == profile_schema(crm())
