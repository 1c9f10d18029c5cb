"""Table names to asset keys and back: `scores/email` is the asset `<prefix>/scores/email`."""

import dagster as dg

from engagement_pipeline.catalog.specs import Project


def asset_key(project: Project, table: str) -> dg.AssetKey:
    """The asset that stores a table."""
    return dg.AssetKey([*project.asset_prefix, *table.split("/")])


def table_of(project: Project, key: dg.AssetKey) -> str:
    """The table that an asset stores."""
    return "/".join(key.path[len(project.asset_prefix) :])
