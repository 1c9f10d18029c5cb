"""Projects of their own for each test, and one that is made once for those that only look."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from engagement_pipeline_tests.end_to_end.corner_shop import CornerShop, write_catalog
from engagement_pipeline_tests.instances import in_memory

Open = Callable[..., CornerShop]


def opener(factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens empty projects, and closes them in the end."""
    with ExitStack() as stack:

        def open_shop(changed: Mapping[str, str] | None = None) -> CornerShop:
            folder: Path = factory.mktemp("corner_shop")
            write_catalog(folder / "catalog", changed)
            shop = CornerShop(folder, stack.enter_context(in_memory()))
            stack.callback(lambda: shop.bench.database.close())
            return shop

        yield open_shop


@pytest.fixture
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens empty projects, with some files of the catalog changed."""
    yield from opener(tmp_path_factory)


@pytest.fixture
def shop(open_shop: Open) -> CornerShop:
    """An empty project."""
    return open_shop()


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CornerShop]:
    """Everything in one delivery, made once; only to be looked at."""
    for open_shop in opener(tmp_path_factory):
        shop = open_shop()
        shop.stock()
        shop.everything()
        yield shop


@pytest.fixture
def copied(stocked: CornerShop, tmp_path: Path) -> Iterator[CornerShop]:
    """The stocked project to change at will."""
    shop = stocked.copy(tmp_path / "copy")
    yield shop
    shop.bench.database.close()
    shop.instance.dispose()
