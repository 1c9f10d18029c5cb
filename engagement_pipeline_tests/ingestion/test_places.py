"""Where files are found, which are read again, and what is said of places out of reach."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion import landing as landing_module
from engagement_pipeline.ingestion.landing import discover, listing, unknown_files
from engagement_pipeline.ingestion.places import objects, place_uri, since_of
from engagement_pipeline.ingestion.places.folders import Folder
from engagement_pipeline.storage import objects as client
from engagement_pipeline.storage.objects import StoreUnreachable
from engagement_pipeline_tests.ingestion.shop import Shop, crm, lines, row, source
from engagement_pipeline_tests.object_stores import SECRET, Bucket

ROWS = [row(number) for number in range(10)]


def at(path: str, **more: object) -> Source:
    """The web source, reading from elsewhere."""
    return source().model_copy(update={"path": path, **more})


def names(found: Source, landing: Path | str, since: date | None = None) -> list[str]:
    return [each.file for each in listing(found, landing, since)]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of which bytes were read or downloaded."""
    seen: list[str] = []
    fetch, get = Folder.fetch, obstore.get

    @contextmanager
    def noted(place: Folder, listed: objects.Listed) -> Iterator[object]:
        seen.append(listed.file)
        with fetch(place, listed) as local:
            yield local

    monkeypatch.setattr(Folder, "fetch", noted)
    monkeypatch.setattr(obstore, "get", lambda store, key: (seen.append(key), get(store, key))[1])
    return seen


# --- folders ----------------------------------------------------------------------------------------


def test_dates_in_a_path_are_real_and_not_before_the_start(shop: Shop) -> None:
    for day in ("2026/04/01", "2026/04/02", "2026/04/31", "2026/xx/01", "2026/04/03"):
        shop.drop(f"web/{day}/a.jsonl", ROWS)
    found = at("web/{date:%Y/%m/%d}/*.jsonl")
    days = ["2026/04/01", "2026/04/02", "2026/04/03"]
    assert names(found, shop.landing) == [f"web/{day}/a.jsonl" for day in days]
    assert names(found, shop.landing, date(2026, 4, 2)) == [f"web/{day}/a.jsonl" for day in days[1:]]


def test_people_are_known_from_before_the_start(shop: Shop) -> None:
    project = shop.catalog.project
    assert since_of(source(), project) == date(2019, 12, 31), "a day before, for zones"
    assert since_of(crm(), project) is None


def test_a_file_uri_reads_beside_the_landing_folder(open_shop: Callable[..., Shop], tmp_path: Path) -> None:
    shop = open_shop(at(f"file://{tmp_path}/drop/**/*.jsonl"))
    outside = tmp_path / "secret.jsonl"
    outside.write_bytes(lines(ROWS))
    (tmp_path / "drop/deep").mkdir(parents=True)
    (tmp_path / "drop/deep/a.jsonl").write_bytes(lines(ROWS))
    (tmp_path / "drop/link.jsonl").symlink_to(outside)
    (tmp_path / "drop/_temporary").mkdir()
    (tmp_path / "drop/_temporary/b.jsonl").write_bytes(lines(ROWS))
    took = shop.run()
    assert [each.file for each in took.landing.landed] == [f"file://{tmp_path}/drop/deep/a.jsonl"]
    assert shop.table("events/web").height == len(ROWS)
    assert place_uri(shop.catalog.sources["web"], shop.landing) == f"file://{tmp_path}/drop"


def test_a_file_that_looks_the_same_is_not_read_again(shop: Shop, reads: list[str]) -> None:
    shop.drop("web/a.jsonl", ROWS)
    shop.drop("web/b.jsonl", ROWS[:3])
    assert [
        each.file for each in unknown_files(source(), shop.landing, shop.catalog.project, shop.ledger)
    ] == [
        "web/a.jsonl",
        "web/b.jsonl",
    ]
    assert reads == []
    shop.take_in()
    assert reads == ["web/a.jsonl", "web/b.jsonl"]
    assert unknown_files(source(), shop.landing, shop.catalog.project, shop.ledger) == []
    assert shop.take_in().landing.known == 2
    assert len(reads) == 2

    time = (shop.landing / "web/a.jsonl").stat()
    shop.drop("web/a.jsonl", [row(number, type="click") for number in range(10)])
    os.utime(shop.landing / "web/a.jsonl", ns=(time.st_atime_ns, time.st_mtime_ns))
    took = shop.take_in()
    assert [each.file for each in took.landing.landed] == ["web/a.jsonl"], "its inode says that it changed"
    (shop.landing / "web/b.jsonl").unlink()
    shop.take_in()
    shop.drop("web/b.jsonl", ROWS[:3])
    assert shop.take_in().landing.landed == (), "what came back is read, and known"


def test_a_name_that_is_no_text_costs_only_its_file(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [row(1)])
    odd = Path(os.fsdecode(os.fsencode(shop.landing / "web") + b"/caf\xe9.jsonl"))
    odd.write_bytes(lines([row(2)]))
    took = shop.take_in()
    assert [each.file for each in took.landing.landed] == ["web/a.jsonl"]
    assert "Rename it: its name is no UTF-8" in took.problems[0]
    odd.rename(shop.landing / "web/cafe.jsonl")
    assert [each.file for each in shop.take_in().landing.landed] == ["web/cafe.jsonl"]


def test_a_file_that_moves_on_while_the_folder_is_looked_at_is_left_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Path.is_file

    def moves_on(path: Path) -> bool:
        there = plain(path)
        if path.name == "a.jsonl":
            path.unlink()
        return there

    shop.drop("web/a.jsonl", [row(1)])
    shop.drop("web/b.jsonl", [row(2)])
    monkeypatch.setattr(Path, "is_file", moves_on)
    assert [each.file for each in listing(source(), shop.landing)] == ["web/b.jsonl"]


def test_a_refused_file_is_read_at_every_run(open_shop: Callable[..., Shop], reads: list[str]) -> None:
    shop = open_shop()
    shop.drop("web/a.jsonl", b"\x1f\x8b broken")
    for runs in (1, 2):
        assert len(shop.take_in().landing.failed) == 1
        assert len(reads) == runs
        unknown = unknown_files(source(), shop.landing, shop.catalog.project, shop.ledger)
        assert [each.file for each in unknown] == ["web/a.jsonl"]


def test_what_lies_in_the_place_is_counted(shop: Shop) -> None:
    first = shop.drop("web/a.jsonl", ROWS)
    second = shop.drop("web/b.jsonl", ROWS)
    os.utime(first, (1_700_000_000, 1_700_000_000))
    os.utime(second, (1_600_000_000, 1_600_000_000))
    place = shop.take_in().landing.place
    assert place is not None
    assert (place.files, place.bytes) == (2, 2 * len(lines(ROWS)))
    assert place.newest is not None
    assert place.newest.timestamp() == 1_700_000_000


# --- object stores ----------------------------------------------------------------------------------


def test_a_source_lands_from_a_bucket_once(
    open_shop: Callable[..., Shop], s3: Bucket, reads: list[str]
) -> None:
    shop = open_shop(at(f"{s3.uri}/in/**/*.jsonl"))
    long = f"in/{'n' * 300}.jsonl"  # longer than a file's name may be
    for key in (
        "in/a.jsonl",
        long,
        "in/x/ü b%20[1].jsonl",
        "in/.hidden.jsonl",
        "in/c.jsonl.part",
        "in/_temporary/d.jsonl",
        "in/e.csv",
        "inside/f.jsonl",
    ):
        s3.put(key, lines([row(len(key), note=key)]))
    took = shop.run()
    files = [f"{s3.uri}/{key}" for key in ("in/a.jsonl", long, "in/x/ü b%20[1].jsonl")]
    assert [each.file for each in took.landing.landed] == files
    assert shop.table("landed/web")["file"].unique().sort().to_list() == files
    assert reads == ["in/a.jsonl", long, "in/x/ü b%20[1].jsonl"]
    assert took.problems == []

    assert shop.take_in().landing.known == 3
    assert unknown_files(shop.catalog.sources["web"], "", shop.catalog.project, shop.ledger) == []
    assert len(reads) == 3, "listed, not downloaded"
    s3.put("in/a.jsonl", lines(ROWS))
    assert [each.rows for each in shop.take_in().landing.landed] == [len(ROWS)]
    assert len(reads) == 4


def test_a_google_bucket_is_read_the_same_way(
    open_shop: Callable[..., Shop], s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's store answers lists and reads as S3 does, so the server of the tests stands in for it."""
    account = {"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": True}
    key = json.dumps({**account, "gcs_base_url": s3.endpoint})
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", key)
    google = s3.uri.replace("s3://", "gs://")
    shop = open_shop(at(f"{google}/in/*.jsonl"))
    url = f"{s3.endpoint}/{s3.uri.removeprefix('s3://')}/in/a.jsonl"
    httpx.put(url, content=lines(ROWS), headers={"x-amz-acl": "public-read"}).raise_for_status()
    (file,) = shop.take_in().landing.landed
    assert (file.file, file.rows) == (f"{google}/in/a.jsonl", len(ROWS))
    assert shop.take_in().landing.known == 1


def test_the_landing_folder_may_be_a_bucket(
    open_shop: Callable[..., Shop], s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop()
    monkeypatch.setattr(Shop, "landing", f"{s3.uri}/landing")
    s3.put("landing/web/a.jsonl", lines(ROWS))
    s3.put("web/b.jsonl", lines(ROWS))
    s3.put("landing/website/c.jsonl", lines(ROWS))
    took = shop.run()
    assert [each.file for each in took.landing.landed] == ["web/a.jsonl"]
    assert shop.table("events/web").height == len(ROWS)
    place = took.landing.place
    assert place is not None
    assert (place.files, place.bytes) == (1, len(lines(ROWS)))
    assert place_uri(source(), f"{s3.uri}/landing") == f"{s3.uri}/landing/web"


def test_dates_bound_what_is_listed(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in ("2025/12/31", "2026/04/01", "2026/04/02"):
        s3.put(f"in/web-{day}/a.jsonl", b"")
    asked: list[object] = []
    plain = obstore.list

    def noted(*given: object, **more: object) -> object:
        asked.append((more["prefix"], more["offset"]))
        return plain(*given, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(obstore, "list", noted)
    found = at(f"{s3.uri}/in/web-{{date:%Y/%m/%d}}/*.jsonl")
    assert names(found, "", date(2026, 4, 1)) == [
        f"{s3.uri}/in/web-2026/04/01/a.jsonl",
        f"{s3.uri}/in/web-2026/04/02/a.jsonl",
    ]
    assert len(names(found, "")) == 3
    assert asked == [("in", "in/web-2026/04/01"), ("in", None)]


def test_an_object_that_goes_meanwhile_is_left_out(
    open_shop: Callable[..., Shop], s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(at(f"{s3.uri}/*.jsonl"))
    s3.put("a.jsonl", lines(ROWS[:5]))
    s3.put("b.jsonl", lines(ROWS[5:]))
    plain = obstore.get

    def going(store: object, key: str) -> object:
        if key == "a.jsonl":
            s3.delete(key)
        return plain(store, key)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "get", going)
    took = shop.take_in()
    assert [each.file for each in took.landing.landed] == [f"{s3.uri}/b.jsonl"]
    assert took.problems == []


def test_an_object_that_is_not_given_costs_only_itself(
    open_shop: Callable[..., Shop], s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(at(f"{s3.uri}/*.jsonl"))
    for number in range(6):
        s3.put(f"{number}.jsonl", lines([row(number)]))
    plain = obstore.get

    def archived(store: object, key: str) -> object:
        if key < "5":
            raise PermissionDeniedError(f"signature {SECRET} status code: 403")
        return plain(store, key)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "get", archived)
    took = shop.take_in()
    assert [each.file for each in took.landing.landed] == [f"{s3.uri}/5.jsonl"]
    assert len(took.problems) == 5
    assert "check the credentials in the environment" in took.problems[0]
    assert SECRET not in "".join(took.problems)
    monkeypatch.setattr(obstore, "get", plain)
    assert len(shop.take_in().landing.landed) == 5


def test_a_store_that_goes_away_keeps_what_came(
    open_shop: Callable[..., Shop], s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(at(f"{s3.uri}/*.jsonl"))
    for number in range(9):
        s3.put(f"{number}.jsonl", lines([row(number)]))
    plain, asked = obstore.get, []

    def away(store: object, key: str) -> object:
        asked.append(key)
        if key > "2.jsonl":
            raise GenericError(f"after 3 retries, {SECRET}: error sending request")
        return plain(store, key)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "get", away)
    took = shop.take_in()
    assert len(took.landing.landed) == 3
    assert len(asked) == 3 + landing_module.FAILURES, "it is not asked for every file"
    assert "does not answer" in took.problems[-1]
    assert SECRET not in "".join(took.problems)
    assert took.landing.place is None
    monkeypatch.setattr(obstore, "get", plain)
    assert len(shop.take_in().landing.landed) == 6


def test_a_bucket_that_is_not_there_is_named(open_shop: Callable[..., Shop], s3: Bucket) -> None:
    shop = open_shop(at(f"{s3.uri}-not/web/*.jsonl"))
    with pytest.raises(StoreUnreachable, match="check the name of the bucket"):
        names(shop.catalog.sources["web"], "")
    took = shop.take_in()
    assert took.problems == [f"{s3.uri}-not/web is not there: check the name of the bucket"]


def test_a_store_that_does_not_answer_is_named_without_credentials(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    client.open_store.cache_clear()
    with pytest.raises(StoreUnreachable, match="does not answer") as unreachable:
        names(at(f"{s3.uri}/*.jsonl"), "")
    client.open_store.cache_clear()
    assert "AWS_ENDPOINT_URL" in str(unreachable.value)
    assert SECRET not in repr(unreachable.value)
    assert unreachable.value.__suppress_context__


def test_a_download_that_is_cut_off_is_not_landed(
    open_shop: Callable[..., Shop], s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(at(f"{s3.uri}/*.jsonl"))
    s3.put("a.jsonl", lines(ROWS))
    plain = obstore.get

    class Cut:
        def __init__(self, whole: "obstore.GetResult") -> None:
            self.meta = whole.meta
            self.bytes = bytes(whole.bytes())[:-20]

        def stream(self, **_: object) -> list[bytes]:
            return [self.bytes]

    monkeypatch.setattr(obstore, "get", lambda store, key: Cut(plain(store, key)))
    assert "came cut off" in shop.take_in().problems[0]
    monkeypatch.setattr(obstore, "get", plain)
    assert [each.rows for each in shop.take_in().landing.landed] == [len(ROWS)]


def test_temporary_files_go_at_once(
    open_shop: Callable[..., Shop], s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for number in range(3):
        s3.put(f"{number}.jsonl", lines([row(number)]))
    held = []
    for found in discover(at(f"{s3.uri}/*.jsonl"), ""):
        assert found.path is not None
        held.append(sum(1 for _ in tmp_path.rglob("*.jsonl")))
    assert held == [1, 1, 1]
    assert list(tmp_path.iterdir()) == []
