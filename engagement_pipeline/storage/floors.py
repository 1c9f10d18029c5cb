"""From which version on a table may be read: what was read before an erasure must not be stored after it.

Here: those versions. Not here: who sets them (`rewriting`) and who asks (`lake`). A partition that is
rewritten without a person keeps its place in the chain of inputs, so inputs alone would let a slow run, that
had read the old rows, bring the person back.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from engagement_pipeline.storage.database import METADATA, Database, again_if_overtaken

FLOORS = sa.Table(
    "read_floors",
    METADATA,
    sa.Column("table_name", sa.String(200), primary_key=True),
    sa.Column("delta_version", sa.BigInteger, nullable=False),
)


@again_if_overtaken
def raise_floor(database: Database, table: str, version: int) -> None:
    """Nothing that was made from an older version of the table is stored from now on."""
    mine = FLOORS.c.table_name == table
    with database.write() as connection:
        if not connection.execute(sa.update(FLOORS).where(mine).values(delta_version=version)).rowcount:
            connection.execute(sa.insert(FLOORS).values(table_name=table, delta_version=version))


def below_floor(database: Database, inputs: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Table -> (version that was read, oldest that may be), for inputs that were read before an erasure."""
    if not inputs:
        return {}
    with database.read() as connection:
        found = {row.table_name: row.delta_version for row in connection.execute(sa.select(FLOORS))}
    return {
        table: (given, found[table]) for table, given in inputs.items() if given < found.get(table, given)
    }
