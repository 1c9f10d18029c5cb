"""A database of each kind, and a lake beside it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server of our own, on a socket in a temporary folder."""
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed (extra `postgres`)")
    initdb = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if initdb is None:
        pytest.skip("no PostgreSQL server program (initdb) on this machine")
    programs = Path(initdb).resolve().parent
    as_user: dict[str, str] = {}
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
        shutil.chown(folder, "postgres")
        as_user = {"user": "postgres"}
    data = folder / "data"

    def run(*command: object) -> None:
        words = [str(word) for word in command]
        subprocess.run(words, check=True, capture_output=True, cwd=folder, **as_user)

    run(programs / "initdb", "-D", data, "-U", "engagement", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    run(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://engagement@/postgres?host={folder}"
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


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
