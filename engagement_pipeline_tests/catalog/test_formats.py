"""How files are written: what the options allow, and what they say to what they do not."""

import pytest
from pydantic import ValidationError

from engagement_pipeline.catalog.specs import CsvOptions, Source

BASE = {
    "source": "web",
    "owner": "team:data",
    "path": "web/*",
    "events": {"person_id": "p", "event": "e", "occurred_at": "at"},
}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"delimiter": ";;"}, "not one ASCII character; a tab is"),
        ({"delimiter": "\\t"}, "not one ASCII character; a tab is"),
        ({"delimiter": "§"}, "not one ASCII character"),
        ({"delimiter": '"'}, "both the delimiter and the quote"),
        ({"quote": "no"}, "neither one ASCII punctuation character nor none"),
        ({"quote": "x"}, "neither one ASCII punctuation character nor none"),
        ({"encoding": "utf-88"}, "no encoding known; utf-8"),
        ({"encoding": "base64"}, "turns bytes into bytes"),
        ({"encoding": "cp\x00"}, "no encoding known"),
        ({"header": ["a", "b", "a"]}, "header names 'a' twice"),
        ({"header": []}, "at least 1 item"),
        ({"separator": ";"}, "Extra inputs are not permitted"),
    ],
)
def test_options_that_make_no_sense_say_why(options: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        CsvOptions.model_validate(options)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"format": "jsonl", "csv": {"delimiter": ";"}}, "the format is jsonl"),
        ({"format": "jsonl", "records": "data"}, "`records` is for the format json; the format is jsonl"),
        ({"format": "json", "records": "data..events"}, "a key of `records` is empty"),
        ({"format": "xml"}, "Input should be 'csv', 'tsv', 'jsonl', 'json', 'parquet', 'avro'"),
    ],
)
def test_options_belong_to_their_format(options: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Source.model_validate({**BASE, **options})


def test_options_as_they_are_meant() -> None:
    form = CsvOptions.model_validate(
        {"delimiter": "|", "encoding": "Latin1", "quote": "none", "header": ["a"]}
    )
    assert form.encoding == "iso8859-1"
    assert (
        Source.model_validate({**BASE, "format": "tsv", "csv": {"encoding": "UTF-16"}}).csv.encoding
        == "utf-16"
    )
