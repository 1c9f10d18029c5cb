"""A week after they registered: who of those who have not bought yet buys within 60 days?

`python -m engagement_pipeline_tests.benchmarks.cohort_ds365 --path DIR`, with the CSV files of the learning
platform (`engagement_pipeline/example/ds365`). Assets judge scores as of calendar dates; here everyone has a
date of their own. That needs no other arithmetic: each person's days are moved so that all of them registered
on one day, and one as-of date, seven days later, is judged by the same functions. Here: moving days. Not
here: the figures (`core.quality`).
"""

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog, Score
from engagement_pipeline.core.frames import ALIASES
from engagement_pipeline.core.measures import daily_measures, measures_of
from engagement_pipeline.core.outcomes import judged, plan_outcome
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.quality import Quality, quality
from engagement_pipeline.core.scores import attach
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline.example.ds365.prepare import LAST, find_data
from engagement_pipeline.orchestration.demo import DATASETS
from engagement_pipeline.reports.quality import HEADER, models

WEEK, FOLLOWED = 7, 66
"""Judged on the seventh day after registering; only who registered so many days before the data ends."""
DAY0 = date(2022, 1, 1)
MINUTES = Score.model_validate(
    {
        "score": "minutes_alone",
        "goal": "Minutes watched, and nothing else.",
        "owner": "team:learning",
        "window": "30d",
        "rules": [{"event": "lesson_watched", "weight": 1, "per": 1}],
    }
)


def main() -> None:
    """Prints the figures of minutes alone and of every score of the catalog."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--path", type=Path, required=True, help="The folder with the CSV files.")
    for name, people, bought, found in figures(parser.parse_args().path):
        print(f"\n{name}: {people:,} people, {bought:,} bought ({bought / people:.2%})")
        print(f"  {found.verdict.words}")
        for row in [HEADER, *models(found.figures, name)]:
            print("  " + "".join(cell.ljust(28) for cell in row))


def figures(path: Path) -> Iterator[tuple[str, int, int, Quality]]:
    """Score, people judged, buyers among them, and the figures. Raises MissingDataError."""
    catalog = load_catalog(DATASETS["ds365"].catalog)
    scores = {**catalog.scores, MINUTES.score: MINUTES}
    catalog = catalog.model_copy(update={"scores": scores})
    outcome = plan_outcome(catalog.outcomes["first_purchase"], catalog)
    daily, people = since_registration(catalog, find_data(path))
    as_of = DAY0 + timedelta(days=WEEK)
    for name, plan in plan_scores(catalog).items():
        (points,) = LocalEngine().points(daily.lazy(), [plan], as_of)
        scored = attach(points[name].lazy(), people.lazy(), plan, as_of)
        known, _ = judged(
            scored, people.lazy(), daily.lazy(), outcome, ALIASES.to_frame().lazy(), as_of, plan.window
        )
        found = quality(known, name, outcome.outcome.outcome)
        yield name, known.height, int(known["outcome"].sum()), found


def since_registration(catalog: Catalog, data: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`frames.DAILY_MEASURES` with everyone registered on DAY0, and `person_id` of everyone followed."""
    events = pl.concat(_events(data), how="diagonal").with_columns(
        is_machine=pl.lit(value=False), channel=pl.lit(None, pl.String)
    )
    registered = events.filter(pl.col("event") == "registered").select("person_id", on="event_date")
    followed = registered.filter((pl.lit(LAST) - pl.col("on")).dt.total_days() >= FOLLOWED)
    moved = (
        events.join(followed, on="person_id")
        .with_columns(event_date=pl.lit(DAY0) + (pl.col("event_date") - pl.col("on")))
        .drop("on")
    )
    daily = daily_measures(moved.lazy(), measures_of(catalog).values()).collect()
    return daily, followed.select("person_id")


def _events(data: Path) -> Iterator[pl.DataFrame]:
    """The tables as canonical events, as far as the catalog's rules read them."""

    def read(file: str, event: str, day: str, **columns: pl.Expr) -> pl.DataFrame:
        rows = pl.read_csv(data / file, infer_schema=False)
        day_of = pl.col(day).str.to_date()
        made = {"person_id": pl.col("student_id"), "event": pl.lit(event), "event_date": day_of, **columns}
        return rows.select(expr.alias(name) for name, expr in made.items())

    number = pl.col("minutes_watched").cast(pl.Float64)
    yield read("365_student_info.csv", "registered", "date_registered")
    yield read("student_learning.csv", "lesson_watched", "date_watched", value=number)
    passed = pl.col("exam_passed") == "1"
    yield read("student_exam_attempts.csv", "exam_taken", "date_exam_completed", passed=passed)
    yield read("student_certificates.csv", "certificate_earned", "date_issued")
    stars = pl.col("course_rating").cast(pl.Int64)
    yield read("365_course_ratings.csv", "course_rated", "date_rated", stars=stars)
    yield read("365_student_purchases.csv", "subscription_bought", "date_purchased")


if __name__ == "__main__":
    main()
