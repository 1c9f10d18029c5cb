"""A catalog's folder as one checked Catalog, or all that is wrong with it.

Not here: reading (`draft`) and the rules across files (`lint`).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from engagement_pipeline.catalog.draft import Declared
from engagement_pipeline.catalog.graph import in_order
from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.lint import check
from engagement_pipeline.catalog.lint_people import segment_needs
from engagement_pipeline.catalog.specs import Catalog, Spec

S = TypeVar("S", bound=Spec)


def catalog_folder() -> Path:
    """The catalog folder that ENGAGEMENT_CATALOG names; the packaged example without it."""
    chosen = os.environ.get("ENGAGEMENT_CATALOG")
    return Path(chosen) if chosen else Path(__file__).parents[1] / "example" / "catalog"


def load_catalog(folder: Path) -> Catalog:
    """Read and check a catalog. Raises CatalogError with the errors of all files; warnings do not fail."""
    draft, issues = check(folder)
    if errors := [issue for issue in issues if issue.level == "error"]:
        raise CatalogError(errors)
    order, _ = in_order(segment_needs(draft))
    segments = _by_name(draft.segments)
    scores = _by_name(draft.scores)
    ranked, _ = in_order({name: [part.score for part in score.part_rules] for name, score in scores.items()})
    return Catalog(
        project=_spec(draft.project),
        events=_by_name(draft.events),
        sources=_by_name(draft.sources),
        scores={name: scores[name] for name in ranked},
        segments={name: segments[name] for name in order},
        campaigns=_by_name(draft.campaigns),
        outcomes=_by_name(draft.outcomes),
        alerts=_by_name(draft.alerts),
    )


def _by_name(declared: Iterable[Declared[S]]) -> dict[str, S]:
    return {definition.name: _spec(definition) for definition in declared}


def _spec(definition: Declared[S]) -> S:
    if definition.spec is None:  # lint would have raised
        raise AssertionError(f"{definition.document.file} is broken but has no issue")
    return definition.spec
