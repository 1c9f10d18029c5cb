"""What is wrong with mappings, each in the line where it stands, whether one mapping or a list of them."""

from pathlib import Path

import pytest

from engagement_pipeline_tests.catalog.folders import FILES, WEB, catalog, said

HEAD = "source: web\nowner: team:data\npath: web/*.jsonl\nformat: jsonl\n"
ONE = f"""{HEAD}events:
  person_id: user
  event: {{path: name, names: {{open: email_opened}}}}
  occurred_at: ts
  EXTRA
"""
TWO = f"""{HEAD}events:
  - only: {{type: open}}
    person_id: user
    event: {{constant: email_opened}}
    occurred_at: ts
  - person_id: user
    event: {{path: name, names: {{open: email_opened}}}}
    occurred_at: ts
    EXTRA
"""
FORMATS = "write epoch_s, epoch_ms, epoch_us, epoch_ns, iso, 'hours since 2018-05-01' or a pattern such as "


def lint(folder: Path, text: str) -> list[str]:
    return [
        each.removeprefix("sources/web.yaml:") for each in said(catalog(folder, {"sources/web.yaml": text}))
    ]


def with_line(text: str, line: str) -> str:
    return text.replace("EXTRA", line)


@pytest.mark.parametrize(("text", "at"), [(ONE, 9), (TWO, 13)])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("properties: {categry: a}", ("property 'categry' is mapped but no event declares it; "
         "did you mean 'category'?")),
        ("channel: {constant: emial}", "unknown channel 'emial'; did you mean 'email'?"),
        ("channel: {path: c, default: wb}", "unknown channel 'wb'; did you mean 'web'?"),
        ("session_id: a[x]", ("the path 'a[x]' cannot be read at character 2: brackets hold an element's "
         "number ([0], [-1]) or a field and its text ([key=page]); put a key that has brackets in quotes")),
        ("session_id: [a, 'b..c']", "the path 'b..c' cannot be read at character 3: a key is missing"),
        ("session_id: {join: [a, 'b[0'] }", ("the path 'b[0' cannot be read at character 2: "
         "the bracket is never closed")),
        ("only: {'\"a': x}", "the path '\"a' cannot be read at character 1: the quote is never closed"),
        ("session_id: each.id", ("'each.id' reads an element, but the mapping has no `explode`; "
         "name the list that has the elements")),
        ("explode: each.list", "explode: 'each.list' begins with each, which only its elements are"),
        ("session_id: {path: s, timezone: Europe/Berlin}", "timezone is for times; session_id is none"),
        ("session_id: {path: s, format: epoch_s}", "format is for times and dates; session_id is none"),
        ("session_id: {path: s, multiply: 2}", "multiply is for numbers; session_id is none"),
        ("value: {path: s, multiply: {path: c, factors: {USD: 0}}}", "multiply: the factor of 'USD' is 0"),
        ("value: {path: s, multiply: {path: c, factors: {}}}", ("multiply: factors has none; "
         "nothing could be read")),
        ("evnt: a", "unknown key 'evnt'; did you mean 'event'?"),
        ("session_id: {pth: a}", "unknown key 'pth'; did you mean 'path'?"),
        ("session_id: {case: upper, path: a}", "case: 'upper' is not one of lower, snake"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, text: str, at: int, line: str, message: str
) -> None:
    found = lint(tmp_path, with_line(text, line))
    assert f"{at}: {message}" in found
    assert len(found) <= 2  # a key that is misread may also be missing


@pytest.mark.parametrize(("text", "at"), [(ONE, 7), (TWO, 11)])
def test_unknown_events(tmp_path: Path, text: str, at: int) -> None:
    found = lint(tmp_path, with_line(text, "").replace("{open: email_opened}", "{open: email_opend}"))
    assert found == [f"{at}: unknown event 'email_opend'; did you mean 'email_opened'?"]


@pytest.mark.parametrize(("text", "at"), [(ONE, 8), (TWO, 12)])
@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("{path: ts, format: epoch}", f"unknown format 'epoch': {FORMATS}'%d.%m.%Y %H:%M'"),
        ("{path: ts, format: '%d.%m.%Y %K'}", "unknown format '%d.%m.%Y %K': '%K' is no part of a time"),
        ("{path: ts, format: '%H:%M'}", "unknown format '%H:%M': a pattern needs a year"),
        ("{path: ts, format: '%Y%m%d%H'}", "unknown format '%Y%m%d%H': an hour needs its minutes (%M)"),
        ("{path: ts, format: hours since 2018-13-01}", ("unknown format 'hours since 2018-13-01': "
         "month must be in 1..12")),
        ("{path: ts, timezone: Europe/Berln}", ("unknown time zone 'Europe/Berln'; "
         "did you mean 'Europe/Berlin'?")),
    ],
)  # fmt: skip
def test_times(tmp_path: Path, text: str, at: int, time: str, message: str) -> None:
    before, mark, after = with_line(text, "").rpartition("occurred_at: ts")
    assert lint(tmp_path, f"{before}{mark[:-2]}{time}{after}") == [f"{at}: {message}"]


def test_good_formats(tmp_path: Path) -> None:
    for form in (
        "epoch_ns",
        "minutes since 2018-05-01T06:30",
        "%d/%b/%Y:%H:%M:%S %z",
        "%Y%m%d",
        "%+",
        "%s%.3f",
    ):
        text = with_line(ONE, "").replace("occurred_at: ts", f"occurred_at: {{path: ts, format: '{form}'}}")
        assert lint(tmp_path, text) == [], form


def test_a_csv_column_may_be_called_anything(tmp_path: Path) -> None:
    csv = with_line(ONE, "value: 'Amount [EUR]'").replace("jsonl", "csv")
    assert lint(tmp_path, csv) == []


def test_ignore_looks_at_rows(tmp_path: Path) -> None:
    found = lint(tmp_path, with_line(ONE, "") + "ignore: {each.type: x}\n")
    assert found == [
        (
            "10: ignore: 'each.type' reads an element; `ignore` looks at whole rows, `only` of a mapping may "
            "look at elements"
        )
    ]


def test_a_source_brings_events_along(tmp_path: Path) -> None:
    text = with_line(ONE, "").replace("email_opened", "form_sent") + "plan: {form_sent: {channel: web}}\n"
    assert lint(tmp_path, text) == []
    other = text.replace("source: web", "source: other").replace("channel: web", "channel: app")
    files = {"sources/web.yaml": text, "sources/other.yaml": other}
    assert said(catalog(tmp_path, files)) == [
        (
            "sources/web.yaml:10: event 'form_sent' is declared otherwise in the plan of "
            "sources/other.yaml:10; declare it in events.yaml, which counts before both"
        )
    ]
    settled = FILES["events.yaml"] + "  form_sent: {channel: support}\n"
    assert said(catalog(tmp_path, {**files, "events.yaml": settled})) == []


def test_a_brought_property_has_one_type_too(tmp_path: Path) -> None:
    text = WEB + "plan: {form_sent: {channel: web, properties: {level: text}}}\n"
    assert said(catalog(tmp_path, {"sources/web.yaml": text})) == [
        (
            "sources/web.yaml:9: property 'level' is text here and integer in 'course_watched' "
            "(events.yaml:5); a property has one type in all events"
        )
    ]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("event_id: {path: a, extract: '(a'}", "extract: '(a' is no regular expression: unclosed group"),
        ("event_id: {path: a, extract: 'a'}", ("extract: 'a' has no groups; one pair of brackets says what "
         "counts, (?:...) is none")),
        ("event_id: {path: a, decimal: ','}", "decimal is for numbers; event_id is none"),
        ("only: {a: {matches: '['}}", "matches: '[' is no regular expression: unclosed character class"),
        ("only: {a: null}", 'a: null is no text; say {present: false} for nothing, and "null" for the word'),
        ("only: {a: {}}", "a: say `present: true`, `present: false`, `none_of: [a, b]` or `matches: a|b`"),
        ("only: {a: {presnt: true}}", "unknown key 'presnt'; did you mean 'present'?"),
        ("channel: {path: a, others: web}", ("channel: `others` is for values that `names` does not have; "
         "say `names` too")),
    ],
)  # fmt: skip
def test_words_of_exports(tmp_path: Path, field: str, message: str) -> None:
    assert lint(tmp_path, ONE.replace("  EXTRA\n", f"  {field}\n")) == [f"9: {message}"]


def test_a_unit_that_is_not_the_projects(tmp_path: Path) -> None:
    plan = "plan: {order_completed: {channel: commerce, unit: USD}}\n"
    found = said(catalog(tmp_path, {"sources/web.yaml": ONE.replace("  EXTRA\n", plan)}))
    assert found == [
        (
            "sources/web.yaml:9: warning: event 'order_completed' is in EUR in events.yaml, and its values "
            "come in USD: map `value` in EUR (`multiply` has factors), and say so in `plan`"
        )
    ]


def test_a_plan_adds_no_property_to_an_event_that_the_project_declares(tmp_path: Path) -> None:
    text = (
        with_line(ONE, "")
        + "plan:\n  email_opened: {channel: email, properties: {category: text, link: text}}\n"
    )
    assert said(catalog(tmp_path, {"sources/web.yaml": text})) == [
        "sources/web.yaml:11: events.yaml has 'email_opened' already, without link; declare them there"
    ]


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ("'%Y%m%d'", None),
        ("[iso, '%d.%m.%Y']", None),
        ("epoch_s", "unknown format 'epoch_s': a date is written: iso, or a pattern such as '%d.%m.%Y'"),
        ("'%m%d'", "unknown format '%m%d': a pattern needs a year"),
    ],
)
def test_a_fact_that_is_a_date_has_a_format(tmp_path: Path, form: str, wrong: str | None) -> None:
    mapping = f"profiles:\n  person_id: user\n  columns: {{joined: {{path: a, format: {form}}}}}\n"
    found = lint(tmp_path, f"{HEAD}{mapping}columns: {{joined: date}}\n")
    assert [each for each in found if "format" in each] == ([f"7: {wrong}"] if wrong else [])
