"""Ticks of the sensor that looks for files, against real folders and the ledger."""

from collections.abc import Callable

import dagster as dg
import pytest

from engagement_pipeline.ingestion.people import people_tables
from engagement_pipeline.orchestration import sensors
from engagement_pipeline_tests.orchestration.scenario import PEOPLE, Scenario, key, mail
from engagement_pipeline_tests.orchestration.ticking import failed, tick

OPEN = ("o1", PEOPLE[0], "open", "2026-04-01T08:00:00Z")
NOTHING = "every file that is there was landed"


def sources(requests: list[dg.RunRequest]) -> list[str]:
    for each in requests:
        (name,) = {path.path[1] for path in each.asset_selection or []}
        assert {key(f"landed/{name}"), key(f"rejected/{name}")} <= set(each.asset_selection or [])
    return [str(each.run_key).split(":")[2] for each in requests]


def land(project: Scenario, *names: str) -> None:
    kinds = {name: ("landed", "rejected", *people_tables(project.catalog.sources[name])) for name in names}
    tables = [f"{kind}/{name}" for name in names for kind in kinds[name]]
    project.run("landing", only=tables)


@pytest.fixture
def looked(copied: Scenario) -> Scenario:
    """All landed. The files of a copy look new, although their bytes are known."""
    land(copied, "crm", "mail", "shop")
    return copied


def test_every_source_with_files_is_asked_for_until_they_landed(project: Scenario) -> None:
    requests, _, cursor = tick(project, "landed_files")
    assert sorted(sources(requests)) == ["crm", "mail", "shop"]
    again, _, _ = tick(project, "landed_files", cursor)
    # Dagster starts a run key only once, whatever became of the cursor.
    assert {each.run_key for each in again} == {each.run_key for each in requests}
    land(project, "crm", "mail", "shop")
    assert tick(project, "landed_files", cursor)[:2] == ([], NOTHING)
    assert tick(project, "landed_files")[:2] == ([], NOTHING)


def test_a_changed_file_asks_for_its_source_alone(made: Scenario, looked: Scenario) -> None:
    assert tick(looked, "landed_files")[0] == []
    looked.drop("mail/all.csv", mail([OPEN]))
    assert sources(tick(looked, "landed_files")[0]) == ["mail"]
    looked.drop("mail/all.csv", (made.settings.landing / "mail/all.csv").read_bytes())
    assert sources(tick(looked, "landed_files")[0]) == ["mail"], "its bytes are known once they are read"
    land(looked, "mail")
    assert tick(looked, "landed_files")[0] == []


def test_unfinished_files_wait(looked: Scenario) -> None:
    looked.drop("mail/more.csv.part", b"id,per")
    looked.drop("mail/.hidden.csv", b"id,per")
    assert tick(looked, "landed_files")[:2] == ([], NOTHING)


def test_a_refused_file_is_tried_three_times_and_again_once_the_mapping_is_mended(looked: Scenario) -> None:
    looked.drop("mail/odd.csv", mail([(f"n{n}", PEOPLE[0], "bounce", OPEN[3]) for n in range(9)]))
    keys = []
    for _ in range(3):
        (request,) = tick(looked, "landed_files")[0]
        keys.append(request.run_key)
        looked.run("landing", only=["landed/mail", "rejected/mail"], ok=False)
        failed(looked, request, "landing")
    assert len(set(keys)) == 3
    assert tick(looked, "landed_files")[:2] == ([], sensors.GIVEN_UP)
    looked.edit(
        "events.yaml", "  email_sent:", "  email_bounced: {channel: email, chosen: false}\n  email_sent:"
    )
    looked.edit("sources/mail.yaml", "sent: email_sent", "sent: email_sent, bounce: email_bounced")
    assert sources(tick(looked, "landed_files")[0]) == ["mail"]
    land(looked, "mail")
    assert tick(looked, "landed_files")[:2] == ([], NOTHING)


def test_a_refused_file_that_was_taken_away_is_forgotten(looked: Scenario) -> None:
    rows = mail([(f"n{n}", PEOPLE[0], "bounce", OPEN[3]) for n in range(9)])
    keys = set()
    for _ in range(2):
        bad = looked.drop("mail/odd.csv", rows)
        looked.run("landing", only=["landed/mail", "rejected/mail"], ok=False)
        bad.unlink()
        (request,) = tick(looked, "landed_files")[0]
        keys.add(request.run_key)
        land(looked, "mail")
        assert not looked.bench.ledger.failed("mail")
        assert tick(looked, "landed_files")[:2] == ([], NOTHING)
    assert len(keys) == 2, "Dagster starts a run key only once"


def test_a_tick_ends_in_time_and_the_next_goes_on_behind_it(
    project: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "TICK_SECONDS", -1.0)
    assert tick(project, "landed_files")[0] == []
    times = iter(range(1000))
    monkeypatch.setattr(sensors, "monotonic", lambda: next(times) * 10.0)
    monkeypatch.setattr(sensors, "TICK_SECONDS", 15.0)
    asked, cursor = [], None
    for _ in range(4):
        requests, _, cursor = tick(project, "landed_files", cursor)
        asked.append(sources(requests))
    assert asked == [["crm"], ["mail"], ["shop"], ["crm"]]
    assert cursor == "crm"


def test_a_place_that_cannot_be_looked_at_holds_no_other_up(
    project: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    look: Callable[..., object] = sensors.unknown_files

    def guarded(source: object, *rest: object) -> object:
        if source.source == "crm":  # type: ignore[attr-defined]
            raise sensors.StoreUnreachable("the store does not answer")
        return look(source, *rest)

    monkeypatch.setattr(sensors, "unknown_files", guarded)
    assert sources(tick(project, "landed_files")[0]) == ["mail", "shop"]
