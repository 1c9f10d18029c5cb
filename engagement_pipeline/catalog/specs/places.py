"""What a source says of the place that it reads from, beside where it is.

Here: the types of `upstream` and `fresh_within`. Not here: the language of paths (`catalog.paths`).
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_AGE = re.compile(r"(\d+)([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _key(value: object) -> object:
    """`dbt/orders` as the parts of an asset key."""
    return value.split("/") if isinstance(value, str) else value


def _age(value: object) -> object:
    """`36h`, `90m` or `2d` as a time."""
    if isinstance(value, str) and (match := _AGE.fullmatch(value)):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"{value!r} is no age; write 90m, 36h or 2d")


KeyPart = Annotated[str, Field(pattern=r"^[^/\s]+$", max_length=200)]
AssetPath = Annotated[
    list[KeyPart],
    BeforeValidator(
        _key,
        json_schema_input_type=Annotated[str, Field(examples=["dbt/orders"])] | list[KeyPart],
    ),
    Field(min_length=1),
]
Age = Annotated[
    Annotated[timedelta, Field(ge=timedelta(minutes=1), le=timedelta(days=3650))],
    BeforeValidator(
        _age, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+[mhd]$", examples=["36h"])]
    ),
]
