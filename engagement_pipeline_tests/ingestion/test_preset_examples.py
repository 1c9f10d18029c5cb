"""Presets against the examples that the folder of shared data holds: what becomes of every row.

Not here: payloads of our own (`test_presets`), which need no folder.
"""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.ingestion.judging import Judged
from engagement_pipeline_tests.ingestion.providers import through

FIXTURES = Path(__file__).parents[3] / "shared" / "data" / "fixtures"


def folder(provider: str) -> Path:
    found = FIXTURES / provider
    if not found.is_dir():
        pytest.skip(f"the folder with the examples of {provider} is not on this machine")
    return found


def bodies(provider: str) -> list[object]:
    """What the provider posted: each line of the example files wraps one body."""
    files = sorted(folder(provider).glob("*.jsonl"))
    return [json.loads(line)["payload"] for file in files for line in file.read_text("utf-8").splitlines()]


def source(preset: str, more: str = "") -> str:
    return f"source: s\nowner: team:data\npath: s/*\npreset: {preset}\n{more}"


def counts(found: Judged) -> dict[str, int]:
    return dict(sorted(found.events["event"].value_counts().iter_rows()))


def rules(found: Judged) -> Counter[str]:
    return Counter(found.rejected["rule"].to_list())


def test_sendgrid(tmp_path: Path) -> None:
    found = through(tmp_path, source("sendgrid"), bodies("sendgrid"))
    counts = dict(found.events["event"].value_counts().iter_rows())
    assert counts["email_opened"] >= 6
    assert counts["email_clicked"] >= 3
    assert (counts["email_bounced"], counts["email_blocked"]) == (3, 2)
    assert {"email_sent", "email_delivered", "email_deferred", "email_dropped"} <= counts.keys()
    assert {"email_complained", "email_unsubscribed"} <= counts.keys()
    assert {"email_group_unsubscribed", "email_group_resubscribed"} <= counts.keys()
    assert set(found.events["channel"]) == {"email"}
    assert found.events.filter(event="email_clicked")["link"].null_count() == 0
    assert found.events.filter(category="cat facts").height >= 10
    assert found.events.filter(category="tag1").height >= 1
    # Among the examples stand bodies of other calls, and one that counts its milliseconds.
    assert found.rejected["rule"].value_counts(sort=True).rows() == [
        ("unmapped_row", 4),
        ("unreadable_time", 1),
    ]


def test_mailgun(tmp_path: Path) -> None:
    found = through(tmp_path, source("mailgun"), bodies("mailgun"))
    assert counts(found) == {
        "email_bounced": 1,
        "email_clicked": 2,
        "email_complained": 1,
        "email_deferred": 2,
        "email_delivered": 1,
        "email_dropped": 1,
        "email_opened": 1,
        "email_unsubscribed": 1,
    }
    # The older examples name no time; one is metadata of our own, one an incoming mail.
    assert rules(found) == {"missing_time": 4, "unmapped_row": 2}
    opened = found.events.row(by_predicate=pl.col("event") == "email_opened", named=True)
    assert opened["person_id"] == "recipient@example.com"
    assert opened["occurred_at"].isoformat() == "2018-08-12T21:33:20.089676+00:00"
    assert opened["message_id"] == "20180812213139.1.BC6694A917BB7E6A@example.org"
    assert opened["category"] == "welcome"
    assert set(found.events.filter(event="email_clicked")["link"]) == {
        "https://example.com/test",
        "http://clicked.example.com/actual/event/param",
    }
    # A rejected message names its recipient in a header only.
    assert found.events.filter(event="email_dropped")["person_id"].to_list() == ["recipient@example.org"]


def test_amazon_ses(tmp_path: Path) -> None:
    found = through(tmp_path, source("amazon_ses"), bodies("amazon_ses"))
    assert counts(found) == {
        "email_bounced": 1,
        "email_clicked": 1,
        "email_delivered": 1,
        "email_dropped": 1,
        "email_opened": 1,
        "email_sent": 1,
    }
    # What SNS says of the topic, and a notification of received mail.
    assert found.ignored.height == 3
    # Shortened examples without a time: bounces of two recipients, a complaint, a rendering failure.
    assert rules(found) == {"missing_time": 3}
    click = found.events.row(by_predicate=pl.col("event") == "email_clicked", named=True)
    assert click["person_id"] == "recipient@example.com"
    assert click["message_id"] == "7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000"
    assert click["link"] == "https://docs.aws.amazon.com/ses/latest/DeveloperGuide/"
    assert click["occurred_at"].isoformat() == "2017-08-09T23:51:25.570000+00:00"


def test_twilio(tmp_path: Path) -> None:
    rows = bodies("twilio")
    found = through(tmp_path, source("twilio"), rows)
    # The documented example leaves out whom the message went to.
    assert (found.events.height, rules(found)) == (0, {"missing_person_id": 1})
    addressed = [{**row, "To": "+4917012345"} for row in rows if isinstance(row, dict)]
    event = through(tmp_path, source("twilio"), addressed).events.row(0, named=True)
    assert event["event_id"] == "SM1342fe1b2c904d1ab04f0fc7a58abca9-sent"
    assert (event["person_id"], event["event"], event["channel"]) == ("+4917012345", "sms_sent", "sms")
    assert event["occurred_at"] == event["received_at"]


def test_segment(tmp_path: Path) -> None:
    found = through(tmp_path, source("segment"), bodies("segment"))
    assert counts(found) == {"button_clicked": 1, "course_clicked": 1, "page_viewed": 1, "screen_viewed": 1}
    assert (found.profiles.height, found.identities.height, found.ignored.height) == (2, 9, 2)
    # Most examples are shortened: no time, some not even a user.
    assert rules(found) == {"missing_time": 66, "missing_person_id": 3, "unknown_event": 1}
    assert found.rejected.filter(rule="unknown_event")["reason"].str.contains("report_submitted").all()
    page = found.events.row(by_predicate=pl.col("event") == "page_viewed", named=True)
    assert (page["person_id"], page["page"]) == ("97980cfea0067", "http://www.example.com")
    assert page["title"] == "Welcome | Initech"
    merged = found.identities.filter(merges=True).select("alias", "person_id").rows()
    assert merged == [("jen@email.com", "507f191e81"), ("39239-239239-239239-23923", "507f191e81")]
    person = found.profiles.row(1, named=True)
    assert (person["email"], person["plan"], person["city"]) == (
        "peter@example.com",
        "premium",
        "San Francisco",
    )


def test_every_event_of_the_segment_spec_has_a_name(tmp_path: Path) -> None:
    line = "events: {occurred_at: {default: received}}\n"
    found = through(tmp_path, source("segment", line), bodies("segment"))
    assert found.events.height == 67
    assert rules(found) == {"missing_person_id": 3, "unknown_event": 1}
    order = found.events.row(by_predicate=pl.col("event") == "order_completed", named=True)
    assert (order["value"], order["unit"], order["coupon"]) == (25.0, "USD", "hasbros")
    assert {"email_clicked", "push_opened", "app_removed", "cart_added"} <= counts(found).keys()


def test_snowplow(tmp_path: Path) -> None:
    text = next(folder("snowplow").glob("*.tsv")).read_text("utf-8")
    found = through(tmp_path, source("snowplow"), text)
    assert (found.rejected.height, found.ignored.height) == (0, 0)
    event = found.events.row(0, named=True)
    assert event["event_id"] == "c6ef3124-b53a-4b13-a233-0088f79dcbcb"
    assert (event["person_id"], event["event"]) == ("jon.doe@email.com", "page_viewed")
    assert event["occurred_at"].isoformat() == "2013-11-26T00:03:57.886000+00:00"
    assert (event["page"], event["title"]) == ("/product/index.html", "On Analytics")
    assert event["session_id"] == "2b15e5c8-d3b1-11e4-b9d6-1681e6b88ec1"
    said = found.identities.select("alias", "person_id", "merges").rows()
    assert said == [("bc2e92ec6c204a14", "jon.doe@email.com", False)]


def test_ga4(tmp_path: Path) -> None:
    text = next(folder("ga4").glob("*.jsonl")).read_text("utf-8")
    found = through(tmp_path, source("ga4"), text)
    assert (found.rejected.height, found.identities.height) == (0, 0)
    event = found.events.row(0, named=True)
    assert (event["person_id"], event["event"]) == ("1166526666.1617691776", "first_visited")
    assert event["occurred_at"].isoformat() == "2021-04-06T06:49:50.431476+00:00"
    assert event["session_id"] == "1617691775"
    assert event["page"] == "https://www.velir.com/blog/2016/08/25/behavior-driven-testing-drupal-8"
