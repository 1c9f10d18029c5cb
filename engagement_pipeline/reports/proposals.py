"""Proposed weights in words, and as YAML that a person may paste into the score's file.

Here: stored proposals (`quality_frames.PROPOSALS`) as cells and text. Not here: fitting them
(`core.weights`).
"""

from collections.abc import Iterator

import polars as pl
import yaml

from engagement_pipeline.catalog.specs import Rule, Score

HEADER = ("rule", "weight", "proposed", "would be, unrounded")
WIDE = 10_000
"""A rule stays on one line."""
SEEN = 0.0005
"""A smaller difference of AUCs is none, however certain."""


def compared(proposal: pl.DataFrame) -> str:
    """Whether the proposed weights foretell better, in words. proposal: of one outcome, with weights."""
    row = proposal.row(0, named=True)
    ahead = f"AUC {row['proposed_auc']:.3f} proposed, {row['auc']:.3f} as it is"
    if row["lead_low"] is None:
        return ahead
    span = f"{row['lead']:+.3f} ({row['lead_low']:+.3f} to {row['lead_high']:+.3f})"
    words = "there is no difference to be seen"
    if abs(row["lead"]) >= SEEN and (row["lead_low"] > 0 or row["lead_high"] < 0):
        words = f"the proposed weights foretell {'better' if row['lead'] > 0 else 'worse'}"
    return f"{words} on {row['tested_on']}: {ahead}, {span}"


def rows(proposal: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """A row per rule under `HEADER`."""
    for row in proposal.iter_rows(named=True):
        proposed = "leave it out" if row["proposed"] == 0 else f"{row['proposed']:+g}"
        if row["per"] is not None:
            proposed += f" per {row['per']:g}" if row["proposed"] else ""
        span = "" if row["low"] is None else f"{row['low']:+.1f} to {row['high']:+.1f}"
        yield row["rule"], f"{row['weight']:+g}", proposed, span


def snippet(score: Score, keys: tuple[str, ...], proposal: pl.DataFrame) -> str:
    """The `rules:` of the score's file with the proposed weights; rules to leave out as comments. keys: what
    the rules are called, in their order."""
    proposed = {row["rule"]: row for row in proposal.iter_rows(named=True)}
    lines = ["rules:"]
    for key, rule in zip(keys, score.rules, strict=True):
        row = proposed.get(key)
        if row is None:
            lines.append(f"  - {_flow(rule, {})}")
        elif row["proposed"] == 0:
            lines.append(f"  # left out: {_flow(rule, {})}")
        else:
            per = {} if row["per"] is None else {"per": _plain(row["per"])}
            lines.append(f"  - {_flow(rule, {'weight': _plain(row['proposed']), **per})}")
    return "\n".join(lines)


def _flow(rule: Rule, changed: dict[str, float]) -> str:
    written = rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) | changed
    order = [
        name for name in ("event", "channel", "when", "score", "where", "weight", "per") if name in written
    ]
    ordered = {name: written[name] for name in [*order, *(name for name in written if name not in order)]}
    ordered["weight"] = _plain(ordered["weight"])
    return yaml.safe_dump(
        ordered, default_flow_style=True, sort_keys=False, width=WIDE, allow_unicode=True
    ).strip()


def _plain(number: float) -> float:
    """3.0 as 3."""
    return int(number) if float(number).is_integer() else number
