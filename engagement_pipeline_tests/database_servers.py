"""Database servers of our own for the tests: each starts once, on a socket in a temporary folder.

Here: fixtures that give a server's URL, or skip with the reason; conftest modules import them.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server."""
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed (extra `postgres`)")
    initdb = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if initdb is None:
        pytest.skip("no PostgreSQL server program (initdb) on this machine")
    programs = Path(initdb).resolve().parent
    folder, as_user = _folder("postgres", "pg")
    data = folder / "data"
    make = [programs / "initdb", "-D", data, "-U", "engagement", "-A", "trust", "--no-sync"]
    _run(*make, cwd=folder, **as_user)
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control = [programs / "pg_ctl", "-D", data]
    _run(*control, "-w", "-l", folder / "log", "-o", options, "start", cwd=folder, **as_user)
    try:
        yield f"postgresql+psycopg://engagement@/postgres?host={folder}"
    finally:
        _run(*control, "-m", "immediate", "stop", cwd=folder, **as_user)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """URL of a MariaDB server, with a database `shop`."""
    if find_spec("pymysql") is None:
        pytest.skip("pymysql is not installed (extra `mysql`)")
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    server = server or next(map(str, Path("/usr/sbin").glob("mariadbd")), None)
    if server is None or install is None:
        pytest.skip("no MariaDB server program (mariadbd) on this machine")
    folder, as_user = _folder("mysql", "maria")
    data, socket = folder / "data", folder / "socket"
    common = ["--no-defaults", f"--datadir={data}"]
    make = [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    _run(*make, cwd=folder, **as_user)
    command = [server, *common, f"--socket={socket}", "--skip-networking", "--innodb-flush-method=nosync"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_user)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 60
        while not socket.exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client = ["mariadb", "--no-defaults", f"--socket={socket}", "-uroot"]
        _run(*client, "-e", "create database shop", cwd=folder)
        yield f"mysql+pymysql://root@/shop?unix_socket={socket}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _folder(user: str, prefix: str) -> tuple[Path, dict[str, str]]:
    """A folder for a server, and as whom it runs: servers refuse to run as root."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if os.geteuid() != 0:
        return folder, {}
    try:
        pwd.getpwnam(user)
    except KeyError:
        pytest.skip(f"the server refuses to run as root, and there is no user {user}")
    shutil.chown(folder, user)
    return folder, {"user": user}


def _run(*command: object, cwd: Path, **as_user: str) -> None:
    words = [str(word) for word in command]
    subprocess.run(words, check=True, capture_output=True, cwd=cwd, **as_user)  # type: ignore[call-overload]
