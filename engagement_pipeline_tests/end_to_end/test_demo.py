"""The demo's whole way on small data: every run by Dagster, an outcome in words, the same tables again."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from engagement_pipeline.orchestration import demo
from engagement_pipeline_tests.end_to_end.conftest import Open
from engagement_pipeline_tests.end_to_end.corner_shop import TABLES, CornerShop


@pytest.fixture
def small(open_shop: Open, monkeypatch: pytest.MonkeyPatch) -> Iterator[CornerShop]:
    """The corner shop in the place of the shipped example."""
    shop = open_shop()
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("DAGSTER_HOME", str(shop.folder / "dagster"))
    (shop.folder / "dagster").mkdir()
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    small = demo.Dataset("example", shop.folder / "catalog", ".")
    monkeypatch.setitem(demo.DATASETS, "example", small)
    monkeypatch.setattr(demo, "generate", lambda landing: shop.stock())
    return shop


@pytest.mark.slow
def test_what_can_be_made_is_made_and_told_and_stays_the_same_the_second_time(
    small: CornerShop, stocked: CornerShop
) -> None:
    torn = small.drop("web/torn.jsonl.gz", b"")
    torn.write_bytes(b"\x1f\x8b\x08")
    out = io.StringIO()
    with pytest.raises(demo.DemoFailed, match=r"land_web: web/torn.jsonl.gz cannot be read"):
        demo.run_demo("example", console=Console(file=out, width=120))
    for words in ("Land files", "web", "busy", "buyers", "thanks", "held out"):
        assert words in out.getvalue()
    made = _made(small)
    assert {name: versions for name, (_, versions) in made.items()} == {
        name: stocked.versions(name) for name in TABLES
    }
    exported = _files(small.folder / "exports")
    assert exported

    torn.unlink()
    demo.run_demo("example", console=Console(file=out, width=120))
    assert "make ui" in out.getvalue()
    assert _made(small) == made  # not even a new commit
    assert _files(small.folder / "exports") == exported


def _made(shop: CornerShop) -> dict[str, tuple[int | None, dict[str, str]]]:
    return {name: (shop.bench.lake.version(name), shop.versions(name)) for name in TABLES}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
