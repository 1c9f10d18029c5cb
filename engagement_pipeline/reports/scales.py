"""A scale in words: what becomes of points, for pages and terminals. Not here: the arithmetic
(`core.scales`)."""

from engagement_pipeline.catalog.specs import Scale


def in_words(scale: Scale) -> str:
    """Method, range, what is low and high, and the population it is read against, in a line."""
    found = [scale.method if scale.range is None else f"{scale.method} from {_span(scale.range)}"]
    if scale.range is not None and scale.method in ("linear", "sqrt", "log", "saturating"):
        low, high = scale.domain or (None, None)
        bottom = "the lowest points" if low is None else f"{low:g} points"
        found.append(f"{bottom} to {_top(scale) if high is None else f'{high:g} points'}")
    if scale.method == "saturating":
        found.append(f"steepness {scale.bend:g}")
    if scale.needs_reference:
        active = " of those who did something" if scale.population == "active" else ""
        found.append(f"{scale.reference} reference{active}")
    return ", ".join(found)


def _top(scale: Scale) -> str:
    return "the highest" if scale.pinned == 100 else f"the {scale.pinned:g}th percentile of points"


def _span(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g} to {pair[1]:g}"
