"""Rules about the places that sources read from. Not here: what their rows become (`lint_mappings`)."""

from collections.abc import Iterator

from engagement_pipeline.catalog.draft import Draft
from engagement_pipeline.catalog.issues import Issue
from engagement_pipeline.catalog.lint_plan import stays_inside
from engagement_pipeline.catalog.paths import BadPath, parse_path


def paths_can_be_read(draft: Draft) -> Iterator[Issue]:
    """A source reads below the landing folder or from a URI, without credentials in it."""
    for source in draft.sources:
        path = source.spec.path if source.spec else None
        if path is None:
            continue
        if "://" not in path and not stays_inside(path):
            message = f"path '{path}' must be relative to the landing folder, without .."
            yield source.issue(f"{message}; or a URI such as s3://bucket/folder/*.jsonl", "path")
            continue
        try:
            parse_path(path)
        except BadPath as error:
            yield source.issue(f"path {error}", "path")  # not shown: it may hold a password


RULES = (paths_can_be_read,)
