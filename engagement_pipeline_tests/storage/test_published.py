"""Published versions on both databases: numbers in a row, all of a publication or nothing, and frames."""

from datetime import UTC, date, datetime

import pytest

from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.published import (
    FRAME,
    NoSuchVersion,
    Publication,
    PublishedMeanwhile,
    Version,
    as_frame,
    newest,
    one_version,
    record,
    versions,
)

AT = datetime(2026, 4, 6, 9, tzinfo=UTC)
PLAIN = Publication(AT, "ada")


def version(
    number: int, publication: Publication = PLAIN, name: str = "reading", *, gone: bool = False
) -> Version:
    return Version(
        kind="score",
        name=name,
        version=number,
        digest=None if gone else f"digest {number}",
        definition=None if gone else {"score": name, "window": number},
        changes=("removed",) if gone else (f"window {number}d → {number + 1}d", "größer"),
        publication=publication,
    )


def test_versions_read_back_as_they_were_recorded(database: Database) -> None:
    over = Publication(AT, None, date(2026, 4, 5), ("score reading: too far",), "agreed with everybody")
    assert record(database, [version(1), version(1, name="buying")], PLAIN) == 1
    assert record(database, [version(2, over)], over) == 2
    assert versions(database, "score", "reading") == [version(1), version(2, over)]
    assert [each.name for each in versions(database)] == ["buying", "reading", "reading"]
    assert newest(database)["score", "reading"] == version(2, over)
    assert one_version(database, "score", "reading", 1) == version(1)
    frame = as_frame(versions(database))
    assert frame.schema == FRAME
    assert frame["acknowledged"].to_list() == [None, None, "agreed with everybody"]
    assert as_frame([]).schema == FRAME


def test_what_was_taken_away_is_no_longer_the_newest_and_cannot_be_computed(database: Database) -> None:
    record(database, [version(1)], PLAIN)
    record(database, [version(2, gone=True)], PLAIN)
    assert newest(database) == {}
    for number in (2, 3):
        with pytest.raises(NoSuchVersion, match=f"score reading has no version {number}: published are 1"):
            one_version(database, "score", "reading", number)
    with pytest.raises(NoSuchVersion, match="nothing of it was published yet"):
        one_version(database, "score", "other", 1)
    record(database, [version(3)], PLAIN)
    assert newest(database) == {("score", "reading"): version(3)}


@pytest.mark.parametrize("number", [1, 3])
def test_a_number_that_is_taken_or_not_the_next_publishes_nothing(database: Database, number: int) -> None:
    record(database, [version(1)], PLAIN)
    with pytest.raises(PublishedMeanwhile, match="Run it again"):
        record(database, [version(1, name="buying"), version(number)], PLAIN)
    assert versions(database) == [version(1)]
    assert record(database, [version(2)], PLAIN) == 2, "the number of the failed publication was not used up"
