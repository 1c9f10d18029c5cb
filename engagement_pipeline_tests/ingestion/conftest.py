from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline_tests.ingestion.shop import Shop, catalog, source


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
