"""One picture of how well a score foretold an outcome: AUC beside the baselines, and outcomes by tenth.

Here: PNG bytes, drawn without a display, for Dagster's metadata. Not here: the figures (`core.quality`).
"""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from engagement_pipeline.core.outcomes import MODELS, RECENCY, SCORE
from engagement_pipeline.core.quality import AUC
from engagement_pipeline.reports.plots import FAINT, HIGH, INK, in_few_colours, png
from engagement_pipeline.reports.quality import named

_SIZE, _DPI = (7.6, 2.5), 100
_OTHERS = "#8a97a3"
_EXPECTED = "#f0b429"


def quality_png(figures: pl.DataFrame, deciles: pl.DataFrame, score: str) -> bytes:
    """figures: `quality_frames.QUALITY`, deciles: `quality_frames.DECILES`, both of one outcome; nothing but
    a sentence where nobody can tell."""
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    aucs = figures.filter(pl.col("as_of").is_null(), pl.col("metric") == AUC, pl.col("value").is_not_null())
    if aucs.is_empty():
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.text(0.5, 0.5, "too few to tell", ha="center", transform=axes.transAxes, color=INK)
        return in_few_colours(png(figure))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])
    _areas(left, aucs, score)
    _tenths(right, deciles, score)
    return in_few_colours(png(figure))


def _areas(axes: Axes, aucs: pl.DataFrame, score: str) -> None:
    """A dot with its interval for each model, the score on top."""
    rows = {row["model"]: row for row in aucs.iter_rows(named=True)}
    order = [model for model in MODELS if model in rows]
    for place, model in enumerate(reversed(order)):
        row, colour = rows[model], HIGH if model == SCORE else _OTHERS
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2.5, alpha=0.45)
        axes.plot(row["value"], place, "o", color=colour, markersize=6)
        axes.text(row["value"], place + 0.22, f"{row['value']:.3f}", ha="center", fontsize=8, color=INK)
    axes.axvline(0.5, color=FAINT, linewidth=1)
    axes.axvline(rows[RECENCY]["value"], color=_OTHERS, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set_yticks(range(len(order)), [named(model, score).replace("_", " ") for model in reversed(order)])
    axes.set_ylim(-0.5, len(order) - 0.3)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.48), max(high, 0.55))
    _plain(axes, "AUC, one half is chance")


def _tenths(axes: Axes, deciles: pl.DataFrame, score: str) -> None:
    """The rate of outcomes in each tenth, and what earlier dates foretold of the latest."""
    mine = deciles.filter(pl.col("model") == SCORE)
    every = mine.filter(pl.col("as_of").is_null()).sort("decile")
    rates = every["rate"].to_list()
    spans = [
        [max(0.0, rate - low) for rate, low in zip(rates, every["low"], strict=True)],
        [max(0.0, high - rate) for rate, high in zip(rates, every["high"], strict=True)],
    ]
    axes.bar(
        every["decile"].to_list(), rates, yerr=spans, width=0.78, color=HIGH, alpha=0.85,
        error_kw={"ecolor": INK, "elinewidth": 0.9, "capsize": 2}, label="all dates",
    )  # fmt: skip
    foretold = mine.filter(pl.col("expected").is_not_null()).sort("decile")
    if not foretold.is_empty():
        day = foretold["as_of"][0]
        tenths = foretold["decile"].to_list()
        axes.plot(
            tenths, foretold["expected"].to_list(), "_", color=_EXPECTED, markersize=13,
            markeredgewidth=2.5, label=f"expected on {day}",
        )  # fmt: skip
        axes.plot(tenths, foretold["rate"].to_list(), "o", color=_EXPECTED, markersize=3.5, label="seen then")
        axes.legend(frameon=False, fontsize=7, labelcolor=INK, loc="upper right")
    axes.axhline(sum(rates) / max(len(rates), 1), color=INK, linewidth=0.7, linestyle=(0, (2, 2)))
    axes.set_xticks(range(1, 11), ["likeliest", *map(str, range(2, 10)), "least"])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set_ylim(bottom=0)
    _plain(axes, f"outcomes by tenth, foretold by {score.replace('_', ' ')}")


def _plain(axes: Axes, title: str) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    axes.set_title(title, fontsize=8.5, color=INK, loc="left")
