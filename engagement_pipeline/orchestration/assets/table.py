"""One way to make an asset that stores a table: declare what it reads and computes, get the Dagster wrapper.

Here: the step every such asset shares (load lazily, compute, validate while staging, record the check, hand
over to the I/O manager) and its spec. Not here: what any table contains; each stage's module says that.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from engagement_pipeline.contracts.rules import ContractBroken
from engagement_pipeline.core.points import PointsDisagree, PointsOverflow
from engagement_pipeline.orchestration.io_manager import OPTIONAL
from engagement_pipeline.orchestration.keys import asset_key, table_of
from engagement_pipeline.orchestration.metadata import column_schema, refusal
from engagement_pipeline.orchestration.preview import Finding, check_result, check_spec, in_ranges
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.current import Kind, Shown, forget_others, replace_current
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.staging import StagedTable
from engagement_pipeline.storage.tables import Commit

Rows = pl.LazyFrame | Iterable[pl.DataFrame]


class Frames(dict[str, pl.LazyFrame]):
    """What a step reads, by table name; and the tables that its run makes, itself included."""

    def __init__(self, frames: Mapping[str, pl.LazyFrame], made: frozenset[str] = frozenset()) -> None:
        super().__init__(frames)
        self.made = made


@dataclass(frozen=True)
class Reads:
    """An upstream table and how its partitions map onto the reader's.

    `loaded` tables arrive as frames; the others are only depended upon, and read by the step itself. An
    `optional` table that was never written arrives empty. One that another table's step stores along with it
    has no asset to depend upon.
    """

    table: str
    mapping: dg.PartitionMapping | None = None
    loaded: bool = True
    optional: bool = False
    has_asset: bool = True


@dataclass(frozen=True)
class Second:
    """An asset's second check: what `judge` finds in the staged rows, by day. It never holds a commit up, and
    what it finds of the newest day stands beside the asset, too."""

    name: str
    description: str
    judge: Callable[[pl.LazyFrame, list[date]], Mapping[str, Finding]]


@dataclass(frozen=True)
class TableAsset:
    """An asset that stores one table.

    `compute` gets the frames read and the run's days and gives the rows, lazily or in bounded batches. An
    asset without partitions has no days, unless `days` says which partitions of its table a run fills.
    `invariant` raises for what a column contract cannot say, `guard` for a content (data version by
    partition) that must not be stored. `describe` turns what is about to be committed into metadata that
    people read. `current` names the SQL table that shows the newest date to other tools. `after` is called
    once the rows are stored. `alone` names a lock that is held from reading to storing: for rows that depend
    on other partitions of the same table.
    """

    table: str
    group: str
    description: str
    compute: Callable[[Frames, list[date]], Rows]
    owner: str | None = None
    reads: tuple[Reads, ...] = ()
    partitions: dg.DailyPartitionsDefinition | None = None
    days: Callable[[], list[date]] = list
    code_version: str | None = None
    definition: Mapping[str, Any] = field(default_factory=dict)
    invariant: Callable[[pl.DataFrame], None] | None = None
    guard: Callable[[Mapping[str, str]], None] | None = None
    check: tuple[str, str] = ("contract", "Every stored row keeps the table's contract.")
    second: Second | None = None
    describe: Callable[[pl.LazyFrame, list[date]], Mapping[str, Any]] | None = None
    current: Kind | None = None
    after: Callable[[], None] | None = None
    alone: str | None = None


def table_asset(asset: TableAsset, bench: Workbench) -> dg.AssetsDefinition:
    """The Dagster asset of a declared table."""
    project = bench.catalog.project
    key = asset_key(project, asset.table)
    check_name = asset.check[0]
    loaded = {_argument(each.table): each for each in asset.reads if each.loaded}
    unloaded = [each.table for each in asset.reads if not each.loaded]

    def step(context: dg.AssetExecutionContext, **frames: pl.LazyFrame) -> Iterator[Any]:
        # What is yielded is stored before the next is asked for.
        with nullcontext() if asset.alone is None else lock(bench.database, asset.alone):
            yield from work(context, frames)

    def work(context: dg.AssetExecutionContext, frames: Mapping[str, pl.LazyFrame]) -> Iterator[Any]:
        days = (
            [date.fromisoformat(key) for key in context.partition_keys] if asset.partitions else asset.days()
        )
        keys = [day.isoformat() for day in days]
        checked = keys if asset.partitions else []
        try:
            given = bench.versions(unloaded)  # before reading, so never newer than what is read
            made = frozenset(table_of(project, each) for each in _executed(context))
            rows = asset.compute(Frames({each.table: frames[n] for n, each in loaded.items()}, made), days)
            staged = bench.stage(asset.table, rows, keys, given, asset.invariant)
        except (ContractBroken, PointsOverflow, PointsDisagree) as broken:
            why = refusal(broken, project.samples_in_metadata)
            yield check_result(context, key, check_name, False, {"why": why}, checked)
            # Not `from broken`: the event log would keep its words too, and they name a person.
            raise dg.Failure(description=why, allow_retries=False) from None
        if asset.guard is not None:
            asset.guard({name: part.data_version for name, part in staged.partitions.items()})
        shown = asset.describe(staged.scan(), days) if asset.describe else {}
        held = {"rows": sum(staged.rows.values())}
        each = {day: Finding(True, {"rows": rows}) for day, rows in staged.rows.items()}
        results = [check_result(context, key, check_name, True, held, checked, findings=each)]
        if (second := asset.second) is not None:
            found = second.judge(staged.scan(), days)
            fine = all(each.passed for each in found.values())
            results.append(check_result(context, key, second.name, fine, {}, checked, findings=found))
            shown = {**shown, **found[max(found)].metadata}
        yield materialized(context, bench, staged, shown, results)
        if asset.current is not None:
            show_current(bench, asset.current, asset.table, max(days))
        if asset.after is not None:
            asset.after()

    _declare_arguments(step, asset.table, list(loaded))
    return dg.asset(
        key=key,
        ins={
            name: dg.AssetIn(
                asset_key(project, each.table),
                partition_mapping=each.mapping,
                metadata={OPTIONAL: each.optional},
            )
            for name, each in loaded.items()
        },
        deps=[
            dg.AssetDep(asset_key(project, each.table), partition_mapping=each.mapping)
            for each in asset.reads
            if not each.loaded and each.has_asset
        ],
        group_name=asset.group,
        description=asset.description,
        owners=[asset.owner] if asset.owner else None,
        kinds={"polars", "deltalake"},
        code_version=asset.code_version,
        partitions_def=asset.partitions,
        backfill_policy=in_ranges() if asset.partitions else None,
        metadata={
            **asset.definition,
            "dagster/column_schema": column_schema(bench.table(asset.table)),
            "dagster/table_name": asset.table,
            "dagster/uri": bench.uri(asset.table),
        },
        check_specs=[
            check_spec(name, key, description, asset.partitions)
            for name, description in (
                asset.check,
                *([(asset.second.name, asset.second.description)] if asset.second else []),
            )
        ],
    )(step)


def materialized(
    context: dg.AssetExecutionContext,
    bench: Workbench,
    staged: StagedTable,
    metadata: Mapping[str, Any],
    checks: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult[StagedTable]:
    """What a step hands to the I/O manager: rows per partition, and the content's digest as data version.

    Dagster takes one version for all partitions of a run: a day of a range that is later made alone has a new
    one even with the same content, and what reads it shows as unsynced until it is made again.
    """
    key = asset_key(bench.catalog.project, staged.spec.name)
    # A run for a day may also hold assets that have no days.
    if context.assets_def.get_asset_spec(key).partitions_def is not None:
        for partition, part in staged.partitions.items():
            context.add_asset_metadata(
                {"dagster/partition_row_count": part.rows}, asset_key=key, partition_key=partition
            )
    return dg.MaterializeResult(
        asset_key=key,
        value=staged,
        metadata=metadata,
        data_version=dg.DataVersion(staged.data_version),
        check_results=checks,
    )


def log_materialized(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    commit: Commit,
    metadata: Mapping[str, Any],
    by_partition: Mapping[str, Mapping[str, Any]],
) -> None:
    """Records partitions that a step stored by itself because the rest of its range could not be made: an
    output would count for all of them."""
    for partition, part in commit.partitions.items():
        shown = {
            **metadata,
            **by_partition.get(partition, {}),
            "dagster/partition_row_count": part.rows,
            "delta version": commit.delta_version,
        }
        tags = {DATA_VERSION_TAG: part.data_version}
        context.log_event(dg.AssetMaterialization(key, metadata=shown, partition=partition, tags=tags))


def show_current(bench: Workbench, kind: Kind, table: str, day: date) -> None:
    """Put a date's stored rows into the SQL table of current ones, unless that shows a later date; and take
    away those of definitions that are no more."""
    # Between reading and storing nobody may be erased from the table.
    with lock(bench.database, f"table {table}"):
        version = bench.lake.partitions(table)[day.isoformat()].delta_version
        rows = bench.lake.scan(table, [day.isoformat()]).collect()
        replace_current(bench.database, kind, table.partition("/")[2], Shown(day, version), rows)
    catalog = bench.catalog
    forget_others(bench.database, "scores", catalog.scores)
    forget_others(bench.database, "memberships", catalog.segments)
    forget_others(bench.database, "audiences", catalog.campaigns)
    forget_others(bench.database, "alerts", catalog.alerts)


def stored_output(spec: dg.AssetSpec) -> dg.AssetOut:
    """An output of a step with several, that goes through the I/O manager."""
    return dg.AssetOut.from_spec(spec, dagster_type=Any)


def _executed(context: dg.AssetExecutionContext) -> Iterable[dg.AssetKey]:
    """The assets of the step's run."""
    return context.job_def.asset_layer.executable_asset_keys


def _argument(table: str) -> str:
    """`scores/email` as a Python argument."""
    return table.replace("/", "__")


def _declare_arguments(step: Callable[..., Any], table: str, names: list[str]) -> None:
    """Dagster reads a step's inputs from its signature, and ours has as many as the definition names."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = [inspect.Parameter("context", kind, annotation=dg.AssetExecutionContext)]
    arguments += [inspect.Parameter(name, kind) for name in names]
    step.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    step.__name__ = _argument(table)
