"""How a raw row becomes an event, a profile, or a statement about who is who.

Here: the models of a mapping; what each key means stands at the key. Not here: where rows come from
(`sources`) and applying a mapping (`ingestion`).
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from engagement_pipeline.catalog.specs.base import Channel, Name, Spec

RowPath = Annotated[str, Field(min_length=1, max_length=300)]
"""A column, or a way into a nested record: `mail.headers[0].value`, `items[-1].sku`,
`event_params[key=page].value.string_value`, `properties."a.b"`, and in exploded rows `each` or `each.sku`.
`@file` is the name of the file that the row came in, with its folders."""


def _texts(value: object) -> object:
    """A single text or number as a list of one text; true and false as JSON writes them."""
    texts = value if isinstance(value, list) else [value]
    if None in texts:
        raise ValueError('null is no text; say {present: false} for nothing, and "null" for the word')
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in texts]


TextList = Annotated[
    list[str], BeforeValidator(_texts, json_schema_input_type=str | list[str]), Field(min_length=1)
]
"""One text, or several of which any will do."""


class Held(Spec):
    """What a field must hold, where texts that it may have cannot say it."""

    present: bool | None = None
    """true: something other than a blank; false: nothing, or a blank."""
    none_of: TextList | None = None
    """None of these texts; a field with nothing has none of them."""
    matches: str | None = None
    """A regular expression that finds something in the text."""

    @model_validator(mode="after")
    def _says_something(self) -> "Held":
        if self.present is None and self.none_of is None and self.matches is None:
            raise ValueError("say `present: true`, `present: false`, `none_of: [a, b]` or `matches: a|b`")
        return self


Holds = Annotated[
    Annotated[list[str], Field(min_length=1)] | Held,
    BeforeValidator(
        lambda value: value if isinstance(value, dict) else _texts(value),
        json_schema_input_type=str | list[str] | Held,
    ),
]
Only = dict[RowPath, Holds]
"""Rows in which every path holds one of its texts, or holds what `Held` says."""


Formats = Annotated[
    list[str],
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=str | list[str],
    ),
    Field(min_length=1),
]

Paths = Annotated[
    list[RowPath],
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=RowPath | list[RowPath],
    ),
    Field(min_length=1),
]


class Rates(Spec):
    """Factors that bring a value to the unit of its event, by what stands at `path`."""

    path: RowPath
    """Where the row says the currency or unit."""
    factors: dict[str, float]
    """What values in each are multiplied by."""
    default: str | None = None
    """The unit where nothing stands."""


class Origin(Spec):
    """Where one canonical column comes from in a raw row."""

    path: Paths | None = None
    """A path, or several of which the first that says something counts."""
    constant: str | None = None
    """A text that is the same in every row."""
    join: Annotated[list[RowPath], Field(min_length=2)] | None = None
    """Paths whose texts are joined by `separator`; nothing where one of them says nothing."""
    separator: str = " "
    """Between texts that are joined."""
    extract: str | None = None
    """A regular expression with one group: what it finds counts, and nothing where it finds none. Done before
    `case`."""
    default: str | None = None
    """What counts where nothing is found."""
    case: Literal["lower", "snake"] | None = None
    """`lower` for addresses; `snake` turns `Order Completed` and `orderCompleted` into `order_completed`.
    Done before `names`."""
    names: dict[str, str] = {}
    """Renames of the values found (a provider's event names to the plan's)."""
    others: str | None = None
    """What values become that `names` does not have; they stay as they are without it."""
    multiply: float | Rates | None = None
    """For numbers: a factor (0.01 for cents), or one by currency or unit."""
    decimal: Literal[",", "."] | None = None
    """For numbers written for people: what stands before their decimals. Thousands may be grouped by the
    other one, by blanks or by apostrophes, and signs of currencies do not count."""
    format: Formats | None = None
    """For times: `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, `hours since 2018-05-01` (or days, minutes,
    seconds), a strptime pattern or `iso`, or several to try in turn; ISO 8601 without one. For facts and
    properties of type date, patterns and `iso`."""
    timezone: str | None = None
    """For times without an offset: the zone they are in; the project's without one."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Origin":
        if [self.path, self.constant, self.join].count(None) != 2:
            raise ValueError("say one of path, constant and join")
        if self.others is not None and not self.names:
            raise ValueError("`others` is for values that `names` does not have; say `names` too")
        return self

    @property
    def reads(self) -> list[str]:
        """Every path that this origin reads."""
        rates = [self.multiply.path] if isinstance(self.multiply, Rates) else []
        return [*(self.path or []), *(self.join or []), *rates]


def _field(value: object) -> object:
    return {"path": value} if isinstance(value, str | list) else value


MappedField = Annotated[Origin, BeforeValidator(_field, json_schema_input_type=str | list[str] | Origin)]
"""An origin; a text is its path, a list of texts the paths to try in turn."""


class Mapping(Spec):
    """What the three kinds of mapping share: which rows they take."""

    only: Only = {}
    """The rows it takes; all without it. With `explode` it may look at `each` too: elements that it does not
    name give nothing."""
    explode: RowPath | None = None
    """A list in the row: one result for each of its elements, which paths see as `each`. An empty or absent
    list gives none; anything else is a list of itself."""


class EventMapping(Mapping):
    """Raw row to canonical event. Without `event_id` the row's content is its id."""

    event_id: MappedField | None = None
    """Exploded rows whose id does not come from `each` get the element's number added. With
    `default: content` a row that names no id is its own, as all are where no `event_id` is mapped."""
    person_id: MappedField
    """Whose event it is: an id of the person, or another id that aliases resolve."""
    event: MappedField
    """Which event of the plan it is."""
    occurred_at: MappedField
    """`constant: received` is when the file was received, `default: received` too, in rows without a time."""
    channel: MappedField | None = None
    """The plan's channel for the event without it."""
    value: MappedField | None = None
    """The event's value, in the plan's unit."""
    session_id: MappedField | None = None
    """The visit that it belongs to."""
    campaign_id: MappedField | None = None
    """The campaign that it answers."""
    message_id: MappedField | None = None
    """The message that it is about; `count: messages` counts these."""
    is_machine: MappedField | None = None
    """Whether the provider says that a machine did it."""
    properties: dict[Name, MappedField] = {}
    """Declared properties that stand elsewhere than in a column of their own name."""


class ProfileMapping(Mapping):
    """Raw row to profile facts. Without `observed_at` a row counts from when its file was received;
    the first one known of a person counts from the project's start."""

    person_id: MappedField
    """Whose facts these are."""
    observed_at: MappedField | None = None
    """When they were so."""
    columns: dict[Name, MappedField] = {}
    """Facts that stand elsewhere than in a column of their own name."""
    consents: dict[Channel, MappedField] = {}
    """By channel, a field that says yes (may be contacted) or no."""


class AliasMapping(Mapping):
    """Raw row to a statement that two ids are one person. Rows that lack one of the two ids, or whose ids are
    equal, state nothing."""

    alias: MappedField
    """The other id."""
    person_id: MappedField
    """The id of the person that it belongs to."""
    occurred_at: MappedField | None = None
    """When the file was received without it."""
    merges: bool = False
    """Whether both ids are known persons, who become one. Otherwise the alias is an anonymous id (a browser,
    a device): it belongs to the first person it was seen with, and a second one on it stays apart."""
