"""What lint says of sources that read a database, and that it repeats no credential."""

from datetime import timedelta
from pathlib import Path

import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import WEB, catalog, said

FILES = "path: web/*.jsonl.gz\nformat: jsonl\n"
DATABASE = """\
database:
  url_env: SHOP_DATABASE_URL
  schema: public
  table: orders
  watermark: updated_at
  overlap: 90m
"""
TABLE = WEB.replace(FILES, DATABASE)
SECRET = "postgresql://shop:open-sesame@db/shop"


def lint(folder: Path, old: str, new: str) -> list[str]:
    assert TABLE.count(old) == 1
    return said(catalog(folder, {"sources/web.yaml": TABLE.replace(old, new)}))


def test_a_table_is_declared(tmp_path: Path) -> None:
    rows = load_catalog(catalog(tmp_path, {"sources/web.yaml": TABLE})).sources["web"].database
    assert rows is not None
    assert (rows.schema_, rows.label, rows.overlap) == ("public", "public.orders", timedelta(minutes=90))
    assert rows.batch_rows == 50_000


@pytest.mark.parametrize("query", ["select 1", "WITH x AS (select 1) select * from x;", "(select ';' as a)"])
def test_a_query_is_one_select(tmp_path: Path, query: str) -> None:
    assert lint(tmp_path, "  schema: public\n  table: orders\n", f'  query: "{query}"\n') == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SHOP_DATABASE_URL", SECRET, "4: url_env: this is a URL, and a catalog is no place for credentials"),
        ("SHOP_DATABASE_URL", "shop database", "4: url_env: this is no name of an environment variable"),
        (DATABASE, f"database: {SECRET}\n", "3: database: must be keys and values (url_env, table or query"),
        ("database:\n", "path: web/*.csv\ndatabase:\n", "`database` and `path` exclude each other"),
        (DATABASE, "", "missing key 'path' and 'format' (or `database`"),
        (DATABASE, "path: a/*\n", "missing key 'format'"),
        ("  schema: public\n  table: orders\n", "", "say one of table and query"),
        ("  table: orders\n", "  query: select 1\n", "`schema` goes with `table`"),
        ("  table: orders\n", "  table: orders\n  query: select 1\n", "say one of table and query"),
        ("  watermark: updated_at\n", "", "missing key 'watermark'"),
        ("watermark", "watermarks", "unknown key 'watermarks'; did you mean 'watermark'?"),
        ("90m", "soon", "overlap: 'soon' is no overlap; write 30m, 1h or 2d"),
        ("90m", "-5", "overlap: -5 is no overlap"),
        ("90m", "90m\n  batch_rows: 0", "batch_rows: 0 is too small; it must be at least 1"),
        ("schema: public\n  table: orders", "query: delete from x", "query: must be one SELECT"),
        ("schema: public\n  table: orders", "query: select 1; drop table x", "query: must be one statement"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    (issue,) = lint(tmp_path, old, new)
    assert message in issue
    assert issue.startswith("sources/web.yaml:")
    assert "sesame" not in issue


def test_a_url_under_a_key_of_its_own_is_not_repeated(tmp_path: Path) -> None:
    key, url = lint(tmp_path, "url_env: SHOP_DATABASE_URL", f"url: {SECRET}")
    assert key == "sources/web.yaml:4: unknown key 'url'; did you mean 'url_env'?"
    assert url.startswith("sources/web.yaml:4: url_env: this is a URL")
    assert "sesame" not in url
