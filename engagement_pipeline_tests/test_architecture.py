"""The direction of imports, read from the source: what a package may know of the others."""

import ast
from pathlib import Path

import pytest

import engagement_pipeline

ROOT = Path(engagement_pipeline.__file__).parent
LAYERS = [
    {"catalog"},
    {"core"},
    {"contracts"},
    {"storage", "ingestion", "delivery"},
    {"example"},
    {"engines"},
    {"reports"},
    {"orchestration"},
    {"definitions", "cli"},
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
MAY_IMPORT_DAGSTER = {"orchestration", "definitions"}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def room(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def imported(path: Path, top_level_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def rooms_of(names: set[str]) -> set[str]:
    ours = (name.split(".") for name in names if name.startswith("engagement_pipeline."))
    return {parts[1] for parts in ours} & set(RANK)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    here = room(path)
    for other in rooms_of(imported(path, top_level_only=False)) - {here}:
        assert RANK[other] < RANK[here] or {here, other} <= {"storage", "ingestion", "delivery"}, (
            f"{path.relative_to(ROOT)} imports {other}, which stands above or beside it"
        )
    if here not in MAY_IMPORT_DAGSTER and here != "cli":
        assert not any(name.split(".")[0] == "dagster" for name in imported(path, top_level_only=False))


def test_storage_does_not_know_what_is_ingested() -> None:
    for path in (ROOT / "storage").rglob("*.py"):
        assert not rooms_of(imported(path, top_level_only=False)) & {"ingestion", "delivery"}, path


def test_the_command_line_imports_dagster_only_inside_commands() -> None:
    for path in (ROOT / "cli").glob("*.py"):
        top = imported(path, top_level_only=True)
        assert not any(name.startswith(("dagster", "engagement_pipeline.orchestration")) for name in top), (
            path
        )


def test_every_room_has_a_rank() -> None:
    assert {room(path) for path in modules()} <= set(RANK)
