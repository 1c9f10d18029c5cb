"""Files into the lake: each exactly once, a bad one never at the cost of others."""

import gzip
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.specs import Limits
from engagement_pipeline.ingestion import intake
from engagement_pipeline.ingestion.landing import Found, discover, listing
from engagement_pipeline.ingestion.outcome import IntakeIncomplete
from engagement_pipeline.ingestion.readers import UnreadableFile
from engagement_pipeline.ingestion.verdicts import Judge, Verdict
from engagement_pipeline.storage.ledger import Ledger
from engagement_pipeline_tests.ingestion.shop import EVENTS, RECEIVED, Shop, catalog, lines, row, source

ROWS = [row(number) for number in range(1, 11)]


def test_files_land_with_their_rows_rejections_and_days(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [*ROWS, row(11, type="odd"), row(12, user={"id": ""}, at="soon")])
    shop.drop("web/b.jsonl.gz", [row(13)])
    took = shop.take_in()
    assert [(each.file, each.rows) for each in took.landing.landed] == [
        ("web/a.jsonl", 12),
        ("web/b.jsonl.gz", 1),
    ]
    assert took.by_rule == {"missing_person_id": 1, "unknown_event": 1, "unreadable_time": 1}
    assert [each.rejected_rows for each in took.verdicts] == [2, 0]
    assert took.touched == [date(2026, 4, day) for day in (*range(2, 12), 14)]
    assert took.problems == []
    stored = shop.table("landed/web")
    assert stored.height == 13
    assert stored["received_at"].unique().to_list() == [RECEIVED]
    rejected = shop.table("rejected/web").sort("row_number", "rule")
    assert rejected.select("file", "row_number", "rule").rows() == [
        ("web/a.jsonl", 11, "unknown_event"),
        ("web/a.jsonl", 12, "missing_person_id"),
        ("web/a.jsonl", 12, "unreadable_time"),
    ]
    assert shop.ledger.batches("web", [date(2026, 4, 14)]) == [took.landing.landed[1].fingerprint]


def test_a_file_lands_once_however_often_it_is_seen(shop: Shop) -> None:
    shop.drop("web/a.jsonl", ROWS)
    first = shop.take_in()
    version, before = shop.lake.version("landed/web"), shop.table("landed/web")
    shop.received_at += timedelta(days=1)
    again = shop.take_in()
    assert (len(first.landing.landed), len(again.landing.landed), again.landing.known) == (1, 0, 1)
    assert again.touched == []
    assert shop.lake.version("landed/web") == version
    assert shop.table("landed/web").equals(before)


def test_the_same_file_under_two_names_is_one(shop: Shop) -> None:
    shop.drop("web/a.jsonl", ROWS)
    shop.drop("web/copy.jsonl", ROWS)
    took = shop.take_in()
    assert [each.file for each in took.landing.landed] == ["web/a.jsonl"]
    shop.drop("web/later.jsonl", ROWS)
    assert shop.take_in().landing.landed == ()
    assert shop.table("landed/web").height == len(ROWS)


def test_an_unreadable_file_costs_only_itself_and_lands_once_it_is_whole(shop: Shop) -> None:
    whole = gzip.compress(lines(row(number) for number in range(100, 3_000)), mtime=0)
    shop.drop("web/a.jsonl", ROWS)
    bad = shop.drop("web/cut.gzip", whole[: len(whole) // 2])
    shop.drop("web/z.jsonl", [row(50)])
    took = shop.take_in()
    assert [each.file for each in took.landing.landed] == ["web/a.jsonl", "web/z.jsonl"]
    with pytest.raises(IntakeIncomplete, match=r"cut\.gzip cannot be read: the file is cut off.*again"):
        took.raise_problems()
    (failed,) = [each for each in shop.ledger.files("web").values() if each.status == "failed"]
    assert failed.file == "web/cut.gzip"
    assert "cut off" in str(failed.reason)
    assert shop.table("landed/web").height == len(ROWS) + 1
    assert len(shop.take_in().landing.failed) == 1
    bad.write_bytes(whole)
    assert shop.take_in().problems == []
    assert shop.table("landed/web").height == len(ROWS) + 1 + 2_900


def test_a_big_file_that_breaks_at_its_end_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "COMMIT_ROWS", 1_000)
    whole = gzip.compress(lines(row(number) for number in range(70_000)), mtime=0)
    shop.drop("web/a.jsonl", ROWS)
    path = shop.drop("web/big.gzip", whole[:-100])
    assert [each.file for each in shop.take_in().landing.failed] == ["web/big.gzip"]
    assert shop.table("landed/web").height == len(ROWS)
    path.write_bytes(whole)
    assert shop.take_in().problems == []
    assert shop.table("landed/web").height == len(ROWS) + 70_000


def test_an_empty_file_lands_with_a_note(shop: Shop) -> None:
    shop.drop("web/empty.jsonl", b"")
    shop.drop("web/blank.jsonl", b"\n  \n")
    took = shop.take_in()
    assert took.problems == []
    assert took.landing.notes == ("web/blank.jsonl has no rows", "web/empty.jsonl has no rows")
    assert [each.rows for each in took.landing.landed] == [0, 0]
    assert shop.take_in().landing.known == 2


def test_too_many_rejected_rows_refuse_a_file_and_keep_what_is_stored(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(limits=Limits(reject_share=0.2))
    shop.drop("web/a.jsonl", ROWS)
    shop.run()
    before = shop.table("landed/web")
    shop.drop("web/b.jsonl", [row(20), *(row(number, type="page_view") for number in range(21, 24))])
    shop.drop("web/c.jsonl", [row(30), row(31), row(32), row(33), row(34, type="page_view")])
    took = shop.take_in()
    assert [each.file for each in took.landing.landed] == ["web/c.jsonl"]
    assert len(took.problems) == 1
    assert "web/b.jsonl" in took.problems[0]
    assert "3 of 4 rows were rejected" in took.problems[0]
    assert "unknown_event 3" in took.problems[0]
    assert shop.table("landed/web").filter(pl.col("file") == "web/a.jsonl").equals(before)
    assert shop.table("rejected/web").group_by("file").len().sort("file").rows() == [
        ("web/b.jsonl", 3),
        ("web/c.jsonl", 1),
    ]
    assert date(2026, 4, 21) not in took.touched  # a valid row of the refused file
    shop.catalog = catalog(
        source(event={"path": "type", "names": {"page_view": "visit"}}), limits=Limits(reject_share=0.2)
    )
    mended = shop.take_in()
    assert [each.file for each in mended.landing.landed] == ["web/b.jsonl"]
    assert date(2026, 4, 21) in mended.touched


def test_small_files_are_judged_together_and_each_by_itself(
    open_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of files at once gives what one at a time gives."""
    blocks: list[int] = []
    weigh = Judge.weigh

    def counted(self: Judge, block: pl.DataFrame, verdicts: dict[str, Verdict]) -> None:
        blocks.append(block.height)
        weigh(self, block, verdicts)

    monkeypatch.setattr(Judge, "weigh", counted)
    chance = random.Random(4)
    kinds = [
        {},
        {},
        {},
        {"type": "odd"},
        {"user": None, "at": "soon"},
        {"at": "1999-01-01T00:00:00Z"},
        {"id": "e1"},
    ]
    files = [
        [row(10 * number + place, **chance.choice(kinds)) for place in range(chance.randrange(6))]
        for number in range(30)
    ]
    found = []
    for rows_together in (65_536, 7, 1):
        monkeypatch.setattr(intake, "JUDGED_ROWS", rows_together)
        shop = open_shop(limits=Limits(reject_share=0.5))
        shop.drop("web/_before.jsonl", [row(3, id="e1")])
        shop.run()
        for number, rows in enumerate(files):
            shop.drop(f"web/{number:02}.jsonl", rows)
        blocks.clear()
        took = shop.take_in()
        assert (len(blocks) == 1) == (rows_together == 65_536)
        assert all(blocks)
        verdicts = [(v.file, v.rows, v.rejected_rows, v.outside, v.by_rule, v.days) for v in took.verdicts]
        tables = [shop.table(f"{kind}/web").sort("batch", "row_number") for kind in ("landed", "rejected")]
        found.append((verdicts, took.problems, took.landing.notes, tables))
        assert took.problems
        assert len(verdicts) == len(took.landing.landed) + len(took.landing.failed)
    assert found[0][:3] == found[1][:3] == found[2][:3]
    for mine, theirs in zip(found[0][3] * 2, found[1][3] + found[2][3], strict=True):
        assert_frame_equal(mine, theirs)


def test_an_unknown_event_is_replayed_once_the_plan_knows_it(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [*ROWS, row(20, type="review")])
    took = shop.run()
    assert took.by_rule == {"unknown_event": 1}
    assert "review" not in set(shop.table("events/web")["event"])
    plan = {**EVENTS, "review": EVENTS["visit"]}
    shop.catalog = catalog(source(), events=plan)
    shop.received_at += timedelta(days=3)
    again = shop.take_in(replay=True)
    assert again.by_rule == {}
    assert date(2026, 4, 21) in again.touched
    shop.make(again.touched)
    assert shop.table("rejected/web").height == 0
    review = shop.table("events/web").filter(pl.col("event") == "review")
    assert review.select("event_id", "received_at").rows() == [("e20", RECEIVED)]


@pytest.mark.parametrize("lost", ["touch", "record"])
def test_a_run_killed_on_the_way_is_made_good(shop: Shop, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    shop.drop("web/a.jsonl", [*ROWS, row(20, type="odd")])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ledger, lost, killed)
        shop.take_in()
    version = shop.lake.version("landed/web")
    shop.received_at += timedelta(days=1)
    took = shop.take_in()
    assert len(took.touched) == len(ROWS)
    assert took.by_rule == {"unknown_event": 1}
    assert shop.lake.version("landed/web") == version
    assert shop.table("landed/web")["received_at"].unique().to_list() == [RECEIVED]
    assert shop.take_in().touched == []


def test_a_lost_ledger_is_rebuilt_from_the_lake(shop: Shop) -> None:
    shop.drop("web/a.jsonl", ROWS)
    before = shop.take_in()
    shop.database.close()
    for file in shop.folder.glob("engagement.db*"):
        file.unlink()
    fresh = Shop(shop.folder, shop.catalog, RECEIVED + timedelta(days=9))
    after = fresh.take_in()
    assert after.landing.landed == ()
    assert after.touched == before.touched
    assert fresh.table("landed/web")["received_at"].unique().to_list() == [RECEIVED]


def test_csv_with_a_missing_and_an_extra_column(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(source("mail", "csv", value="amount", session_id="visit"))
    shop.drop("mail/a.csv", b"\xef\xbb\xbfid,person,event,at,amount,new\n1,p1,visit,2026-04-01,,x\n")
    shop.drop("mail/b.csv", b"id,event,at,amount,visit\n2,visit,2026-04-01,,s1\n")
    shop.drop("mail/c.csv", b"id;person;event;at\n3;p1;visit;2026-04-01\n")
    took = shop.take_in("mail")
    assert took.landing.notes[0] == "mail/a.csv has no column 'visit', from which session_id is read"
    assert took.landing.notes[1] == "mail/b.csv has no column 'person', from which person_id is read"
    assert any("not to be separated by commas" in note for note in took.landing.notes)
    assert took.by_rule["missing_person_id"] == 2
    rejected = shop.table("rejected/mail").filter(pl.col("file") == "mail/b.csv")
    assert rejected["rule"].to_list() == ["missing_person_id"]


def test_of_several_columns_for_one_field_any_will_do(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(source("mail", "csv", value=["total", "amount"], session_id=["visit", "session"]))
    shop.drop("mail/a.csv", b"id,person,event,at,amount\n1,p1,visit,2026-04-01,\n")
    assert shop.take_in("mail").landing.notes == (
        "mail/a.csv has no column 'visit' or 'session', from which session_id is read",
    )


def test_future_and_past_are_judged_by_when_the_file_was_received(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [row(1, at="2026-05-01T06:59:00Z"), row(2, at="2026-05-01T07:01:00Z")])
    assert shop.take_in().by_rule == {"future_time": 1}
    shop.received_at = datetime.fromisoformat("2026-06-01T00:00:00Z")
    assert shop.take_in(replay=True).by_rule == {"future_time": 1}


def test_only_finished_files_of_the_folder_are_found(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("elsewhere") / "secret.jsonl"
    outside.write_bytes(lines(ROWS))
    for name in (
        "web/b.jsonl",
        "web/a.jsonl",
        "web/.hidden",
        "web/c.jsonl.part",
        "web/d.tmp",
        "other/e.jsonl",
    ):
        shop.drop(name, ROWS)
    (shop.landing / "web/folder").mkdir()
    (shop.landing / "web/link.jsonl").symlink_to(outside)
    (shop.landing / "web/inside.jsonl").symlink_to(shop.landing / "web/a.jsonl")
    names = ["web/a.jsonl", "web/b.jsonl", "web/inside.jsonl"]
    assert [each.file for each in listing(source(), shop.landing)] == names
    found = list(discover(source(), shop.landing))
    assert [each.file for each in found] == names
    assert len({each.fingerprint for each in found}) == 1


def test_a_landing_folder_that_is_not_there_yet_has_no_files(shop: Shop, tmp_path: Path) -> None:
    assert listing(source(), tmp_path / "nowhere") == []
    took = shop.take_in()
    assert (took.landing.landed, took.touched, took.rejected) == ((), [], None)


def test_a_changed_file_is_another_batch(shop: Shop) -> None:
    shop.drop("web/a.jsonl", ROWS[:5])
    shop.take_in()
    shop.drop("web/a.jsonl", ROWS)
    took = shop.take_in()
    assert [each.rows for each in took.landing.landed] == [len(ROWS)]
    shop.make(took.touched)
    assert shop.table("events/web").height == len(ROWS)


def test_a_file_that_may_not_be_opened_costs_only_itself(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.open

    def guarded(path: Path, *args: object) -> object:
        if path.name == "secret.jsonl":
            raise PermissionError(13, "Permission denied")
        return plain(path, *args)  # type: ignore[call-overload]

    shop.drop("web/a.jsonl", ROWS)
    shop.drop("web/secret.jsonl", [row(50)])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", guarded)
        patch.setattr(intake, "landed_rows", refusing(intake.landed_rows))
        took = shop.take_in()
    assert [each.file for each in took.landing.landed] == ["web/a.jsonl"]
    assert "secret.jsonl cannot be read: Permission denied" in took.problems[0]
    assert [each.file for each in shop.take_in().landing.landed] == ["web/secret.jsonl"]


def refusing(read: Callable[..., object]) -> Callable[..., object]:
    """polars opens files by itself, and tests may run as a user who may open anything."""

    def landed_rows(found: Found, *rest: object) -> object:
        if found.path.name == "secret.jsonl":
            raise UnreadableFile("secret.jsonl", "Permission denied", "Let the pipeline read it")
        return read(found, *rest)

    return landed_rows


def test_two_runs_at_once_land_a_file_once(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [row(number) for number in range(20_000)])
    stamps = [RECEIVED + timedelta(minutes=minutes) for minutes in (0, 1)]
    others = [Shop(shop.folder, shop.catalog, stamp) for stamp in stamps]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(Shop.take_in, others)
    for each in others:
        each.database.close()
    assert sorted([len(first.landing.landed), len(second.landing.landed)]) == [0, 1]
    (file,) = shop.ledger.files("web").values()
    assert shop.table("landed/web")["received_at"].unique().to_list() == [file.received_at]
