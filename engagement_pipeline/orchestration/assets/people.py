"""The assets about people: `aliases` (who is who), `persons` (who is known, with which facts when) and
`consents` (who may be contacted where).

Here: which tables they are made from, and what others read of them. Not here: what they come to
(`core.identity`, `core.people`, `core.consents`), and what sources say (`ingestion`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core import consents, people
from engagement_pipeline.core.frames import event_schema
from engagement_pipeline.core.identity import identities
from engagement_pipeline.core.measures import ACTIVITY
from engagement_pipeline.ingestion.people import snapshots_of, statements_of
from engagement_pipeline.orchestration.assets.table import Frames, Reads, TableAsset, table_asset
from engagement_pipeline.orchestration.describe_intake import (
    describe_aliases,
    describe_consents,
    describe_persons,
)
from engagement_pipeline.orchestration.held import note_held
from engagement_pipeline.orchestration.known import asks_consents, stored_aliases
from engagement_pipeline.orchestration.workbench import Workbench


def people_assets(bench: Workbench) -> list[dg.AssetsDefinition]:
    """`persons`; `aliases` and `consents` where the catalog says anything of them."""
    found = [_persons(bench)]
    if bench.catalog.has_aliases:
        found.append(_aliases(bench))
    if bench.catalog.has_consents:
        found.append(_consents(bench))
    return found


def people_inputs(catalog: Catalog) -> dict[str, list[str]]:
    """Table about people -> the tables that it is made from, itself first made from what stands before it."""
    profiles = [f"profiles/{name}" for name, source in catalog.sources.items() if source.profiles]
    who = ["aliases"] if catalog.has_aliases else []
    found = {}
    if who:
        sources = catalog.sources.items()
        found["aliases"] = [f"identities/{name}" for name, source in sources if source.aliases]
    found["persons"] = ["daily_measures", *profiles, *who]
    if catalog.has_consents:
        said = [
            *(f"events/{name}" for name in _consent_sources(catalog)),
            *(
                f"profiles/{name}"
                for name, source in catalog.sources.items()
                if source.profiles and source.profiles.consents
            ),
        ]
        found["consents"] = [*said, *who]
    return found


def consent_reads(catalog: Catalog, columns: frozenset[str]) -> tuple[Reads, ...]:
    """What conditions with these columns read of consents."""
    return (Reads("consents", optional=True),) if asks_consents(catalog, columns) else ()


def _persons(bench: Workbench) -> dg.AssetsDefinition:
    catalog = bench.catalog
    profiles = [source for source in catalog.sources.values() if source.profiles]

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        snapshots = {source.source: snapshots_of(source, bench.lake) for source in profiles}
        return persons_rows(bench, snapshots)

    return _asset(
        bench,
        "persons",
        "Everyone known, with the day they were first seen and the periods in which their profile facts "
        "held, so that an old score never sees today's profile. Ids that are one person share a row from the "
        "day on which they are.",
        compute,
        lambda staged: describe_persons(staged),
    )


def persons_rows(bench: Workbench, snapshots: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """`frames.person_schema` of everyone in the snapshots (see `core.people.persons`) or with an event."""
    project = bench.catalog.project
    first_events = (
        bench.lake.scan("daily_measures")
        .filter(pl.col("measure") == ACTIVITY.id)
        .group_by("person_id")
        .agg(first_event=pl.col("event_date").min())
    )
    return people.persons(
        snapshots,
        first_events,
        people.plan_facts(bench.catalog),
        project.start_date,
        project.timezone,
        stored_aliases(bench).collect(),
    )


def _aliases(bench: Workbench) -> dg.AssetsDefinition:
    counts: dict[str, int] = {}

    sources = [source for source in bench.catalog.sources.values() if source.aliases]

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        statements = pl.concat([statements_of(source, bench.lake) for source in sources])
        found = identities(statements, bench.catalog.project.timezone)
        counts.update(statements=found.statements, merges=found.merges, shared=found.shared)
        return found.aliases.lazy()

    return _asset(
        bench,
        "aliases",
        "Which id meant which person in which period: anonymous ids that became known, and persons that were "
        "merged. Scores of a date map ids as was known on that date.",
        compute,
        lambda staged: describe_aliases(staged, counts),
    )


def _consents(bench: Workbench) -> dg.AssetsDefinition:
    catalog = bench.catalog

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        said = consent_statements(bench)
        aliases = stored_aliases(bench).collect()
        return consents.consents(said, aliases, catalog.project.timezone)

    return _asset(
        bench,
        "consents",
        "Who may be contacted on which channel, in periods, each with the event or profile that brought it "
        "about.",
        compute,
        lambda staged: describe_consents(staged),
    )


def consent_statements(bench: Workbench) -> pl.LazyFrame:
    """`consents.STATEMENTS` of all stored events and profiles."""
    catalog, lake, says = bench.catalog, bench.lake, bench.catalog.consent_events
    found = [consents.STATEMENTS.to_frame().lazy()]
    needed = ["event_date", "person_id", "channel", "event", "event_id", "occurred_at", "is_machine"]
    for name in _consent_sources(catalog):
        stored = lake.scan(f"events/{name}") if lake.exists(f"events/{name}") else None
        rows = event_schema(catalog).to_frame().lazy() if stored is None else stored
        found.append(consents.said_in_events(rows.select(needed), says, name))
    for name, source in catalog.sources.items():
        if source.profiles and source.profiles.consents:
            found.append(
                consents.said_in_profiles(snapshots_of(source, lake), source.profiles.consents, name)
            )
    return pl.concat(found)


def _consent_sources(catalog: Catalog) -> list[str]:
    """Sources of events, where an event of the plan says something about consent."""
    return [name for name, source in catalog.sources.items() if source.events and catalog.consent_events]


def _asset(
    bench: Workbench,
    table: str,
    description: str,
    compute: Callable[[Frames, list[date]], pl.LazyFrame],
    describe: Callable[[pl.LazyFrame], Mapping[str, Any]],
) -> dg.AssetsDefinition:
    inputs: Sequence[str] = people_inputs(bench.catalog)[table]
    return table_asset(
        TableAsset(
            table=table,
            group="people",
            description=description,
            reads=tuple(Reads(each, loaded=False) for each in inputs),
            code_version=bench.code_versions[table],
            compute=compute,
            describe=lambda staged, days: describe(staged),
            after=lambda: note_held(bench, table),
        ),
        bench,
    )
