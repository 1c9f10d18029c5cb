from collections.abc import Callable
from pathlib import Path

import pytest

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline_tests.ingestion.shop import Shop, catalog, source


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, catalog(source()))


@pytest.fixture
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Shop]:
    def opened(*sources: Source, **project: object) -> Shop:
        return Shop(tmp_path_factory.mktemp("shop"), catalog(*(sources or (source(),)), **project))

    return opened
