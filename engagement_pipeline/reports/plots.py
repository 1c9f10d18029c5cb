"""Small pictures for Dagster's metadata.

Here: PNG bytes from values, drawn without a display. Not here: putting them anywhere. Keep a picture below
20 KB: the event log holds it for ever.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from engagement_pipeline.catalog.specs import Band

_SIZE, _DPI = (5.2, 1.9), 100
_BINS = 40
INK, FAINT = "#3c4650", "#c3cad1"
LOW, HIGH = "#8cd4de", "#0f406b"
"""Colours of the lowest and the highest band."""
DAY_KINDS = {
    "ok": ("#2a86ad", "as expected"),
    "unasked": ("#a9d3e3", "not checked"),
    "thin": ("#f0b429", "thin"),
    "missing": ("#c4302b", "missing"),
    "free": ("#e8ecef", "none due"),
}
"""Kind of a day -> its colour and what it is called."""


def histogram_png(scores: pl.Series, bands: Mapping[str, Band], span: tuple[float, float] | None) -> bytes:
    """The distribution of scores, coloured by band.

    scores: Float64, nulls left out. span: the scale's range; None for the points scale, whose axis ends where
    99 in 100 people do; the last bar holds the others.
    """
    values = scores.drop_nulls()
    figure = Figure(figsize=_SIZE, dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    if values.is_empty():
        axes.text(0.5, 0.5, "nobody has a score", ha="center", transform=axes.transAxes, color=INK)
        axes.set_axis_off()
        return png(figure)
    low, high = span or _middle(values)
    heights, middles, width = _bars(values, low, high)
    axes.set_ylim(0, 1.05 * max(heights))
    _cut_off(axes, heights, middles)
    _draw_bars(axes, heights, middles, width * 0.9, _colours(middles, bands))
    # Room for the longest number; to let matplotlib find it would draw everything twice.
    longest = len(f"{axes.get_ylim()[1]:,.0f}")
    figure.subplots_adjust(left=0.02 + 0.0135 * longest, right=0.985, top=0.88, bottom=0.14)
    _name_bands(axes, bands, low, high)
    if span is None:
        axes.text(1, -0.14, "and more →", ha="right", fontsize=7, color=INK, transform=axes.transAxes)
    return png(figure)


def coverage_png(dates: Sequence[date], strips: Mapping[str, Sequence[str]]) -> bytes:
    """A strip of days for each source. strips: source -> one of `DAY_KINDS` for each of the dates."""
    names = list(strips)
    size = (_SIZE[0], 0.55 + 0.2 * max(1, len(names)))
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    if not dates:
        axes.text(0.5, 0.5, "no days yet", ha="center", transform=axes.transAxes, color=INK)
        axes.set_axis_off()
        return png(figure)
    shades, kinds = ListedColormap([shade for shade, _ in DAY_KINDS.values()]), list(DAY_KINDS)
    grid = [[kinds.index(kind) for kind in strip] for strip in strips.values()]
    axes.pcolormesh(grid, cmap=shades, vmin=0, vmax=len(kinds) - 1, edgecolors="white", linewidth=1.5)
    axes.invert_yaxis()
    axes.set_yticks([place + 0.5 for place in range(len(names))], [name.replace("_", " ") for name in names])
    weeks = range(len(dates) - 1, -1, -7)
    axes.set_xticks([place + 0.5 for place in weeks], [f"{dates[place]:%d %b}" for place in weeks])
    seen = {kind for strip in strips.values() for kind in strip}
    axes.legend(
        handles=[Patch(color=shade, label=said) for kind, (shade, said) in DAY_KINDS.items() if kind in seen],
        loc="lower left", bbox_to_anchor=(0, 1), ncols=5, frameon=False, fontsize=8, labelcolor=INK,
        handlelength=1, handleheight=1, borderpad=0, columnspacing=1.0,
    )  # fmt: skip
    return in_few_colours(png(figure))


def _middle(values: pl.Series) -> tuple[float, float]:
    low, high = (float(values.quantile(share, "nearest") or 0) for share in (0.001, 0.99))
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _bars(values: pl.Series, low: float, high: float) -> tuple[list[int], list[float], float]:
    """Heights and middles of the bars, and the width of each."""
    step = (high - low) / _BINS
    index = ((values.clip(low, high) - low) * (1 / step)).floor().clip(0, _BINS - 1).cast(pl.Int64)
    counted = dict(index.value_counts().iter_rows())
    return (
        [counted.get(number, 0) for number in range(_BINS)],
        [low + (number + 0.5) * step for number in range(_BINS)],
        step,
    )


def _draw_bars(
    axes: Axes, heights: Sequence[int], middles: Sequence[float], width: float, colours: Sequence[str]
) -> None:
    """All in one: bar by bar they take as long as the rest of the picture."""
    left, right = ([middle + side * width / 2 for middle in middles] for side in (-1, 1))
    least = 0.008 * axes.get_ylim()[1]  # one person in thousands is seen, too
    tops = [max(height, least) if height else 0 for height in heights]
    corners = [
        [(one, 0), (one, top), (other, top), (other, 0)]
        for one, other, top in zip(left, right, tops, strict=True)
    ]
    axes.add_collection(PolyCollection(corners, facecolors=colours, linewidths=0))
    axes.set_xlim(left[0], right[-1])


def _colours(middles: Sequence[float], bands: Mapping[str, Band]) -> list[str]:
    shades = dict(zip(bands, _shades(len(bands)), strict=True))
    found = []
    for middle in middles:
        inside = [name for name, band in bands.items() if _holds(band, middle)]
        found.append(shades[inside[0]] if inside else _shades(1)[0])
    return found


def _shades(number: int) -> list[str]:
    """As many colours as there are bands, from the lowest's to the highest's."""
    ramp = LinearSegmentedColormap.from_list("bands", [LOW, HIGH])
    return [to_hex(ramp(0.5 if number == 1 else index / (number - 1))) for index in range(number)]


def _holds(band: Band, value: float) -> bool:
    return (band.from_ is None or value >= band.from_) and (band.to is None or value < band.to)


def _cut_off(axes: Axes, heights: Sequence[int], middles: Sequence[float]) -> None:
    """One bar that dwarfs all others (mostly people without any event) is cut, its number written there."""
    *_, second, highest = sorted(heights)
    if second == 0 or highest < 4 * second:
        return
    limit = 1.6 * second
    axes.set_ylim(0, limit)
    at = heights.index(highest)
    right = at < len(heights) / 2
    axes.annotate(
        f"{highest:,}", (middles[at], limit), xytext=(8 if right else -8, -3), textcoords="offset points",
        ha="left" if right else "right", va="top", fontsize=8, fontweight="bold", color=INK,
    )  # fmt: skip


def _name_bands(axes: Axes, bands: Mapping[str, Band], low: float, high: float) -> None:
    """Band names above the bars, and their edges on the axis."""
    edges = sorted({edge for band in bands.values() for edge in (band.from_, band.to) if edge is not None})
    inside = [edge for edge in edges if low <= edge <= high]
    for edge in inside:
        if low < edge < high:
            axes.axvline(edge, color=INK, linewidth=0.6, linestyle=(0, (2, 2)))
    if not bands:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=high - low > 3))
    elif inside:
        axes.set_xticks(inside, [f"{edge:g}" for edge in inside])
    axes.set_xlim(low, high)
    for name, band in bands.items():
        start = low if band.from_ is None else max(low, band.from_)
        end = high if band.to is None else min(high, band.to)
        if end - start > 0.07 * (high - low):
            axes.text(
                (start + end) / 2, 1.02, name.replace("_", " "), ha="center", va="bottom", fontsize=8,
                color=INK, transform=axes.get_xaxis_transform(),
            )  # fmt: skip


def png(figure: Figure) -> bytes:
    """The figure's bytes."""
    buffer = io.BytesIO()
    # Without metadata the same numbers give the same bytes whatever library version drew them.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def in_few_colours(png: bytes) -> bytes:
    """The picture in a quarter of its bytes: it has five colours, and the edges of its letters."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(32).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
