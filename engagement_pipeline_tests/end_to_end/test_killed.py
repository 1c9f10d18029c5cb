"""A run killed with SIGKILL where it hurts most: what was stored stays, and the next run makes it good."""

import time

import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.storage import locks
from engagement_pipeline_tests.end_to_end import killed
from engagement_pipeline_tests.end_to_end.corner_shop import (
    TABLES,
    CornerShop,
    csv,
    failure,
    jsonl,
    mail_rows,
    web_rows,
)
from engagement_pipeline_tests.processes import kill_when

pytestmark = pytest.mark.slow

MAIL = {"events/mail", "conflicts/mail"}
MOMENTS: dict[str, set[str]] = {
    "landing": set(),
    "staging": MAIL,
    "commit": {*MAIL, "events/web", "conflicts/web"},
}
"""Where a run is killed, and the tables that it may have finished by then."""
EVENTS = [
    name for name in TABLES if name.split("/")[0] in ("events", "conflicts", "daily_measures", "persons")
]


def test_three_runs_are_killed_and_the_next_works_as_if_nothing_had_been(
    stocked: CornerShop, shop: CornerShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stock()
    shop.drop("web/all.jsonl", jsonl(web_rows()[::2]))
    shop.drop("mail/all.csv", csv(mail_rows()[::2]))
    for result in (shop.run("landing"), shop.days("event_days")):
        assert result.success, failure(result)
    old = {name: (shop.bench.lake.version(name), shop.rows(name)) for name in EVENTS}
    # A line that is rejected, so that the landing has more than one table to commit.
    shop.drop("web/rest.jsonl", jsonl(web_rows()[1::2]) + b"{\n")
    shop.drop("mail/rest.csv", csv(mail_rows()[1::2]))

    for number, (moment, done) in enumerate(MOMENTS.items()):
        stalled = shop.folder / "stalled"
        stalled.unlink(missing_ok=True)
        kill_when(stalled.exists, killed.run, shop.folder, moment, number * (locks.LEASE_SECONDS + 1))
        for name in set(EVENTS) - done:
            version, rows = old[name]
            assert shop.bench.lake.version(name) == version, (moment, name)
            assert_frame_equal(shop.rows(name), rows)

    clock, later = time.time, len(MOMENTS) * (locks.LEASE_SECONDS + 1)
    monkeypatch.setattr(locks.time, "time", lambda: clock() + later)
    for result in (shop.run("landing"), shop.days("event_days")):
        assert result.success, failure(result)
    for name in EVENTS:
        assert_frame_equal(shop.rows(name), stocked.rows(name))
        assert shop.versions(name) == stocked.versions(name)
    assert shop.table("rejected/web")["rule"].to_list() == ["malformed_row"]
