"""Bad input through the whole asset graph: what it costs, what it does not, and what is said of it.

| bad input | each alone, close to where it is handled |
|---|---|
| empty file | ingestion/test_intake `test_an_empty_file_lands_with_a_note`, ingestion/readers/test_readers |
| truncated gzip | ingestion/readers/test_content `test_a_packed_file_that_is_cut…`; here test_daily_life |
| CSV: missing, extra columns | ingestion/test_intake `test_csv_with_a_missing_and_an_extra…`, test_ragged |
| CSV: byte order mark | ingestion/readers/test_delimited `test_rows_are_records_of_text…` |
| one broken JSON line | ingestion/test_decode `test_a_broken_line_costs_nothing_but_itself` |
| future, far-past times | ingestion/test_intake `test_future_and_past_are_judged…`, contracts/test_events |
| null and blank ids | contracts/test_events `test_a_planted_row_is_caught`, ingestion/test_canonical |
| NaN and infinite values | contracts/test_events, ingestion/readers/test_tables `test_parquet_types…` |
| event outside the plan | ingestion/test_intake `test_an_unknown_event_is_replayed_once_the_plan_knows_it` |
| one file, two names | ingestion/test_intake `test_the_same_file_under_two_names_is_one`, test_any_delivery |
| one id, two contents | ingestion/test_events `test_of_two_files_with_one_id_the_earlier_event_counts` |
| YAML: typo, twice, event, gap | catalog/test_validation, test_lint_plan, test_lint_scores, test_guesses |
| lake that cannot be written | storage/test_scratch, orchestration/test_refusals |
| database that is down | storage/test_database, orchestration/test_refusals |

Here: all of it at once beside good input, and what only the whole can show.
"""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.definitions import defs
from engagement_pipeline_tests.end_to_end.conftest import Open
from engagement_pipeline_tests.end_to_end.corner_shop import (
    AS_OF,
    FILES,
    TABLES,
    CornerShop,
    crm_rows,
    csv,
    failure,
    jsonl,
    mail_rows,
    web,
    web_rows,
    write_catalog,
)

pytestmark = pytest.mark.slow
BAD = {
    "malformed_row": ['{"id": "x1", "person":'],
    "future_time": [json.dumps(web(901, 2) | {"at": "2999-01-01T00:00:00Z"})],
    "ancient_time": [json.dumps(web(902, 2) | {"at": "1970-01-01T00:00:00Z"})],
    "missing_person_id": [json.dumps(web(903, 2) | {"person": who}) for who in (None, "  ", "null")],
    "missing_event_id": [json.dumps(web(904, 2) | {"id": what}) for what in (None, "")],
    "not_finite_value": [
        json.dumps(web(905 + n, 2, event="order") | {"total": value})
        for n, value in enumerate(("NaN", "-inf", "Infinity"))
    ],
    "unknown_event": [json.dumps(web(910, 2, event="visited"))],
}
"""Rows of the web source by the rule that each breaks."""
UNREAD = {"properties", "content_hash"}


def test_all_of_it_at_once_costs_only_itself(stocked: CornerShop, open_shop: Open) -> None:
    shop = open_shop()
    shop.drop("crm/all.csv", csv(crm_rows()))
    bad = "\n".join(line for lines in BAD.values() for line in lines).encode()
    good = jsonl(web_rows())
    shop.drop("web/mixed.jsonl.gz", good + bad)
    shop.drop("web/mixed again.jsonl", bad + b"\n" + good)
    shop.drop("web/empty.jsonl", b"")
    shop.drop("web/torn.jsonl.gz", b"").write_bytes(gzip.compress(good)[:200])
    shop.drop("web/same_id.jsonl", jsonl([web(102, 8, "p5", "order", total=1000)]))
    mails = mail_rows()
    wider = [{**row, "device": "phone"} for row in mails[:10]]
    shop.drop("mail/extra column and mark.csv", b"\xef\xbb\xbf" + csv(wider))
    shop.drop("mail/rest.csv", csv([dict(reversed(row.items())) for row in mails[10:]]))
    shop.drop("mail/no_person.csv", csv([{k: v for k, v in row.items() if k != "person"} for row in mails]))

    landing = shop.run("landing")

    said = failure(landing)
    for file, culprit, remedy in (
        ("web/torn.jsonl.gz", "cut off or damaged", "delivered again"),
        ("mail/no_person.csv", "has no column 'person'", "Mend the source or its mapping"),
    ):
        assert file in said
        assert culprit in said
        assert remedy in said
    checks = {each.asset_key.path[-1]: each.passed for each in landing.get_asset_check_evaluations()}
    assert checks == {"web": False, "mail": False, "crm": True}
    for result in (shop.days("event_days"), shop.run("refit", AS_OF), shop.run("campaigns", AS_OF)):
        assert result.success, failure(result)

    for name in set(TABLES) - {"conflicts/web"}:
        # The column that nobody reads is kept beside what is read.
        kept = [column for column in stocked.rows(name).columns if column not in UNREAD]
        assert_frame_equal(shop.rows(name).select(kept), stocked.rows(name).select(kept))
    assert shop.table("events/mail")["properties"].str.contains("phone").sum() == 10
    assert shop.table("conflicts/web")["event_id"].sort().to_list() == ["w102", "w3"]
    # The mixed file was landed under two names whose bytes differ, so each rejected row is there twice.
    rejected = shop.table("rejected/web")
    expected = {rule: 2 * len(lines) for rule, lines in BAD.items()}
    # A time far off lies outside of the project's days as well.
    assert Counter(rejected["rule"]) == {**expected, "after_end": 2, "before_start": 2}
    assert set(rejected["raw"]) == {line for lines in BAD.values() for line in lines}
    assert all(rejected["reason"])
    # Of what was refused whole, the rows are kept with their reasons too, and nothing landed.
    assert shop.table("rejected/mail").height == len(mails)
    assert set(shop.table("landed/mail")["file"]) == {"mail/extra column and mark.csv", "mail/rest.csv"}
    assert "web/torn.jsonl.gz" not in shop.table("landed/web")["file"]


def test_rejected_rows_are_replayed_once_the_plan_knows_them(shop: CornerShop) -> None:
    rows = [web(950, 9, "p0"), web(951, 9, "p0", "wish"), web(952, 9, "p0"), web(953, 9, "p0", "wish")]
    shop.drop("web/new.jsonl", jsonl(rows))
    for first in (shop.run("landing"), shop.days("event_days")):
        assert first.success, failure(first)
    assert shop.table("rejected/web")["rule"].to_list() == ["unknown_event"] * 2
    before = shop.table("landed/web")

    plan = FILES["events.yaml"] + "  wish: {channel: web}\n"
    shop.redefine("events.yaml", plan)
    replay = {"ops": {"land_web": {"config": {"replay": True}}}}
    assert shop.run("landing", config=replay).success
    assert shop.days("event_days").success

    assert shop.table("rejected/web").is_empty()
    assert_frame_equal(shop.table("landed/web"), before, check_row_order=False)  # also when it was received
    events = shop.table("events/web")
    assert sorted(events.filter(events["event"] == "wish")["event_id"]) == ["w951", "w953"]
    assert shop.table("daily_measures").filter(measure="activity")["quantity"].sum() == 4


def test_a_bad_catalog_stops_the_code_location_with_every_issue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopping = FILES["scores/shopping.yaml"]
    write_catalog(
        tmp_path,
        {
            "scores/shopping.yaml": shopping.replace("[5, null]", "[6, null]").replace(
                "event: visit", "event: vist"
            ),
            "scores/reading.yaml": FILES["scores/reading.yaml"].replace("window:", "windw:"),
            "segments/more_buyers.yaml": FILES["segments/buyers.yaml"],
        },
    )
    monkeypatch.setenv("ENGAGEMENT_CATALOG", str(tmp_path))
    with pytest.raises(CatalogError) as caught:
        defs()
    said = str(caught.value)
    for file, *words in (
        ("shopping.yaml:", "vist", "visit"),
        ("shopping.yaml:", "no band holds the scores from 5 to 6"),
        ("reading.yaml:", "windw", "window"),
        ("buyers.yaml:", "buyers"),
    ):
        assert any(file in line and all(word in line for word in words) for line in said.splitlines()), said


def test_a_definition_that_fails_does_not_stop_the_others(stocked: CornerShop, open_shop: Open) -> None:
    """A score without its measures; the other one, and the segments it alone feeds, are made."""
    shop = open_shop({"segments/big.yaml": 'segment: big\nowner: team:growth\nwhere: "score.shopping > 9"\n'})
    shop.stock()
    for result in (shop.run("landing"), shop.days("event_days")):
        assert result.success, failure(result)
    shop.redefine(
        "scores/reading.yaml",
        FILES["scores/reading.yaml"].replace("weight: 2", "weight: 2, machine: exclude"),
    )

    result = shop.run("refit", AS_OF)

    assert not result.success
    said = failure(result)
    assert "score reading" in said
    assert "Materialize daily_measures from 2025-03-06 to 2025-03-10" in said
    assert_frame_equal(shop.rows("scores/shopping"), stocked.rows("scores/shopping"))
    assert shop.table("segments/big").height
    assert not shop.bench.lake.exists("scores/reading")


def test_stores_that_are_down_leave_what_was_there(stocked: CornerShop, open_shop: Open) -> None:
    """A run against a database that is no database: nothing changes, and the next run works."""
    shop = open_shop()
    shop.stock()
    for first in (shop.run("landing"), shop.days("event_days")):
        assert first.success, failure(first)
    shop.drop("web/more.jsonl", jsonl([web(960, 9)]))
    shop.bench.database.close()
    database = shop.folder / "engagement.db"
    aside = database.rename(shop.folder / "aside.db")
    for left in shop.folder.glob("engagement.db-*"):
        left.rename(shop.folder / left.name.replace("engagement", "aside"))
    database.mkdir()
    shop.redefine("events.yaml", FILES["events.yaml"])
    result = shop.run("landing")
    assert not result.success
    assert "engagement.db" in failure(result)
    assert "ENGAGEMENT_DATABASE_URL" in failure(result)

    database.rmdir()
    for left in shop.folder.glob("aside.db*"):
        left.rename(shop.folder / left.name.replace("aside", "engagement"))
    assert not aside.exists()
    shop.redefine("events.yaml", FILES["events.yaml"])
    assert shop.versions("events/web") == stocked.versions("events/web")
    for again in (shop.run("landing"), shop.days("event_days")):
        assert again.success, failure(again)
    assert "w960" in shop.table("events/web")["event_id"]
