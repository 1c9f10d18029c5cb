"""How the files of a source are written.

Here: the models of formats and their options. Not here: which files (`sources`), reading them
(`ingestion.readers`).
"""

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from engagement_pipeline.catalog.specs.base import Spec

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "avro", "delta"]
TABLES: tuple[Format, ...] = ("csv", "tsv")
"""Formats whose rows are flat and whose fields are all text."""


def _one_character(mark: str) -> str:
    if len(mark) != 1 or not mark.isascii() or mark in "\r\n\0":
        raise ValueError(
            f'{mark!r} is not one ASCII character; a tab is "\\t" in double quotes, or format: tsv'
        )
    return mark


def _quote(mark: str) -> str:
    if mark != "none" and (len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark.isspace()):
        raise ValueError(f"{mark!r} is neither one ASCII punctuation character nor none")
    return mark


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
        text = codecs.decode(b"", name, "strict")
    except (LookupError, ValueError) as error:
        raise ValueError(f"{name!r} is no encoding known; utf-8, utf-16, cp1252 and latin-1 are") from error
    if not isinstance(text, str):
        raise ValueError(f"{name!r} turns bytes into bytes; utf-8, utf-16, cp1252 and latin-1 are encodings")
    return codecs.lookup(name).name


def _distinct(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"header names {twice[0]!r} twice")
    return names


class CsvOptions(Spec):
    """How CSV and TSV files are written, where they are not as most are."""

    delimiter: Annotated[str, AfterValidator(_one_character)] | None = None
    """Between fields: a comma in CSV and a tab in TSV without it."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """Of the text: `utf-8`, `utf-16`, `cp1252`, `latin-1`, or any other that Python knows. A byte order mark
    in the file says more than this."""
    quote: Annotated[str, AfterValidator(_quote)] = '"'
    """What stands around fields that hold delimiters or line ends; `none` when such fields do not occur and
    the character is part of the text."""
    header: (
        Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1), AfterValidator(_distinct)]
        | None
    ) = None
    """The columns of files that do not name them in their first line."""

    @model_validator(mode="after")
    def _marks_differ(self) -> "CsvOptions":
        if self.delimiter == self.quote:
            raise ValueError(
                f"{self.quote!r} is both the delimiter and the quote; without quotes, quote: none"
            )
        return self
