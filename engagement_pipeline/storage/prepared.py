"""A Delta table as its writer means it: made with the right properties, or grown by what is new.

Here: a table's own schema and properties. Not here: its rows (`lake`), and which changes of a type are none
(`tables.grown`).
"""

import polars as pl
from deltalake import DeltaTable, Schema

from engagement_pipeline.storage.tables import TableSpec, WrongSchema, grown

CONFIGURATION = {
    # The commits' metadata rebuild the index, so they are not cleaned away; each is a few KB.
    "delta.enableExpiredLogCleanup": "false",
    # Opening a table reads the commits since the last checkpoint: with Delta's 100 it took up to 28 ms and
    # a commit 109 ms, with 10 they take 4 and 20.
    "delta.checkpointInterval": "10",
    # A compaction would write the bounds of every column into the log, where ids outlive their rows.
    "delta.dataSkippingNumIndexedCols": "0",
}


def prepared(uri: str, spec: TableSpec, found: DeltaTable | None) -> DeltaTable:
    """Makes the table, or adds to the one found the columns and the fields of structs that are new (null in
    the rows there are). Raises WrongSchema for a changed type or partitioning."""
    if found is None:
        return DeltaTable.create(
            uri,
            Schema.from_arrow(spec.schema),
            mode="ignore",
            partition_by=spec.partition_by,
            configuration=CONFIGURATION,
        )
    stored = pl.scan_delta(found).collect_schema()
    changed = [
        f"{column} is stored as {stored[column]}, now it is {kind}"
        for column, kind in spec.schema.items()
        if column in stored and not grown(stored[column], kind)
    ]
    by = found.metadata().partition_columns
    if by != ([spec.partition_by] if spec.partition_by else []):
        changed.append(f"it is partitioned by {by or 'nothing'}, now by {spec.partition_by or 'nothing'}")
    if changed:
        raise WrongSchema(
            f"table {spec.name!r} changed its types: {'; '.join(changed)}. Give the column another "
            f"name, or delete {uri} and materialize it anew."
        )
    new = pl.Schema({name: kind for name, kind in spec.schema.items() if stored.get(name) != kind})
    if new:
        found.alter.add_columns(Schema.from_arrow(new).fields)
        found.update_incremental()
    return found
