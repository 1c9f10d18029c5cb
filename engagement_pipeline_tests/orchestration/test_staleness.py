"""Editing a definition marks what depends on it as unsynced, and nothing else."""

from collections.abc import Iterator

import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from engagement_pipeline_tests.orchestration.scenario import FIRST, LAST, PEOPLE, Scenario, mail

DATA = ("landed", "rejected", "events", "daily_measures", "persons")


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Everything made once, all of it as of the last day. Edits are taken back by `edited`."""
    scenario = Scenario.new(tmp_path_factory.mktemp("synced"))
    scenario.run("landing")
    scenario.run("event_days", FIRST, LAST)
    scenario.run("refit", LAST)
    scenario.run("campaigns", LAST)
    yield scenario
    scenario.close()


def unsynced(scenario: Scenario) -> set[str]:
    """Assets that Dagster shows as unsynced, on the last day where they have days."""
    graph = scenario.definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(scenario.instance, graph, LoadingContextForTest(scenario.instance))
    found = set()
    for each in graph.materializable_asset_keys:
        day = LAST.isoformat() if graph.get(each).is_partitioned else None
        status = resolver.get_status(each, day)
        assert status is not StaleStatus.MISSING, each
        if status is StaleStatus.STALE:
            found.add(each.to_user_string())
    return found


def after(scenario: Scenario, file: str, old: str, new: str) -> set[str]:
    """What an edit marks; the edit is taken back."""
    path = scenario.folder / "catalog" / file
    text = path.read_text(encoding="utf-8")
    scenario.edit(file, old, new)
    try:
        return unsynced(scenario)
    finally:
        scenario.write(file, text)


def test_everything_is_synced_at_first(synced: Scenario) -> None:
    assert unsynced(synced) == set()


READERS = {"segments/readers", "segments/fans", "audiences/perks", "deliveries/perks"}
READING = {"scores/reading", "score_changes/reading", *READERS}
FITTED = {"points/buying", "references/buying"}
BUYING = {"scores/buying", "score_changes/buying", "segments/buyers", "segments/fans"}


@pytest.mark.parametrize(
    ("file", "old", "new", "marked"),
    [
        ("scores/reading.yaml", "weight: 5", "weight: 6", READING | {"points/reading"}),
        ("scores/reading.yaml", "window: 3d", "window: 4d", READING | {"points/reading"}),
        ("scores/reading.yaml", "[null, 3], warm: [3, null]", "[null, 4], warm: [4, null]", READING),
        (
            "scores/buying.yaml",
            "half_life: 4d",
            "half_life: 5d",
            BUYING | {"points/buying", "references/buying"},
        ),
        ("scores/buying.yaml", "low: [1, 5], high: [5, 10]", "low: [1, 6], high: [6, 10]", BUYING),
        ("segments/readers.yaml", "'warm'", "'cold'", READERS),
        ("segments/fans.yaml", "segment.readers and", "segment.readers or", {"segments/fans"}),
        ("campaigns/perks.yaml", "holdout: 20%", "holdout: 30%", {"audiences/perks", "deliveries/perks"}),
    ],
)
def test_an_edit_marks_exactly_what_depends_on_it(
    synced: Scenario, file: str, old: str, new: str, marked: set[str]
) -> None:
    assert after(synced, file, old, new) == marked


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("scores/reading.yaml", "goal: Is this person reading our emails?", "goal: Do they read us?"),
        ("scores/buying.yaml", "owner: team:shop", "owner: ada@example.com"),
        ("segments/readers.yaml", "owner: team:lifecycle", "owner: team:shop\ndescription: They read."),
        ("campaigns/perks.yaml", "goal: Thank those who read", "goal: Thanks"),
        ("sources/mail.yaml", "description: The mail provider's export.", "description: Mails."),
        ("scores/reading.yaml", "rules:\n", "# a comment\nrules:\n"),
    ],
)
def test_prose_marks_nothing(synced: Scenario, file: str, old: str, new: str) -> None:
    assert after(synced, file, old, new) == set()


def test_a_new_score_marks_no_other(synced: Scenario) -> None:
    new = synced.folder / "catalog/scores/orders.yaml"
    text = (synced.folder / "catalog/scores/buying.yaml").read_text(encoding="utf-8")
    synced.write("scores/orders.yaml", text.replace("score: buying", "score: orders"))
    try:
        graph = synced.definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(synced.instance, graph, LoadingContextForTest(synced.instance))
        status = {
            each.to_user_string(): resolver.get_status(
                each, LAST.isoformat() if graph.get(each).is_partitioned else None
            )
            for each in graph.materializable_asset_keys
        }
    finally:
        new.unlink()
        synced.reload()
    assert {name for name, found in status.items() if found is not StaleStatus.FRESH} == {
        "points/orders",
        "references/orders",
        "scores/orders",
        "score_changes/orders",
    }


def test_late_data_marks_what_reads_it_and_a_rerun_without_change_nothing(
    synced: Scenario,
) -> None:
    """Last, because it adds to the shared project."""
    points = {"points/reading", "points/buying"}
    synced.run("event_days", LAST)  # a day on its own, after which its version is its own
    synced.run("as_of_dates", LAST, only=points)
    before = unsynced(synced)
    assert not before & points
    synced.run("event_days", LAST)
    assert unsynced(synced) == before
    synced.drop("mail/late.csv", mail([("z1", PEOPLE[5], "open", f"{LAST}T08:00:00Z")]))
    synced.run("landing", only=["landed/mail", "rejected/mail"])
    assert unsynced(synced) - before == {"events/mail", "source_health"}
    synced.run("event_days", LAST)
    assert unsynced(synced) - before >= points
    assert not {name for name in unsynced(synced) if name.startswith(DATA)}


def test_newer_points_mark_their_reference_and_nothing_that_reads_it(made: Scenario) -> None:
    """The made project was fitted a day earlier: that a refit is possible is all that shows."""
    assert unsynced(made) == {"references/buying"}
