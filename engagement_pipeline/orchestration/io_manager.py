"""Tables in and out of Dagster steps: lazy in, staged and validated out, one Delta commit per output.

Here: which partitions a step reads and which version of them, and the commit of what it staged. Not here:
how tables lie on disk (`storage`), what is computed (`core`) or validated (`contracts`).
"""

import dagster as dg
import polars as pl

from engagement_pipeline.orchestration.keys import table_of
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.staging import StagedTable

OPTIONAL = "engagement/optional"
"""On an input: a table that was never written is read as empty."""


class DeltaIOManager(dg.IOManager):
    """Inputs are lazy frames, no older than the version noted; outputs are `StagedTable`s.

    The versions read go into the commit, which is refused when what is stored was computed from newer ones.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._read: dict[str, dict[str, int]] = {}

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """The partitions that the step's partition mapping asks for, unread as yet."""
        table = table_of(self._bench.catalog.project, context.asset_key)
        lake = self._bench.lake
        version = lake.version(table)  # taken before reading, so never newer than what is read
        if version is None and (context.definition_metadata or {}).get(OPTIONAL):
            return self._bench.table(table).schema.to_frame().lazy()
        if version is not None:
            self._read.setdefault(context.step_context.step.key, {})[table] = version
        days = list(context.asset_partition_keys) if context.has_asset_partitions else None
        return lake.scan(table, days)

    def handle_output(self, context: dg.OutputContext, obj: StagedTable) -> None:
        """Commit what the step staged, all partitions at once."""
        read = self._read.get(context.step_context.step.key, {})
        commit = self._bench.lake.commit(obj, {**read, **obj.inputs})
        context.add_output_metadata(
            {
                "dagster/row_count": sum(part.rows for part in commit.partitions.values()),
                "delta version": commit.delta_version,
                "changed": commit.changed,
            }
        )
