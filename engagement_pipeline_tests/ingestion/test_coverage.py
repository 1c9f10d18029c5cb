"""Which sources a score needs: those of every event that its rules count, or are counted against."""

from typing import Any

import pytest

from engagement_pipeline.catalog.specs import Catalog, Event, Project, Score, Source
from engagement_pipeline.ingestion.coverage import needed_by
from engagement_pipeline_tests.core.build import START, score


def source(name: str, *events: str) -> Source:
    said: dict[str, Any] = {
        "source": name,
        "owner": "team:data",
        "path": "x/*.csv",
        "format": "csv",
        "events": {"event_id": "id", "person_id": "p", "event": "e", "occurred_at": "t"},
        "expects": {"events": list(events)},
    }
    return Source.model_validate(said)


def catalog(*scores: Score) -> Catalog:
    return Catalog(
        project=Project(project="shop", start_date=START),
        events={
            "opened": Event(channel="email"),
            "clicked": Event(channel="email"),
            "sent": Event(channel="email", chosen=False),
            "viewed": Event(channel="web"),
        },
        sources={
            "mail": source("mail", "opened"),
            "links": source("links", "clicked"),
            "outbox": source("outbox", "sent"),
            "web": source("web", "viewed"),
        },
        scores={each.score: each for each in scores},
        segments={},
        campaigns={},
    )


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        ({"event": "opened"}, ["mail"]),
        ({"event": "opened", "count": "messages", "implied_by": "clicked"}, ["mail", "links"]),
        ({"event": "clicked", "rate": {"per": "sent"}}, ["links", "outbox"]),
        ({"channel": "email"}, ["mail", "links"]),
        ({"channel": ["email", "web"]}, ["mail", "links", "web"]),
        ({"event": "viewed", "channel": "email"}, ["web"]),
    ],
)
def test_a_score_needs_the_sources_of_all_its_events(rule: dict[str, Any], needed: list[str]) -> None:
    definition = score(rules=[{"weight": 1, **rule}])
    assert needed_by(definition, catalog(definition)) == needed
