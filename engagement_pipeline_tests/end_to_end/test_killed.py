"""A run killed with SIGKILL where it hurts most: what was stored stays, and the next run makes it good."""

import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.storage import locks
from engagement_pipeline_tests.end_to_end.conftest import Open
from engagement_pipeline_tests.end_to_end.corner_shop import (
    TABLES,
    CornerShop,
    csv,
    failure,
    jsonl,
    mail_rows,
    web_rows,
)

EVENTS = [
    name for name in TABLES if name.split("/")[0] in ("events", "conflicts", "daily_measures", "persons")
]


@pytest.mark.parametrize("moment", ["landing", "staging", "commit"])
def test_the_next_run_works_as_if_nothing_had_been(
    stocked: CornerShop, open_shop: Open, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop()
    shop.stock()
    shop.drop("web/all.jsonl", jsonl(web_rows()[::2]))
    shop.drop("mail/all.csv", csv(mail_rows()[::2]))
    for result in (shop.run("landing"), shop.days("event_days")):
        assert result.success, failure(result)
    old = {name: (shop.bench.lake.version(name), shop.rows(name)) for name in EVENTS}
    # A line that is rejected, so that the landing has more than one table to commit.
    shop.drop("web/rest.jsonl", jsonl(web_rows()[1::2]) + b"{\n")
    shop.drop("mail/rest.csv", csv(mail_rows()[1::2]))

    _kill_when_stalled(shop.folder, moment)

    touched = {"landing": set(), "staging": {"events/mail", "conflicts/mail"}}.get(
        moment, {"events/web", "events/mail", "conflicts/web", "conflicts/mail"}
    )
    for name in set(EVENTS) - touched:
        version, rows = old[name]
        assert shop.bench.lake.version(name) == version
        assert_frame_equal(shop.rows(name), rows)
    with dg.DagsterInstance.local_temp(str(shop.folder / "dagster")) as instance:
        assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])) == 1

    later = time.time() + locks.LEASE_SECONDS + 1  # as if the lease of the dead had run out
    monkeypatch.setattr(locks.time, "time", lambda: later)
    for result in (shop.run("landing"), shop.days("event_days")):
        assert result.success, failure(result)
    for name in EVENTS:
        assert_frame_equal(shop.rows(name), stocked.rows(name))
        assert shop.versions(name) == stocked.versions(name)
    assert shop.table("rejected/web")["rule"].to_list() == ["malformed_row"]


def _kill_when_stalled(folder: Path, moment: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "engagement_pipeline_tests.end_to_end.killed", str(folder), moment],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 60
        while not (folder / "stalled").exists():
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
