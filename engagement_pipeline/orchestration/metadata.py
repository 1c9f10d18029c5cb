"""What Dagster shows beside an asset: its definition in words before the first run, its figures after one.

Here: the one door through which metadata goes, so that its size stays bounded (the event log keeps it for
ever) and no raw identifier gets in. Not here: the tables and pictures themselves (`reports`).
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg

from engagement_pipeline.catalog.specs import (
    Alert,
    Campaign,
    Origin,
    Rates,
    Score,
    Segment,
    Source,
)
from engagement_pipeline.catalog.specs import Mapping as RowMapping
from engagement_pipeline.catalog.specs.mappings import Held, Only
from engagement_pipeline.contracts.rules import ContractBroken, TooManyRejected, masked
from engagement_pipeline.core.descriptions import described
from engagement_pipeline.core.points import PointsDisagree, PointsOverflow
from engagement_pipeline.reports import rules
from engagement_pipeline.reports.scales import in_words
from engagement_pipeline.storage.tables import TableSpec

MARKDOWN_LIMIT = 8_000
PICTURE_LIMIT = 30_000


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table without its empty columns; a condition's `|` cannot break it. Whole numbers
    are counts, written with their thousands apart."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    used = [index for index in range(len(header)) if not cells or any(row[index] for row in cells)]
    lines = ["| " + " | ".join(row[index] for index in used) + " |" for row in [list(header), *cells]]
    return "\n".join([lines[0], "|" + " --- |" * len(used), *lines[1:]])


def markdown(text: str) -> dg.MarkdownMetadataValue:
    """Markdown cut at a few kilobytes."""
    if len(text) > MARKDOWN_LIMIT:
        text = text[: text.rfind("\n", 0, MARKDOWN_LIMIT)] + "\n\n*cut here; the table itself has the rest*"
    return dg.MetadataValue.md(text)


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A small PNG shown inside the asset's page; one that is too large for the event log is left out."""
    if len(png) > PICTURE_LIMIT:
        return dg.MetadataValue.md(f"*a picture of {len(png)} bytes was left out*")
    return dg.MetadataValue.md(f"![](data:image/png;base64,{base64.b64encode(png).decode()})")


def refusal(broken: ContractBroken | TooManyRejected | PointsOverflow | PointsDisagree, samples: bool) -> str:
    """Why rows were refused, in words that may stay in the event log: ids are cut to their first letters, and
    without `samples` no row's content is shown."""
    if isinstance(broken, ContractBroken):
        return str(broken if samples else broken.without_sample())
    if isinstance(broken, TooManyRejected):
        return str(broken)
    return str(broken).replace(repr(broken.person), repr(masked("person_id", broken.person)))


def column_schema(table: TableSpec) -> dg.TableSchema:
    """The stored columns, for the asset's overview."""
    return dg.TableSchema(
        [dg.TableColumn(name, str(kind), described(table.name, name)) for name, kind in table.schema.items()]
    )


def score_definition(score: Score) -> dict[str, Any]:
    """A score's goal, rules, scale and bands, readable in the lineage sidebar before any run."""
    bands = markdown_table(
        ("band", "from", "to"),
        ((name, _edge(band.from_), _edge(band.to)) for name, band in score.bands.items()),
    )
    found = {
        "goal": score.goal,
        "rules": markdown(markdown_table(rules.HEADER, rules.rows(score))),
        "window": rules.window(score),
        "decay": rules.decay(score.decay),
        **rules.limits(score),
        "scale": in_words(score.scale),
    }
    if score.bands:
        found["bands"] = markdown(bands)
    if score.hysteresis:
        found["hysteresis"] = f"a band is left at {score.hysteresis:g} beyond its edge"
    if score.applies_to:
        found["applies to"] = score.applies_to
    return found


def source_definition(source: Source) -> dict[str, Any]:
    """Where a source's rows come from and how its columns are read."""
    rows = (
        (kind if place == 0 else "", _taken(mapping) if place == 0 else "", name, _origin(origin))
        for kind, mapping in _mappings(source)
        for place, (name, origin) in enumerate(_fields(mapping))
    )
    found = {
        **_place(source),
        "mapping": markdown(markdown_table(("gives", "of rows with", "column", "comes from"), rows)),
    }
    if source.unwrap:
        found["within"] = ", ".join(source.unwrap)
    if source.ignore:
        found["left out"] = _only(source.ignore)
    if source.preset:
        found["preset"] = source.preset
    return found


def _mappings(source: Source) -> Iterator[tuple[str, RowMapping]]:
    yield from (("events", mapping) for mapping in source.events)
    if source.profiles:
        yield "profiles", source.profiles
    yield from (("merges" if mapping.merges else "aliases", mapping) for mapping in source.aliases)


def _fields(mapping: RowMapping) -> Iterator[tuple[str, Origin]]:
    for name, value in mapping:
        if isinstance(value, Origin):
            yield name, value
        elif name in ("properties", "columns"):
            yield from value.items()
        elif name == "consents":
            yield from ((f"consent: {channel}", each) for channel, each in value.items())


def _taken(mapping: RowMapping) -> str:
    """Which rows a mapping takes, and what it makes several of."""
    each = f"for each of `{mapping.explode}`" if mapping.explode else ""
    return "; ".join(part for part in (_only(mapping.only), each) if part)


def _only(only: Only) -> str:
    return " and ".join(f"`{path}` {_held(said)}" for path, said in only.items())


def _held(said: Sequence[str] | Held) -> str:
    if not isinstance(said, Held):
        return f"= {', '.join(said)}"
    there = {None: "", True: "present", False: "absent"}[said.present]
    other = f"none of {', '.join(said.none_of)}" if said.none_of else ""
    like = f"like `{said.matches}`" if said.matches else ""
    return " and ".join(each for each in (there, other, like) if each)


def _place(source: Source) -> dict[str, Any]:
    """Where its rows come from. Of a database only the name of the variable that says where it is."""
    rows = source.database
    if rows is None:
        return {"files": source.path}
    if rows.query is None:
        what: Any = f"table {rows.label}"
    else:
        what = markdown(f"```sql\n{rows.query.strip()}\n```")
    return {"database": f"${rows.url_env}", "rows": what, "watermark": rows.watermark}


def segment_definition(segment: Segment) -> dict[str, Any]:
    """The segment's condition."""
    return {"where": markdown(f"```sql\n{segment.where}\n```")}


def alert_definition(alert: Alert) -> dict[str, Any]:
    """Whose fall is told of, and to whom."""
    drop = alert.drop
    far = f"{drop.score:g} of the score" if drop.bands is None else f"{drop.bands} band(s)"
    found = {
        "goal": alert.goal,
        "drop": f"{far} below the best of the {drop.within} days before",
        "cooldown": f"{alert.cooldown} days",
        "at most": f"{alert.at_most} people a date",
        "destinations": ", ".join(each.label for each in alert.destinations),
    }
    if alert.where:
        found["where"] = alert.where
    return found


def campaign_definition(campaign: Campaign) -> dict[str, Any]:
    """Whom a campaign reaches and with what."""
    variants = markdown_table(
        ("variant", "when", "message"),
        ((variant.label, variant.when or "everyone else", variant.message) for variant in campaign.variants),
    )
    found = {
        "goal": campaign.goal,
        "channel": campaign.channel,
        "include": ", ".join(campaign.audience.include),
        "exclude": ", ".join(campaign.audience.exclude) or "nobody",
        "variants": markdown(variants),
        "holdout": f"{campaign.holdout:.1%}",
    }
    if campaign.outcome:
        found["outcome"] = f"{campaign.outcome.event} within {campaign.outcome.within} days"
    return found


def _origin(origin: Origin) -> str:
    if origin.constant is not None:
        return f"always `{origin.constant}`"
    paths = [f"`{path}`" for path in origin.path or origin.join or []]
    factors = origin.multiply
    if isinstance(factors, Rates):
        by = ", ".join(f"{unit} times {factor:g}" for unit, factor in factors.factors.items())
        multiplied = f"by `{factors.path}`: {by}"
    else:
        multiplied = "" if factors is None else f"times {factors:g}"
    details = [
        f"`{origin.extract}`" if origin.extract else "",
        " or ".join(origin.format or []),
        origin.timezone,
        f"in {origin.case} case" if origin.case else "",
        ", ".join(f"{old} → {new}" for old, new in origin.names.items()),
        f"others {origin.others}" if origin.others is not None else "",
        f"decimal {origin.decimal}" if origin.decimal else "",
        multiplied,
        f"else `{origin.default}`" if origin.default is not None else "",
    ]
    found = (" or " if origin.path else " and ").join(paths)
    return "; ".join([found, *(each for each in details if each)])


def _cell(value: object) -> str:
    said = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return said.replace("|", "\\|").replace("\n", " ")


def _edge(value: float | None) -> str:
    return "no bound" if value is None else f"{value:g}"
