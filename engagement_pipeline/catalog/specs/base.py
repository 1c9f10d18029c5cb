"""What every part of the catalog is made of: names, owners, days, shares, and the strict model itself."""

import re
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

Channel = Literal[
    "email", "push", "sms", "in_app", "web", "app", "social", "offline", "commerce", "survey", "support"
]
PropertyType = Literal["text", "integer", "number", "boolean", "date"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Owner = Annotated[str, Field(pattern=r"^(team:[A-Za-z0-9_.-]+|[^@\s]+@[^@\s]+\.[^@\s]+)$")]


def days_of(value: object) -> object:
    """`90d`, `2w` or a plain number of days, as days."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)([dw])", value)):
        return int(match[1]) * (7 if match[2] == "w" else 1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a number of days; write 30d or 4w")
    return value


def share_of(value: object) -> object:
    """`10%` or 0.1, as a share of 1."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value)):
        return float(match[1]) / 100
    return value


_DaysText = Annotated[str, Field(pattern=r"^\d+[dw]$", examples=["30d", "4w"])]
_ShareText = Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s*%$", examples=["10%"])]
Days = Annotated[
    Annotated[int, Field(ge=1, le=3650)],
    BeforeValidator(days_of, json_schema_input_type=Annotated[int, Field(ge=1, le=3650)] | _DaysText),
]
Share = Annotated[
    Annotated[float, Field(ge=0, le=1)],
    BeforeValidator(share_of, json_schema_input_type=Annotated[float, Field(ge=0, le=1)] | _ShareText),
]


Weight = Annotated[float, Field(ge=-1e6, le=1e6)]


class Spec(BaseModel):
    """A part of the catalog: unknown keys are errors, numbers finite, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
