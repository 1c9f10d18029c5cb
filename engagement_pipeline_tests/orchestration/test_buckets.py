"""Dates made together, in buckets, are bit by bit the dates alone in one piece: every kind of rule."""

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from engagement_pipeline_tests.orchestration.scenario import DAYS, FIRST, LAST, MAIL, PROJECT, Scenario
from engagement_pipeline_tests.orchestration.test_people import CHANGED, CRM, csv

EVERYTHING = """\
score: everything
goal: Every kind of rule at once
owner: team:web
window: 5d
decay: {half_life: 2d}
rules:
  - {event: email_opened, count: messages, implied_by: email_clicked, weight: 3, label: read}
  - {event: email_opened, count: first, weight: 2, label: first open}
  - {event: email_clicked, count: messages, rate: {per: email_opened, at_least: 2}, weight: 7, label: rate}
  - {event: page_viewed, streak: 2, weight: 4, label: streak}
  - {channel: web, weight: 1, cap: {per_day: 2}, group: much, window: 7d}
  - {event: email_opened, weight: 5, group: much, applies_to: "profile.plan = 'gold'", label: gold opens}
  - {when: "profile.plan = 'gold'", weight: 6, group: much, label: gold}
  - {event: page_viewed, weight: -3, inactive_for: 3d, label: quiet}
groups: {much: 11}
cap: 21
scale: {method: percentile, range: [1, 10], reference: live}
bands: {low: [1, 4], middle: [4, 7], high: [7, 10]}
hysteresis: 1.5
"""
SUM = """\
score: sum
goal: A composite with rules of its own
owner: team:web
window: 3d
rules:
  - {score: everything, weight: 1.5}
  - {score: browsing, weight: -0.3}
  - {event: email_clicked, weight: 1}
missing_parts: reweight
scale: {method: saturating, range: [0, 100], reference: live, population: active}
bands: {low: [0, 50], high: [50, 100]}
hysteresis: 10
"""
ABOVE = """\
score: above
goal: A composite of composites, for some
owner: team:web
rules: [{score: sum, weight: 1}, {score: everything, weight: 2}]
applies_to: "profile.plan is not null"
"""
SCORES = ("browsing", "everything", "sum", "above")
SPAN = DAYS[8:]
TABLES = [f"{kind}/{name}" for kind in ("points", "scores") for name in SCORES]
CHANGES = [f"score_changes/{name}" for name in SCORES]


def landing() -> dict[str, bytes]:
    """Sixty people, some of whom only have a profile; twenty browsers that turn out to be theirs some day."""
    drawn = random.Random(5)
    who = [f"person-{number:02}" for number in range(60)]
    browsers = [f"browser-{number:02}" for number in range(20)]
    mails, views, profiles = [], [], []
    for number in range(900):
        person = drawn.choice((*who[:50], *browsers[:5]))
        kind = drawn.choice(("open", "open", "click"))
        at = f"{drawn.choice(DAYS)}T{drawn.randrange(5, 20):02}:00:00Z"
        mails.append((f"m{number}", person, kind, at, f"letter-{drawn.randrange(12)}"))
    for number in range(500):
        browser, day = drawn.randrange(20), drawn.choice(DAYS)
        # From its own day on a browser says whose it is; some are two people's.
        user = drawn.choice(who[browser : browser + 2]) if day >= DAYS[browser % 10] else ""
        views.append((f"v{number}", browsers[browser], user, f"{day}T{drawn.randrange(5, 20):02}:30:00Z"))
    for person in (*who[10:], *browsers[15:]):
        for day in sorted(drawn.sample(DAYS, 2)):
            profiles.append((person, f"{day}T00:00:00Z", "true", drawn.choice(("gold", "silver", ""))))
    return {
        "mail/all.csv": csv("id,person,type,at,message", *mails),
        "web/all.csv": csv("id,browser,user,at", *views),
        "crm/people.csv": csv("person,at,email_ok,plan", *profiles),
    }


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    catalog = {
        **CHANGED,
        "project.yaml": PROJECT,
        "sources/mail.yaml": MAIL + "  message_id: message\n",
        "sources/doubles.yaml": None,
        "sources/crm.yaml": CRM,
        "scores/everything.yaml": EVERYTHING,
        "scores/sum.yaml": SUM,
        "scores/above.yaml": ABOVE,
        **dict.fromkeys(
            (
                "segments/readers.yaml",
                "segments/textable.yaml",
                "segments/premium.yaml",
                "campaigns/perks.yaml",
            )
        ),
    }
    scenario = Scenario.new(tmp_path_factory.mktemp("buckets"), catalog, landing())
    scenario.run("landing")
    scenario.run("event_days", FIRST, LAST)
    yield scenario
    scenario.close()


def versions(scenario: Scenario) -> dict[tuple[str, str], str]:
    """Table and date -> digest of what is stored."""
    stored = {table: scenario.bench.lake.partitions(table) for table in (*TABLES, *CHANGES)}
    return {(table, day): info.data_version for table, days in stored.items() for day, info in days.items()}


def made(measured: Scenario, folder: Path, buckets: int, *spans: tuple[date, date]) -> Scenario:
    copied = measured.copy(folder)
    copied.edit("project.yaml", "limits:", f"engine: {{buckets: {buckets}}}\nlimits:")
    for first, last in spans:
        copied.run("as_of_dates", first, None if first == last else last, only=[*TABLES, *CHANGES])
    return copied


@pytest.mark.slow
def test_many_dates_in_buckets_are_the_dates_alone_in_one_piece(measured: Scenario, tmp_path: Path) -> None:
    alone = made(measured, tmp_path / "alone", 1, *((day, day) for day in SPAN))
    want = versions(alone)
    assert {day for _, day in want} == {f"{day}" for day in SPAN}
    points, scores = alone.table("points/everything"), alone.table("scores/everything")
    given = points["contributions"].explode().struct.unnest()
    assert set(given["rule"]) == set(alone.bench.plans["everything"].keys), "every rule finds something"
    assert given.filter(given["group_loss"] != 0).height
    assert set(points["active"]) == {True, False}
    assert set(scores["state"]) == {"scored", "inactive"}
    assert alone.bench.lake.partitions("daily_messages")
    turns = {*alone.table("aliases")["valid_from"]}
    assert turns & set(SPAN[1:]), "somebody becomes somebody else within the dates"

    for folder, buckets in (("one", 1), ("four", 4)):
        together = made(measured, tmp_path / folder, buckets, (SPAN[0], SPAN[-1]))
        assert versions(together) == want, folder
        together.close()
    alone.close()
