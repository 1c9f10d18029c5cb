"""Files that were refused: known as such for as long as they lie there, and no longer."""

from pathlib import Path

from engagement_pipeline_tests.ingestion.shop import Shop, row


def refused(shop: Shop) -> list[str]:
    return [each.file for each in shop.ledger.files("web").values() if each.status == "failed"]


def torn(shop: Shop) -> Path:
    path = shop.drop("web/torn.jsonl.gz", [row(number) for number in range(50)])
    path.write_bytes(path.read_bytes()[:100])
    return path


def test_a_refused_file_is_one_until_it_is_delivered_anew(shop: Shop) -> None:
    torn(shop)
    for _ in range(2):
        shop.take_in()
        assert refused(shop) == ["web/torn.jsonl.gz"]
    shop.drop("web/torn.jsonl.gz", [row(number) for number in range(50)])
    shop.take_in()
    assert refused(shop) == []
    assert len(shop.ledger.landed("web")) == 1


def test_a_refused_file_that_was_taken_away_is_forgotten(shop: Shop) -> None:
    bad = torn(shop)
    shop.drop("web/good.jsonl", [row(1)])
    shop.take_in()
    assert refused(shop) == ["web/torn.jsonl.gz"]
    bad.unlink()
    shop.take_in()
    assert refused(shop) == []
    assert len(shop.ledger.landed("web")) == 1
