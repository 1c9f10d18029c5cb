"""The language of `path`, and what lint says of one that cannot be meant."""

from datetime import date
from pathlib import Path

import pytest

from engagement_pipeline.catalog.paths import BadPath, parse_path
from engagement_pipeline_tests.catalog.folders import FILES, catalog, said

SPRING = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("path", "taken", "left"),
    [
        ("web/*.jsonl", ["web/a.jsonl"], ["web/b/a.jsonl", "web/a.jsonl.gz", "x/web/a.jsonl"]),
        ("web/**/*.csv", ["web/a.csv", "web/b/c/a.csv"], ["webs/a.csv", "web/a.csv/b"]),
        ("**/part-?.parquet", ["part-1.parquet", "a/b/part-2.parquet"], ["part-10.parquet"]),
        ("a[0-9].csv", ["a1.csv"], ["ab.csv", "a/.csv"]),
        ("a[!0-9].csv", ["ab.csv"], ["a1.csv", "a/.csv"]),
        ("./a//b.csv", ["a/b.csv"], ["a.b.csv"]),
        (
            "{date:%Y/%m/%d}/*.csv",
            ["2024/02/29/a.csv"],
            ["2026/02/29/a.csv", "2026/13/01/a.csv", "26/1/1/a.csv"],
        ),
        ("{date:%Y%m%d}T{date:%H}.csv", ["20260401T23.csv"], ["20260401T24.csv"]),
        ("{date:%Y}/{date:%Y-%m-%d}.csv", ["2026/2026-04-01.csv"], ["2025/2026-04-01.csv"]),
        ("d-{date:%Y-%m}.csv", ["d-2026-04.csv"], ["d-2026-00.csv", "d-2026-4.csv"]),
    ],
)
def test_a_path_takes_the_files_that_are_meant(path: str, taken: list[str], left: list[str]) -> None:
    found = parse_path(path)
    assert [name for name in taken + left if found.takes(name)] == taken


def test_files_of_dates_before_a_day_are_left() -> None:
    daily, monthly = parse_path("x/{date:%Y/%m/%d}/*.csv"), parse_path("x/{date:%Y-%m}.csv")
    assert [day for day in (1, 2, 3) if daily.takes(f"x/2026/04/0{day}/a.csv", date(2026, 4, 2))] == [2, 3]
    assert monthly.takes("x/2026-04.csv", date(2026, 4, 30)), "its last day counts"
    assert not monthly.takes("x/2026-03.csv", SPRING)
    assert parse_path("x/*.csv").takes("x/2020-01-01.csv", SPRING), "no date was declared"


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        ("x/{date:%Y/%m/%d}/*.csv", "x/2026/04/01"),
        ("x/y/web-{date:%Y-%m-%dT%H}.csv", "x/y/web-2026-04-01"),
        ("{date:%Y}/{date:%m}/a.csv", "2026"),
        ("x/{date:%d.%m.%Y}.csv", "x"),  # names are not in the order of dates
        ("x/*/{date:%Y}.csv", "x"),
        ("x%/{date:%Y}.csv", "x%/2026"),
    ],
)
def test_listing_begins_where_dates_matter(path: str, begins: str) -> None:
    assert parse_path(path).begins(SPRING) == begins


@pytest.mark.parametrize(
    ("path", "base", "folder"),
    [
        ("s3://bucket/a/b/**/*.jsonl", "s3://bucket", "a/b"),
        ("gs://bucket/{date:%Y}/x.csv", "gs://bucket", ""),
        ("az://container/a/*.csv", "az://container", "a"),
        (
            "abfss://events@shop.dfs.core.windows.net/a/*.csv",
            "abfss://events@shop.dfs.core.windows.net",
            "a",
        ),
        ("file:///data/drop/*.csv", "file://", "data/drop"),
        ("mail/x-*/y/*.csv", "", "mail"),
    ],
)
def test_where_a_path_begins(path: str, base: str, folder: str) -> None:
    found = parse_path(path)
    assert (found.base, found.folder) == (base, folder)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("s3://AKIA:hunter2@bucket/a.csv", "holds credentials"),
        ("s3://bucket/a.csv?X-Amz-Signature=hunter2", "holds credentials"),
        ("az://container/a.csv?sv=1&sig=hunter2", "holds credentials"),
        ("abfss://c:hunter2@account.dfs.core.windows.net/a.csv", "holds credentials"),
        ("https://host/a.csv", "has the scheme 'https'"),
        ("s3:///a.csv", "names no bucket"),
        ("s3://bucket/a//b.csv", "an empty folder"),
        ("s3://bucket/", "names no file"),
        ("file://host/a.csv", "write file:///folder/file"),
        ("web/**", "write `\\*\\*/\\*.jsonl`"),
        ("web/a**.csv", "stands for folders"),
        ("web/{day}/a.csv", "a date is written {date:%Y-%m-%d}"),
        ("web/{date:%B}.csv", "has %B in a date"),
        ("web/{date:%m-%d}.csv", "needs its year"),
        ("web/{date:%Y-%d}.csv", "needs its month"),
        ("web/{date:%Y%}.csv", "has % in a date"),
    ],
)
def test_a_path_that_cannot_be_meant_is_refused(path: str, why: str) -> None:
    with pytest.raises(BadPath, match=why) as refused:
        parse_path(path)
    assert "hunter2" not in str(refused.value)


def with_source(folder: Path, old: str, new: str) -> list[str]:
    text = FILES["sources/web.yaml"]
    assert text.count(old) == 1
    return said(catalog(folder, {"sources/web.yaml": text.replace(old, new)}))


PATH = "path: web/*.jsonl.gz"


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (f"{PATH}\nupstream: dbt/orders", None),
        (f"{PATH}\nupstream: [team, dbt, orders]", None),
        (f"{PATH}\nfresh_within: 36h", None),
        ("path: s3://bucket/web/*.jsonl.gz", None),
        ("path: s3://k:hunter2@bucket/web/*.jsonl", "3: path holds credentials"),
        (f"{PATH}\nfresh_within: 36", "4: fresh_within: 36 is no age; write 90m, 36h or 2d"),
        (f"{PATH}\nfresh_within: 0h", "4: fresh_within"),
        (f"{PATH}\nupstream: dbt//orders", "4: upstream"),
        (f"{PATH}\nupstream: events/web", "4: upstream 'events/web' is this project's own asset"),
        (
            f"{PATH}\nupstream: dbt/web\nfresh_within: 1d",
            "5: fresh_within is for files that nobody announces",
        ),
    ],
)
def test_lint_names_what_is_wrong_with_a_place(tmp_path: Path, new: str, message: str | None) -> None:
    found = with_source(tmp_path, PATH, new)
    assert all("hunter2" not in each for each in found)
    if message is None:
        assert found == []
    else:
        (issue,) = found
        assert issue.startswith(f"sources/web.yaml:{message}"), issue


def test_a_delta_table_is_one_folder(tmp_path: Path) -> None:
    text = FILES["sources/web.yaml"].replace("format: jsonl", "format: delta")
    assert "format: delta" in text
    (issue,) = said(catalog(tmp_path, {"sources/web.yaml": text}))
    assert issue.startswith("sources/web.yaml:3: path 'web/*.jsonl.gz' must name one Delta table")
    assert said(catalog(tmp_path, {"sources/web.yaml": text.replace("web/*.jsonl.gz", "s3://b/t/web")})) == []
