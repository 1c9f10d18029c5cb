"""What sensors make of deliveries, with nobody at the keyboard: a first one, a late one, a broken one."""

from datetime import timedelta

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.orchestration import run_requests
from engagement_pipeline.orchestration.clock import now
from engagement_pipeline_tests.end_to_end.corner_shop import (
    AS_OF,
    START,
    CornerShop,
    days_between,
    failure,
    jsonl,
    mail_rows,
    web,
    web_rows,
)
from engagement_pipeline_tests.end_to_end.daemon import Daemon, Ran

pytestmark = pytest.mark.slow


def test_late_events_restate_the_last_three_dates(copied: CornerShop) -> None:
    shop, daemon = copied, Daemon(copied)
    assert [run.error for run in daemon.ticks()] == [""] * 3  # copies of files, each looked at once
    older = shop.days("as_of_dates", START.replace(day=5))
    assert older.success, failure(older)
    assert daemon.ticks() == []
    before, audience = shop.versions("scores/shopping"), shop.versions("audiences/thanks")
    rows = shop.rows("scores/shopping")

    late = [web(500, 6, "p0"), web(501, 6, "p1", "order", total=50), web(502, 6, "stranger")]
    shop.drop("web/late.jsonl", jsonl(late))

    assert daemon.ticks() == [
        Ran("landing", (), ""),
        Ran("event_days", ("2025-03-06", "2025-03-06"), ""),
        *(Ran("as_of_dates", (day,), "") for day in days_between(8, 10)),
    ]
    after = shop.versions("scores/shopping")
    assert [day for day in after if after[day] != before[day]] == days_between(8, 10)
    kept = rows.filter(rows["as_of"] < START.replace(day=8))
    restated = shop.rows("scores/shopping")
    assert_frame_equal(restated.filter(restated["as_of"] < START.replace(day=8)), kept)
    assert "stranger" in restated.filter(restated["as_of"] == START.replace(day=10))["person_id"]
    assert shop.versions("audiences/thanks") == audience  # it was delivered


def test_days_on_which_nothing_happened_are_measured_too(shop: CornerShop) -> None:
    """Missing is not zero, so a quiet day must be made like any other or no score can span it."""
    quiet = {4, 5, 8, 10}
    shop.drop("web/all.jsonl", jsonl([row for row in web_rows() if int(str(row["at"])[8:10]) not in quiet]))
    ran = Daemon(shop).ticks()
    assert [run.error for run in ran] == [""] * len(ran)
    assert set(days_between(6, 10)) <= shop.versions("daily_measures").keys()
    assert shop.versions("audiences/thanks").keys() == {AS_OF}


def test_a_broken_file_costs_only_itself_and_lands_once_it_is_mended(shop: CornerShop) -> None:
    shop.stock()
    whole = shop.drop("web/more.jsonl.gz", jsonl([web(n, 9) for n in range(600, 640)])).read_bytes()
    broken = shop.drop("web/more.jsonl.gz", b"")
    broken.write_bytes(whole[: len(whole) // 2])
    daemon = Daemon(shop)

    ran = daemon.ticks()
    errors = [run.error for run in ran if run.error]
    # Once with the others, which land, and three times by itself.
    assert [run.job for run in ran if run.error] == ["landing"] * 4
    for word in ("web/more.jsonl.gz", "cut off", "delivered again"):
        assert all(word in error for error in errors)
    assert shop.table("events/web").height == len(web_rows()) - 1
    assert shop.table("events/mail").height == len(mail_rows())
    assert shop.versions("audiences/thanks").keys() == {AS_OF}
    assert daemon.ticks() == []  # not asked for over and over, until it changes

    broken.write_bytes(whole)
    assert daemon.ticks() == [
        Ran("landing", (), ""),
        Ran("event_days", ("2025-03-09", "2025-03-09"), ""),
        Ran("as_of_dates", (AS_OF,), ""),
    ]
    assert shop.table("events/web").height == len(web_rows()) - 1 + 40


def test_a_day_s_run_that_meets_a_broken_file_is_finished_by_the_sensors(shop: CornerShop) -> None:
    shop.stock()
    shop.drop("web/torn.jsonl.gz", b"").write_bytes(b"\x1f\x8b\x08")
    daily = shop.run("daily", "2025-03-04")
    assert not daily.success
    assert shop.table("events/mail").height  # the other source was made in the same run
    ran = Daemon(shop).ticks()
    assert [run.error for run in ran if run.job != "landing"] == [""] * 3
    assert shop.table("events/web").height == len(web_rows()) - 1


def test_a_dead_run_does_not_keep_the_sensors_waiting_for_ever(
    shop: CornerShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that went down leaves runs that look as if they were going on."""
    shop.stock()
    daemon = Daemon(shop)
    daemon.tick("landed_files")
    job = shop.definitions.resolve_job_def("event_days")
    shop.instance.create_run_for_job(job, tags=job.tags, status=dg.DagsterRunStatus.STARTED)
    assert daemon.tick("event_days") == []
    monkeypatch.setattr(run_requests, "now", lambda: now() + timedelta(hours=7))
    assert daemon.tick("event_days") == [Ran("event_days", ("2025-03-01", "2025-03-10"), "")]
