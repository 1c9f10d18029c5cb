"""The guide on what a score is worth says what is so."""

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest

from engagement_pipeline import example
from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Outcome

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "quality.md"
STARTER = Path(example.__file__).parent / "starter"


@pytest.fixture(scope="module")
def guide() -> str:
    if not GUIDE.exists():
        pytest.skip("the guides are not beside the package")
    return GUIDE.read_text("utf-8")


def test_its_outcomes_go_with_the_starter(guide: str, tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    shutil.copytree(STARTER, folder)
    blocks = re.findall(r"```yaml\n# (outcomes/\w+\.yaml)\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 2
    (folder / "outcomes").mkdir()
    for file, text in blocks:
        (folder / file).write_text(text, "utf-8")
    found = [str(issue) for issue in lint(folder)]
    assert all("counts 'order_completed', the outcome itself" in issue for issue in found), found
    assert set(load_catalog(folder).outcomes) == {"first_order", "gone_quiet"}


def test_every_key_it_tells_of_is_one(guide: str) -> None:
    told = set(re.findall(r"^\| `(\w+)[`:]", guide, re.MULTILINE))
    assert told <= Outcome.model_fields.keys()
    written = set(
        re.findall(r"^(\w+):", "\n".join(re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)), re.MULTILINE)
    )
    assert told | written | {"channel", "where"} == Outcome.model_fields.keys()


def test_its_example_prints_what_it_says(guide: str) -> None:
    code, printed = re.search(r"```python\n(.*?)```\n\n((?:    [^\n]*\n)+)", guide, re.DOTALL).groups()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/quality.md", "exec"), {})
    assert out.getvalue().split() == printed.split()
