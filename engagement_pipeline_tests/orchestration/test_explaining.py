"""The command `explain`: what people see, that it adds up, and who nobody is."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from engagement_pipeline.cli import app
from engagement_pipeline.core.frames import POINT
from engagement_pipeline.orchestration.explaining import explain
from engagement_pipeline.storage.index import PARTITIONS
from engagement_pipeline_tests.orchestration.drafting import at_hand as at_hand
from engagement_pipeline_tests.orchestration.scenario import DAYS, LAST, PEOPLE, READING, Scenario, mail

invoke = CliRunner().invoke
ADA, BEN = PEOPLE[:2]


def test_everybody_is_told_what_is_stored_and_it_adds_up(made: Scenario) -> None:
    stored = {name: made.table(f"scores/{name}", LAST) for name in ("buying", "reading")}
    for person in PEOPLE[:5]:
        found = explain(made.catalog, made.settings, person)
        assert found.as_of == LAST
        for row in found.scores.iter_rows(named=True):
            mine = stored[row["name"]].filter(pl.col("person_id") == person).row(0, named=True)
            assert {key: row[key] for key in ("points", "score", "band", "state")} == {
                key: mine[key] for key in ("points", "score", "band", "state")
            }
            rules = found.rules.filter(pl.col("name") == row["name"])
            if row["points"] is not None:
                assert rules["points"].sum() + row["changed_since"] == row["points"]
                lost = pl.col("decay_loss") + pl.col("cap_loss") + pl.col("group_loss")
                assert rules.filter(pl.col("gross") != pl.col("points") + lost).is_empty()


def test_the_ledger_in_the_rules_own_units(made: Scenario, at_hand: Callable[[Scenario], None]) -> None:
    at_hand(made)
    said = invoke(app, ["explain", ADA, "--score", "buying"]).output
    assert "35" in said
    assert "EUR" in said
    assert (
        "2.8514 points are more than 20 % of the reference of 2026-04-04 have, which is 2.8 on 1 to 10"
        in said
    )
    assert "low, from 1 up to 5: 2.2 below high, that is with 1.4351 points more" in said
    assert max(map(len, said.splitlines())) <= 100
    data = json.loads(invoke(app, ["explain", ADA, "--json"]).output)
    buying, reading = data["scores"]
    assert buying["points"] == pytest.approx(sum(rule["points"] for rule in buying["rules"]))
    assert reading["rules"][0]["unit"] == "events"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["kunde-ad-71"], "nobody is known as 'kunde-ad-71' on 2026-04-05; did you mean 'kunde-ada-71'?"),
        (["KUNDE-ADA-71"], "did you mean 'kunde-ada-71'?"),
        (["'; drop table scores"], "nobody is known as"),
        ([""], "nobody is known as ''"),
        ([PEOPLE[5]], "is first seen on"),
        ([ADA, "--score", "readin"], "there is no score 'readin'; did you mean 'reading'?"),
        ([ADA, "--score", "x"], "there is no score 'x'; there are buying, reading"),
        ([ADA, "--since", "2026-04-05"], "--since 2026-04-05 must be before 2026-04-05"),
        ([ADA, "--since", "2026-04-01"], "no score is stored for both 2026-04-01 and 2026-04-05"),
    ],
)
def test_what_cannot_be_explained_is_said_in_words(
    made: Scenario, at_hand: Callable[[Scenario], None], asked: list[str], said: str
) -> None:
    at_hand(made)
    result = invoke(app, ["explain", *asked])
    assert result.exit_code == 1
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_date_that_was_never_scored_is_computed(made: Scenario) -> None:
    found = explain(made.catalog, made.settings, ADA, "reading", DAYS[5])
    assert found.scores["source"].to_list() == ["computed"]
    assert found.rules["points"].sum() == found.scores["points"][0] > 0
    assert DAYS[5].isoformat() not in made.bench.lake.partitions("points/reading"), "and not stored"


def test_why_there_is_no_score(copied: Scenario) -> None:
    copied.write("scores/reading.yaml", READING.replace("plan is not null", "plan = 'silver'"))
    copied.run("as_of_dates", LAST, only=["points/reading", "scores/reading"])
    row = explain(copied.catalog, copied.settings, BEN, "reading").scores.row(0, named=True)
    assert (row["state"], row["points"]) == ("unscored", None)
    assert "profile.plan = 'silver'" in row["why"]
    assert "of this one profile.plan is 'gold'" in row["why"] or "not known" in row["why"]


def test_what_changed_since_it_was_stored_has_a_row_of_its_own(copied: Scenario) -> None:
    copied.drop("mail/late.csv", mail([("c-late", ADA, "click", f"{LAST}T07:00:00Z")]))
    copied.run("landing")
    copied.run("event_days", LAST)
    copied.write("project.yaml", (copied.folder / "catalog" / "project.yaml").read_text())
    with copied.bench.database.write() as connection:  # as if its points had gone
        connection.execute(PARTITIONS.delete().where(PARTITIONS.c.table_name == "points/reading"))
    found = explain(copied.catalog, copied.settings, ADA, "reading")
    row = found.scores.row(0, named=True)
    assert row["source"] == "recomputed"
    assert row["changed_since"] == -5 * POINT
    assert found.rules["points"].sum() + row["changed_since"] == row["points"]


def test_what_moved_between_two_dates(made: Scenario, at_hand: Callable[[Scenario], None]) -> None:
    at_hand(made)
    said = invoke(app, ["explain", ADA, "--since", DAYS[-2].isoformat()]).output
    assert "reading  11 warm → 16 warm  +5" in said
    assert "email_clicked 5 → 10" in said
    assert max(map(len, said.splitlines())) <= 100
    data = json.loads(invoke(app, ["explain", ADA, "--since", DAYS[-2].isoformat(), "--json"]).output)
    for each in data["scores"]:
        assert sum(each["score"]["by_cause"].values()) == pytest.approx(each["score"]["change"])


@pytest.mark.slow
def test_explain_starts_without_dagster(
    made: Scenario, tmp_path: Path, at_hand: Callable[[Scenario], None]
) -> None:
    at_hand(made)
    code = (
        "import sys\n"
        "from engagement_pipeline.cli import app\n"
        f"app({['explain', ADA, '--date', DAYS[4].isoformat()]!r}, standalone_mode=False)\n"
        f"app({['explain', ADA, '--since', DAYS[-2].isoformat()]!r}, standalone_mode=False)\n"
        "assert 'dagster' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
