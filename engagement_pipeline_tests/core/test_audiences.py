import hashlib

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Campaign, Segment
from engagement_pipeline.core.audiences import decide, held_out, plan_campaign, waterfall
from engagement_pipeline.core.frames import ALIASES, AUDIENCES
from engagement_pipeline.core.identity import resolve
from engagement_pipeline_tests.core.build import AS_OF, MEMBERS, catalog, score

SEGMENTS = ("in1", "in2", "out1", "out2")


def plan(**given):
    spec = Campaign.model_validate(
        {
            "campaign": "perks",
            "goal": "test",
            "owner": MEMBERS,
            "channel": "email",
            "audience": {"include": ["in1", "in2"], "exclude": ["out1", "out2"]},
            "variants": [
                {"name": "extra", "when": "score.s >= 8", "message": "extra_perks"},
                {"when": "score.s >= 5", "message": "offer"},
            ],
            **given,
        }
    )
    segments = [Segment(segment=name, owner=MEMBERS, where="profile.age > 0") for name in SEGMENTS]
    return plan_campaign(spec, catalog(score(), segments=segments, campaigns=[spec]))


def facts(rows):
    """Facts from person -> (segments, score); who is in `mute` is not reachable."""
    return pl.LazyFrame(
        {
            "person_id": list(rows),
            **{f"segment.{s}": [s in segments for segments, _ in rows.values()] for s in SEGMENTS},
            "reachable.email": ["mute" not in segments for segments, _ in rows.values()],
            "score.s": pl.Series([value for _, value in rows.values()], dtype=pl.Float64),
        }
    )


def decided(rows, **given):
    found = decide(facts(rows), plan(**given), AS_OF).collect()
    assert found.schema == AUDIENCES
    return {row[1]: row[2:] for row in found.iter_rows()}


def test_candidates_are_in_any_included_segment():
    assert decided(
        {"a": ({"in1"}, 9), "b": ({"in2"}, 9), "c": ({"in1", "in2"}, 9), "d": ({"out1"}, 9)}
    ).keys() == {
        "a",
        "b",
        "c",
    }


def test_the_first_variant_whose_condition_holds_is_sent():
    found = decided({"a": ({"in1"}, 8), "b": ({"in1"}, 5)})
    assert found == {"a": ("send", None, "extra", "extra_perks"), "b": ("send", None, "offer", "offer")}


def test_a_variant_without_a_condition_is_for_everyone_left():
    found = decided(
        {"a": ({"in1"}, 8), "b": ({"in1"}, None)},
        variants=[{"when": "score.s >= 8", "message": "m"}, {"message": "rest"}, {"message": "never"}],
    )
    assert [row[3] for row in found.values()] == ["m", "rest"]


def test_the_first_reason_against_sending_is_the_only_one():
    found = decided(
        {
            "a": ({"in1", "out2", "out1"}, 9),
            "b": ({"in1", "out2"}, None),
            "c": ({"in1"}, 4.9),
            "d": ({"in1"}, None),
        },
        holdout="100%",
    )
    assert {person: row[:2] for person, row in found.items()} == {
        "a": ("suppress", "excluded: out1"),
        "b": ("suppress", "excluded: out2"),
        "c": ("suppress", "no_variant"),
        "d": ("suppress", "no_variant"),
    }


def test_the_held_out_show_what_they_would_have_got():
    assert decided({"a": ({"in1"}, 9)}, holdout="100%") == {
        "a": ("hold_out", "holdout", "extra", "extra_perks")
    }


def draws(share, campaign="perks", salt="shop", people=5_000):
    frame = pl.LazyFrame({"person_id": [f"p{n}" for n in range(people)]})
    return set(frame.filter(held_out(salt, campaign, share)).collect()["person_id"])


def test_the_holdout_is_the_salted_sha256_of_the_person():
    drawn = draws(0.1)
    for n in range(200):
        value = int(hashlib.sha256(f"shop:perks:p{n}".encode()).hexdigest()[:8], 16)
        assert (f"p{n}" in drawn) == (value < 0.1 * 2**32)


def test_growing_the_holdout_keeps_everyone_held_out():
    assert draws(0) == set()
    assert draws(0.05) < draws(0.1) < draws(0.5) < draws(1)
    assert len(draws(1)) == 5_000


def test_the_holdout_has_its_share_and_differs_by_campaign_and_project():
    assert 400 < len(draws(0.1)) < 600
    assert draws(0.1) != draws(0.1, campaign="other")
    assert draws(0.1) != draws(0.1, salt="other")


def test_who_is_not_reachable_is_suppressed_before_anything_else():
    found = decided({"a": ({"in1", "out1", "mute"}, 9), "b": ({"in1", "mute"}, 1)})
    assert found["a"] == ("suppress", "no_consent", "extra", "extra_perks")
    assert found["b"][:2] == ("suppress", "no_consent")


def test_a_person_is_held_out_by_the_surviving_ids_draw():
    ids = pl.DataFrame({"person_id": [f"p{number}" for number in range(50)]})
    drawn = ids.with_columns(out=held_out("shop", "perks", 0.5))
    kept, merged = drawn.filter("out")["person_id"][0], drawn.filter(~pl.col("out"))["person_id"][0]
    aliases = pl.LazyFrame(
        [(merged, kept, AS_OF, None), (kept + "x", merged + "x", AS_OF, None)], schema=ALIASES, orient="row"
    )
    after = resolve(ids.lazy(), aliases, AS_OF).with_columns(out=held_out("shop", "perks", 0.5)).collect()
    assert after.filter(pl.col("person_id") == kept)["out"].to_list() == [True, True]


def test_the_waterfall_adds_up_to_the_candidates():
    rows = {
        "a": ({"in1", "out2"}, 9),
        "b": ({"in1"}, 9),
        "c": ({"in1"}, 6),
        "d": ({"in2"}, 6),
        "e": ({"in2"}, 1),
        "f": ({"out1"}, 1),
        "g": ({"in1", "mute", "out1"}, 9),
    }
    found = waterfall(decide(facts(rows), plan(), AS_OF), plan())
    assert found.rows() == [
        ("candidates", 6),
        ("no_consent", 1),
        ("excluded: out1", 0),
        ("excluded: out2", 1),
        ("no_variant", 1),
        ("holdout", 0),
        ("send: extra", 1),
        ("send: offer", 2),
    ]
    assert found["people"][0] == found["people"][1:].sum()


def test_an_audience_of_another_definition_does_not_pass_as_a_waterfall():
    audience = decide(facts({"a": ({"in1", "out1"}, 9)}), plan(), AS_OF)
    with pytest.raises(ValueError, match="excluded: out1"):
        waterfall(audience, plan(audience={"include": ["in1"]}))


def test_a_campaign_names_the_facts_it_reads():
    assert plan().columns == {*(f"segment.{s}" for s in SEGMENTS), "score.s", "reachable.email"}
