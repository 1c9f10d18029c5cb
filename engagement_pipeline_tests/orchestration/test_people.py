"""Who is who and who may be contacted, through Dagster: what is made of it, and which dates it makes due."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from engagement_pipeline.orchestration import sensors
from engagement_pipeline.orchestration.held import held_since
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    EVENTS,
    FIRST,
    LAST,
    PERKS,
    PROJECT,
    READERS,
    Scenario,
    event_log,
    key,
    mail,
)
from engagement_pipeline_tests.orchestration.ticking import dates, ranges, tick

pytestmark = pytest.mark.slow
WEB = """\
source: web
owner: team:web
path: web/*.csv
format: csv
events: {event_id: id, person_id: browser, event: {constant: page_viewed}, occurred_at: at}
aliases: {alias: browser, person_id: user, occurred_at: at}
"""
DOUBLES = """\
source: doubles
owner: team:data
path: doubles/*.csv
format: csv
aliases: {alias: gone, person_id: kept, merges: true, occurred_at: at}
"""
CRM = """\
source: crm
owner: team:data
path: crm/*.csv
format: csv
profiles: {person_id: person, observed_at: at, consents: {email: email_ok}}
columns: {plan: text}
"""
BROWSING = """\
score: browsing
goal: Does this person visit us?
owner: team:web
window: 5d
rules:
  - {event: page_viewed, weight: 1, cap: {per_day: 1}}
  - {event: email_opened, weight: 5}
"""
CHANGED = {
    "events.yaml": EVENTS
    + "  page_viewed: {channel: web}\n  email_unsubscribed: {channel: email, consent: opt_out}\n",
    "project.yaml": PROJECT + "people: {opt_in_needed: [sms]}\n",
    "sources/mail.yaml": """\
source: mail
owner: team:lifecycle
path: mail/*.csv
format: csv
events:
  event_id: id
  person_id: person
  event: {path: type, names: {open: email_opened, unsubscribe: email_unsubscribed}}
  occurred_at: at
""",
    "sources/web.yaml": WEB,
    "sources/doubles.yaml": DOUBLES,
    "sources/crm.yaml": CRM,
    "sources/shop.yaml": None,
    "scores/browsing.yaml": BROWSING,
    "scores/reading.yaml": None,
    "scores/buying.yaml": None,
    "segments/readers.yaml": READERS.replace("band.reading = 'warm'", "points.browsing >= 1"),
    "segments/buyers.yaml": None,
    "segments/fans.yaml": None,
    "segments/textable.yaml": READERS.replace("readers", "textable").replace(
        "band.reading = 'warm'", "reachable.sms"
    ),
    "segments/premium.yaml": READERS.replace("readers", "premium").replace(
        "band.reading = 'warm'", "profile.plan = 'gold'"
    ),
    "campaigns/perks.yaml": PERKS.replace("score.reading >= 5", "score.browsing >= 5").replace("20%", "0%"),
}


def csv(header: str, *rows: tuple[object, ...]) -> bytes:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]).encode() + b"\n"


def seen(*rows: tuple[str, str, date]) -> bytes:
    """Page views from (browser, user or nothing, day)."""
    times = [(f"v{n}-{b}-{d}", b, u, f"{d}T0{n % 9}:00:00Z") for n, (b, u, d) in enumerate(rows)]
    return csv("id,browser,user,at", *times)


LANDING = {
    "web/all.csv": seen(
        *(("browser-71", "", day) for day in DAYS),
        *(("laptop-72", "kunde-ben-72", day) for day in DAYS),
    ),
    "mail/all.csv": mail([(f"o{day}", "kunde-ada-71", "open", f"{day}T09:00:00Z") for day in DAYS]),
    "doubles/none.csv": csv("gone,kept,at", ("kunde-dee-1", "kunde-dee-74", f"{DAYS[2]}T09:00:00Z")),
    "crm/all.csv": csv(
        "person,at,plan,email_ok",
        ("kunde-ada-71", f"{FIRST}T09:00:00", "gold", "yes"),
        ("kunde-dee-74", f"{FIRST}T09:00:00", "", "no"),
        ("kunde-dee-1", f"{FIRST}T09:00:00", "gold", ""),
    ),
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "now", lambda: datetime(2026, 4, 6, 4, 0, tzinfo=UTC))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Everything made, the last four dates scored. Do not change it."""
    scenario = Scenario.new(
        tmp_path_factory.mktemp("people"), {k: v for k, v in CHANGED.items() if v is not None}, LANDING
    )
    for file, text in CHANGED.items():
        if text is None:
            (scenario.folder / "catalog" / file).unlink()
    scenario.reload()
    scenario.run("landing")
    scenario.run("event_days", FIRST, LAST)
    scenario.run("as_of_dates", DAYS[-4], LAST)
    scenario.run("campaigns", LAST)
    yield scenario
    scenario.close()


@pytest.fixture
def project(known: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    """The same to change at will."""
    scenario = known.copy(tmp_path / "copy")
    yield scenario
    scenario.close()


def points(scenario: Scenario, day: date) -> dict[str, int]:
    rows = scenario.table("points/browsing", day)
    return dict(rows.select("person_id", pl.col("points") // 10_000).rows())


def land(scenario: Scenario, source: str, file: str, content: bytes) -> None:
    scenario.drop(file, content)
    spec = scenario.catalog.sources[source]
    kinds = ["landed", "rejected", *(["profiles"] if spec.profiles else [])]
    kinds += ["identities"] if spec.aliases else []
    scenario.run("landing", only=[f"{kind}/{source}" for kind in kinds])


def test_lineage_goes_by_what_sources_say(known: Scenario) -> None:
    graph = known.definitions.get_repository_def().asset_graph

    def needs(table: str) -> set[str]:
        return {each.to_user_string() for each in graph.get(key(table)).parent_keys}

    assert needs("identities/web") == {"landed/web"}
    assert needs("aliases") == {"identities/web", "identities/doubles"}
    assert needs("persons") == {"daily_measures", "profiles/crm", "aliases"}
    assert needs("consents") == {"events/mail", "events/web", "profiles/crm", "aliases"}
    assert needs("points/browsing") == {"daily_measures", "aliases"}
    assert needs("segments/textable") == {"persons", "consents"}
    assert needs("segments/premium") == {"persons"}


def test_points_of_ids_that_are_one_person_are_one_row(known: Scenario) -> None:
    assert points(known, LAST) == {"browser-71": 5, "kunde-ada-71": 25, "kunde-ben-72": 5}
    assert "laptop-72" not in known.table("scores/browsing", LAST)["person_id"]


def test_persons_before_and_after_a_merge(known: Scenario) -> None:
    rows = known.table("persons").filter(pl.col("person_id").str.contains("dee"))
    assert rows.select("person_id", "valid_from", "valid_to", "plan").rows() == [
        ("kunde-dee-1", FIRST, DAYS[2], "gold"),
        ("kunde-dee-74", FIRST, DAYS[2], None),
        ("kunde-dee-74", DAYS[2], None, "gold"),
    ]


def test_campaigns_reach_only_who_may_be_reached(project: Scenario) -> None:
    file = mail([("u1", "kunde-ben-72", "unsubscribe", f"{LAST}T09:00:00Z")])
    land(project, "mail", "mail/stop.csv", file)
    project.run("event_days", LAST, LAST)
    project.run("as_of_dates", LAST, only=["points/browsing", "scores/browsing", "segments/readers"])
    (project.folder / "catalog/campaigns/perks.yaml").rename(project.folder / "catalog/campaigns/other.yaml")
    project.edit("campaigns/other.yaml", "campaign: perks", "campaign: other")
    project.edit("campaigns/other.yaml", "path: perks", "path: other")
    project.run("campaigns", LAST)
    decided = project.table("audiences/other", LAST).select("person_id", "decision", "reason").rows()
    assert decided == [
        ("browser-71", "send", None),
        ("kunde-ada-71", "send", None),
        ("kunde-ben-72", "suppress", "no_consent"),
    ]
    consent = project.table("consents").filter(pl.col("person_id") == "kunde-ben-72").row(0, named=True)
    assert (consent["state"], consent["reason"], consent["event_id"]) == ("out", "email_unsubscribed", "u1")


def test_a_statement_restates_the_dates_on_which_it_was_known(project: Scenario) -> None:
    """Said on the last but one day, delivered later: the browser's whole past counts for its person."""
    old = points(project, DAYS[-3])
    assert tick(project, "event_days")[0] == tick(project, "as_of_dates")[0] == []
    land(project, "web", "web/login.csv", seen(("browser-71", "kunde-ada-71", DAYS[-2])))
    requests, _, _ = tick(project, "event_days")
    assert ranges(requests) == [(DAYS[-2].isoformat(), DAYS[-2].isoformat())] or len(requests) == 2
    for first, last in ranges(requests):
        project.run("event_days", date.fromisoformat(first), date.fromisoformat(last))
    requests, _, _ = tick(project, "as_of_dates")
    assert dates(requests) == [("as_of_dates", str(DAYS[-2])), ("as_of_dates", str(LAST))]
    project.run("as_of_dates", DAYS[-2], LAST)
    for day in (DAYS[-2], LAST):
        # One view a day counts, whichever id had it; five opened mails; all of it one person's.
        assert points(project, day) == {"kunde-ada-71": 30, "kunde-ben-72": 5}
    assert points(project, DAYS[-3]) == old
    assert tick(project, "as_of_dates")[0] == tick(project, "event_days")[0] == []


def test_a_late_merge_alone_makes_people_and_dates_due(project: Scenario) -> None:
    merge = csv("gone,kept,at", ("kunde-ben-72", "kunde-ada-71", f"{DAYS[-2]}T09:00:00Z"))
    land(project, "doubles", "doubles/late.csv", merge)
    requests, _, _ = tick(project, "event_days")
    assert ranges(requests) == [(LAST.isoformat(), LAST.isoformat())]
    assert {each.to_user_string() for each in requests[0].asset_selection or ()} == {
        "daily_measures",
        "aliases",
        "persons",
        "consents",
    }
    project.run("event_days", LAST, LAST, only=["daily_measures", "aliases", "persons", "consents"])
    assert dates(tick(project, "as_of_dates")[0]) == [
        ("as_of_dates", str(DAYS[-2])),
        ("as_of_dates", str(LAST)),
    ]
    project.run("as_of_dates", LAST, only=["points/browsing"])
    assert points(project, LAST) == {"browser-71": 5, "kunde-ada-71": 30}


def test_a_profile_restates_only_what_reads_the_dates_it_changes(project: Scenario) -> None:
    row = ("kunde-ben-72", f"{LAST}T09:00:00", "gold", "")
    land(project, "crm", "crm/late.csv", csv("person,at,plan,email_ok", row))
    project.run("event_days", LAST, LAST, only=["daily_measures", "aliases", "persons", "consents"])
    # The first profile of a person counts from the start: every restated date shows other people now.
    assert [day for _, day in dates(tick(project, "as_of_dates")[0])] == [str(day) for day in DAYS[-3:]]
    project.run("as_of_dates", DAYS[-3], LAST)
    assert tick(project, "as_of_dates")[0] == []
    land(
        project,
        "crm",
        "crm/same.csv",
        csv("person,at,plan,email_ok", (*row[:1], f"{LAST}T10:00:00", "gold", "")),
    )
    project.run("event_days", LAST, LAST, only=["daily_measures", "aliases", "persons", "consents"])
    assert tick(project, "as_of_dates")[0] == []  # it says what was known


def test_a_consent_restates_what_reads_consents(project: Scenario) -> None:
    project.edit(
        "sources/crm.yaml", "consents: {email: email_ok}", "consents: {email: email_ok, sms: sms_ok}"
    )
    row = ("kunde-ada-71", f"{DAYS[-2]}T09:00:00", "gold", "yes", "yes")
    land(project, "crm", "crm/sms.csv", csv("person,at,plan,email_ok,sms_ok", row))
    project.run("event_days", LAST, LAST, only=["daily_measures", "aliases", "persons", "consents"])
    requests, _, _ = tick(project, "as_of_dates")
    assert [day for _, day in dates(requests)] == [str(DAYS[-2]), str(LAST)]
    project.run("as_of_dates", DAYS[-2], LAST)
    for day in (DAYS[-2], LAST):
        assert project.table("segments/textable", day)["person_id"].to_list() == ["kunde-ada-71"]
    assert project.table("segments/textable", DAYS[-3]).is_empty()
    assert tick(project, "as_of_dates")[0] == []


def test_a_run_killed_before_it_noted_what_is_held_is_made_up_for(
    project: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held_since(project.bench, "aliases")
    merge = csv("gone,kept,at", ("kunde-ben-72", "kunde-ada-71", f"{DAYS[-2]}T09:00:00Z"))
    land(project, "doubles", "doubles/late.csv", merge)
    with monkeypatch.context() as patch:
        patch.setattr("engagement_pipeline.orchestration.assets.people.note_held", lambda *_: None)
        project.run("event_days", LAST, LAST, only=["daily_measures", "aliases", "persons", "consents"])
    assert held_since(project.bench, "aliases") == before
    assert ranges(tick(project, "event_days")[0]) == [(LAST.isoformat(), LAST.isoformat())]
    project.run("event_days", LAST, LAST, only=["daily_measures", "aliases", "persons", "consents"])
    assert tick(project, "event_days")[0] == []
    assert len(tick(project, "as_of_dates")[0]) == 2


def test_what_dagster_shows_of_people_names_nobody(known: Scenario) -> None:
    shown = {
        table: known.instance.get_latest_materialization_event(key(table))
        for table in ("aliases", "consents")
    }
    aliases, consents = (each.asset_materialization.metadata for each in shown.values() if each)
    assert aliases["ids of somebody else"].value == 2
    assert (aliases["of them merges"].value, aliases["shared devices"].value) == (1, 0)
    assert consents["by channel"] == dg.MetadataValue.md(
        "| channel | in | out |\n| --- | --- | --- |\n| email | 1 | 1 |"
    )
    assert not any(each in event_log(known) for each in ("kunde-", "browser-71", "laptop-72"))
