"""How contracts are enforced, and what their errors show."""

import pandera.polars as pa
import polars as pl
import pytest
from pandera.config import ValidationDepth, config_context

from engagement_pipeline.contracts.rules import (
    ContractBroken,
    TooManyRejected,
    enforce_limit,
    failures,
    masked,
    rule,
    validate,
)

SCHEMA = pa.DataFrameSchema(
    {"person_id": pa.Column(pl.String), "points": pa.Column(pl.Int64)},
    checks=[rule("points: positive", pl.col("points") > 0), rule("points: even", pl.col("points") % 2 == 0)],
    unique=["person_id"],
    name="points/email",
)
BAD = pl.DataFrame({"person_id": ["anna@example.org", "b", "c"], "points": [-3, -2, 8]})


def test_a_bad_value_in_a_lazily_made_frame_is_caught() -> None:
    lazy = BAD.lazy().with_columns(pl.col("points") * 2)
    with pytest.raises(TypeError, match="collect the LazyFrame"):
        validate(lazy, SCHEMA)  # type: ignore[arg-type]
    with pytest.raises(ContractBroken):
        validate(lazy.collect(), SCHEMA)


def test_the_error_names_table_rule_count_and_a_masked_sample() -> None:
    with pytest.raises(ContractBroken) as caught:
        validate(BAD, SCHEMA)
    error = caught.value
    assert (error.table, error.rule, error.count) == ("points/email", "points: positive", 2)
    assert error.sample == [{"points": -3, "person_id": "ann…"}, {"points": -2, "person_id": "…"}]
    assert "Also broken: points: even (1)" in str(error)
    assert "anna@example.org" not in str(error)


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        ("", "…"),
        ("7", "…"),
        ("42", "…"),
        ("p17", "p…"),
        ("p1234", "p…"),
        ("123456", "12…"),
        ("x" * 40, "xxx…"),
    ],
)
def test_at_most_a_third_of_an_id_is_shown(whole: str, shown: str) -> None:
    for column in ("person_id", "alias", "raw", "event_id", "some_fact"):
        assert masked(column, whole) == shown
    assert masked("band", whole) == whole, "the catalog's own words"


def test_the_sample_is_bounded() -> None:
    many = pl.DataFrame({"person_id": [str(number) for number in range(5000)], "points": [-2] * 5000})
    with pytest.raises(ContractBroken, match="5000 row") as caught:
        validate(many, SCHEMA)
    assert len(caught.value.sample) == 3
    assert len(str(caught.value)) < 600


def test_masks_stand_in_the_rows_order() -> None:
    assert {name: mask.to_list() for name, mask in failures(BAD, SCHEMA).items()} == {
        "points: positive": [True, True, False],
        "points: even": [True, False, False],
    }
    assert failures(BAD.tail(1), SCHEMA) == {}


def test_validation_cannot_be_switched_off_from_outside() -> None:
    with config_context(validation_enabled=False), pytest.raises(RuntimeError, match="switched off"):
        validate(BAD, SCHEMA)
    depth = ValidationDepth.SCHEMA_ONLY
    with config_context(validation_depth=depth), pytest.raises(RuntimeError, match="switched off"):
        validate(BAD, SCHEMA)


def test_a_share_over_the_limit_fails_and_says_which_rules() -> None:
    enforce_limit(2, 10, 0.2, "source web")
    enforce_limit(0, 0, 0.2, "an empty file")
    words = r"source web: 3 of 10 rows were rejected \(30\.0%\), the limit is 20\.0%; by rule: missing_time 3"
    with pytest.raises(TooManyRejected, match=words):
        enforce_limit(3, 10, 0.2, "source web", {"missing_time": 3})


GOOD = pl.DataFrame({"person_id": ["a", "b"], "points": [2, 4]})
PLAIN = {"person_id": pa.Column(pl.String), "points": pa.Column(pl.Int64)}
SHARE = pa.DataFrameSchema({"share": pa.Column(pl.Float64)}, name="shares")


@pytest.mark.parametrize(
    "schema",
    [
        pa.DataFrameSchema({**PLAIN, "points": pa.Column(pl.Int64, pa.Check.gt(3))}, name="t"),
        pa.DataFrameSchema({**PLAIN, "points": pa.Column(pl.Int64, unique=True)}, name="t"),
        pa.DataFrameSchema(dict(reversed(PLAIN.items())), ordered=True, name="t"),
        pa.DataFrameSchema({"person_id": pa.Column(pl.String)}, strict=True, name="t"),
        pa.DataFrameSchema(
            PLAIN, checks=[pa.Check(lambda data: data.lazyframe.select(pl.lit(False)))], name="t"
        ),
    ],
)
def test_what_a_schema_asks_beyond_our_rules_is_asked_too(schema: pa.DataFrameSchema) -> None:
    with pytest.raises(ContractBroken):
        validate(pl.concat([GOOD, GOOD.tail(1)]), schema)


def test_a_number_that_is_none_is_no_number() -> None:
    validate(pl.DataFrame({"share": [0.5]}), SHARE)
    for missing in (None, float("nan")):
        with pytest.raises(ContractBroken, match="share: present"):
            validate(pl.DataFrame({"share": [0.5, missing]}, schema={"share": pl.Float64}), SHARE)


def test_good_rows_are_proven_in_one_pass_without_pandera(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_keywords: object) -> None:
        raise AssertionError("pandera was asked")

    monkeypatch.setattr(pa.DataFrameSchema, "validate", refuse)
    validate(GOOD, SCHEMA)
    with pytest.raises(AssertionError, match="pandera was asked"):
        validate(BAD, SCHEMA)
