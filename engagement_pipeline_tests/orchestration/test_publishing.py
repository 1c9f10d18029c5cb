"""Publishing: versions with what changed, limits that hold, words that stay, old versions computed again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.cli import app
from engagement_pipeline.orchestration import publishing
from engagement_pipeline.orchestration.old_versions import version_scores
from engagement_pipeline.orchestration.publishing import OverTheLimits, publish
from engagement_pipeline.storage.published import NoSuchVersion, newest, versions
from engagement_pipeline_tests.orchestration.drafting import at_hand as at_hand
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    LAST,
    PROJECT,
    READING,
    Scenario,
    failures,
)

invoke = CliRunner().invoke
AT = datetime(2026, 4, 6, 9, tzinfo=UTC)
HARSH = READING.replace("cold: [null, 3], warm: [3, null]", "cold: [null, 100], warm: [100, null]")


def published(scenario: Scenario, acknowledged: str | None = None) -> publishing.Published:
    return publish(scenario.folder / "catalog", scenario.settings, AT, "ada", acknowledged)


def test_versions_are_recorded_with_what_changed(copied: Scenario) -> None:
    first = published(copied)
    assert [(each.kind, each.name, each.version, each.changes) for each in first.versions] == [
        ("score", "buying", 1, ("new",)),
        ("score", "reading", 1, ("new",)),
        ("segment", "buyers", 1, ("new",)),
        ("segment", "readers", 1, ("new",)),
        ("segment", "fans", 1, ("new",)),
        ("campaign", "perks", 1, ("new",)),
    ]
    assert first.preview is None
    assert published(copied).versions == (), "nothing changed since"
    copied.edit("scores/reading.yaml", "weight: 5}", "weight: 6}")
    copied.edit("scores/buying.yaml", "goal: How much", "goal: Just how much")
    (path := copied.folder / "catalog/segments/fans.yaml").unlink()
    again = published(copied)
    assert [(each.name, each.version, each.changes) for each in again.versions] == [
        ("reading", 2, ("weight of email_clicked 5 → 6",)),
        ("fans", 2, ("removed",)),
    ]
    assert again.preview is not None
    assert again.preview.as_of == LAST
    now = newest(copied.bench.database)
    assert ("segment", "fans") not in now
    assert now["score", "reading"].publication.by == "ada"
    assert now["score", "reading"].publication.at == AT
    path.write_text((copied.folder / "catalog/segments/readers.yaml").read_text().replace("readers", "fans"))
    assert [(each.name, each.version) for each in published(copied).versions] == [("fans", 3)]


def test_above_the_limits_it_takes_words(copied: Scenario) -> None:
    published(copied)
    copied.write("scores/reading.yaml", HARSH)
    with pytest.raises(OverTheLimits) as refused:
        published(copied)
    assert "100.0% of 4 people change band" in str(refused.value)
    assert "campaign perks" in str(refused.value)
    assert len(versions(copied.bench.database, "score", "reading")) == 1, "nothing was published"
    done = published(copied, "agreed on with the lifecycle team")
    (version,) = done.versions
    stored = versions(copied.bench.database, "score", "reading")[-1]
    assert stored == version
    assert stored.publication.acknowledged == "agreed on with the lifecycle team"
    assert stored.publication.exceeded == tuple(refused.value.exceeded)
    assert stored.publication.as_of == LAST
    copied.edit("scores/reading.yaml", "weight: 2,", "weight: 2.5,")
    (quiet,) = published(copied, "words that were not needed").versions
    assert quiet.publication.acknowledged is None


@pytest.mark.slow
def test_what_cannot_be_compared_takes_words_too(copied: Scenario) -> None:
    published(copied)
    events = (copied.folder / "catalog/events.yaml").read_text()
    copied.write("events.yaml", events.replace("email_clicked:", "email_tapped:"))
    copied.write(
        "sources/mail.yaml",
        (copied.folder / "catalog/sources/mail.yaml").read_text().replace("email_clicked", "email_tapped"),
    )
    copied.write("scores/reading.yaml", READING.replace("email_clicked", "email_tapped"))
    with pytest.raises(
        OverTheLimits, match="could not be compared with what is published: the published score"
    ):
        published(copied)
    assert published(copied, "the provider calls it so now").versions[0].version == 2


def test_before_anything_is_stored_nobody_can_be_moved(project: Scenario) -> None:
    published(project)
    project.write("scores/reading.yaml", HARSH)
    assert [each.version for each in published(project).versions] == [2]


@pytest.mark.slow
def test_an_old_version_gives_the_rows_it_gave(copied: Scenario) -> None:
    published(copied)
    before = {table: copied.table(f"{table}/reading", LAST) for table in ("scores", "points")}
    folder = copied.folder / "catalog"
    text = READING.replace("- {event: email_clicked, weight: 5}", "- {event: email_sent, weight: -1}")
    copied.write("scores/reading.yaml", text.replace("window: 3d", "window: 2d"))
    published(copied, "a test")
    copied.run("event_days", DAYS[-2], LAST, only=["daily_measures"])
    copied.run("as_of_dates", LAST, only=["points/reading", "scores/reading"])
    after = copied.table("scores/reading", LAST)
    delta = copied.bench.lake.version("scores/reading")
    old = version_scores(folder, copied.settings, "reading", 1, LAST)
    for table, rows in (("scores", old.scores), ("points", old.points)):
        assert_frame_equal(rows, before[table].sort("person_id"))
    assert old.days == 2
    assert ["email_clicked" in measure for measure in old.not_stored] == [True]
    now = version_scores(folder, copied.settings, "reading", None)
    assert_frame_equal(now.scores, after.sort("person_id"))
    assert copied.bench.lake.version("scores/reading") == delta
    with pytest.raises(NoSuchVersion, match="score reading has no version 7: published are 1, 2"):
        version_scores(folder, copied.settings, "reading", 7)


@pytest.mark.slow
def test_only_what_is_published_is_delivered_where_a_project_says_so(copied: Scenario) -> None:
    copied.write("project.yaml", PROJECT + "publish: {required: true}\n")
    copied.write(
        "campaigns/perks.yaml",
        (copied.folder / "catalog/campaigns/perks.yaml").read_text().replace("path: perks", "path: other"),
    )
    result = copied.run("campaigns", LAST, ok=False)
    why = failures(result)["deliveries__perks"]
    assert "not published as they stand now are score reading, segment readers, campaign perks" in why
    assert copied.table("audiences/perks", LAST).height == 4, "it is decided, so that one can look at it"
    assert not (copied.settings.exports / "other").exists()
    published(copied)
    copied.run("campaigns", LAST)
    assert list((copied.settings.exports / "other").rglob("*.csv"))
    copied.edit("scores/reading.yaml", "weight: 5}", "weight: 6}")
    copied.run("campaigns", LAST, only=["deliveries/perks"], ok=False)


def test_the_commands(copied: Scenario, tmp_path: Path, at_hand: Callable[[Scenario], None]) -> None:
    at_hand(copied)
    assert "nothing was published yet" in invoke(app, ["versions"]).stdout
    assert "nothing to compare with" in invoke(app, ["publish"]).stdout
    assert "everything is published as it stands" in invoke(app, ["publish"]).stdout
    copied.write("scores/reading.yaml", HARSH)
    folder = str(copied.folder / "catalog")
    beside = invoke(app, ["preview", folder])
    assert "against what is published" in " ".join(beside.stdout.split())
    refused = invoke(app, ["publish"])
    assert refused.exit_code == 1
    assert "100.0% of 4 people change band" in refused.output
    assert "--acknowledge" in refused.output
    assert invoke(app, ["publish", "--acknowledge", " "]).exit_code == 1
    assert invoke(app, ["publish", "--acknowledge", "the team agreed"]).exit_code == 0
    listed = invoke(app, ["versions", "reading"]).stdout
    for words in ("band warm starts at 100, was 3", "the team agreed", "over 4 limits"):
        assert words in " ".join(listed.split()), words
    assert "did you mean 'reading'?" in invoke(app, ["versions", "raeding"]).stdout
    rows = json.loads(invoke(app, ["versions", "--json"]).stdout)
    assert [row["version"] for row in rows if row["name"] == "reading"] == [1, 2]
    file = tmp_path / "old.parquet"
    shown = invoke(app, ["versions", "reading", "--version", "1", "--save", str(file)])
    assert shown.exit_code == 0, shown.output
    assert "version 1" in shown.stdout
    assert "active" in shown.stdout
    assert_frame_equal(pl.read_parquet(file), copied.table("scores/reading", LAST).sort("person_id"))
    for wrong in (
        ["--version", "1"],
        ["reading", "--save", "x.csv"],
        ["reading", "--version", "1", "--save", "x.doc"],
    ):
        assert invoke(app, ["versions", *wrong]).exit_code == 1


def test_who_publishes_is_whom_git_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "config").write_text("[user]\n\tname = Ada of the team\n")
    assert publishing.who(tmp_path) == "Ada of the team"
    (tmp_path / "config").write_text("")
    monkeypatch.setattr(publishing.getpass, "getuser", lambda: "ada")
    assert publishing.who(tmp_path) == "ada"
    monkeypatch.setenv("PATH", "")

    def nobody() -> str:
        raise OSError

    monkeypatch.setattr(publishing.getpass, "getuser", nobody)
    assert publishing.who(tmp_path) is None


def test_a_publication_of_somebody_else_in_between_is_noticed(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = publishing.pending

    def overtaken(*args: object) -> object:
        found = whole(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(publishing, "pending", whole)
        published(copied)
        return found

    monkeypatch.setattr(publishing, "pending", overtaken)
    with pytest.raises(publishing.published.PublishedMeanwhile, match="by somebody else meanwhile"):
        published(copied)
    assert len(versions(copied.bench.database, "score", "reading")) == 1
    assert publishing.frame(copied.bench.database)["version"].to_list() == [1] * 6
    assert load_catalog(copied.folder / "catalog").scores.keys() == {"reading", "buying"}
