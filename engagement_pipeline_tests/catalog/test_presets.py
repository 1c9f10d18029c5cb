"""A source that names a provider: what the preset brings, and how its own keys go before it."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.digests import source_digest
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.presets import OWN, preset, preset_names
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline_tests.catalog.folders import catalog, said

MAIL = "source: mail\nowner: team:data\npath: mail/*.jsonl\npreset: sendgrid\n"


def loaded(folder: Path, text: str) -> Catalog:
    folder.mkdir(exist_ok=True)
    return load_catalog(catalog(folder, {"sources/mail.yaml": text}))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_whole(tmp_path: Path, name: str) -> None:
    document = preset(name)
    assert document.issues == ()
    assert not OWN & (document.data or {}).keys()
    source = f"source: x\nowner: team:data\npath: x/*\npreset: {name}\n"
    found = said(catalog(tmp_path, {"sources/x.yaml": source}))
    assert [each for each in found if "warning" not in each] == []


def test_presets_go_together(tmp_path: Path) -> None:
    """A project with all providers: what several of them bring along, they say alike."""
    sources = {
        f"sources/{name}.yaml": f"source: {name}\nowner: team:data\npath: {name}/*\npreset: {name}\n"
        for name in preset_names()
    }
    found = [each for each in said(catalog(tmp_path, sources)) if "warning" not in each]
    assert found == []


def test_what_is_said_beside_a_path_keeps_the_presets_path(tmp_path: Path) -> None:
    source = loaded(tmp_path, MAIL + "events: {message_id: {case: lower}}\n").sources["mail"]
    found = source.events[0].message_id
    assert found is not None
    assert (found.path, found.case) == (["sg_message_id"], "lower")


def test_a_preset_brings_format_mappings_and_events(tmp_path: Path) -> None:
    found = loaded(tmp_path, MAIL)
    source = found.sources["mail"]
    assert (source.format, len(source.events)) == ("jsonl", 2)
    assert found.events["email_complained"].consent == "opt_out"
    # events.yaml comes first
    assert found.events["email_opened"].properties == {"category": "text"}


def test_one_line_changes_a_field_in_every_mapping(tmp_path: Path) -> None:
    source = loaded(tmp_path, MAIL + "events: {person_id: user_id}\n").sources["mail"]
    assert [each.person_id.path for each in source.events] == [["user_id"], ["user_id"]]
    assert [each.person_id.case for each in source.events] == [None, None]
    assert source.events[0].message_id == source.events[1].message_id


def test_a_providers_rows_may_stand_in_a_database(tmp_path: Path) -> None:
    rows = "database: {url_env: WAREHOUSE, table: sendgrid, watermark: loaded_at}\n"
    found = loaded(tmp_path, MAIL.replace("path: mail/*.jsonl\n", rows)).sources["mail"]
    assert found.database is not None
    assert len(found.events) == 2


def test_records_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    text = MAIL + (
        "events:\n  person_id: {constant: me}\n  event: {names: {open: email_sent}}\n"
        "  campaign_id: [a, b]\n  properties: {link: null}\nignore: {event: x}\nmachine: null\n"
    )
    source = loaded(tmp_path, text).sources["mail"]
    first = source.events[0]
    assert (first.person_id.path, first.person_id.constant, first.person_id.case) == (None, "me", "lower")
    assert (first.event.names["open"], first.event.names["click"]) == ("email_sent", "email_clicked")
    assert first.campaign_id is not None
    assert first.campaign_id.path == ["a", "b"]
    assert set(first.properties) == {"category", "reason", "mail_group"}
    assert (source.ignore, source.machine) == ({"event": ["x"]}, None)


def test_a_list_of_ones_own_replaces_the_mappings(tmp_path: Path) -> None:
    own = "events: [{person_id: a, event: {constant: email_sent}, occurred_at: t}]\n"
    assert len(loaded(tmp_path, MAIL + own).sources["mail"].events) == 1


def test_issues_stand_in_the_sources_own_lines(tmp_path: Path) -> None:
    own = "events:\n  value: each.x\n  event: {names: {open: email_opend}}\n"
    found = said(catalog(tmp_path, {"sources/mail.yaml": MAIL + own}))
    assert found == [
        (
            "sources/mail.yaml:6: 'each.x' reads an element, but the mapping has no `explode`; name the list "
            "that has the elements"
        ),
        "sources/mail.yaml:7: unknown event 'email_opend'; did you mean 'email_opened'?",
    ]


def test_a_property_that_the_projects_own_event_lacks_is_left_out(tmp_path: Path) -> None:
    own = "plan: null\n"
    found = said(catalog(tmp_path, {"sources/mail.yaml": MAIL + own}))
    assert found
    assert all("unknown event" in each and each.startswith("sources/mail.yaml:4:") for each in found)


def test_an_unknown_preset(tmp_path: Path) -> None:
    found = said(catalog(tmp_path, {"sources/mail.yaml": MAIL.replace("sendgrid", "sendgird")}))
    assert found == ["sources/mail.yaml:4: unknown preset 'sendgird'; did you mean 'sendgrid'?"]
    found = said(catalog(tmp_path, {"sources/mail.yaml": MAIL.replace("sendgrid", "zzz")}))
    assert found[0].startswith("sources/mail.yaml:4: unknown preset 'zzz'; there are: ")


def test_what_a_source_becomes_depends_on_the_merged_keys(tmp_path: Path) -> None:
    plain, changed, prose = (
        loaded(tmp_path / str(n), MAIL + more)
        for n, more in enumerate(["", "events: {person_id: user_id}\n", "description: Mails.\n"])
    )
    digests = [source_digest(each.sources["mail"], each) for each in (plain, changed, prose)]
    assert digests[0] == digests[2] != digests[1]
