"""The sample, read back by the library's own readers and contracts."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.contracts.events import split
from engagement_pipeline.core.frames import UTC_MICROS
from engagement_pipeline.example.flaws import PLANTED
from engagement_pipeline.example.generate import PERSONS, generate
from engagement_pipeline.ingestion.canonical import canonical_events
from engagement_pipeline.ingestion.profiles import split_profiles
from engagement_pipeline.ingestion.readers import read_raw
from engagement_pipeline_tests.example.test_catalogs import JUNIPER
from engagement_pipeline_tests.example.through_core import Computed, compute

SMALL = 300


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def landed(block: pl.DataFrame, name: str) -> pl.DataFrame:
    received = pl.lit(datetime(2026, 7, 1, tzinfo=UTC), dtype=UTC_MICROS)
    return block.with_columns(batch=pl.lit(name), file=pl.lit(name), received_at=received)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "landing"
    generate(folder)
    return folder


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(JUNIPER)


@pytest.fixture(scope="module")
def judged(landing: Path, catalog: Catalog) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """By file below the landing folder: valid events, rejected rows."""
    found = {}
    for source in catalog.sources.values():
        if source.profiles:
            continue
        for path in sorted(landing.glob(source.path)):
            name = str(path.relative_to(landing))
            blocks = [
                split(canonical_events(landed(block, name), source, catalog), catalog)
                for block in read_raw(path, source)
            ]
            if blocks:
                found[name] = (
                    pl.concat([block.valid for block in blocks]),
                    pl.concat([block.rejected for block in blocks]),
                )
    return found


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (
        generate(tmp_path / name, SMALL, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert bytes_of(first.folder) == bytes_of(again.folder)
    assert len(bytes_of(first.folder)) == first.files
    differing = [
        name
        for name, content in bytes_of(first.folder).items()
        if bytes_of(other.folder).get(name) != content
    ]
    # Two files of any sample are alike: the empty one.
    assert len(differing) == first.files - 1


def test_running_again_leaves_the_files_alone(tmp_path: Path) -> None:
    generate(tmp_path, SMALL)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    generate(tmp_path, SMALL)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("persons", [1, 2, 20])
def test_a_sample_of_few_is_possible(tmp_path: Path, persons: int) -> None:
    assert generate(tmp_path, persons, seed=3).rows > 0


def test_gzip_holds_no_time_of_writing(landing: Path) -> None:
    content = next((landing / "web").iterdir()).read_bytes()
    assert content[4:8] == bytes(4)
    assert gzip.decompress(content).startswith(b'{"messageId":"web-')


def test_every_source_of_the_catalog_has_files_and_every_file_a_source(
    landing: Path, catalog: Catalog
) -> None:
    found = [path for source in catalog.sources.values() for path in landing.glob(source.path)]
    assert {path.parent.name for path in found} == set(catalog.sources)
    assert sorted(found) == sorted(path for path in landing.rglob("*") if path.is_file())


def test_planted_mistakes_are_caught_each_by_its_rule_and_nothing_else_is(
    judged: dict[str, tuple[pl.DataFrame, pl.DataFrame]],
) -> None:
    rejected = pl.concat([rejected for _, rejected in judged.values()])
    assert set(rejected["rule"]) == PLANTED


def test_no_file_comes_near_the_reject_limit(
    judged: dict[str, tuple[pl.DataFrame, pl.DataFrame]], catalog: Catalog
) -> None:
    for name, (valid, rejected) in judged.items():
        bad = rejected["row_number"].n_unique()
        assert bad / (valid.height + bad) < catalog.project.limits.reject_share / 4, name


def test_every_event_of_the_plan_happens_on_every_part_of_the_sample(
    judged: dict[str, tuple[pl.DataFrame, pl.DataFrame]], catalog: Catalog
) -> None:
    events = pl.concat([valid for valid, _ in judged.values()])
    assert set(events["event"]) == set(catalog.events)
    assert events["event_date"].n_unique() == 90
    assert 240_000 < events.height < 290_000
    valued = [name for name, event in catalog.events.items() if event.unit]
    assert set(events.filter(pl.col("value").is_not_null())["event"]) == set(valued)
    for name in catalog.properties:
        assert events[name].null_count() < events.height, f"nobody ever says {name}"


def test_files_come_twice_late_and_with_other_content(
    landing: Path, judged: dict[str, tuple[pl.DataFrame, pl.DataFrame]]
) -> None:
    assert (landing / "email/2026-05.csv").read_bytes() == (landing / "email/2026-05_copy.csv").read_bytes()
    assert (landing / "social/2026-07_nothing_yet.csv").stat().st_size == 0
    late = judged["app/2026-05-11_late_phones.jsonl"][0]["event_date"]
    assert (str(late.min()), str(late.max())) == ("2026-04-08", "2026-04-14")
    orders, corrected = judged["shop/2026-05.jsonl"][0], judged["shop/2026-05_corrections.jsonl"][0]
    both = orders.join(corrected, on=["event_id", "occurred_at"])
    assert both.height == corrected.height == 14
    assert (both["value"] != both["value_right"]).all()


@pytest.fixture(scope="module")
def computed(
    landing: Path, judged: dict[str, tuple[pl.DataFrame, pl.DataFrame]], catalog: Catalog
) -> Computed:
    events = pl.concat([valid for valid, _ in judged.values()]).unique("event_id", maintain_order=True)
    crm = catalog.sources["crm"]
    exports = [
        split_profiles(landed(block, path.name), crm, catalog).snapshots
        for path in sorted(landing.glob(crm.path))
        for block in read_raw(path, crm)
    ]
    assert catalog.project.end_date is not None
    snapshots = pl.concat(exports).drop("batch").lazy()
    return compute(catalog, events.lazy(), snapshots, catalog.project.end_date)


def test_every_band_has_people_and_nobody_with_a_score_is_in_none(
    computed: Computed, catalog: Catalog
) -> None:
    for name, frame in computed.scores.items():
        if bands := catalog.scores[name].bands:
            counted = dict(frame.group_by("band").agg(pl.len()).iter_rows())
            assert set(bands) <= set(counted), name
            assert frame.filter(pl.col("score").is_not_null(), pl.col("band").is_null()).is_empty(), name


def test_segments_differ_in_size_and_none_is_empty_or_everybody(computed: Computed) -> None:
    sizes = [frame.height for frame in computed.segments.values()]
    assert min(sizes) >= 20
    assert max(sizes) < PERSONS * 0.7
    assert len(set(sizes)) == len(sizes)


def test_campaigns_suppress_for_several_reasons_and_send_every_variant(computed: Computed) -> None:
    for name, steps in computed.waterfalls.items():
        people = dict(steps.iter_rows())
        assert all(people[step] > 0 for step in people if step.startswith("send: ")), name
        assert people["holdout"] > 0, name
        assert people["candidates"] == sum(people.values()) - people["candidates"], name
    reasons = pl.concat(computed.waterfalls.values()).filter(pl.col("people") > 0)["step"]
    assert reasons.str.starts_with("excluded: ").sum() >= 6
    assert (reasons == "no_variant").sum() >= 3
