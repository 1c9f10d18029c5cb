"""What landing holds in memory: bounded by rows and by their bytes, however large the files.

Here: bounds that figures can show. Not here: how much memory whole runs take (`benchmarks.bench_landing`).
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion import events, verdicts
from engagement_pipeline.ingestion.events import events_for
from engagement_pipeline.ingestion.landing import weight
from engagement_pipeline.ingestion.verdicts import Judge, Verdict, landed_blocks
from engagement_pipeline_tests.ingestion.shop import RECEIVED, Shop, row

LONG = "x" * 51_200
"""Makes a row count as a hundred."""


def test_long_rows_come_in_smaller_blocks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "BLOCK_ROWS", 1_000)
    for file in range(12):
        shop.drop(f"web/{file}.jsonl", [row(file * 5 + number, page=LONG) for number in range(5)])
    shop.drop("web/short.jsonl", [row(100 + number) for number in range(2_500)])
    took = shop.take_in()
    batches = [each.fingerprint for each in took.landing.landed]
    blocks = list(landed_blocks(shop.catalog.sources["web"], batches, shop.lake))
    assert sum(block.height for block in blocks) == 12 * 5 + 2_500
    assert max(weight([block]) for block in blocks) < 1_000 + 5 * 101 + 1_000
    assert max(block.height for block in blocks) >= 1_000


def test_days_of_long_rows_are_settled_in_smaller_chunks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CHUNK_ROWS", 1_000)
    shop.drop("web/long.jsonl", [row(number, page=LONG) for number in range(56)])
    shop.drop("web/short.jsonl", [row(100 + number) for number in range(280)])
    days = shop.take_in().touched
    chunks = list(events_for(shop.catalog.sources["web"], days, shop.catalog, shop.lake, shop.ledger))
    assert sum(each.events.height for each in chunks) == 56 + 280
    # Two long and ten short rows a day weigh 212: four days a chunk.
    assert [len(each.days) for each in chunks] == [4] * 7


@pytest.mark.slow
def test_rejected_rows_do_not_hold_the_rows_beside_them(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    judge = Judge(shop.catalog.sources["web"], shop.catalog, shop.lake)
    verdict = Verdict("b", "web/big.jsonl")
    held = []
    for _ in range(10):
        judge.weigh(block(30_000, 1_000), {"b": verdict})
        verdict.claims.clear()  # 60 bytes a row, which are wanted
        held.append(resident())
    assert verdict.rejected_rows == 10
    assert held[-1] - held[3] < 90_000_000  # 30 MB a block make 180 where they stay


def block(rows: int, size: int) -> pl.DataFrame:
    """Landed rows of so many bytes, one of them rejected."""
    number = pl.int_range(1, rows + 1, dtype=pl.Int64)
    record = {
        "id": pl.concat_str(pl.lit("e"), number),
        "user": pl.struct(id=pl.when(number != 7).then(pl.lit("p"))),
        "type": pl.lit("visit"),
        "at": pl.lit("2026-04-10T10:00:00Z"),
        "page": pl.lit("x" * size),
    }
    raw = pl.struct(**record).struct.json_encode()
    return pl.select(
        batch=pl.lit("b"),
        file=pl.lit("web/big.jsonl"),
        row_number=number,
        received_at=pl.lit(RECEIVED, dtype=LANDED["received_at"]),
        raw=raw,
    )


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
