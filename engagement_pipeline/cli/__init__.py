"""The `engagement` command.

Here: arguments, exit codes and the words around them, a module per kind of command. Not here: the work
itself. `lint` and `init` run without Dagster; the commands that materialize import it when they are called.
"""

from engagement_pipeline.cli import catalogs, changes, explaining, judging, moving, runs, sources, upkeep
from engagement_pipeline.cli.base import app

__all__ = ["app", "catalogs", "changes", "explaining", "judging", "moving", "runs", "sources", "upkeep"]
