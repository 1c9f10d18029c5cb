"""What Dagster shows beside an asset: its definition in words before the first run, its figures after one.

Here: the one door through which metadata goes, so that its size stays bounded (the event log keeps it for
ever) and no raw identifier gets in. Not here: the tables and pictures themselves (`reports`).
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Campaign, HalfLife, Linear, Origin, Rule, Score, Segment, Source
from engagement_pipeline.contracts.rules import ContractBroken, TooManyRejected, masked
from engagement_pipeline.core.frames import DESCRIPTIONS
from engagement_pipeline.core.points import PointsDisagree, PointsOverflow

MARKDOWN_LIMIT = 8_000
PICTURE_LIMIT = 30_000


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table without its empty columns; a condition's `|` cannot break it."""
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


def column_schema(schema: Mapping[str, pl.DataType]) -> dg.TableSchema:
    """The stored columns, for the asset's overview."""
    return dg.TableSchema(
        [dg.TableColumn(name, str(kind), DESCRIPTIONS.get(name)) for name, kind in schema.items()]
    )


def score_definition(score: Score) -> dict[str, Any]:
    """A score's goal, rules, scale and bands, readable in the lineage sidebar before any run."""
    rules = markdown_table(
        ("weight", "event", "where", "quantity", "daily cap", "machines"),
        (
            (
                f"{rule.weight:+g}",
                ", ".join(rule.event_names) + (f" on {', '.join(rule.channels)}" if rule.channels else ""),
                rule.where or "",
                _quantity(rule),
                rule.cap.per_day if rule.cap else "",
                "excluded" if rule.machine == "exclude" else "",
            )
            for rule in score.rules
        ),
    )
    bands = markdown_table(
        ("band", "from", "to"),
        ((name, _edge(band.from_), _edge(band.to)) for name, band in score.bands.items()),
    )
    scale = score.scale
    span = "" if scale.range is None else f" from {scale.range[0]:g} to {scale.range[1]:g}"
    reference = f", {scale.reference} reference" if scale.needs_reference else ""
    found = {
        "goal": score.goal,
        "rules": markdown(rules),
        "window": f"{score.window} days",
        "decay": _decay(score),
        "scale": f"{scale.method}{span}{reference}",
    }
    if score.bands:
        found["bands"] = markdown(bands)
    if score.applies_to:
        found["applies to"] = score.applies_to
    return found


def source_definition(source: Source) -> dict[str, Any]:
    """Where a source's rows come from and how its columns are read."""
    mappings = [*source.events, *([source.profiles] if source.profiles else []), *source.aliases]
    fields = [(name, each) for mapping in mappings for name, each in mapping if isinstance(each, Origin)]
    fields += [
        (name, each)
        for mapping in mappings
        for group in ("properties", "columns")
        for name, each in getattr(mapping, group, {}).items()
    ]
    return {
        **_place(source),
        "mapping": markdown(
            markdown_table(("column", "comes from"), ((n, _origin(each)) for n, each in fields))
        ),
    }


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
    details = [
        origin.format,
        origin.timezone,
        ", ".join(f"{old} → {new}" for old, new in origin.names.items()),
    ]
    return "; ".join([" or ".join(f"`{path}`" for path in origin.reads), *(each for each in details if each)])


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _edge(value: float | None) -> str:
    return "no bound" if value is None else f"{value:g}"


def _quantity(rule: Rule) -> str:
    return "count" if rule.per is None else f"value, per {rule.per:g}"


def _decay(score: Score) -> str:
    match score.decay:
        case HalfLife(half_life=days):
            return f"half after {days} days"
        case Linear(linear=days):
            return f"linear, nothing after {days} days"
        case _:
            return "none"
