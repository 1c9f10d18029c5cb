"""What a source says of machines, and the words for what cannot work."""

from pathlib import Path

import pytest

from engagement_pipeline_tests.catalog.folders import WEB, catalog, planted, said

MACHINE = "machine: {user_agent: agent, opened_within: 5s, delivered: email_sent}\n"
CLICKS = "machine: {clicks: {after_delivery: 2s}, delivered: email_sent, clicked: email_opened}\n"


@pytest.mark.parametrize("machine", ["machine: {user_agent: agent}\n", MACHINE, CLICKS])
def test_what_can_work_is_accepted(tmp_path: Path, machine: str) -> None:
    folder = catalog(tmp_path)
    (folder / "sources/web.yaml").write_text(WEB + "  message_id: message\n" + machine)
    assert said(folder) == []


@pytest.mark.parametrize(
    ("mapping", "machine", "message"),
    [
        (
            "  message_id: message\n",
            "machine: {opened_within: 5s}\n",
            (
                "sources/web.yaml:10: machine: delivered names the event 'email_delivered', which is not in "
                "the tracking plan; did you mean 'email_opened'?"
            ),
        ),
        (
            "  message_id: message\n",
            "machine:\n  user_agent: agent\n  opened: email_open\n",
            (
                "sources/web.yaml:12: machine: opened names the event 'email_open', which is not in the "
                "tracking plan; did you mean 'email_opened'?"
            ),
        ),
        (
            "",
            MACHINE,
            (
                "sources/web.yaml:9: machine: timings compare the events of one message, and no mapping says "
                "message_id"
            ),
        ),
        (
            "",
            "machine: {opened: email_opened}\n",
            (
                "sources/web.yaml:9: machine: `machine` needs a signal: "
                "`user_agent`, `opened_within` or `clicks`"
            ),
        ),
        (
            "",
            "machine: {clicks: {links: 3}}\n",
            (
                "sources/web.yaml:9: clicks: `links` and `link` go together: how many, and where the row "
                "says which one"
            ),
        ),
        (
            "",
            "machine: {opened_within: soon}\n",
            "sources/web.yaml:9: opened_within: 'soon' is not a number of seconds; write 5s or 2m",
        ),
    ],
)
def test_what_cannot_work_is_named(tmp_path: Path, mapping: str, machine: str, message: str) -> None:
    folder = catalog(tmp_path)
    (folder / "sources/web.yaml").write_text(WEB + mapping + machine)
    assert message in said(folder)


def test_machines_are_judged_by_events_alone(tmp_path: Path) -> None:
    found = planted(tmp_path, "sources/crm.yaml", "columns:", "machine: {user_agent: agent}\ncolumns:")
    assert found == ["sources/crm.yaml:7: `machine` judges events: map `events`, or leave it out"]
