"""The drawings of a preview's page, as SVG text: where people go, both distributions, gains and losses.

Here: geometry. Not here: the page around them (`preview_page`). Colours are classes of the page's style
sheet, so that they suit light and dark.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup, escape

from engagement_pipeline.reports.preview import STATES, CampaignChange, ScoreChange, SegmentChange, figure

WIDE, HIGH = 560, 250
_BAR, _GAP, _LABEL = 14, 7, 118
_LOW, _TOP = (140, 212, 222), (31, 95, 153)
"""Colours of the lowest and the highest band."""
_STATE = "#9aa5b1"


@dataclass(frozen=True)
class _Bar:
    top: float
    height: float


def flow(score: ScoreChange) -> Markup:
    """Bands before on the left, after on the right, highest on top, and ribbons of people between them."""
    people = {(before, after): number for before, after, number in score.migration.iter_rows()}
    bands = [place for place in score.places if place not in STATES]
    order = [*reversed(bands), *(place for place in score.places if place in STATES)]
    totals = {
        side: {
            place: sum(number for pair, number in people.items() if pair[side] == place) for place in order
        }
        for side in (0, 1)
    }
    bars = {side: _stacked(found) for side, found in totals.items()}
    parts = [f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" class="flow"><title>where people go</title>']
    parts += _ribbons(people, order, bars, {place: number for number, place in enumerate(bands)})
    for side, x, anchor, at in ((0, _LABEL, "end", -8), (1, WIDE - _LABEL - _BAR, "start", _BAR + 8)):
        for place, bar in bars[side].items():
            number, name = totals[side][place], escape(place.replace("_", " "))
            parts.append(
                f'<rect x="{x}" y="{bar.top:.1f}" width="{_BAR}" height="{bar.height:.1f}" rx="2" '
                f'fill="{_colour(place, bands)}"/>'
                f'<text x="{x + at}" y="{bar.top + bar.height / 2 + 4:.1f}" text-anchor="{anchor}">'
                f'{name} <tspan class="faint">{number:,}</tspan></text>'
            )
    return Markup("".join(parts) + "</svg>")  # noqa: S704  what people wrote is escaped above


def distribution(score: ScoreChange) -> Markup:
    """Both distributions over the scale: what was as an area, what would be as a line."""
    rows = score.distribution
    if rows.is_empty() or rows["from"].null_count():
        return Markup("")
    left, right, floor, top = 8, WIDE - 8, HIGH - 66, 14
    low, high = float(rows["from"][0]), float(rows["to"][-1])
    highest = max(1, *(_visible(rows[side]) for side in ("before", "after")))

    def x(value: float) -> float:
        return left + (right - left) * (value - low) / (high - low)

    def y(people: int) -> float:
        return floor - (floor - top) * min(1.0, people / highest)

    parts = [f'<svg viewBox="0 0 {WIDE} {HIGH - 40}" role="img" class="shape"><title>scores</title>']
    for start, end, before, _ in rows.iter_rows():
        parts.append(
            f'<rect class="before" x="{x(start) + 0.5:.1f}" y="{y(before):.1f}" '
            f'width="{max(0.5, x(end) - x(start) - 1):.1f}" height="{floor - y(before):.1f}"/>'
        )
    steps = " ".join(
        f"{x(start):.1f},{y(after):.1f} {x(end):.1f},{y(after):.1f}"
        for start, end, _, after in rows.iter_rows()
    )
    parts.append(f'<polyline class="after" points="{x(low):.1f},{floor} {steps} {x(high):.1f},{floor}"/>')
    parts.append(f'<line class="axis" x1="{left}" x2="{right}" y1="{floor}" y2="{floor}"/>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        value = low + share * (high - low)
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        parts.append(
            f'<text class="faint" x="{x(value):.1f}" y="{floor + 16}" text-anchor="{anchor}">'
            f"{figure(value)}</text>"
        )
    return Markup("".join(parts) + "</svg>")  # noqa: S704  numbers only


def gains(each: SegmentChange | CampaignChange, widest: int) -> Markup:
    """Lost, stayed and gained as one bar. widest: the people that fill it."""
    parts, at = ['<svg viewBox="0 0 300 16" preserveAspectRatio="none" class="gains">'], 0.0
    for kind, people in (("lost", each.lost), ("stayed", each.stayed), ("gained", each.gained)):
        width = 300 * people / max(1, widest)
        if people:
            parts.append(
                f'<rect class="{kind}" x="{at:.1f}" y="2" width="{max(1.5, width):.1f}" height="12">'
                f"<title>{people:,} {kind}</title></rect>"
            )
        at += width
    return Markup("".join(parts) + "</svg>")  # noqa: S704  numbers only


def _stacked(totals: Mapping[str, int]) -> dict[str, _Bar]:
    """Places one below the other, as high as they have people; those without any are left out."""
    there = {place: number for place, number in totals.items() if number}
    room = HIGH - 12 - _GAP * max(0, len(there) - 1)
    least = 3.0
    every = sum(there.values())
    spare = room - least * len(there)
    found, top = {}, 6.0
    for place, number in there.items():
        height = least + spare * number / every
        found[place] = _Bar(top, height)
        top += height + _GAP
    return found


def _ribbons(
    people: Mapping[tuple[str, str], int],
    order: Sequence[str],
    bars: Mapping[int, Mapping[str, _Bar]],
    rank: Mapping[str, int],
) -> Iterator[str]:
    used = [dict.fromkeys(order, 0.0), dict.fromkeys(order, 0.0)]
    totals = [
        {place: sum(number for pair, number in people.items() if pair[side] == place) for place in order}
        for side in (0, 1)
    ]
    x0, x1 = _LABEL + _BAR, WIDE - _LABEL - _BAR
    middle = (x0 + x1) / 2
    for before in order:
        for after in order:
            number = people.get((before, after), 0)
            if not number:
                continue
            edges = []
            for side, place in ((0, before), (1, after)):
                bar = bars[side][place]
                height = bar.height * number / totals[side][place]
                top = bar.top + used[side][place]
                used[side][place] += height
                edges.append((top, top + height))
            (a, b), (c, d) = edges
            yield (
                f'<path class="{_kind(before, after, rank)}" '
                f'd="M{x0},{a:.1f} C{middle},{a:.1f} {middle},{c:.1f} {x1},{c:.1f} L{x1},{d:.1f} '
                f'C{middle},{d:.1f} {middle},{b:.1f} {x0},{b:.1f} Z">'
                f"<title>{escape(before)} to {escape(after)}: {number:,} people</title></path>"
            )


def _kind(before: str, after: str, rank: Mapping[str, int]) -> str:
    if before == after:
        return "same"
    if before in rank and after in rank:
        return "up" if rank[after] > rank[before] else "down"
    return "other"


def _colour(place: str, bands: Sequence[str]) -> str:
    if place not in bands:
        return _STATE
    share = 1.0 if len(bands) == 1 else bands.index(place) / (len(bands) - 1)
    mixed = (round(low + share * (high - low)) for low, high in zip(_LOW, _TOP, strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _visible(values: pl.Series) -> int:
    """A height at which one bar that dwarfs all others leaves these visible; it is cut there."""
    first, second = sorted([*values.to_list(), 0, 0], reverse=True)[:2]
    return int(min(first, 2 * second) if second else first)
