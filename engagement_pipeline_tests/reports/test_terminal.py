import io

import polars as pl
import pytest
from rich.console import Console, RenderableType

from engagement_pipeline.catalog.specs import Campaign
from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.drift import Drift
from engagement_pipeline.reports import terminal
from engagement_pipeline_tests.reports.test_bands import SCORE, SCORES

CAMPAIGN = Campaign.model_validate(
    {
        "campaign": "perks",
        "goal": "Thank the most engaged.",
        "owner": "team:mail",
        "audience": {"include": ["loyal"], "exclude": ["recent_buyers"]},
        "channel": "email",
        "variants": [{"message": "extra_perks"}],
    }
)
STEPS = pl.DataFrame(
    {
        "step": ["candidates", "excluded: recent_buyers", "no_variant", "holdout", "send: extra_perks"],
        "people": [1000, 400, 0, 100, 500],
    }
)


def shown(what: RenderableType, width: int = 120) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None, legacy_windows=False).print(what)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def line_with(lines: list[str], text: str) -> str:
    (found,) = [line for line in lines if text in line]
    return found


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0, "    "), (1, "████"), (0.5, "██  "), (0.53125, "██▏ "), (0.001, "▏   "), (2, "████"), (-1, "    ")],
)
def test_bars_are_exact_to_an_eighth_and_never_empty_for_somebody(share: float, drawn: str) -> None:
    assert terminal.bar(share, 4) == drawn


def test_a_score_shows_its_bands_and_who_is_not_scored() -> None:
    lines = shown(terminal.score_block(SCORE, SCORES))
    assert lines[:2] == ["email", "Reads our mails?"]
    assert line_with(lines, "low").split() == ["low", "█" * terminal.BAR, "3", "75%"]
    assert line_with(lines, "medium").split() == ["medium", "0", "0%"]
    assert line_with(lines, "not scored").split() == ["not", "scored", "1"]


def test_a_score_without_bands_shows_its_spread() -> None:
    plain = SCORE.model_copy(update={"bands": {}})
    assert "4 people, from 0 to 9, the middle one 2" in shown(terminal.score_block(plain, SCORES))
    assert "nobody has a score" in shown(terminal.score_block(plain, SCORES.clear()))


def test_a_waterfall_falls_from_all_candidates_to_nobody() -> None:
    lines = shown(terminal.waterfall_block(CAMPAIGN, STEPS))
    bars = [line[22 : 22 + terminal.BAR] for line in lines[2:]]
    assert [bar.count("█") for bar in bars] == [22, 9, 0, 2, 11]
    assert bars[1].endswith("█")
    # Every step begins where the one after it ends.
    assert len(bars[4].rstrip()) == bars[3].index("█")
    assert bars[4].startswith("█")
    assert line_with(lines, "recent buyers").split()[-2:] == ["400", "40%"]
    assert line_with(lines, "extra perks").startswith("→")


def test_an_audience_of_nobody_is_shown_all_the_same() -> None:
    lines = shown(terminal.waterfall_block(CAMPAIGN, STEPS.with_columns(people=pl.lit(0))))
    assert line_with(lines, "candidates").split() == ["candidates", "0", "0%"]


def test_sources_are_added_up() -> None:
    counts = pl.DataFrame(
        {
            "source": ["web", "crm"],
            "files": [13, 2],
            "landed": [1200, 10],
            "events": [1000, None],
            "rejected": [7, 1],
        }
    )
    lines = shown(terminal.events_by_source(counts))
    assert line_with(lines, "crm").split() == ["crm", "2", "10", "1"]
    assert line_with(lines, "all").split() == ["all", "15", "1,210", "1,000", "8"]
    assert line_with(shown(terminal.events_by_source(counts.clear())), "all").split()[1:] == ["0"] * 4
    again = "Rows that are neither events nor rejected"
    assert any(line.startswith(again) for line in lines)
    adds_up = counts.with_columns(events=pl.Series([1193, None]))
    assert not any(line.startswith(again) for line in shown(terminal.events_by_source(adds_up)))


def test_rejected_rows_are_named_by_rule_most_first_in_one_line_each() -> None:
    rejected = pl.DataFrame(
        {
            "source": ["web", "app"],
            "rule": ["malformed_row", "unknown_event"],
            "rows": [5, 1200],
            "reason": ["[bold]not JSON", "a very long reason " * 20],
        }
    )
    lines = [
        line for line in shown(terminal.rejected_by_rule(rejected), 80) if "web" in line or "app" in line
    ]
    assert [line.split()[:3] for line in lines] == [
        ["unknown_event", "app", "1,200"],
        ["malformed_row", "web", "5"],
    ]
    # What a provider wrote is text, never markup.
    assert "[bold]not JSON" in lines[1]
    assert shown(terminal.rejected_by_rule(rejected.clear())) == ["no row was rejected"]


def test_segments_are_measured_against_all_persons() -> None:
    sizes = pl.DataFrame({"segment": ["loyal", "gone"], "people": [3, 900]})
    lines = shown(terminal.segment_sizes(sizes, 1000))
    assert line_with(lines, "loyal").split()[-1] == "<1%"
    assert line_with(lines, "gone").split()[-1] == "90%"
    assert shown(terminal.segment_sizes(sizes.clear(), 0))


def test_blocks_stand_side_by_side_where_there_is_room() -> None:
    blocks = [terminal.score_block(SCORE, SCORES)] * 2
    assert line_with(shown(terminal.side_by_side(blocks), 120), "email").count("email") == 2
    assert sum("email" in line for line in shown(terminal.side_by_side(blocks), 80)) == 2


def test_a_score_says_why_it_is_stale_or_provisional() -> None:
    stale = SCORES.with_columns(state=pl.lit("stale"))
    guard = Guard(stale=("mail: missing 2026-04-03",), provisional="too early")
    lines = shown(terminal.score_block(SCORE, stale, guard=guard))
    assert "stale: mail: missing 2026-04-03" in lines
    assert "provisional" not in lines
    early = SCORES.with_columns(state=pl.lit("provisional"))
    assert "provisional: too early" in shown(terminal.score_block(SCORE, early, guard=guard))
    assert "provisional: no reference is in force" in shown(terminal.score_block(SCORE, early))
    assert "stale" not in shown(terminal.score_block(SCORE, SCORES))


def test_a_score_whose_rules_found_nothing_says_so() -> None:
    nothing = SCORES.with_columns(state=pl.when(state="unscored").then("state").otherwise(pl.lit("inactive")))
    said = "nobody did anything that it counts in its 30 days"
    assert said in shown(terminal.score_block(SCORE, nothing))
    assert said not in shown(terminal.score_block(SCORE, SCORES))
    assert said not in shown(terminal.score_block(SCORE, SCORES.filter(state="unscored")))


@pytest.mark.parametrize(
    ("psi", "by_band", "line"),
    [
        (0.05, True, None),
        (0.15, True, "its reference drifts: PSI 0.15, 12% would change band"),
        (0.3, True, "refit its reference: PSI 0.30, 12% would change band"),
        (0.3, False, "refit its reference: PSI 0.30, 12% would move by a tenth"),
    ],
)
def test_a_reference_that_has_drifted_is_told_of(psi: float, by_band: bool, line: str | None) -> None:
    drift = Drift(psi, 0.001, 0.12, by_band, 5000, 5000)
    lines = shown(terminal.score_block(SCORE, SCORES, drift=drift))
    assert [found for found in lines if "PSI" in found] == ([line] if line else [])
    assert all(len(found) <= terminal.BLOCK for found in lines)
