"""Who is known on a day, with all that conditions on people read.

Here: bringing the tables about people together. Dagster is not needed. Not here: how those tables are made
(`assets.people`), the conditions (`core`).
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core import consents, people
from engagement_pipeline.core.facts import facts
from engagement_pipeline.core.frames import ALIASES, CONSENTS
from engagement_pipeline.orchestration.workbench import Workbench


def people_on(
    catalog: Catalog, frames: Mapping[str, pl.LazyFrame], columns: frozenset[str], day: date
) -> pl.LazyFrame:
    """Everyone known on a day, with the columns of consent that are asked for. frames: `persons`, and
    `consents` where there is such a table."""
    said = frames.get("consents", CONSENTS.to_frame().lazy())
    return consents.with_consents(
        people.as_of(frames["persons"], day),
        consents.held(said, day),
        columns,
        catalog.project.people.opt_in_needed,
    )


def stored_aliases(bench: Workbench) -> pl.LazyFrame:
    """`frames.ALIASES`; empty where nobody ever said who is who."""
    if bench.catalog.has_aliases and bench.lake.exists("aliases"):
        return bench.lake.scan("aliases")
    return ALIASES.to_frame().lazy()


def facts_on(
    catalog: Catalog, frames: Mapping[str, pl.LazyFrame], columns: frozenset[str], day: date
) -> pl.LazyFrame:
    """What a condition reads on one as-of date."""
    today = {name: frame.filter(pl.col("as_of") == day) for name, frame in frames.items() if "/" in name}
    return facts(
        people_on(catalog, frames, columns, day),
        columns,
        {name.removeprefix("scores/"): frame for name, frame in today.items() if name.startswith("scores/")},
        {
            name.removeprefix("segments/"): frame
            for name, frame in today.items()
            if name.startswith("segments/")
        },
    )
