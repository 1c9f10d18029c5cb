import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.cli import app

run = CliRunner().invoke


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    folder = tmp_path / "my_catalog"
    assert run(app, ["init", str(folder)]).exit_code == 0
    return folder


def test_init_writes_a_catalog_that_loads(starter: Path) -> None:
    catalog = load_catalog(starter)
    assert (list(catalog.scores), list(catalog.segments), list(catalog.campaigns)) == (
        ["engagement"],
        ["engaged"],
        ["thanks"],
    )
    assert run(app, ["lint", str(starter)]).output.rstrip().endswith("no issues")


def test_the_guide_shows_what_init_writes_and_what_lint_says(starter: Path) -> None:
    guide = (Path(__file__).parents[1] / "docs" / "first-score.md").read_text()
    score, segment = starter / "scores" / "engagement.yaml", starter / "segments" / "engaged.yaml"
    for path in (score, segment, starter / "campaigns" / "thanks.yaml"):
        assert f"```yaml\n{path.read_text()}```" in guide
    score.write_text(score.read_text().replace("cart_added", "cart_aded").replace("[4, 7]", "[5, 7]"))
    segment.write_text(segment.read_text().replace("score.engagement", "score.engagment"))
    for line in run(app, ["lint", str(starter)]).output.splitlines()[:-1]:
        assert f"    {line}\n" in guide


def test_definitions_of_the_readme_are_a_project(starter: Path) -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    blocks = re.findall(r"```yaml\n((\w+): (\w+)\n.*?)```", page, re.DOTALL)
    assert [(kind, name) for _, kind, name in blocks] == [
        ("score", "engagement"),
        ("segment", "engaged"),
        ("campaign", "thanks"),
        ("source", "newsletter"),
    ]
    for text, kind, name in blocks:
        (starter / f"{kind}s" / f"{name}.yaml").write_text(text)
    catalog = load_catalog(starter)
    assert [rule.weight for rule in catalog.scores["engagement"].rules] == [3, 5, 1, -10]
    assert catalog.sources["newsletter"].events, "the preset's mappings"


def test_init_tells_what_it_wrote_and_what_to_do_next(tmp_path: Path) -> None:
    output = run(app, ["init", str(tmp_path / "new")]).output
    assert str(tmp_path / "new" / "scores" / "engagement.yaml") in output.splitlines()
    assert f"engagement lint {tmp_path / 'new'}" in output


@pytest.mark.parametrize("there", ["file", "folder"])
def test_init_never_overwrites(tmp_path: Path, there: str) -> None:
    taken = tmp_path / "taken"
    mine = taken / "project.yaml" if there == "folder" else taken
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    result = run(app, ["init", str(taken)])
    assert result.exit_code == 1
    assert f"{taken} is not empty" in result.output
    assert mine.read_text() == "mine"


def test_lint_says_everything_at_once_and_fails(starter: Path) -> None:
    score = starter / "scores" / "engagement.yaml"
    score.write_text(score.read_text().replace("cart_added", "cart_aded").replace("[4, 7]", "[5, 7]"))
    (starter / "segments" / "engaged.yaml").write_text("segment: engaged\nwhere: 'true'\nownr: team:x\n")
    result = run(app, ["lint", str(starter)])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert any(line.startswith("scores/engagement.yaml:") and "cart_added" in line for line in lines)
    assert any(line.startswith("scores/engagement.yaml:") and "4" in line and "5" in line for line in lines)
    assert any(line.startswith("segments/engaged.yaml:3:") and "owner" in line for line in lines)
    assert "errors" in lines[-1]


def test_line_100_is_no_emoji(starter: Path) -> None:
    events = starter / "events.yaml"
    events.write_text(
        events.read_text().rstrip() + "\n" * (100 - len(events.read_text().splitlines())) + "  x: {}"
    )
    assert "events.yaml:100: " in run(app, ["lint", str(starter)]).output


def test_lint_passes_with_warnings(starter: Path) -> None:
    score = starter / "scores" / "engagement.yaml"
    score.write_text(score.read_text().replace("weight: 3,", "weight: 0.3,"))
    result = run(app, ["lint", str(starter)])
    assert result.exit_code == 0
    assert "warning:" in result.output
    assert "0 errors, 1 warning" in result.output


def test_lint_of_a_folder_that_is_none_fails(tmp_path: Path) -> None:
    result = run(app, ["lint", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert "engagement init" in result.output


def test_lint_reads_the_catalog_of_the_environment(starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGEMENT_CATALOG", str(starter))
    assert run(app, ["lint"]).output.startswith(str(starter))
    monkeypatch.delenv("ENGAGEMENT_CATALOG")
    assert "example/catalog: no issues" in run(app, ["lint"]).output


def test_issues_are_one_line_each_when_piped(starter: Path) -> None:
    (starter / "scores" / "engagement.yaml").write_text("score: " + "x" * 200)
    result = subprocess.run(
        [sys.executable, "-m", "engagement_pipeline.cli", "lint", str(starter)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert all(
        line.startswith(("scores/", "segments/", "campaigns/", str(starter)))
        for line in result.stdout.splitlines()
    )


def test_version() -> None:
    assert run(app, ["--version"]).output.startswith("engagement-pipeline ")


def test_an_unknown_dataset_is_refused_by_name() -> None:
    result = run(app, ["demo", "--dataset", "nothing"])
    assert result.exit_code == 1
    assert "'nothing'" in result.output
    assert "complete-journey" in result.output


def test_data_that_is_not_there_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    result = run(app, ["demo", "--dataset", "complete-journey", "--path", str(tmp_path)])
    assert result.exit_code == 1
    assert "transactions.parquet" in result.output
    assert "--path" in result.output


def test_a_wrong_setting_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGEMENT_LAKE", "s3://bucket/lake")
    monkeypatch.delenv("ENGAGEMENT_DATABASE_URL", raising=False)
    result = run(app, ["demo"])
    assert result.exit_code == 1
    assert "ENGAGEMENT_DATABASE_URL" in result.output


@pytest.mark.parametrize("command", ["lint", "init"])
def test_lint_and_init_start_without_dagster(command: str, tmp_path: Path) -> None:
    argument = [] if command == "lint" else [str(tmp_path / "new")]
    code = (
        "import sys\n"
        "from engagement_pipeline.cli import app\n"
        f"app({[command, *argument]!r}, standalone_mode=False)\n"
        "heavy = {'dagster', 'deltalake', 'matplotlib', 'pandera'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
