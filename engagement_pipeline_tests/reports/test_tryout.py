"""What a source would make of a file, at the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engagement_pipeline.cli import app
from engagement_pipeline_tests.ingestion.providers import PROJECT

SOURCE = """\
source: shop
owner: team:data
path: shop/*.jsonl
format: jsonl
ignore: {type: ping}
events:
  only: {type: [order, return]}
  event_id: id
  person_id: user.id
  event: {path: type, names: {order: ordered}}
  occurred_at: at
  value: {path: cents, multiply: 0.01}
  session_id: visit.id
  properties: {sku: "lines[0].sku"}
profiles: {only: {type: person}, person_id: user.id, columns: {tier: user.tier}}
columns: {tier: text}
aliases: {alias: device, person_id: user.id}
plan: {ordered: {channel: commerce, unit: EUR, properties: {sku: text}}}
"""
AT = "2026-04-01T10:00:00Z"
ROWS = [
    {"type": "order", "id": "1", "user": {"id": "ada"}, "at": AT, "cents": 250, "lines": [{"sku": "a"}],
     "device": "d1"},
    {"type": "order", "id": "1", "user": {"id": "ada"}, "at": AT, "cents": 250},
    {"type": "return", "id": "2", "user": {"id": "ada"}, "at": AT},
    {"type": "person", "user": {"id": "ada", "tier": "gold"}},
    {"type": "ping"},
    {"type": "mystery"},
]  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for file, text in {
        "catalog/project.yaml": PROJECT,
        "catalog/events.yaml": "events: {}\n",
        "catalog/sources/shop.yaml": SOURCE,
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, "utf-8")
    return tmp_path


def run(shop: Path, *more: str, source: str = "shop", file: str = "rows.jsonl") -> tuple[int, str]:
    given = ["source", "try", str(shop / file), "--source", source, "--catalog", str(shop / "catalog"), *more]
    found = CliRunner().invoke(app, given, env={"COLUMNS": "200"})
    return found.exit_code, found.output


def test_a_file_is_tried_without_storing_anything(shop: Path) -> None:
    before = sorted(shop.rglob("*"))
    code, said = run(shop)
    assert code == 0
    assert sorted(shop.rglob("*")) == before
    words = " ".join(said.split())
    for part in (
        "rows.jsonl as source shop: 6 rows; nothing was stored",
        "ordered 2",
        "of ids that stood before 1",
        "profiles 1",
        "statements of who is who 1",
        "rows left out on purpose 1",
        "rows rejected 2 33.3% of the rows",
        "unknown_event 1 row",
        "row 3: the event 'return' is not in the tracking plan",
        "unmapped_row 1 row",
        "row 6: no mapping takes a row with type 'mystery'",
        "2026-04-01 10:00:00 ordered commerce ada 1 2.5 EUR a",
        "Nothing was ever found at visit.id (session_id)",
    ):
        assert part in words, part


def test_the_same_for_programs(shop: Path) -> None:
    code, said = run(shop, "--json", "--shown", "1")
    found = json.loads(said)
    assert code == 0
    assert found["events"] == {"ordered": 2}
    assert len(found["first_events"]) == 1
    assert found["first_events"][0]["sku"] == "a"
    (profile,) = found["first_profiles"]
    assert (profile["person_id"], profile["tier"]) == ("ada", "gold")
    assert found["rejected"]["unmapped_row"]["rows"] == 1
    assert found["paths_never_found"] == ["visit.id (session_id)"]


def test_only_the_first_rows_of_a_long_file_are_read(shop: Path) -> None:
    _, said = run(shop, "--json", "--limit", "2")
    found = json.loads(said)
    assert (found["rows"], found["whole_file"], found["rejected_rows"]) == (2, False, 0)
    assert json.loads(run(shop, "--json", "--limit", "6")[1])["whole_file"]


def test_mistakes_are_said_in_words(shop: Path) -> None:
    assert run(shop, source="shpo") == (
        1,
        "the catalog has no source 'shpo'; did you mean 'shop'?; its sources: shop\n",
    )
    code, said = run(shop, file="none.jsonl")
    assert code == 1
    assert said.startswith("none.jsonl cannot be read: No such file or directory")
    (shop / "catalog" / "events.yaml").write_text("evnts: {}\n", "utf-8")
    code, said = run(shop)
    assert code == 1
    assert "events.yaml:1" in said


def test_dagster_is_not_needed(shop: Path) -> None:
    given = [str(shop / "rows.jsonl"), "--source", "shop", "--catalog", str(shop / "catalog")]
    code = (
        "import sys; sys.modules['dagster'] = None; from engagement_pipeline.cli import app; "
        f"app(['source', 'try', *{given!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing was stored" in done.stdout


def test_a_preset_needs_no_catalog(tmp_path: Path) -> None:
    file = tmp_path / "mail.jsonl"
    file.write_text(
        '{"event-data": {"event": "opened", "id": "g1", "recipient": "a@x.org", "timestamp": 1775037600}}\n'
    )

    def tried(*given: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, ["source", "try", str(file), *given], env={"COLUMNS": "200"})
        return found.exit_code, " ".join(found.output.split())

    code, said = tried("--preset", "mailgun")
    assert (code, "2026-04-01 10:00:00 email_opened email a@x.org g1" in said) == (0, True)
    # Of several paths for one thing all are named, where none has anything.
    assert "message.headers.message-id or Message-Id or message-id (message_id)" in said
    assert "recipient or" not in said
    assert tried("--preset", "mailgn")[1].startswith("there is no preset 'mailgn'; did you mean 'mailgun'?")
    assert tried()[1].startswith("say --source NAME")
    assert tried("--preset", "mailgun", "--source", "x")[0] == 1


def test_the_file_is_called_as_it_will_be_once_landed(shop: Path) -> None:
    mapping = shop / "catalog/sources/shop.yaml"
    mapping.write_text(mapping.read_text().replace("session_id: visit.id", "session_id: '@file'"))
    (shop / "shop").mkdir()
    (shop / "rows.jsonl").rename(shop / "shop/rows.jsonl")
    found = json.loads(run(shop, "--json", file="shop/rows.jsonl")[1])
    assert {event["session_id"] for event in found["first_events"]} == {"shop/rows.jsonl"}


def test_a_mistake_in_another_definition_stops_no_tryout(shop: Path) -> None:
    other = shop / "catalog/sources/other.yaml"
    other.write_text("source: other\nonwer: team:data\n")
    assert run(shop)[0] == 0
    own = shop / "catalog/sources/shop.yaml"
    own.write_text(own.read_text().replace("format: jsonl", "format: jsonk"))
    code, said = run(shop)
    assert (code, "sources/shop.yaml:4" in said, "other.yaml" in said) == (1, True, False)


def test_a_document_that_is_read_as_lines_gets_a_hint(shop: Path) -> None:
    (shop / "rows.jsonl").write_text(json.dumps(ROWS, indent=2))
    assert "format: json" in run(shop)[1]


def test_equal_rows_without_an_id_are_as_many_events(shop: Path) -> None:
    without = "\n".join(line for line in SOURCE.splitlines() if "event_id" not in line)
    (shop / "catalog/sources/shop.yaml").write_text(without, "utf-8")
    row = json.dumps({key: value for key, value in ROWS[1].items() if key != "id"})
    (shop / "rows.jsonl").write_text(f"{row}\n{row}\n", "utf-8")
    found = json.loads(run(shop, "--json")[1])
    assert (found["events"], found["repeated_events"]) == ({"ordered": 2}, 0)
