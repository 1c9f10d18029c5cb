"""What a source is expected to deliver: what can be said, and the words for what cannot."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.digests import source_digest
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import WEB, catalog, said

NAMED = WEB.replace("event: name", "event: {path: name, names: {open: email_opened}}")


def with_expectations(folder: Path, expects: str, source: str = NAMED) -> Path:
    (catalog(folder) / "sources/web.yaml").write_text(f"{source}expects: {expects}\n")
    return folder


@pytest.mark.parametrize(
    "expects",
    [
        "{}",
        "{days: [mon, tue, wed, thu, fri], at_least: 100, after: 1d}",
        "{share_of_usual: 30%, since: 2026-02-01}",
        "{after: 0, events: [email_opened]}",
    ],
)
def test_what_can_be_said(tmp_path: Path, expects: str) -> None:
    assert said(with_expectations(tmp_path, expects)) == []


@pytest.mark.parametrize(
    ("expects", "message"),
    [
        ("{days: [monday]}", "days"),
        ("{days: [mon, mon]}", "one of them stands there twice"),
        ("{days: []}", "days"),
        ("{at_least: 0}", "at_least"),
        ("{share_of_usual: 0}", "expects nothing; leave it out"),
        ("{share_of_usual: 130}", "share_of_usual"),
        ("{after: soon}", "'soon' is not a number of days"),
        ("{atleast: 3}", "at_least"),
        ("{events: [email_open]}", "unknown event 'email_open'; did you mean 'email_opened'?"),
        ("{since: 2027-01-01}", "lies after the project's end_date 2026-03-31"),
    ],
)
def test_what_cannot(tmp_path: Path, expects: str, message: str) -> None:
    found = said(with_expectations(tmp_path, expects))
    assert len(found) == 1
    assert found[0].startswith("sources/web.yaml:9: ")
    assert message in found[0]


def test_a_mapping_that_passes_names_through_must_say_what_it_brings(tmp_path: Path) -> None:
    (message,) = said(with_expectations(tmp_path, "{}", WEB))
    assert "pass the names of events through" in message
    assert said(with_expectations(tmp_path, "{events: [email_opened]}", WEB)) == []


def test_profiles_alone_deliver_no_events(tmp_path: Path) -> None:
    folder = catalog(tmp_path)
    crm = folder / "sources/crm.yaml"
    crm.write_text(crm.read_text() + "expects: {}\n")
    (message,) = said(folder)
    assert "`expects` counts events" in message


def test_what_is_expected_changes_no_event(tmp_path: Path) -> None:
    found = set()
    for name, expects in (("a", "{}"), ("b", "{at_least: 9}")):
        (tmp_path / name).mkdir()
        loaded = load_catalog(with_expectations(tmp_path / name, expects))
        assert loaded.sources["web"].feeds == {"email_opened"}
        found.add(source_digest(loaded.sources["web"], loaded))
    assert len(found) == 1
