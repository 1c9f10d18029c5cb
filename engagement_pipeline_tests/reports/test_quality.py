"""The quality of a score in words, at a terminal and as a picture."""

import io
from pathlib import Path

import polars as pl
import pytest
import yaml
from PIL import Image
from rich.console import Console

from engagement_pipeline.catalog.specs import Outcome, Score
from engagement_pipeline.core.quality import Quality, quality, untold
from engagement_pipeline.core.quality_frames import DECILES, PROPOSALS, QUALITY
from engagement_pipeline.reports.preview import Mover, Reason
from engagement_pipeline.reports.preview_score_text import movers_table
from engagement_pipeline.reports.proposals import compared, rows, snippet
from engagement_pipeline.reports.quality import calibration, dates, in_words, models, verdict
from engagement_pipeline.reports.quality_plot import quality_png
from engagement_pipeline.reports.quality_text import quality_block, verdict_lines
from engagement_pipeline_tests.core.build import catalog, score
from engagement_pipeline_tests.core.test_quality import people


def outcome(**given: object) -> Outcome:
    made = {
        "outcome": "o",
        "goal": "test",
        "owner": "team:x",
        "event": "ordered",
        "within": 30,
        "scores": ["s"],
    }
    return Outcome.model_validate({**made, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "ordered within 30 days"),
        ({"event": ["b", "a"], "not_yet": True}, "the first a or b within 30 days"),
        ({"where": "value > 5"}, "ordered where value > 5 within 30 days"),
        ({"absent": True}, "no ordered for 30 days"),
        ({"event": None, "absent": True}, "nothing for 30 days"),
        ({"event": None, "channel": "app", "absent": True}, "nothing on app for 30 days"),
        ({"event": None, "channel": ["app", "web"]}, "anything on app or web within 30 days"),
    ],
)
def test_an_outcome_in_words(given: dict[str, object], words: str) -> None:
    assert in_words(outcome(**given)) == words


@pytest.fixture(scope="module")
def found() -> Quality:
    return quality(people(600, dates=3, score=0.9, recency=0.2, rate=0.2), "s", "o")


def shown(*blocks: object, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    for block in blocks:
        console.print(block)
    return console.export_text()


def test_the_terminal_fits_a_hundred_columns(found: Quality) -> None:
    text = shown(quality_block(outcome(), "s", found.figures, found.deciles))
    assert "✓ beats recency" in text
    assert "days since last event" in text
    assert "likeliest" in text and "least likely" in text
    assert "…" not in text
    assert "as many outcomes were expected" in text.replace("\n", " ")


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_cuts_nothing(found: Quality, width: int) -> None:
    text = shown(quality_block(outcome(), "s", found.figures, found.deciles), width=width)
    assert "…" not in text
    who = "7085f1da461144378c92631abc210958"
    moved = Mover(
        who, 1, 10, "low", "high", (Reason("offer_completed where reward between 3 and 10", 0, 65.99),)
    )
    listed = shown(movers_table([moved]), width=width)
    assert "…" not in listed
    lines = listed.splitlines()
    first = next(place for place, line in enumerate(lines) if "──" in line) + 1
    rows = [line.split("   ")[0].strip() for line in lines[first:]]
    assert "".join(rows).startswith(who), "explain takes it"


def test_verdicts_stand_in_a_line_each(found: Quality) -> None:
    known = catalog(score()).model_copy(update={"outcomes": {"o": outcome(), "p": outcome(outcome="p")}})
    none = untold("s", "p", "3 days of data are there, 60 are needed")
    text = shown(*verdict_lines(known, {"s": pl.concat([found.figures, none.figures])}))
    assert [line.split()[:3] for line in text.splitlines() if line.split()[1:2] == ["s"]] == [
        ["✓", "s", "o"], ["?", "s", "p"]
    ]  # fmt: skip
    assert "3 days of data" in text
    assert "0.5 is chance" in text


def test_what_nobody_can_tell_has_no_figures() -> None:
    none = untold("s", "o", "why not")
    assert verdict(none.figures) == (None, "cannot tell: why not")
    assert list(models(none.figures, "s")) == list(dates(none.figures)) == []
    assert calibration(none.figures) == ""
    assert "? cannot tell: why not" in shown(quality_block(outcome(), "s", none.figures, none.deciles))
    new = shown(quality_block(outcome(outcome="new"), "s", none.figures, none.deciles))
    assert "new is new; judge it anew" in new


def test_the_picture_is_small(found: Quality, tmp_path: Path) -> None:
    for frames in ((found.figures, found.deciles), (QUALITY.to_frame(), DECILES.to_frame())):
        png = quality_png(*frames, "s")
        assert Image.open(io.BytesIO(png)).size == (760, 250)
        assert len(png) < 20_000


def test_a_snippet_is_yaml_of_the_same_rules() -> None:
    rules = [
        {
            "event": "opened",
            "weight": 3,
            "where": "category = 'a, b: c'",
            "cap": {"per_day": 1},
            "label": "x",
        },
        {"event": ["ordered"], "weight": 2, "per": 10},
        {"when": "profile.age > 3", "weight": 1},
        {"event": "clicked", "weight": -2},
    ]
    made = score(rules=rules)
    keys = ("x", "ordered value", "profile.age > 3", "clicked")
    proposed = {
        "proposed": [7.0, 1.0, 2.0, 0.0],
        "per": [None, 200.0, None, None],
        "weight": [3.0, 2.0, 1.0, -2.0],
    }
    frame = pl.DataFrame(
        {
            "score": ["s"] * 4,
            "outcome": ["o"] * 4,
            "rule": keys,
            **proposed,
            "low": [1.0] * 4,
            "high": [9.0] * 4,
        }
    )
    text = snippet(made, keys, frame)
    again = score(rules=yaml.safe_load(text)["rules"])
    assert [rule.weight for rule in again.rules] == [7, 1, 2]
    assert again.event_rules[1].per == 200
    assert isinstance(made, Score)
    assert [
        rule.model_copy(update={"weight": 0, "per": None} if hasattr(rule, "per") else {"weight": 0})
        for rule in again.rules
    ] == [
        rule.model_copy(update={"weight": 0, "per": None} if hasattr(rule, "per") else {"weight": 0})
        for rule in made.rules[:3]
    ]
    assert "# left out: {event: clicked, weight: -2}" in text
    assert list(rows(frame))[1] == ("ordered value", "+2", "+1 per 200", "+1.0 to +9.0")
    assert list(rows(frame))[3][2] == "leave it out"


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        ((0.03, 0.01, 0.05), "the proposed weights foretell better"),
        ((-0.03, -0.05, -0.01), "the proposed weights foretell worse"),
        ((0.03, -0.01, 0.05), "there is no difference to be seen"),
        ((-0.0001, -0.0002, -0.0001), "there is no difference to be seen"),
    ],
)
def test_proposals_are_compared_by_their_interval(lead: tuple[float, ...], words: str) -> None:
    row = dict.fromkeys(PROPOSALS) | {"auc": 0.6, "proposed_auc": 0.6 + lead[0]}
    row |= dict(zip(("lead", "lead_low", "lead_high"), lead, strict=True))
    assert compared(pl.DataFrame([row], schema=PROPOSALS)).startswith(words)
