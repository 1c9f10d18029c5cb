"""A database of each kind, and a lake beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline_tests.database_servers import postgres as postgres  # a fixture
from engagement_pipeline_tests.object_stores import s3 as s3
from engagement_pipeline_tests.object_stores import s3_server as s3_server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'engagement.db'}")
        yield made
        made.close()
        return
    server = request.getfixturevalue("postgres")
    name = f"t{tmp_path.name.lower()}"[:50].replace("-", "_").replace("[", "_").replace("]", "_")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    admin.dispose()
    made = Database(server.replace("/postgres?", f"/{name}?"))
    yield made
    made.close()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """An empty lake with SQLite beside it."""
    database = Database(f"sqlite:///{tmp_path / 'engagement.db'}")
    yield Lake(str(tmp_path / "lake"), database)
    database.close()
