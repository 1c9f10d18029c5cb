"""Points and scores of a catalog that uses every word of the rule language, from events in files.

Run as a program it prints a digest of what it found, for every layout of the files and number of buckets:
`python -m engagement_pipeline_tests.engines.every_word FOLDER`. Here: the catalog, its events and the digest.
Not here: what must be the same (`test_same_bits`).
"""

import hashlib
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import ALIASES
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.core.plan import ScorePlan, plan_scores
from engagement_pipeline.core.points import check_points
from engagement_pipeline.core.scores import attach
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.core.build import AS_OF, START, ago, catalog, events, score

WAYS = {"one file": (1,), "mixed, other row groups": (1, 4), "many files": (5,), "memory, by person": (3,)}
"""Layout -> numbers of buckets."""
PEOPLE = 300
SCALE = {"scale": {"method": "percentile", "range": [1, 10], "reference": "live"}}
BANDS = {"bands": {"low": [1, 5], "high": [5, 10]}}

DEFINITIONS: Catalog = catalog(
    score(
        "events",
        [
            {"event": "opened", "weight": 3.7, "cap": {"per_day": 2, "points": 40}, "machine": "exclude"},
            {"event": ["opened", "clicked"], "weight": 1.1, "decay": {"linear": 20}, "label": "either"},
            {"channel": "email", "weight": 0.3, "count": "days", "window": 50, "label": "days"},
            {
                "event": "opened",
                "count": "messages",
                "implied_by": "clicked",
                "weight": 2,
                "label": "messages",
            },
            {"event": "clicked", "count": "first", "weight": 6, "label": "first"},
            {"event": "viewed", "streak": 2, "weight": 1.5, "decay": {"s_curve": 15}, "label": "streak"},
            {"event": "clicked", "rate": {"per": "sent", "at_least": 2}, "weight": 9, "label": "rate"},
            {
                "event": "clicked",
                "count": "messages",
                "rate": {"per": "sent"},
                "weight": 7.3,
                "label": "rate of messages",
            },
            {"event": "ordered", "weight": 1.7, "per": 3, "unit": "EUR", "floor": 1, "ceiling": 90},
            {"event": "ordered", "where": "category = 'a' and value >= 5", "weight": -4.4, "group": "calls"},
            {"event": "viewed", "weight": 2.2, "group": "calls", "applies_to": "profile.plan = 'gold'"},
            {"event": "viewed", "inactive_for": 9, "weight": -3.3},
        ],
        window=30,
        decay={"half_life": 7},
        groups={"calls": 5.5},
        cap=60,
        **SCALE,
        **BANDS,
    ),
    score("plain", [{"event": "viewed", "weight": 1}], window=12, **SCALE, **BANDS),
    score(
        "together",
        [
            {"score": "events", "weight": 2.5},
            {"score": "plain", "weight": -0.7},
            {"when": "profile.plan = 'gold'", "weight": 4.4},
            {"event": "opened", "weight": 0.1},
        ],
        missing_parts="reweight",
        cap=30,
        **SCALE,
        **BANDS,
    ),
)


def happened(count: int = 8_000) -> pl.DataFrame:
    """Events of people, some of whom are busier than others, on 60 days."""
    rng = np.random.default_rng(7)
    kinds = {"opened": "email", "clicked": "email", "sent": "email", "viewed": "web", "ordered": "commerce"}
    person = (rng.pareto(1.0, count) * 40).astype(int) % PEOPLE
    names = list(kinds)
    rows = zip(
        person,
        rng.integers(0, 60, count),
        rng.integers(0, len(names), count),
        rng.integers(0, 200, count),
        rng.random(count),
        strict=True,
    )
    return events(
        *(
            {
                "person_id": f"p{who:03}",
                "event_date": ago(int(age)),
                "event": names[kind],
                "channel": kinds[names[kind]],
                "message_id": f"m{message}" if message % 3 else None,
                "value": share * 123.456 - 10 if names[kind] == "ordered" else None,
                "unit": ("EUR", "USD")[int(share * 10) % 2],
                "category": (None, "a", "b")[int(message) % 3],
                "is_machine": (None, False, True)[int(share * 100) % 3],
            }
            for who, age, kind, message, share in rows
        )
    ).collect()


def aliases() -> pl.LazyFrame:
    """Some ids become other people's on the way."""
    rows = [(f"p{n:03}", f"p{n + 1:03}", ago(n % 5), None) for n in range(20, 120, 2)]
    return pl.LazyFrame(rows, schema=ALIASES, orient="row")


def layouts(folder: Path) -> dict[str, pl.LazyFrame]:
    """The same events in files that are cut and ordered in other ways."""
    rows = happened()
    whole, mixed, small = folder / "whole.parquet", folder / "mixed.parquet", folder / "small"
    rows.write_parquet(whole)
    rows.sample(fraction=1, shuffle=True, seed=3).write_parquet(mixed, row_group_size=700)
    small.mkdir()
    for number, part in enumerate(rows.reverse().iter_slices(300)):
        part.write_parquet(small / f"{number}.parquet", row_group_size=50)
    by_person = rows.sort("person_id", "event").lazy()
    return {
        "one file": pl.scan_parquet(whole),
        "mixed, other row groups": pl.scan_parquet(mixed),
        "many files": pl.scan_parquet(small / "*.parquet"),
        "memory, by person": by_person,
    }


def digest(given: pl.LazyFrame, buckets: int) -> str:
    """Of the points, with their contributions, and the scores of every definition on two dates, made from one
    reading."""
    measures, plans = list(measures_of(DEFINITIONS).values()), plan_scores(DEFINITIONS)
    engine, days = LocalEngine(buckets), [AS_OF - timedelta(days=3), AS_OF]
    daily = pl.concat(list(engine.measures(given, measures))).lazy()
    messages = pl.concat(list(engine.messages(given, measures))).lazy()
    total = hashlib.sha256()
    for as_of, windows in engine.dates(daily, list(plans.values()), days, messages, aliases()):
        kept, scores = list(windows), dict[str, pl.DataFrame]()
        for name, plan in plans.items():
            known = people(plan, scores) if plan.reads_people else None
            ends = [None, *(window.people[-1] for window in kept[:-1]), None]
            parts = []
            for window, after, last in zip(kept, ends[:-1], ends[1:], strict=True):
                mine = None
                if known is not None:
                    within = pl.lit(value=True) if after is None else pl.col("person_id") > after
                    within &= pl.lit(value=True) if last is None else pl.col("person_id") <= last
                    mine = known.filter(within)
                parts.append(window.points(plan, mine))
            points = pl.concat(parts)
            check_points(points)
            facts = pl.LazyFrame({"person_id": [f"p{n:03}" for n in range(PEOPLE)]})
            scores[name] = attach(points.lazy(), facts, plan, as_of).collect().sort("person_id")
            total.update(points.write_json().encode())
            total.update(scores[name].write_json().encode())
            total.update(scores[name]["score"].to_numpy().tobytes())
    return total.hexdigest()


def people(plan: ScorePlan, scores: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """What the core is told of people."""
    numbers = pl.int_range(PEOPLE, eager=True)
    known = pl.DataFrame(
        {
            "person_id": [f"p{n:03}" for n in numbers],
            "first_seen": [START] * PEOPLE,
            "profile.plan": ["gold" if n % 3 else None for n in numbers],
        }
    )
    for part in plan.parts.scores:
        found = scores[part].select(
            "person_id", pl.col("score").alias(f"score.{part}"), pl.col("state").alias(f"state.{part}")
        )
        known = known.join(found, on="person_id", how="left", maintain_order="left")
    return known


if __name__ == "__main__":
    for name, frame in layouts(Path(sys.argv[1])).items():
        for number in WAYS[name]:
            print(digest(frame, number), name, number, sep="\t")
