"""The command `preview` and the job of that name: what a person sees, and whom nobody sees."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from engagement_pipeline.cli import app
from engagement_pipeline_tests.orchestration.drafting import DRAFT, drafted
from engagement_pipeline_tests.orchestration.drafting import at_hand as at_hand
from engagement_pipeline_tests.orchestration.scenario import (
    LAST,
    PEOPLE,
    PROJECT,
    Scenario,
    event_log,
    failures,
)

invoke = CliRunner().invoke


@pytest.mark.slow
def test_preview_publish_and_versions_start_without_dagster(
    copied: Scenario, tmp_path: Path, at_hand: Callable[[Scenario], None]
) -> None:
    at_hand(copied)
    path, html = drafted(tmp_path, DRAFT), tmp_path / "p.html"
    code = (
        "import sys\n"
        "from engagement_pipeline.cli import app\n"
        f"app({['preview', str(path), '--html', str(html), '--json']!r}, standalone_mode=False)\n"
        "sys.stdout = sys.stderr\n"
        "app(['publish'], standalone_mode=False)\n"
        "app(['versions', 'reading', '--version', '1'], standalone_mode=False)\n"
        "assert 'dagster' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["scores"][0]["name"] == "reading"
    assert said["measured"] == {"measures": 1, "days": 4}
    assert sum(row["people"] for row in said["scores"][0]["migration"]) == said["people"]
    assert "http" not in html.read_text().replace("http-equiv", ""), "the page needs nothing else"


def test_the_command_shows_a_person_what_happens(
    made: Scenario, tmp_path: Path, at_hand: Callable[[Scenario], None]
) -> None:
    at_hand(made)
    html = tmp_path / "p.html"
    text = DRAFT.replace("label: news", 'label: "<script>alert(1)</script>"').replace(
        "[null, 3]", "[null, 8]"
    )
    text = text.replace("[3, null]", "[8, null]")
    result = invoke(app, ["preview", str(drafted(tmp_path, text)), "--html", str(html)])
    assert result.exit_code == 0, result.output
    for words in (
        "weight of email_clicked 5 → 1",
        "of 4 people get another score",
        "Rank correlation with before",
        "who moves most",
        PEOPLE[0],
        "Over the limits for publishing",
        "audiences/perks",
    ):
        assert words in result.stdout, words
    assert max(map(len, result.stdout.splitlines())) <= 100
    page = html.read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<svg") >= 2


def test_without_samples_nobody_is_named(
    copied: Scenario, tmp_path: Path, at_hand: Callable[[Scenario], None]
) -> None:
    copied.write("project.yaml", PROJECT + "samples_in_metadata: false\n")
    at_hand(copied)
    html = tmp_path / "p.html"
    said = [
        invoke(app, ["preview", str(drafted(tmp_path, DRAFT)), "--html", str(html)]).stdout,
        invoke(app, ["preview", str(drafted(tmp_path, DRAFT)), "--json"]).stdout,
        html.read_text(),
    ]
    for text in said:
        assert "reading" in text
        assert not [person for person in PEOPLE if person in text]


@pytest.fixture
def job(copied: Scenario) -> Iterator[Callable[..., dg.ExecuteInProcessResult]]:
    """Runs the job `preview`."""

    def run(path: Path, *, ok: bool = True) -> dg.ExecuteInProcessResult:
        config = {"path": str(path), "as_of": LAST.isoformat(), "catalog": str(copied.folder / "catalog")}
        result = copied.definitions.resolve_job_def("preview").execute_in_process(
            run_config={
                "ops": {"preview_draft": {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            instance=copied.instance,
            raise_on_error=False,
        )
        assert result.success == ok
        return result

    return run


def test_the_job_shows_the_figures_and_names_nobody(
    copied: Scenario, tmp_path: Path, job: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    before = copied.bench.lake.partitions("scores/reading")
    result = job(drafted(tmp_path, DRAFT))
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    shown = event.step_output_data.metadata
    assert "weight of email_clicked 5 → 1" in shown["edits"].value
    assert "| reading | 4 |" in shown["scores"].value
    assert "readers" in shown["segments"].value
    assert "movers of reading" in shown
    assert not [person for person in PEOPLE if person in event_log(copied)]
    assert copied.bench.lake.partitions("scores/reading") == before
    copied.write("project.yaml", PROJECT + "samples_in_metadata: false\n")
    (event,) = [e for e in job(drafted(tmp_path, DRAFT)).all_events if e.event_type_value == "STEP_OUTPUT"]
    assert "movers of reading" not in event.step_output_data.metadata
    failed = job(tmp_path / "nothing.yaml", ok=False)
    assert "is no file and no folder" in next(iter(failures(failed).values()))


def test_days_that_the_project_does_not_have_are_named(
    made: Scenario, tmp_path: Path, at_hand: Callable[[Scenario], None]
) -> None:
    at_hand(made)
    result = invoke(app, ["preview", str(drafted(tmp_path, DRAFT)), "--as-of", "2026-05-01"])
    assert result.exit_code == 1
    assert "2026-05-01 is after the project's end, 2026-04-05" in result.output
    asked = ["explain", "kunde-ada-71", "--date", "2026-05-01"]
    assert "2026-05-01 is after the project's end" in invoke(app, asked).output
