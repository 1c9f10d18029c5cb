"""A catalog's scores, segments and audiences straight from canonical events, for tests of the example."""

from dataclasses import dataclass
from datetime import date
from typing import get_args

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Channel
from engagement_pipeline.core import audiences, consents, facts, measures, people, plan, scores, segments
from engagement_pipeline.core.frames import ALIASES, DAILY_MEASURES
from engagement_pipeline.engines.local import LocalEngine


@dataclass(frozen=True)
class Computed:
    scores: dict[str, pl.DataFrame]
    points: dict[str, pl.DataFrame]
    segments: dict[str, pl.DataFrame]
    waterfalls: dict[str, pl.DataFrame]


def compute(catalog: Catalog, events: pl.LazyFrame, snapshots: pl.LazyFrame, as_of: date) -> Computed:
    """events: canonical columns and declared properties; snapshots: person_id, observed_at and facts."""
    project = catalog.project
    daily = measures.daily_measures(events, measures.measures_of(catalog).values()).collect()
    declared = {name: people.Fact(("profiles",)) for name in catalog.profile_columns}
    first = events.group_by("person_id").agg(first_event=pl.col("event_date").min())
    persons = people.persons({"profiles": snapshots}, first, declared, project.start_date, project.timezone)
    said_by_channel = [
        channel
        for source in catalog.sources.values()
        if source.profiles
        for channel in source.profiles.consents
    ]
    said = [
        consents.said_in_events(events, catalog.consent_events, "events"),
        consents.said_in_profiles(snapshots, said_by_channel, "profiles"),
    ]
    told = consents.consents(pl.concat(said), ALIASES.to_frame(), project.timezone)
    channels = {f"reachable.{channel}" for channel in get_args(Channel)}
    known = consents.with_consents(
        people.as_of(persons, as_of),
        consents.held(told, as_of),
        channels,
        project.people.opt_in_needed,
    ).collect()
    scored: dict[str, pl.DataFrame] = {}
    stored: dict[str, pl.DataFrame] = {}
    messages = measures.daily_messages(events, measures.measures_of(catalog).values()).collect()
    for name, one in plan.plan_scores(catalog).items():
        found = {part: frame.lazy() for part, frame in scored.items()}
        asked = facts.facts(known.lazy(), one.columns, found, {}).join(
            known.lazy().select("person_id", "first_seen"), on="person_id"
        )
        # A composite without rules on events has no window that could be read.
        given = daily.lazy() if one.rules else DAILY_MEASURES.to_frame().lazy()
        everyone = asked.collect() if one.reads_people else None
        parts = LocalEngine().points(given, [one], as_of, messages.lazy(), everyone)
        stored[name] = pl.concat([part[name] for part in parts])
        scored[name] = scores.attach(stored[name].lazy(), known.lazy(), one, as_of).collect()
    members: dict[str, pl.DataFrame] = {}

    def facts_for(columns: frozenset[str]) -> pl.LazyFrame:
        return facts.facts(
            known.lazy(),
            columns,
            {name: frame.lazy() for name, frame in scored.items()},
            {name: frame.lazy() for name, frame in members.items()},
        )

    for name, segment in catalog.segments.items():
        planned = segments.plan_segment(segment, catalog)
        members[name] = segments.members(facts_for(planned.where.columns), planned, as_of).collect()
    waterfalls = {}
    for name, campaign in catalog.campaigns.items():
        decided = audiences.plan_campaign(campaign, catalog)
        audience = audiences.decide(facts_for(decided.columns), decided, as_of)
        waterfalls[name] = audiences.waterfall(audience, decided)
    return Computed(scored, stored, members, waterfalls)
