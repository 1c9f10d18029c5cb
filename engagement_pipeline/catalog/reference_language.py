"""The chapters of docs/reference.md on what is said within a key: the rule language and conditions.

Here: examples as text. Not here: the examples themselves (`constructs`), and the keys of files (`reference`).
"""

from collections.abc import Iterator

from engagement_pipeline.catalog.constructs import Construct, Constructs
from engagement_pipeline.catalog.namespaces import CANONICAL
from engagement_pipeline.catalog.translation import FUNCTIONS

_LANGUAGE = (
    "A score's rules, one way of saying something at a time, and what it gives one person. Where nothing is "
    "said, the window is 30 days and nothing decays. Days are counted back from the as-of date, which is "
    "*today*. How ways combine: what matches is counted day by day, cut by the cap per day, multiplied by "
    "weight and decay, and added up; then come the cap of the rule, of its group, and of the score. The "
    "events:\n"
)


def language(told: Constructs) -> Iterator[str]:
    """Every way to give points, by example."""
    yield "## The rule language\n"
    yield _LANGUAGE
    yield f"```yaml\n{told.plan}```\n"
    for heading, several in told.language.items():
        yield f"### {heading}\n"
        for each in several:
            yield from _construct(each)


def conditions() -> Iterator[str]:
    """What a condition may say, and name, where it stands."""
    yield "## Conditions\n"
    functions = ", ".join(f"`{name}`" for name in sorted(FUNCTIONS))
    yield (
        "`where`, `when` and `applies_to` are SQL: `and`, `or`, `not`, `=`, `<>`, `<`, `<=`, `>`, `>=`, "
        "`between`, `in`, `like`, `is null`, `+`, `-`, `*`, texts in single quotes, dates as `'2026-01-31'`. "
        f"Functions: {functions}. What is not known fits nothing, as in SQL.\n"
    )
    people = "`profile.<fact>`, `consent.<channel>` (`in`, `out`), `reachable.<channel>`"
    scores = "`score.<score>`, `points.<score>`, `band.<score>`, `state.<score>`, `segment.<segment>`"
    columns = ", ".join(f"`{name}`" for name in CANONICAL)
    yield "| where it stands | what it may name |"
    yield "| --- | --- |"
    yield f"| `where` of a rule or an outcome | the event's properties, {columns} |"
    yield f"| `applies_to`, and `when` of a rule | {people} |"
    yield f"| `where` of a segment or an alert, `when` of a variant | the same, and {scores} |\n"


def _construct(each: Construct) -> Iterator[str]:
    yield f"#### {each.title}\n"
    yield f"{each.line}{f' See {each.see}.' if each.see else ''}\n"
    yield f"```yaml\n{each.score}```\n"
    yield f"{_story(each)}: **{_figure(each.points)}**, {each.because}.\n"


def _story(each: Construct) -> str:
    """What the person did and what is known of them, in words."""
    said = [f"{key.partition('.')[2]} is {_number(value)}" for key, value in each.known.items() if "." in key]
    if days := each.known.get("days"):
        said.append(f"known for {days} days")
    by_day: dict[int, list[str]] = {}
    for event, ago, times, *more in each.did:
        also = "".join(f" ({key} {_number(value)})" for one in more for key, value in one.items())
        by_day.setdefault(ago, []).append(f"{times} × {event}{also}")  # noqa: RUF001  as on the page
    done = [f"{_day(ago)} {', '.join(events)}" for ago, events in sorted(by_day.items())]
    text = "; ".join([*said, *done])
    return text[0].upper() + text[1:]


def _day(ago: int) -> str:
    return {0: "today", 1: "yesterday"}.get(ago, f"{ago} days ago")


def _number(value: object) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _figure(points: float | None) -> str:
    return "unscored" if points is None else f"{points:g} points"
