"""One planted mistake a rule about rules on events, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline_tests.catalog.folders import EMAIL, EVENTS, WEB, catalog, planted, said

FILE = "scores/email.yaml"
OPENED = "{event: email_opened, weight: 3, cap: {per_day: 1}}"
COUNTS_NO_MESSAGE = (
    "warning: 'email_opened' comes from 'mail', which maps no message_id, so no message is counted"
)


@pytest.mark.parametrize(
    ("rule", "messages"),
    [
        ("{channel: email, weight: 3}", []),
        ("{channel: [email, app], where: \"category = 'x' and level > 1\", weight: 3}", []),
        (
            "{channel: sms, weight: 3}",
            [
                (
                    "the plan has no event on sms that a person chooses to do, so nothing is counted; "
                    "name the events"
                )
            ],
        ),
        (
            '{channel: email, where: "items > 1", weight: 3}',
            [
                (
                    "where: no event that the rule counts has the property 'items'; "
                    "of the plan, order_completed has it"
                )
            ],
        ),
        ("{event: email_opened, weight: 0}", ["warning: weight 0 gives nobody anything"]),
        (
            "{event: email_opened, count: messages, implied_by: order_complete, weight: 3}",
            ["unknown event 'order_complete'; did you mean 'order_completed'?"],
        ),
        (
            "{event: email_opened, count: messages, implied_by: email_sent, weight: 3}",
            [
                (
                    "'email_sent' cannot have the positive weight 3: the person did not choose it; "
                    "use what they did in answer to it"
                )
            ],
        ),
        (
            "{event: email_opened, rate: {per: email_sant}, weight: 3}",
            ["unknown event 'email_sant'; did you mean 'email_sent'?"],
        ),
        ("{event: email_opened, rate: {per: email_sent, at_least: 5}, weight: 3}", []),
        (
            "{event: email_opened, streak: 100, weight: 3}",
            ["a streak of 100 days never fits in the window of 90 days"],
        ),
        ("{event: email_opened, streak: 100, window: 100, weight: 3}", []),
        (
            "{event: email_opened, count: days, cap: {per_day: 2}, weight: 3}",
            ["warning: cap: per_day takes nothing here: a day counts once anyway"],
        ),
        ("{event: [order_completed, course_watched], per: 10, unit: EUR, weight: 3}", []),
        (
            "{event: order_completed, per: 10, unit: EURO, weight: 3}",
            ["no event of the rule has values in 'EURO'; did you mean 'EUR'?"],
        ),
        (
            "{channel: [commerce, app], per: 10, weight: 3}",
            [
                (
                    "values in EUR ('order_completed') and minutes ('course_watched') cannot be added up; "
                    "use one rule each, or say which with unit"
                )
            ],
        ),
        ("{channel: email, per: 10, weight: 3}", ["no event on email has a unit, so there is no value"]),
        ("{event: email_sent, inactive_for: 30, weight: -3}", []),
    ],
)
def test_a_rule_on_events_is_judged(tmp_path: Path, rule: str, messages: list[str]) -> None:
    assert planted(tmp_path, FILE, OPENED, rule) == [f"{FILE}:6: {message}" for message in messages]


def test_where_rows_say_their_channel_any_may_hold_something(tmp_path: Path) -> None:
    score = EMAIL.replace(OPENED, "{channel: sms, weight: 3}")
    assert said(catalog(tmp_path, {"sources/web.yaml": WEB + "  channel: via\n", FILE: score})) == []


@pytest.mark.parametrize(("message_id", "told"), [("", [COUNTS_NO_MESSAGE]), ("  message_id: mail\n", [])])
def test_messages_need_an_id(tmp_path: Path, message_id: str, told: list[str]) -> None:
    mail = (
        WEB.replace("source: web", "source: mail").replace("web/", "mail/")
        + message_id
        + "plan:\n  email_opened: {channel: email, properties: {category: text}}\n"
    )
    score = EMAIL.replace(OPENED, "{event: email_opened, count: messages, weight: 3}")
    events = EVENTS.replace("  email_opened: {channel: email, properties: {category: text}}\n", "")
    folder = catalog(tmp_path, {"sources/mail.yaml": mail, FILE: score, "events.yaml": events})
    assert said(folder) == [f"{FILE}:6: {message}" for message in told]
