"""Presets against the examples that providers themselves document."""

import json
from pathlib import Path

import pytest

from engagement_pipeline_tests.ingestion.providers import through

FIXTURES = Path(__file__).parents[3] / "shared" / "data" / "fixtures"
SENDGRID = "source: mail\nowner: team:data\npath: mail/*.jsonl\npreset: sendgrid\n"


def bodies(provider: str) -> list[object]:
    """What the provider posted: each line of the example files wraps one body."""
    folder = FIXTURES / provider
    if not folder.is_dir():
        pytest.skip(f"the folder with the examples of {provider} is not on this machine")
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    return [json.loads(line)["payload"] for line in lines]


def test_sendgrid(tmp_path: Path) -> None:
    found = through(tmp_path, SENDGRID, bodies("sendgrid"), "mail")
    counts = dict(found.events["event"].value_counts().iter_rows())
    assert counts["email_opened"] >= 6
    assert counts["email_clicked"] >= 3
    assert (counts["email_bounced"], counts["email_blocked"]) == (3, 2)
    assert {"email_sent", "email_delivered", "email_deferred", "email_dropped"} <= counts.keys()
    assert {"email_complained", "email_unsubscribed"} <= counts.keys()
    assert {"email_group_unsubscribed", "email_group_resubscribed"} <= counts.keys()
    assert set(found.events["channel"]) == {"email"}
    assert found.events.filter(event="email_clicked")["link"].null_count() == 0
    assert found.events.filter(category="cat facts").height >= 10
    assert found.events.filter(category="tag1").height >= 1
    # Among the examples stand bodies of other calls, and one that counts its milliseconds.
    assert found.rejected["rule"].value_counts(sort=True).rows() == [
        ("unmapped_row", 4),
        ("unreadable_time", 1),
    ]


def test_sendgrid_by_an_argument_of_ones_own(tmp_path: Path) -> None:
    rows: list[object] = [
        {"sg_event_id": "1", "event": "open", "email": "A@x.org", "customer": "c7", "timestamp": 1775037600,
         "sg_machine_open": True, "sg_message_id": "m"},
        {"sg_event_id": "2", "event": "bounce", "type": "blocked", "email": "a@x.org", "customer": "c7",
         "timestamp": 1775037600, "reason": "full"},
    ]  # fmt: skip
    columns = ["event_id", "person_id", "event", "is_machine", "message_id", "reason"]
    found = through(tmp_path, SENDGRID + "events: {person_id: customer}\n", rows, "mail")
    assert found.events.select(columns).rows() == [
        ("1", "c7", "email_opened", True, "m", None),
        ("2", "c7", "email_blocked", False, None, "full"),
    ]
    assert through(tmp_path, SENDGRID, rows, "mail").events["person_id"].to_list() == ["a@x.org"] * 2
