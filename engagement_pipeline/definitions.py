"""The Dagster entry point: the catalog that the environment names, as definitions."""

import dagster as dg

from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.storage.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    """Raises with every issue at once, by file and line, when the catalog has any."""
    return build_definitions(load_catalog(catalog_folder()), Settings.from_env())
