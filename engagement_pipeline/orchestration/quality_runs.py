"""Judging scores from the command line, by Dagster: what `engagement quality` and the end of the demo do.

Here: which scores, the run, and what is printed. Not here: the assets (`assets.quality`).
"""

from collections.abc import Sequence

from rich.console import Console

from engagement_pipeline.catalog.issues import did_you_mean
from engagement_pipeline.catalog.judging import judged_by
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.orchestration.assets.quality import DECILES_OF, QUALITY_OF
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.runner import Runner
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.quality_text import quality_block, verdict_lines
from engagement_pipeline.storage.settings import Settings


class NothingJudged(Exception):  # noqa: N818  the words are what the reader sees
    """No outcome judges the score, or none judges any."""


def judge(
    catalog: Catalog, settings: Settings, console: Console, score: str | None = None, stored: bool = False
) -> list[str]:
    """Judges one score, or all that an outcome judges, and prints the figures; what is `stored` without
    computing it anew. Gives what failed, in words. Raises NothingJudged."""
    scores = _scores(catalog, score)
    bench = Workbench(catalog, settings)
    problems = [] if stored else _run(catalog, settings, console, scores)
    for name in scores:
        table = f"{QUALITY_OF}/{name}"
        if not bench.lake.exists(table):
            if stored:
                problems.append(f"{table} was never made: leave --stored away")
            continue
        figures, deciles = (bench.lake.scan(f"{kind}/{name}").collect() for kind in (QUALITY_OF, DECILES_OF))
        for outcome in judged_by(catalog, name):
            console.print(quality_block(outcome, name, figures, deciles))
    bench.database.close()
    return problems


def judge_all(catalog: Catalog, settings: Settings, console: Console) -> list[str]:
    """Judges every score and prints each verdict in a line; nothing for a catalog without outcomes."""
    if not catalog.outcomes:
        return []
    scores = _scores(catalog, None)
    problems = _run(catalog, settings, console, scores)
    bench = Workbench(catalog, settings)
    made = [name for name in scores if bench.lake.exists(f"{QUALITY_OF}/{name}")]
    figures = {name: bench.lake.scan(f"{QUALITY_OF}/{name}").collect() for name in made}
    for line in verdict_lines(catalog, figures):
        console.print(line)
    bench.database.close()
    return problems


def _run(catalog: Catalog, settings: Settings, console: Console, scores: Sequence[str]) -> list[str]:
    tables = [f"{kind}/{name}" for name in scores for kind in (QUALITY_OF, DECILES_OF)]
    with Runner(build_definitions(catalog, settings), catalog.project, settings, console) as runner:
        runner.run(
            f"Judge {len(scores)} score{'' if len(scores) == 1 else 's'} by what came after",
            "quality",
            only=tables,
        )
    return runner.problems


def _scores(catalog: Catalog, score: str | None) -> list[str]:
    judged = [name for name in catalog.scores if judged_by(catalog, name)]
    if score is None:
        if not judged:
            raise NothingJudged(
                "no score is judged: declare an outcome in outcomes/, such as an order within 30 days"
            )
        return judged
    if score not in catalog.scores:
        raise NothingJudged(f"there is no score '{score}'{did_you_mean(score, catalog.scores)}")
    if score not in judged:
        raise NothingJudged(
            f"no outcome judges {score}: name it under `scores` of one in outcomes/"
            + (f"; judged are {', '.join(judged)}" if judged else "")
        )
    return [score]
