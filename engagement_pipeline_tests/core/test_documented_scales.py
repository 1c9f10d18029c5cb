"""The guide to scales: sound examples, right figures, and the Customer Engagement Score as written."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.specs import Catalog, Scale
from engagement_pipeline.core.scales import scaled
from engagement_pipeline_tests.pages import DOCS, catalog_folder, catalog_of, events, scores

PAGE = "scales.md"
DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return catalog_of(PAGE, tmp_path_factory.mktemp("guide") / "catalog")


def test_every_example_is_sound(tmp_path: Path) -> None:
    assert lint(catalog_folder(PAGE, tmp_path / "catalog")) == []


def test_there_is_an_example_of_every_method(guide: Catalog) -> None:
    methods = {score.scale.method for score in guide.scores.values()}
    assert methods == set(Scale.model_fields["method"].annotation.__args__)  # type: ignore[union-attr]


def test_the_table_of_figures() -> None:
    text = (DOCS / PAGE).read_text("utf-8")
    header, *rows = re.findall(r"^\| (points(?: \| \w+)+|-?\d+ .*?) \|$", text, re.MULTILINE)
    _, *methods = header.split(" | ")
    assert methods == ["linear", "sqrt", "log", "saturating"]
    for row in rows:
        points, *figures = row.split(" | ")
        frame = pl.LazyFrame({"points": [int(points) * 10_000]})
        for method, figure in zip(methods, figures, strict=True):
            scale = Scale.model_validate({"method": method, "range": [0, 100], "domain": [0, 100]})
            assert f"{scaled(frame, scale, None).collect()['score'][0]:.1f}" == figure, (method, points)
    assert len(rows) == 7


def test_the_customer_engagement_score_as_written_with_its_gaps_closed(guide: Catalog) -> None:
    bands = {
        -1: "churn_risk",
        -0.0001: "churn_risk",
        0: "hardly_engaged",
        0.5: "hardly_engaged",
        1: "hardly_engaged",
        40: "hardly_engaged",
        40.5: "hardly_engaged",
        41: "somewhat_engaged",
        70: "somewhat_engaged",
        70.5: "somewhat_engaged",
        71: "highly_engaged",
        100: "highly_engaged",
        100.0001: "power_user",
        1000: "power_user",
    }
    orders = (
        {"person_id": f"{points}", "event": "order_completed", "event_date": DAY, "value": points * 100.0}
        for points in bands
    )
    found = scores(guide, events(guide, orders), "customer_engagement", DAY, "0", "quiet")
    by_person = {row["person_id"]: row for row in found.iter_rows(named=True)}
    assert {points: by_person[f"{points}"]["band"] for points in bands} == bands
    assert {points: by_person[f"{points}"]["score"] for points in bands} == {p: float(p) for p in bands}
    quiet = by_person["quiet"]
    assert (quiet["score"], quiet["band"], quiet["state"]) == (0.0, "hardly_engaged", "inactive")


def test_the_customer_engagement_score_is_the_plain_sum_of_what_people_do(guide: Catalog) -> None:
    did = [
        {"person_id": "a", "event": "page_viewed", "event_date": DAY, "times": 2},
        {"person_id": "a", "event": "email_clicked", "event_date": DAY, "times": 3},
        {"person_id": "a", "event": "unsubscribed", "event_date": DAY},
        {"person_id": "b", "event": "unsubscribed", "event_date": DAY, "times": 2},
        {"person_id": "c", "event": "email_clicked", "event_date": DAY, "times": 30},
    ]
    found = scores(guide, events(guide, did), "customer_engagement", DAY)
    assert found.select("person_id", "score", "band").rows() == [
        ("a", 2 * 1 + 3 * 5 - 10, "hardly_engaged"),
        ("b", -20, "churn_risk"),
        ("c", 150, "power_user"),
    ]


def test_thresholds_step_by_days_with_a_visit(guide: Catalog) -> None:
    visits = (
        {"person_id": f"{days:02}", "event": "page_viewed", "event_date": date(2026, 2, 20 - day), "times": 5}
        for days in (1, 3, 4, 8, 14, 15)
        for day in range(days)
    )
    found = scores(guide, events(guide, visits), "visit_grade", DAY, "none")
    expected = {"01": 1.0, "03": 1.0, "04": 2.0, "08": 3.0, "14": 3.0, "15": 4.0, "none": 0.0}
    assert dict(found.select("person_id", "score").iter_rows()) == expected
