"""A sample of `make fuzz`."""

import pytest

from engagement_pipeline_tests.fuzz.batch import run
from engagement_pipeline_tests.fuzz.mutators import BYTES, ROWS


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_broken_files_cost_nobody_else_anything(seed: int) -> None:
    outcome = run(seed, 84)
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.files == 84
    assert outcome.landed > 10
    assert outcome.refused > 10
    assert outcome.rejected > 10


def test_there_is_a_mutator_for_every_way_that_was_thought_of() -> None:
    assert len({each.__name__ for each in [*ROWS, *BYTES]}) == len(ROWS) + len(BYTES)
