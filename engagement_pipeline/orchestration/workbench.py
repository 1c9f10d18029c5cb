"""What every asset works with: the checked catalog, the stores and the engine.

Here: opening the stores when a step first needs them, so that a code location loads without a database.
Not here: Dagster definitions.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property

import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.contracts.rules import validate
from engagement_pipeline.contracts.tables import schema_for
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.core.plan import ScorePlan, plan_scores
from engagement_pipeline.engines.base import Engine
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline.orchestration.shared import SharedRows, SharedWindows
from engagement_pipeline.orchestration.versions import code_versions
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.layout import table_spec
from engagement_pipeline.storage.ledger import Ledger
from engagement_pipeline.storage.pins import pin_calendar
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline.storage.staging import StagedTable
from engagement_pipeline.storage.tables import WHOLE, TableSpec


class Workbench:
    """One catalog over one set of stores."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.catalog = catalog
        self.settings = settings

    @cached_property
    def plans(self) -> dict[str, ScorePlan]:
        """Every score, compiled."""
        return plan_scores(self.catalog)

    @cached_property
    def code_versions(self) -> dict[str, str]:
        """Table -> the version of all definitions that it stands on."""
        return code_versions(self.catalog, self.plans)

    @cached_property
    def counts_messages(self) -> bool:
        """Whether any rule counts messages: only then is there a table of them."""
        return any(measure.kind == "messages" for measure in measures_of(self.catalog).values())

    @cached_property
    def engine(self) -> Engine:
        """Where points are computed."""
        return LocalEngine(self.catalog.project.engine.buckets)

    @cached_property
    def shared(self) -> SharedWindows:
        """What scores of one run have in common."""
        return SharedWindows()

    @cached_property
    def _between(self) -> dict[tuple[bool, ...], SharedWindows]:
        return {}

    def shared_between(self, *which: bool) -> SharedWindows:
        """What the changes of several scores between two dates have in common, for each link of theirs."""
        return self._between.setdefault(which, SharedWindows())

    @cached_property
    def totals(self) -> SharedRows:
        """What scores of one run have in common of everybody together."""
        return SharedRows()

    @cached_property
    def people(self) -> SharedRows:
        """Who is known on a date, as scores of one run find them."""
        return SharedRows()

    @cached_property
    def coverage(self) -> SharedRows:
        """Which measures are stored for which days, as scores of one run find it."""
        return SharedRows()

    @cached_property
    def database(self) -> Database:
        """The SQL database."""
        return Database(self.settings.database_url)

    @cached_property
    def lake(self) -> Lake:
        """The Delta tables. Raises when the project's calendar is not the one the lake was begun with."""
        lake = Lake(self.settings.lake, self.database)
        pin_calendar(lake, self.catalog.project)
        return lake

    @cached_property
    def ledger(self) -> Ledger:
        """Which files were landed."""
        return Ledger(self.database)

    def table(self, name: str) -> TableSpec:
        """How a table is stored."""
        return table_spec(name, self.catalog)

    def uri(self, table: str) -> str:
        """Where a table lies."""
        return f"{self.settings.lake}/{table}"

    def versions(self, tables: Iterable[str]) -> dict[str, int]:
        """Newest version of each of the tables that exist; take it before reading them."""
        found = {table: self.lake.version(table) for table in tables}
        return {table: version for table, version in found.items() if version is not None}

    def states(self, tables: Iterable[str]) -> tuple[Hashable, ...]:
        """What changes with anything in these tables, for keeping what was made from them; take it before
        reading them, so that nothing is kept under a newer state than was read."""
        return tuple((table, self.lake.state(table)) for table in sorted(tables))

    def stage(
        self,
        table: str,
        rows: pl.LazyFrame | pl.DataFrame | Iterable[pl.DataFrame],
        keys: Sequence[str] = (),
        inputs: Mapping[str, int] | None = None,
        invariant: Callable[[pl.DataFrame], None] | None = None,
    ) -> StagedTable:
        """Write rows beside the lake, each piece validated against the table's contract, ready to commit.
        The invariant is asked first: it knows more of its rows, and says it in its own words."""
        contract = schema_for(table, self.catalog)

        def check(piece: pl.DataFrame) -> None:
            if invariant is not None:
                invariant(piece)
            validate(piece, contract)

        return self.lake.stage(self.table(table), rows, keys or (WHOLE,), inputs or {}, check)
