from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline_tests.database_servers import mariadb as mariadb  # fixtures
from engagement_pipeline_tests.database_servers import postgres as postgres
from engagement_pipeline_tests.ingestion.remote import Remote
from engagement_pipeline_tests.ingestion.shop import Shop, catalog, source
from engagement_pipeline_tests.object_stores import s3 as s3
from engagement_pipeline_tests.object_stores import s3_server as s3_server


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


@pytest.fixture
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Shop]]:
    opened: list[Shop] = []

    def open_one(*sources: Source, **project: object) -> Shop:
        folder: Path = tmp_path_factory.mktemp("shop")
        opened.append(Shop(folder, catalog(*(sources or (source(),)), **project)))
        return opened[-1]

    yield open_one
    for each in opened:
        each.database.close()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def remote(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """An empty database that sources may read, of each kind."""
    if request.param == "sqlite":
        (tmp_path / "crm.db").touch()
        return Remote(f"sqlite:///{tmp_path / 'crm.db'}", monkeypatch)
    server = request.getfixturevalue({"postgresql": "postgres"}.get(request.param, request.param))
    found = Remote(server, monkeypatch)
    with found.engine.begin() as connection:  # those of the test before
        everything = sa.MetaData()
        everything.reflect(connection, views=False)
        everything.drop_all(connection)
    return found
