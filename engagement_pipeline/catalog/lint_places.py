"""Rules about the places that sources read from. Not here: what their rows become (`lint_mappings`)."""

from collections.abc import Iterator

from engagement_pipeline.catalog.draft import Draft
from engagement_pipeline.catalog.issues import Issue
from engagement_pipeline.catalog.lint_plan import stays_inside
from engagement_pipeline.catalog.paths import BadPath, parse_path

WILD = "*?[{"


def paths_can_be_read(draft: Draft) -> Iterator[Issue]:
    """A source reads below the landing folder or from a URI, without credentials in it; a Delta table is one
    folder."""
    for source in draft.sources:
        if source.spec is None or source.spec.database is not None:
            continue
        path = source.spec.path
        if "://" not in path and not stays_inside(path):
            message = f"path '{path}' must be relative to the landing folder, without .."
            yield source.issue(message, "path")
            continue
        try:
            parse_path(path)
        except BadPath as error:
            yield source.issue(f"path {error}", "path")  # not shown: it may hold a password
            continue
        if source.spec.format == "delta" and any(mark in path for mark in WILD):
            message = f"path '{path}' must name one Delta table, without wildcards and dates"
            yield source.issue(f"{message}: its log says which files are live", "path")


def freshness_is_of_files(draft: Draft) -> Iterator[Issue]:
    """What another asset writes, and what a database holds, has no place of ours to be overdue."""
    for source in draft.sources:
        if source.spec is None or source.spec.fresh_within is None:
            continue
        if source.spec.upstream is not None:
            yield source.issue(
                "fresh_within is for files that nobody announces; give "
                f"{'/'.join(source.spec.upstream)} itself a freshness policy, or leave `upstream` out",
                "fresh_within",
            )


def upstreams_are_others(draft: Draft) -> Iterator[Issue]:
    """What a source reads is not what is made of it."""
    prefix = list(draft.project.spec.asset_prefix) if draft.project.spec else []
    names = {source.name for source in draft.sources}
    own = {"landed", "rejected", "events", "sources"}
    for source in draft.sources:
        key: list[str] = list(source.spec.upstream or []) if source.spec else []
        below = key[len(prefix) :] if key[: len(prefix)] == prefix else []
        if len(below) == 2 and below[0] in own and below[1] in names:
            yield source.issue(f"upstream '{'/'.join(key)}' is this project's own asset", "upstream")


RULES = (paths_can_be_read, freshness_is_of_files, upstreams_are_others)
