"""What a run leaves in Dagster's event log for ever: figures that people read, bounded, no person's id."""

import base64
import re

import dagster as dg
import pytest

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.orchestration.metadata import (
    MARKDOWN_LIMIT,
    PICTURE_LIMIT,
    markdown,
    markdown_table,
    picture,
    source_definition,
)
from engagement_pipeline_tests.orchestration.scenario import DAYS, LAST, PEOPLE, Scenario, event_log
from engagement_pipeline_tests.orchestration.test_materialize import latest

TABLES = (
    *(f"{kind}/{name}" for kind in ("landed", "rejected", "events") for name in ("mail", "shop")),
    *("landed/crm", "daily_measures", "persons", "points/reading", "points/buying", "references/buying"),
    *("scores/reading", "scores/buying", "segments/readers", "segments/fans", "audiences/perks"),
    "deliveries/perks",
)


def newest(scenario: Scenario, table: str) -> dict[str, dg.MetadataValue]:
    partitioned = table.partition("/")[0] not in ("landed", "rejected", "persons", "references")
    return dict(latest(scenario, table, LAST if partitioned else None).metadata)


@pytest.mark.slow
def test_the_event_log_holds_no_persons_id(made: Scenario) -> None:
    log = event_log(made)
    assert "scores/buying" in log, "the log was read"
    assert "| email_opened | email |" in log, "its metadata as well"
    assert not [person for person in PEOPLE if person in log]
    assert "no time at all" not in log, "nor what a rejected row held"


@pytest.mark.parametrize("table", TABLES)
def test_metadata_keeps_to_its_budget(made: Scenario, table: str) -> None:
    shown = newest(made, table)
    assert shown, table
    for name, value in shown.items():
        text = str(value.value)
        limit = PICTURE_LIMIT * 1.4 if text.startswith("![](data:") else MARKDOWN_LIMIT + 100
        assert len(text) <= limit, name
    assert sum(len(str(value.value)) for value in shown.values()) < 60_000


def test_a_scores_distribution_is_a_picture(made: Scenario) -> None:
    shown = newest(made, "scores/buying")
    found = re.fullmatch(
        r"!\[\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", str(shown["distribution"].value)
    )
    assert found
    png = base64.b64decode(found[1])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.rstrip(b"\x00").endswith(b"IEND\xaeB`\x82")
    assert len(png) < PICTURE_LIMIT


def test_a_scores_bands_add_up_to_its_people(made: Scenario) -> None:
    shown = newest(made, "scores/buying")
    rows = made.table("scores/buying", LAST)
    assert shown["people"].value == rows.height
    for band in ("low", "high"):
        assert f"| {band} | {rows.filter(band=band).height} |" in str(shown["bands"].value)


def test_landing_says_what_was_rejected_and_why(made: Scenario) -> None:
    shown = newest(made, "rejected/mail")
    assert shown["rows rejected"].value == 1
    assert shown["files landed"].value == 1
    assert shown["rows landed"].value == 39
    assert "| unreadable_time | 1 |" in str(shown["rejected by rule"].value)


def test_points_show_what_every_rule_gave(made: Scenario) -> None:
    shown = str(newest(made, "points/reading")["points by rule"].value)
    rules = made.table("points/reading", LAST)["contributions"].explode().struct.unnest()
    for rule in ("email_opened", "email_clicked"):
        given = rules.filter(rule=rule)
        assert f"| {rule} | {given.height} |" in shown
        assert f"| {given['points'].sum() / 10_000:,.1f} |" in shown


def test_an_audience_shows_its_waterfall(made: Scenario) -> None:
    shown = newest(made, "audiences/perks")
    rows = made.table("audiences/perks", LAST)
    assert shown["candidates"].value == rows.height
    assert shown["sent"].value == rows.filter(decision="send").height
    assert "send: big_perk" in str(shown["waterfall"].value)


def test_a_range_shows_its_newest_date(made: Scenario) -> None:
    assert newest(made, "segments/readers")["members"].value == made.table("segments/readers", LAST).height
    assert len(DAYS) == 10


def test_long_text_is_cut_at_a_line_and_says_so() -> None:
    text = str(markdown("\n".join(f"row {number}" for number in range(5_000))).value)
    assert len(text) < MARKDOWN_LIMIT + 100
    assert text.endswith("*cut here; the table itself has the rest*")
    assert re.search(r"row \d+\n\n\*cut", text)
    assert markdown("short").value == "short"


def test_a_huge_picture_is_left_out() -> None:
    shown = picture(b"x" * (PICTURE_LIMIT + 1)).value
    assert shown == f"*a picture of {PICTURE_LIMIT + 1} bytes was left out*"


def test_a_condition_cannot_break_its_table() -> None:
    assert markdown_table(("a",), [("x | y\nz",)]).splitlines()[2] == "| x \\| y z |"


def test_counts_are_written_with_their_thousands_apart() -> None:
    rows = [("kept", 12_345, 2_026.5, True, "1234")]
    assert markdown_table(tuple("abcde"), rows).splitlines()[2] == "| kept | 12,345 | 2026.5 | True | 1234 |"


def test_a_source_shows_which_rows_its_mappings_take_and_what_they_read() -> None:
    rates = {"path": "currency", "factors": {"EUR": 1, "USD": 0.9}}
    source = Source.model_validate(
        {
            "source": "shop",
            "owner": "team:data",
            "path": "shop/*",
            "format": "jsonl",
            "ignore": {"type": "ping"},
            "events": [
                {
                    "only": {"type": ["order", "return"]},
                    "explode": "lines",
                    "person_id": ["user", "card"],
                    "event": {"path": "type", "names": {"order": "ordered"}},
                    "occurred_at": {"path": "at", "format": "epoch_s"},
                    "value": {"path": "each.price", "multiply": rates},
                },
                {"person_id": {"join": ["a", "b"]}, "event": {"constant": "seen"}, "occurred_at": "at"},
            ],
            "aliases": {"alias": "device", "person_id": "user"},
        }
    )
    shown = source_definition(source)
    assert shown["left out"] == "`type` = ping"
    lines = shown["mapping"].md_str.split("\n")
    assert lines[2] == (
        "| events | `type` = order, return; for each of `lines` | person_id | `user` or `card` |"
    )
    assert lines[3] == "|  |  | event | `type`; order → ordered |"
    assert lines[5] == "|  |  | value | `each.price`; by `currency`: EUR times 1, USD times 0.9 |"
    assert lines[6] == "| events |  | person_id | `a` and `b` |"
    assert lines[9] == "| aliases |  | alias | `device` |"
