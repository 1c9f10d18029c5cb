"""The reference is fresh, says something of every key, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from engagement_pipeline.catalog.reference import PAGE, reference, write
from engagement_pipeline.catalog.schemas import json_schemas

DOCS = PAGE.parent


def test_the_page_is_fresh() -> None:
    """Run `python -m engagement_pipeline.catalog.reference` when this fails."""
    assert PAGE.read_text("utf-8") == reference()


def test_it_is_written_where_asked(tmp_path: Path) -> None:
    write(tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text("utf-8") == reference()


def test_every_key_of_every_file_has_a_line_that_says_what_it_takes_and_means() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", reference(), re.MULTILINE)
    known = {
        key
        for schema in json_schemas().values()
        for part in (schema, *schema.get("$defs", {}).values())
        for each in (part, *part.get("anyOf", []))
        for key in each.get("properties", {})
    }
    assert {row[0] for row in rows} == known
    for key, takes, _, meaning in rows:
        assert takes and takes != "anything", key
        assert len(meaning) > 3, key


def headings(text: str) -> set[str]:
    said = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in said}


@pytest.mark.parametrize("page", ["reference.md", "recipes/strategies.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text)
    assert links
    for file, anchor in links:
        target = (DOCS / page).parent / file if file else DOCS / page
        assert target.exists(), file
        assert not anchor or anchor in headings(target.read_text("utf-8")), f"{file}#{anchor}"
