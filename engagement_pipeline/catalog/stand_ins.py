"""What stands in for parts of a definition that cannot be read, and what goes when they are left out.

Here: tables by model, their keys the keys to a part, whichever of a list it is in. Not here: putting
definitions right (`guesses`).
"""

from collections.abc import Mapping, Sequence

from engagement_pipeline.catalog.reader import Key
from engagement_pipeline.catalog.specs import (
    Alert,
    Campaign,
    Outcome,
    Project,
    Score,
    Segment,
    Source,
    Spec,
    TrackingPlan,
)

NOWHERE = "unknown"
"""A path that no lint rule minds."""
_EVENT = dict.fromkeys(("person_id", "event", "occurred_at", "channel"), NOWHERE)
STAND_INS: Mapping[type[Spec], Mapping[Key, object]] = {
    Project: {
        ("project",): NOWHERE,
        ("start_date",): "2000-01-01",
        ("limits",): {"weight": [-1e6, 1e6]},
        ("limits", "weight"): [-1e6, 1e6],
    },
    TrackingPlan: {("events",): {}},
    Source: {
        ("path",): NOWHERE,
        ("format",): "csv",
        ("events",): _EVENT,
        ("columns",): {NOWHERE: "text"},
        ("columns", "*"): "text",
        **{("events", name): NOWHERE for name in ("event_id", "message_id", "value", *_EVENT)},
        **{("profiles", name): NOWHERE for name in ("person_id", "observed_at")},
        **{("aliases", name): NOWHERE for name in ("person_id", "alias")},
    },
    Score: {
        ("window",): 3650,
        ("rules",): [{"when": "true", "weight": -1}],
        ("rules", "weight"): -1,
        ("rules", "per"): 1,
        ("rules", "inactive_for"): 1,
        ("groups", "*"): 1e9,
    },
    Segment: {("where",): "true"},
    Campaign: {
        ("channel",): "email",
        ("variants",): [{"message": NOWHERE}],
        ("variants", "message"): NOWHERE,
        ("outcome", "within"): 1,
        ("destinations", "kind"): "files",
    },
    Outcome: {("within",): 1},
    Alert: {
        ("drop",): {"score": 1e-9, "within": 1},
        ("drop", "within"): 1,
        ("destinations",): [{"kind": "log"}],
    },
}
"""By the keys to it, what stands for a part that must be there, or that others cannot be judged without; it
gives lint nothing to say."""
EVERYWHERE: Mapping[Key, object] = {("owner",): "team:unknown", ("goal",): NOWHERE}
WITH: Mapping[type[Spec], Mapping[Key, Sequence[Key]]] = {
    Source: {
        ("events",): [("expects",)],
        ("events", "event"): [("expects",)],
        ("columns",): [("profiles", "columns")],
    },
    Score: {
        ("scale",): [("bands",), ("hysteresis",)],
        ("bands",): [("scale",), ("hysteresis",)],
        ("rules",): [("missing_parts",)],
        ("groups",): [("rules", "group")],
    },
}
"""What cannot be judged without a part, and goes when that is lost."""
_RULE, _SCALE = ("event", "implied_by", "unit", "when", "score"), ("method", "range")
WHOLE: Mapping[type[Spec], Mapping[Key, Key]] = {
    Score: {
        ("bands",): ("bands",),
        **{("scale", name): ("scale",) for name in _SCALE},
        **{("rules", name): ("rules",) for name in _RULE},
    },
    Campaign: {("variants", "when"): ("variants",)},
}
"""Parts without which what holds them would say something else, and what is lost with them."""
ITEMS = ("rules", "variants")
"""Lists of parts that a key which nobody knows leaves without meaning."""
SEEN: Mapping[type[Spec], Sequence[str]] = {
    Project: ["keep_unknown_events"],
    Source: ["columns", "plan", "profiles"],
    Score: ["scale", "bands"],
}
"""Keys that other files are judged by: of what is lost there they must not see a guess."""
