"""Presets against rows of our own in the shapes that providers document; the values are made up.

Not here: the providers' own examples (`test_preset_examples`).
"""

import json
from pathlib import Path

import pytest

from engagement_pipeline_tests.ingestion.providers import through

SENDGRID = "source: mail\nowner: team:data\npath: mail/*.jsonl\npreset: sendgrid\n"
AT = "2026-04-01T10:00:00.000Z"
SECONDS = 1775037600


def source(preset: str, more: str = "") -> str:
    return f"source: s\nowner: team:data\npath: s/*\npreset: {preset}\n{more}"


def test_sendgrid_by_an_argument_of_ones_own(tmp_path: Path) -> None:
    rows: list[object] = [
        {"sg_event_id": "1", "event": "open", "email": "A@x.org", "customer": "c7", "timestamp": 1775037600,
         "sg_machine_open": True, "sg_message_id": "m"},
        {"sg_event_id": "2", "event": "bounce", "type": "blocked", "email": "a@x.org", "customer": "c7",
         "timestamp": 1775037600, "reason": "full"},
    ]  # fmt: skip
    columns = ["event_id", "person_id", "event", "is_machine", "message_id", "reason"]
    found = through(tmp_path, SENDGRID + "events: {person_id: customer}\n", rows, "mail")
    assert found.events.select(columns).rows() == [
        ("1", "c7", "email_opened", True, "m", None),
        ("2", "c7", "email_blocked", False, None, "full"),
    ]
    assert through(tmp_path, SENDGRID, rows, "mail").events["person_id"].to_list() == ["a@x.org"] * 2


def mailgun(event: str, **more: object) -> dict[str, object]:
    body = {"id": "g1", "event": event, "timestamp": SECONDS + 0.25, "recipient": "Ada@x.org", **more}
    return {"signature": {"timestamp": str(SECONDS), "token": "t"}, "event-data": body}


@pytest.mark.parametrize(
    ("row", "event", "machine", "reason"),
    [
        (mailgun("opened", **{"client-info": {"bot": "apple"}}), "email_opened", True, None),
        (mailgun("opened", **{"client-info": {"bot": "gmail"}}), "email_opened", False, None),
        (mailgun("clicked", **{"client-info": {"bot": ""}}), "email_clicked", False, None),
        (mailgun("failed", reason="suppress-unsubscribe"), "email_dropped", False, None),
        (mailgun("failed", severity="permanent", reason="espblock"), "email_blocked", False, None),
        (mailgun("failed", severity="temporary", **{"delivery-status": {"message": "later"}}),
         "email_deferred", False, "later"),
        (mailgun("failed", severity="permanent", **{"delivery-status": {"description": "gone"}}),
         "email_bounced", False, "gone"),
    ],
)  # fmt: skip
def test_mailgun(tmp_path: Path, row: object, event: str, machine: bool, reason: str | None) -> None:
    found = through(tmp_path, source("mailgun"), [row])
    columns = ["event_id", "person_id", "event", "is_machine", "reason"]
    assert found.events.select(columns).rows() == [("g1", "ada@x.org", event, machine, reason)]
    assert found.events["occurred_at"][0].isoformat() == "2026-04-01T10:00:00.250000+00:00"


MAIL = {"messageId": "m1", "timestamp": AT, "destination": ["Ada <Ada@x.org>", "bob@x.org"]}
SES_BOUNCE = {
    "notificationType": "Bounce",
    "mail": MAIL,
    "bounce": {
        "bounceType": "Transient",
        "timestamp": AT,
        "bouncedRecipients": [{"emailAddress": "bob@x.org", "diagnosticCode": "full"}],
    },
}
SES_SEND = {"eventType": "Send", "mail": {**MAIL, "tags": {"campaign": ["spring"]}}, "send": {}}
SES_LEAVE = {
    "eventType": "Subscription",
    "mail": {**MAIL, "destination": ["ada@x.org"]},
    "subscription": {"timestamp": AT, "newTopicPreferences": {"unsubscribeAll": True}},
}


@pytest.mark.parametrize("envelope", ["bare", "sns", "eventbridge"])
def test_amazon_ses(tmp_path: Path, envelope: str) -> None:
    def delivered(body: dict[str, object], number: int) -> object:
        if envelope == "sns":
            return {"Type": "Notification", "MessageId": f"n{number}", "Message": json.dumps(body)}
        return body if envelope == "bare" else {"id": f"n{number}", "source": "aws.ses", "detail": body}

    rows = [delivered(body, n) for n, body in enumerate([SES_SEND, SES_BOUNCE, SES_LEAVE], 1)]
    found = through(tmp_path, source("amazon_ses"), rows)
    assert found.events.sort("row_number", "event_id").select(
        "person_id", "event", "campaign_id", "reason"
    ).rows() == [
        ("ada@x.org", "email_sent", "spring", None),
        ("bob@x.org", "email_sent", "spring", None),
        ("bob@x.org", "email_blocked", None, "full"),
        ("ada@x.org", "email_unsubscribed", None, None),
    ]
    if envelope != "bare":
        assert sorted(found.events["event_id"]) == ["n1-1", "n1-2", "n2-1", "n3-1"]


def test_amazon_ses_bare_and_within_sns_in_one_file(tmp_path: Path) -> None:
    rows = [SES_SEND, {"Type": "Notification", "MessageId": "n", "Message": json.dumps(SES_BOUNCE)},
            {"Type": "SubscriptionConfirmation", "Message": "You have chosen ..."}]  # fmt: skip
    found = through(tmp_path, source("amazon_ses"), rows)
    assert (found.events.height, found.rejected.height, found.ignored.height) == (3, 0, 1)


def test_twilio(tmp_path: Path) -> None:
    callback = {"MessageSid": "SM1", "To": "+4917012345", "From": "+15017250604"}
    rows: list[object] = [
        {**callback, "MessageStatus": "delivered", "SmsStatus": "delivered"},
        {**callback, "MessageStatus": "undelivered", "ErrorCode": "30003", "To": "whatsapp:+4917012345"},
        {"MessageSid": "SM2", "From": "+4917012345", "To": "+15017250604", "SmsStatus": "received",
         "Body": "STOP", "OptOutType": "STOP"},
        {"MessageSid": "SM3", "From": "+4917012345", "To": "+15017250604", "SmsStatus": "received",
         "Body": "Hi"},
        [{"specversion": "1.0", "type": "com.twilio.messaging.message.sent", "id": "EZ1",
          "data": {"messageSid": "SM1", "messageStatus": "SENT", "to": "+4917012345", "timestamp": AT}}],
    ]  # fmt: skip
    found = through(tmp_path, source("twilio"), rows)
    assert found.rejected.rows() == []
    assert set(found.events["person_id"]) == {"+4917012345"}
    assert found.events.sort("event_id").select("event_id", "event", "reason").rows() == [
        ("EZ1", "sms_sent", None),
        ("SM1-delivered", "sms_delivered", None),
        ("SM1-undelivered", "sms_undelivered", "30003"),
        ("SM2", "sms_stopped", None),
        ("SM3", "sms_answered", None),
    ]
    assert found.events.filter(event_id="EZ1")["occurred_at"][0].isoformat() == "2026-04-01T10:00:00+00:00"


def test_segment_as_rudderstack_and_warehouses_write_it(tmp_path: Path) -> None:
    rows: list[object] = [
        {"type": "track", "event": "Order Completed", "userId": "ada", "anonymousId": "x", "messageId": "1",
         "originalTimestamp": AT, "sentAt": AT, "context": {"sessionId": 177},
         "properties": {"revenue": "9.5", "currency": "USD", "order_id": "o1"}},
        {"type": "page", "name": "Home", "anonymousId": "x", "userId": "", "messageId": "2", "event": "",
         "originalTimestamp": AT, "properties": {"path": "/", "title": "Shop"}},
        {"event": "product_added", "user_id": "ada", "anonymous_id": "x", "id": "3", "timestamp": AT},
        {"type": "track", "event": "orderCompleted", "userId": "ada", "messageId": "4", "timestamp": AT,
         "properties": {"revenue": 3, "currency": "EUR"}},
        {"type": "group", "groupId": "g", "userId": "ada", "timestamp": AT},
    ]  # fmt: skip
    found = through(tmp_path, source("segment"), rows)
    assert found.events.select("event_id", "person_id", "event", "value", "session_id").rows() == [
        ("1", "ada", "order_completed", 9.5, "177"),
        ("2", "x", "page_viewed", None, None),
        ("3", "ada", "cart_added", None, None),
    ]
    assert found.rejected["reason"].to_list() == ["value: '3 in EUR, which has no factor' is not a number"]
    assert found.identities.select("alias", "person_id").unique().rows() == [("x", "ada")]
    line = "events: {value: {multiply: {factors: {EUR: 1.1}}}}\n"
    assert through(tmp_path, source("segment", line), rows).events["value"].sum() == 12.8


def snowplow(**fields: str) -> str:
    from engagement_pipeline.catalog.presets import preset

    header = (preset("snowplow").data or {})["csv"]["header"]
    assert len(header) == 131
    return "\t".join(fields.get(name, "") for name in header) + "\n"


def test_snowplow(tmp_path: Path) -> None:
    base = {"user_id": "ada", "domain_userid": "d1", "collector_tstamp": "2026-04-01 10:00:00.123"}
    submitted = {
        "schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
        "data": {"schema": "iglu:com.acme/submit_form/jsonschema/1-0-0", "data": {"targetUrl": "/x"}},
    }
    robots = {
        "data": [
            {"schema": "iglu:a/b/jsonschema/1-0-0", "data": {}},
            {
                "schema": "iglu:com.iab.snowplow/spiders_and_robots/jsonschema/1-0-0",
                "data": {"spiderOrRobot": True},
            },
        ]
    }
    # An older pipeline leaves event_name blank; then the schema says it.
    named = {**submitted, "schema": submitted["data"]["schema"]}  # type: ignore[index]
    text = (
        snowplow(event="page_ping", event_id="1", derived_contexts=json.dumps(robots), **base)
        + snowplow(event="unstruct", event_id="2", event_name="submit_form",
                   unstruct_event=json.dumps(submitted), **base)
        + snowplow(event="unstruct", event_id="3", unstruct_event=json.dumps({"data": named}), **base)
        + snowplow(event="transaction", event_id="4", tr_total="12.50", tr_orderid="o1", **base)
        + snowplow(event="transaction_item", event_id="5", **base)
        + snowplow(event="struct", event_id="6", se_action="Add To Wishlist", **base)
    )  # fmt: skip
    plan = "plan: {add_to_wishlist: {channel: commerce, properties: {label: text}}}\n"
    found = through(tmp_path, source("snowplow", plan), text)
    assert found.rejected.rows() == []
    assert found.events.select("event_id", "event", "value", "is_machine", "link").rows() == [
        ("1", "page_pinged", None, True, None),
        ("2", "form_submitted", None, False, None),
        ("3", "form_submitted", None, False, None),
        ("4", "order_completed", 12.5, False, None),
        ("6", "add_to_wishlist", None, False, None),
    ]
    assert found.ignored.height == 1
    assert found.identities.select("alias", "person_id").unique().rows() == [("d1", "ada")]


def test_ga4_as_bigquery_exports_it(tmp_path: Path) -> None:
    def param(key: str, **value: object) -> dict[str, object]:
        return {"key": key, "value": {"string_value": None, "int_value": None, **value}}

    base = {
        "event_date": "20260401",
        "event_timestamp": str(SECONDS * 1_000_000 + 5),
        "user_pseudo_id": "p.1",
    }
    rows: list[object] = [
        {**base, "event_name": "page_view", "user_id": None, "batch_event_index": "1", "batch_page_id": "2",
         "event_bundle_sequence_id": "3",
         "event_params": [param("ga_session_id", int_value="77"), param("page_location", string_value="/a")]},
        {**base, "event_name": "purchase", "user_id": "ada", "event_params": [],
         "ecommerce": {"purchase_revenue_in_usd": 21.0, "purchase_revenue": 20.0, "transaction_id": "o1"},
         "items": [{"item_id": "i1", "item_name": "Pan"}]},
        {**base, "event_name": "user_engagement", "event_params": []},
        {**base, "event_name": "my_event", "event_params": []},
    ]  # fmt: skip
    found = through(tmp_path, source("ga4"), rows)
    columns = ["person_id", "event", "value", "unit", "session_id", "page", "product", "order"]
    assert found.events.select(columns).rows() == [
        ("p.1", "page_viewed", None, None, "77", "/a", None, None),
        ("ada", "order_completed", 21.0, "USD", None, None, "Pan", "o1"),
    ]
    assert found.events["event_id"][0] == "p.1-1775037600000005-page_view-3-2-1"
    assert found.events["occurred_at"][0].isoformat() == "2026-04-01T10:00:00.000005+00:00"
    assert found.identities.select("alias", "person_id").rows() == [("p.1", "ada")]
    assert found.ignored.height == 1
    assert found.rejected["rule"].to_list() == ["unknown_event"]


def test_postmark(tmp_path: Path) -> None:
    mail = {"MessageID": "m", "Tag": "news", "Metadata": {"campaign": "c"}}
    rows: list[object] = [
        {"RecordType": "Open", "Recipient": "Ada@x.org", "ReceivedAt": AT, **mail},
        {"RecordType": "Bounce", "ID": 4, "Type": "HardBounce", "Email": "a@x.org", "BouncedAt": AT,
         "Description": "gone", **mail},
        {"RecordType": "Bounce", "ID": 5, "Type": "SoftBounce", "Email": "a@x.org", "BouncedAt": AT, **mail},
        {"RecordType": "SubscriptionChange", "Recipient": "a@x.org", "Origin": "Recipient", "ChangedAt": AT,
         "SuppressSending": True, "SuppressionReason": "ManualSuppression", **mail},
        {"RecordType": "SubscriptionChange", "Recipient": "a@x.org", "Origin": "Customer", "ChangedAt": AT,
         "SuppressSending": False, "SuppressionReason": None, **mail},
        {"RecordType": "SubscriptionChange", "Recipient": "a@x.org", "Origin": "Recipient", "ChangedAt": AT,
         "SuppressSending": True, "SuppressionReason": "HardBounce", **mail},
    ]  # fmt: skip
    found = through(tmp_path, source("postmark"), rows)
    assert found.rejected.rows() == []
    assert set(found.events["person_id"]) == {"ada@x.org", "a@x.org"}
    assert found.events.select("event", "reason", "category", "campaign_id").rows() == [
        ("email_opened", None, "news", "c"),
        ("email_bounced", "gone", "news", "c"),
        ("email_blocked", None, "news", "c"),
        ("email_unsubscribed", None, "news", "c"),
        ("email_resubscribed", None, "news", "c"),
    ]
    assert found.ignored.height == 1


def test_mixpanel(tmp_path: Path) -> None:
    def row(event: str, **properties: object) -> dict[str, object]:
        return {"event": event, "properties": {"time": SECONDS, **properties}}

    rows: list[object] = [
        row("$mp_web_page_view", distinct_id="$device:d1", **{"$device_id": "d1", "$insert_id": "i1"}),
        row(
            "Plan Upgraded", distinct_id="ada", **{"$device_id": "d1", "$user_id": "ada", "$insert_id": "i2"}
        ),
        row("$identify", **{"$identified_id": "bob", "$anon_id": "$device:d2"}),
        row("$merge", **{"$distinct_ids": ["old", "ada"]}),
    ]
    found = through(tmp_path, source("mixpanel", "plan: {plan_upgraded: {channel: web}}\n"), rows)
    assert found.rejected.rows() == []
    assert found.events.select("event_id", "person_id", "event").rows() == [
        ("i1", "d1", "page_viewed"),
        ("i2", "ada", "plan_upgraded"),
    ]
    said = set(found.identities.select("alias", "person_id", "merges").rows())
    assert said == {("d1", "ada", False), ("d2", "bob", False), ("old", "ada", True)}


def test_amplitude(tmp_path: Path) -> None:
    base = {"event_time": "2026-04-01 10:00:00.500000", "device_id": "d1", "session_id": 7}
    rows: list[object] = [
        {"$insert_id": "1", "event_type": "[Amplitude] Page Viewed", "user_id": None,
         "event_properties": {"[Amplitude] Page Path": "/a"}, **base},
        {"$insert_id": "2", "event_type": "session_start", "user_id": "ada", **base},
        {"event_type": "$identify", "user_id": "ada", **base},
    ]  # fmt: skip
    found = through(tmp_path, source("amplitude"), rows)
    assert (found.rejected.height, found.ignored.height) == (0, 1)
    assert found.events.select("event_id", "person_id", "event", "page", "session_id").rows() == [
        ("1", "d1", "page_viewed", "/a", "7"),
        ("2", "ada", "session_started", None, "7"),
    ]
    assert found.identities.select("alias", "person_id").unique().rows() == [("d1", "ada")]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_posthog(tmp_path: Path, form: str) -> None:
    rows = [
        ("1", "$pageview", "anon", {"$pathname": "/a", "$session_id": "s"}),
        ("2", "$identify", "ada", {"$anon_distinct_id": "anon"}),
        ("3", "user signed up", "ada", {}),
        ("4", "$pageleave", "ada", {}),
    ]
    at = "2026-04-01 10:00:00.000000"
    text = "uuid,event,distinct_id,timestamp,properties\n" + "".join(
        f'{uuid},{event},{who},{at},"{json.dumps(more).replace(chr(34), chr(34) * 2)}"\n'
        for uuid, event, who, more in rows
    )
    lines: list[object] = [
        {"uuid": uuid, "event": event, "distinct_id": who, "timestamp": at, "properties": more}
        for uuid, event, who, more in rows
    ]
    given = text if form == "csv" else lines
    found = through(tmp_path, source("posthog", f"format: {form}\n"), given)
    assert (found.rejected.height, found.ignored.height) == (0, 1)
    assert found.events.select("event_id", "person_id", "event", "page", "session_id").rows() == [
        ("1", "anon", "page_viewed", "/a", "s"),
        ("3", "ada", "signed_up", None, None),
    ]
    assert found.identities.select("alias", "person_id", "merges").rows() == [("anon", "ada", False)]


def test_shopify(tmp_path: Path) -> None:
    order = {
        "id": 450, "name": "#1001", "email": "Bob@x.org", "created_at": "2026-04-01T12:00:00+02:00",
        "processed_at": None, "cancelled_at": None, "total_price": "598.94", "currency": "USD", "test": False,
        "customer": {"id": 207}, "line_items": [{"id": 1, "title": "Pan", "price": "199.00"}],
        "refunds": [{"id": 509, "created_at": AT, "transactions": [{"amount": "41.94"}]}],
        "discount_codes": [],
    }  # fmt: skip
    cancelled = {**order, "id": 452, "customer": None, "refunds": [], "cancelled_at": AT}
    rows: list[object] = [order, {**order, "id": 451, "test": True}, cancelled]
    found = through(tmp_path, source("shopify"), rows)
    assert (found.rejected.height, found.ignored.height) == (0, 1)
    assert found.events.select("person_id", "event", "value", "order", "product").rows() == [
        ("207", "order_completed", 598.94, "#1001", "Pan"),
        ("207", "order_refunded", 41.94, "#1001", None),
        ("bob@x.org", "order_completed", 598.94, "#1001", "Pan"),
        ("bob@x.org", "order_cancelled", None, "#1001", None),
    ]
    assert found.identities.select("alias", "person_id").rows() == [("bob@x.org", "207")]
