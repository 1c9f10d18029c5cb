import pytest

from engagement_pipeline.catalog.specs import Scale
from engagement_pipeline.reports.scales import in_words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "points"),
        ({"method": "sqrt"}, "sqrt"),
        ({"method": "thresholds", "range": [0, 2], "steps": [(1, 2)]}, "thresholds from 0 to 2"),
        ({"method": "percentile", "range": [1, 10]}, "percentile from 1 to 10, frozen reference"),
        (
            {"method": "percentile", "range": [1, 10], "reference": "live", "population": "active"},
            "percentile from 1 to 10, live reference of those who did something",
        ),
        (
            {"method": "linear", "range": [0, 100], "domain": [-5, 40]},
            "linear from 0 to 100, -5 points to 40 points",
        ),
        (
            {"method": "log", "range": [0, 100]},
            "log from 0 to 100, the lowest points to the highest, frozen reference",
        ),
        (
            {"method": "saturating", "range": [1, 9], "domain": [0, None], "reference": "live"},
            "saturating from 1 to 9, 0 points to the 90th percentile of points, steepness 3, live reference",
        ),
    ],
)
def test_a_scale_in_a_line(said: dict[str, object], words: str) -> None:
    assert in_words(Scale.model_validate(said)) == words
