"""What is wrong within one file, in words: the line, the culprit, the nearest valid key."""

from pathlib import Path

import pytest

from engagement_pipeline_tests.catalog.folders import catalog, planted, said

SCORE, PROJECT, EVENTS, WEB = "scores/email.yaml", "project.yaml", "events.yaml", "sources/web.yaml"
CHANNELS = "email, push, sms, in_app, web, app, social, offline, commerce, survey, support"
OPENED = "{event: email_opened, weight: 3, cap: {per_day: 1}}"


@pytest.mark.parametrize(
    ("file", "old", "new", "messages"),
    [
        # keys
        (SCORE, "window:", "windw:", ["4: unknown key 'windw'; did you mean 'window'?"]),
        (SCORE, "weight: 3", "weigth: 3", ["6: unknown key 'weigth'; did you mean 'weight'?"]),
        (SCORE, "cap: {per_day: 1}", "cap: {perday: 1}",
         ["6: unknown key 'perday'; did you mean 'per_day'?"]),
        (SCORE, "cap: {per_day: 1}", "cap: {zzz: 1}",
         ["6: unknown key 'zzz'; valid keys: per_day, points"]),
        (SCORE, "{low: [1, 4],", "{low: {frm: 1, to: 4},", ["9: unknown key 'frm'; did you mean 'from'?"]),
        (SCORE, "goal: Is this person reading our emails?\n", "", ["1: missing key 'goal'"]),
        (WEB, "{path: ts, format: epoch_ms}", "{paht: ts}", ["8: unknown key 'paht'; did you mean 'path'?"]),
        (PROJECT, "end_date:", "automation: {schedule: true}\nend_date:",
         ["4: unknown key 'schedule'; did you mean 'schedules'?"]),
        # forms
        (SCORE, "window: 90d", "window: 90d\ndecay: exponential",
         ["5: decay: must be none, {half_life: 30d}, {linear: 30d} or {s_curve: 30d}"]),
        (SCORE, "window: 90d", "window: 90d\ndecay: {halflife: 30d, x: 1}",
         ["5: unknown key 'halflife'; did you mean 'half_life'?",
          "5: unknown key 'x'; valid keys: half_life"]),
        (SCORE, "window: 90d", "window: 90d\ndecay: {days: 30}",
         ["5: decay: must be none, {half_life: 30d}, {linear: 30d} or {s_curve: 30d}"]),
        (SCORE, "window: 90d", "window: 90d\ndecay: {half_life: long}",
         ["5: half_life: 'long' is not a number of days; write 30d or 4w"]),
        (SCORE, "window: 90d", "window: 90d\ndecay: {linear: 30d, half_live: 2d}",
         ["5: unknown key 'half_live'; valid keys: linear"]),
        (SCORE, OPENED, "{event: 5, weight: 3}",
         ["6: event: must be the name of an event, or a list of them"]),
        (SCORE, OPENED, "{event: [email_opened, 5], weight: 3}",
         ["6: event: 5 is not text; put it in quotes"]),
        (SCORE, OPENED, "{event: Email Opened, weight: 3}",
         [("6: event: 'Email Opened' is not a name; "
          "use lower-case letters, digits and _, beginning with a letter; did you mean 'email_opened'?")]),
        (SCORE, OPENED, "{event: email_opened, channel: emial, weight: 3}",
         [f"6: channel: 'emial' is not one of {CHANNELS}; did you mean 'email'?"]),
        (SCORE, OPENED, "{event: email_opened, channel: [emial], weight: 3}",
         [f"6: channel: 'emial' is not one of {CHANNELS}; did you mean 'email'?"]),
        # values
        (SCORE, "weight: 3", "weight: heavy", ["6: weight: 'heavy' is not a number"]),
        (SCORE, "weight: 3", "weight: '3'", ["6: weight: '3' is not a number"]),
        (SCORE, "weight: 3", "weight: true", ["6: weight: true is not a number"]),
        (SCORE, "weight: 3", "weight: .nan", ["6: weight: '.nan' is not a number"]),
        (SCORE, "weight: 3", "weight: 1e999", ["6: weight: inf is not a finite number"]),
        (SCORE, "weight: 3", "weight:", ["6: weight: nothing stands here; it must be a number"]),
        (SCORE, "per_day: 1", "per_day: 0", ["6: per_day: 0 is too small; it must be at least 1"]),
        (SCORE, "per_day: 1", "per_day: 1.5", ["6: per_day: 1.5 is not a whole number"]),
        (SCORE, "window: 90d", "window: 0d", ["4: window: '0d' is too small; it must be at least 1d"]),
        (SCORE, "window: 90d", "window: long",
         ["4: window: 'long' is not a number of days; write 30d or 4w"]),
        (SCORE, "team:lifecycle", "lifecycle",
         ["3: owner: 'lifecycle' is not an owner; write team:lifecycle or ada@example.com"]),
        (SCORE, "Is this person reading our emails?", "5", ["2: goal: 5 is not text; put it in quotes"]),
        (SCORE, "[1, 4]", "[1, 2, 4]", ["9: low: a band is [from, to]; null for no bound"]),
        (SCORE, "[1, 4]", "[one, 4]", ["9: low: 'one' is not a number"]),
        (SCORE, "range: [1, 10]", "range: [10, 1]", ["8: scale: range [10, 1] must ascend"]),
        (SCORE, ", range: [1, 10]", "",
         ["8: scale: percentile needs a range, such as [1, 10]"]),
        (SCORE, "method: percentile", "method: precentile",
         [("8: method: 'precentile' is not one of points, percentile, linear, sqrt, log, saturating, "
          "thresholds; did you mean 'percentile'?")]),
        (SCORE, "score: email", "score: Email",
         [("1: score: 'Email' is not a name; use lower-case letters, digits and _, beginning with a letter; "
           "did you mean 'email'?")]),
        (PROJECT, "start_date: 2026-01-01", "start_date: 2026-13-01",
         ["3: start_date: '2026-13-01' is not a date; write 2026-01-31"]),
        (PROJECT, "end_date:", "automation: {daily_at: 5 am}\nend_date:",
         ["4: daily_at: '5 am' is not a time of day; write 05:00"]),
        (PROJECT, "end_date:", "limits: {reject_share: 120%}\nend_date:",
         ["4: reject_share: '120%' is too large; it must be at most 100%"]),
        (EVENTS, "channel: commerce", "channel: comerce",
         [f"4: channel: 'comerce' is not one of {CHANNELS}; did you mean 'commerce'?"]),
        (EVENTS, "{level: integer", "{level: int",
         ["5: level: 'int' is not one of text, integer, number, boolean, date; did you mean 'integer'?"]),
        (EVENTS, "chosen: false", "chosen: no", ["2: chosen: 'no' is not true or false"]),
        (WEB, "{path: ts, format: epoch_ms}", "{path: ts, constant: x}",
         ["8: occurred_at: say one of path, constant and join"]),
        (WEB, "format: jsonl", "format: jsnl",
         [("4: format: 'jsnl' is not one of csv, tsv, jsonl, json, parquet, avro, delta; "
          "did you mean 'jsonl'?")]),
        (WEB, "format: jsonl", "format: jsonl\ncolumns: {a: text}",
         ["5: `profiles` and `columns` go together: the mapping, and the facts it fills"]),
        (SCORE, "window: 90d", "window: 600w", ["4: window: '600w' is too large; it must be at most 3650d"]),
        (SCORE, "range: [1, 10]", "range: [1]", ["8: range: [1] has too few entries"]),
        (SCORE, "range: [1, 10]", "range: [1, 5, 9]",
         ["8: range: [1, 5, 9] has too many entries; it needs 2"]),
        (SCORE, "team:lifecycle", "{team: lifecycle}", ["3: owner: {team: lifecycle} is not text"]),
        (SCORE, "Is this person reading our emails?", "hm",
         ["2: goal: 'hm' is too short; write 3 characters or more"]),
        (SCORE, OPENED, "{event: email_opened, when: profile.vip, weight: 3}",
         [("6: rules: `when` asks about people, and this rule counts events: write `where` for a condition "
           "on the event, `applies_to` for one on the person")]),
        (EVENTS, "{level:", "{Level No:",
         [("5: 'Level No' is not a name; use lower-case letters, digits and _, beginning with a letter; "
           "did you mean 'level_no'?")]),
        (PROJECT, "2026-03-31", "2025-03-31", ["4: end_date 2025-03-31 is before start_date 2026-01-01"]),
        (WEB, "event: name", "event: name\n  value: {path: v, multiply: lots}",
         ["8: multiply: must be a number, or {path: currency, factors: {EUR: 1}}"]),
        (WEB, "format: jsonl", "format: jsonl\nfresh_within: 0h",
         ["5: fresh_within: '0h' is too small; it must be at least 1 minute"]),
        ("campaigns/perks.yaml", "{kind: files, path: perks}", "{kind: sftp, path: perks}",
         ["11: kind: 'sftp' is not files"]),
    ],
)  # fmt: skip
def test_a_planted_mistake_is_named(
    tmp_path: Path, file: str, old: str, new: str, messages: list[str]
) -> None:
    assert planted(tmp_path, file, old, new) == [f"{file}:{message}" for message in messages]


def test_every_form_of_a_value_that_is_right(tmp_path: Path) -> None:
    rules = "rules:\n  - {event: [email_opened], channel: [email, push], weight: 3, cap: {per_day: 1}}"
    assert planted(tmp_path, SCORE, f"rules:\n  - {OPENED}", rules) == []
    assert planted(tmp_path, SCORE, "window: 90d", "window: 4w\ndecay: {linear: 28}") == []
    assert planted(tmp_path, SCORE, "{low: [1, 4],", "{low: {from: 1, to: 4},") == []
    assert planted(tmp_path, "campaigns/perks.yaml", "holdout: 10%", "holdout: 0.1") == []


def test_what_a_broken_file_declares_still_counts(tmp_path: Path) -> None:
    """A typo in a score or an event must not make the segments and rules that name it look wrong."""
    for file, old, new in (
        (SCORE, "window:", "windw:"),
        (SCORE, "score: email", "scor: email"),
        (SCORE, "rules:", "rules: ["),
        (EVENTS, "chosen: false", "chosn: false"),
        (EVENTS, "{channel: email, properties: {category: text}}", "{channel: emial}"),
        (EVENTS, "events:", "events: ["),
        (EVENTS, "events:", "evnts:"),
        ("sources/crm.yaml", "columns:", "colums:"),
        ("segments/readers.yaml", "where:", "were:"),
        ("segments/readers.yaml", "segment: readers", "segment: readers\nsegment: readers"),
    ):
        found = planted(tmp_path, file, old, new)
        assert found, (file, new)
        assert all(issue.startswith(f"{file}:") for issue in found), found


def test_a_broken_file_is_known_by_what_it_is_called_inside(tmp_path: Path) -> None:
    folder = catalog(
        tmp_path,
        {"segments/z.yaml": "segment: late_readers\nwhere: [\n",
         "segments/y.yaml": "segment: y\nowner: team:x\nwhere: segment.late_readers\n"},
    )  # fmt: skip
    assert [issue.partition(": ")[0] for issue in said(folder)] == ["segments/z.yaml:3"]
