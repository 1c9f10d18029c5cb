"""Every provider is one YAML file: shapes that the mapping language must be able to say."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from engagement_pipeline_tests.ingestion.providers import through

HEAD = "source: s\nowner: team:data\npath: s/*\n"
MAIL_PLAN = """
plan:
  email_delivered: {channel: email, chosen: false}
  email_bounced: {channel: email, chosen: false, consent: opt_out, properties: {reason: text}}
  email_opened: {channel: email}
  email_clicked: {channel: email, properties: {link: text}}
"""
WEB_PLAN = """
plan:
  page_viewed: {channel: web, properties: {page: text}}
  order_completed: {channel: commerce, unit: EUR, properties: {product: text}}
  signed_up: {channel: web, properties: {plan_name: text}}
"""


class Provider(NamedTuple):
    """A source's YAML, rows, and the events expected: id, person, event, time, and some property or value."""

    yaml: str
    rows: list[object] | str
    events: list[tuple[object, ...]]
    column: str = "message_id"


SES = {
    "mail": {"messageId": "m1", "destination": ["a@x.org", "b@x.org"], "timestamp": "2026-04-01T09:00:00Z"}
}
BOUNCE = {
    **SES,
    "notificationType": "Bounce",
    "bounce": {
        "timestamp": "2026-04-01T09:01:00.000Z",
        "bouncedRecipients": [
            {"emailAddress": "A@x.org", "diagnosticCode": "550 no"},
            {"emailAddress": "b@x.org"},
        ],
    },
}
CLICK = {**SES, "eventType": "Click", "click": {"timestamp": "2026-04-01T10:00:00Z", "link": "http://x/"}}


def sns(message: object, number: int) -> dict[str, object]:
    return {"Type": "Notification", "MessageId": f"n{number}", "Message": json.dumps(message)}


VISIT = {
    "idVisit": "7",
    "visitorId": "v1",
    "userId": "ada",
    "actionDetails": [
        {"type": "action", "url": "/a", "timestamp": 1775034000, "idpageview": "k1"},
        {"type": "search", "timestamp": 1775034010},
        {"type": "ecommerceOrder", "revenue": 12.5, "timestamp": 1775034020, "orderId": "o1"},
    ],
}
SNOWPLOW = [
    "app_id",
    "platform",
    "etl_tstamp",
    "collector_tstamp",
    "event",
    "event_id",
    "user_id",
    "page_url",
]
SNOWPLOW += [f"column_{number}" for number in range(len(SNOWPLOW), 131)]
ENRICHED = ["shop", "web", "", "2026-04-01 10:00:00.123", "page_view", "u-1", "ada", "http://x/a"]
ENRICHED += [""] * (130 - len(ENRICHED)) + ['{"data":[{"schema":"iglu:a","data":{"plan":"gold"}}]}']

PROVIDERS = {
    "sparkpost": Provider(
        HEAD + """
format: jsonl
ignore: {msys: "{}"}
events:
  event_id: [msys.message_event.event_id, msys.track_event.event_id]
  person_id: {path: [msys.message_event.rcpt_to, msys.track_event.rcpt_to], case: lower}
  event:
    path: [msys.message_event.type, msys.track_event.type]
    names: {delivery: email_delivered, bounce: email_bounced, open: email_opened, click: email_clicked}
  occurred_at: {path: [msys.message_event.timestamp, msys.track_event.timestamp], format: epoch_s}
  message_id: [msys.message_event.message_id, msys.track_event.message_id]
""" + MAIL_PLAN,
        [
            {"msys": {"message_event": {"type": "delivery", "event_id": "1", "rcpt_to": "A@x.org",
                                        "timestamp": "1775037600", "message_id": "m"}}},
            {"msys": {"track_event": {"type": "open", "event_id": "2", "rcpt_to": "a@x.org",
                                      "timestamp": "1775037700", "message_id": "m"}}},
            {"msys": {}},
        ],
        [("1", "a@x.org", "email_delivered", "10:00:00", "m"),
         ("2", "a@x.org", "email_opened", "10:01:40", "m")],
    ),
    "ses through sns": Provider(
        HEAD + """
format: jsonl
events:
  - only: {Message.notificationType: Bounce}
    explode: Message.bounce.bouncedRecipients
    event_id: MessageId
    person_id: {path: each.emailAddress, case: lower}
    event: {constant: email_bounced}
    occurred_at: Message.bounce.timestamp
    message_id: Message.mail.messageId
    properties: {reason: each.diagnosticCode}
  - only: {Message.eventType: Click}
    event_id: MessageId
    person_id: {path: "Message.mail.destination[0]", case: lower}
    event: {constant: email_clicked}
    occurred_at: Message.click.timestamp
    message_id: Message.mail.messageId
    properties: {link: Message.click.link}
""" + MAIL_PLAN,
        [sns(BOUNCE, 1), sns(CLICK, 2)],
        [("n1-1", "a@x.org", "email_bounced", "09:01:00", "550 no"),
         ("n1-2", "b@x.org", "email_bounced", "09:01:00", None),
         ("n2", "a@x.org", "email_clicked", "10:00:00", None)],
        "reason",
    ),
    "mailgun": Provider(
        HEAD + """
format: jsonl
events:
  event_id: event-data.id
  person_id: event-data.recipient
  event: {path: event-data.event, names: {delivered: email_delivered, opened: email_opened}}
  occurred_at: {path: event-data.timestamp, format: epoch_s}
  message_id: event-data.message.headers.message-id
""" + MAIL_PLAN,
        [{"event-data": {"id": "g1", "recipient": "a@x.org", "event": "opened", "timestamp": 1775037600.5,
                         "message": {"headers": {"message-id": "m@x"}}}}],
        [("g1", "a@x.org", "email_opened", "10:00:00.500000", "m@x")],
    ),
    "postmark": Provider(
        HEAD + """
format: jsonl
events:
  person_id: {path: [Recipient, Email], case: lower}
  event: {path: RecordType, names: {Open: email_opened, Click: email_clicked, Bounce: email_bounced}}
  occurred_at: [ReceivedAt, BouncedAt]
  message_id: MessageID
  properties: {link: OriginalLink, reason: Details}
""" + MAIL_PLAN,
        [{"RecordType": "Click", "Recipient": "a@x.org", "ReceivedAt": "2026-04-01T10:00:00.4Z",
          "MessageID": "m", "OriginalLink": "http://x/"},
         {"RecordType": "Bounce", "Email": "B@x.org", "BouncedAt": "2026-04-01T12:00:00+02:00",
          "MessageID": "n", "Details": "no"}],
        [(None, "a@x.org", "email_clicked", "10:00:00.400000", "m"),
         (None, "b@x.org", "email_bounced", "10:00:00", "n")],
    ),
    "mandrill": Provider(
        HEAD + """
format: json
events:
  event_id: {join: [_id, ts, event], separator: ":"}
  person_id: msg.email
  event: {path: event, names: {open: email_opened, hard_bounce: email_bounced}}
  occurred_at: {path: ts, format: epoch_s}
  message_id: msg._id
""" + MAIL_PLAN,
        json.dumps(
            [{"event": "open", "_id": "i", "ts": 1775037600, "msg": {"email": "a@x.org", "_id": "m"}}]
        ),
        [("i:1775037600:open", "a@x.org", "email_opened", "10:00:00", "m")],
    ),
    "customer.io": Provider(
        HEAD + """
format: jsonl
events:
  event_id: event_id
  person_id: [data.identifiers.id, data.customer_id]
  event:
    join: [object_type, metric]
    separator: "_"
    names: {email_opened: email_opened, email_delivered: email_delivered}
  occurred_at: {path: timestamp, format: epoch_s}
  message_id: data.delivery_id
""" + MAIL_PLAN,
        [{"event_id": "c1", "object_type": "email", "metric": "opened", "timestamp": 1775037600,
          "data": {"identifiers": {"id": "ada"}, "delivery_id": "m"}}],
        [("c1", "ada", "email_opened", "10:00:00", "m")],
    ),
    "posthog csv": Provider(
        HEAD + """
format: csv
events:
  event_id: uuid
  person_id: distinct_id
  event: {path: event, names: {$pageview: page_viewed, user signed up: signed_up}}
  occurred_at: timestamp
  session_id: properties.$session_id
  properties: {page: properties.$pathname, plan_name: "properties.$set.plan name"}
""" + WEB_PLAN,
        'uuid,event,distinct_id,timestamp,properties\n'
        'h1,$pageview,ada,2026-04-01 10:00:00.000,"{""$pathname"":""/a"",""$session_id"":""s""}"\n'
        'h2,user signed up,ada,2026-04-01T10:00:01Z,"{""$set"":{""plan name"":""gold""}}"\n',
        [("h1", "ada", "page_viewed", "10:00:00", "/a"), ("h2", "ada", "signed_up", "10:00:01", None)],
        "page",
    ),
    "mixpanel": Provider(
        HEAD + """
format: jsonl
events:
  event_id: properties.$insert_id
  person_id: [properties.$user_id, properties.distinct_id]
  event: {path: event, case: snake, names: {order: order_completed}}
  occurred_at: {path: properties.time, format: epoch_s}
  value: {path: properties.Amount, multiply: {path: properties.currency, factors: {EUR: 1, USD: 0.9}}}
  properties: {page: 'properties."utm.page"'}
""" + WEB_PLAN,
        [{"event": "Page Viewed", "properties": {"time": 1775037600, "distinct_id": "ada", "$insert_id": "x1",
                                                 "utm.page": "/a"}},
         {"event": "Order", "properties": {"time": 1775037601, "distinct_id": "ada", "$insert_id": "x2",
                                           "Amount": 10, "currency": "USD"}}],
        [("x1", "ada", "page_viewed", "10:00:00", None), ("x2", "ada", "order_completed", "10:00:01", 9.0)],
        "value",
    ),
    "amplitude": Provider(
        HEAD + """
format: jsonl
events:
  event_id: $insert_id
  person_id: {path: [user_id, device_id]}
  event: {path: event_type, names: {view: page_viewed}}
  occurred_at: {path: event_time, timezone: UTC}
  session_id: session_id
  properties: {page: 'event_properties."[Page] URL"'}
""" + WEB_PLAN,
        [{"$insert_id": "i1", "user_id": None, "device_id": "d1", "event_type": "view", "session_id": 1775037,
          "event_time": "2026-04-01 10:00:00.000000", "event_properties": {"[Page] URL": "/a"}}],
        [("i1", "d1", "page_viewed", "10:00:00", "/a")],
        "page",
    ),
    "matomo": Provider(
        HEAD + """
format: json
events:
  - explode: actionDetails
    only: {each.type: action}
    event_id: each.idpageview
    person_id: [userId, visitorId]
    event: {constant: page_viewed}
    occurred_at: {path: each.timestamp, format: epoch_s}
    session_id: idVisit
    properties: {page: each.url}
  - explode: actionDetails
    only: {each.type: ecommerceOrder}
    event_id: {join: [idVisit, each.orderId], separator: "-"}
    person_id: [userId, visitorId]
    event: {constant: order_completed}
    occurred_at: {path: each.timestamp, format: epoch_s}
    value: each.revenue
""" + WEB_PLAN,
        json.dumps([VISIT]),
        [("k1", "ada", "page_viewed", "09:00:00", None),
         ("7-o1", "ada", "order_completed", "09:00:20", 12.5)],
        "value",
    ),
    "ga4": Provider(
        HEAD + """
format: jsonl
ignore: {event_name: [first_visit, session_start]}
events:
  person_id: [user_id, user_pseudo_id]
  event: {path: event_name, names: {page_view: page_viewed, purchase: order_completed}}
  occurred_at: {path: event_timestamp, format: epoch_us}
  session_id: "event_params[key=ga_session_id].value.int_value"
  value: ecommerce.purchase_revenue
  properties:
    page: ["event_params[key=page_location].value.string_value", "event_params[key=page].value.string_value"]
    product: "items[0].item_name"
""" + WEB_PLAN,
        [{"event_name": "page_view", "user_pseudo_id": "g1", "event_timestamp": "1775037600000000",
          "event_params": [{"key": "ga_session_id", "value": {"int_value": "5"}},
                           {"key": "page_location", "value": {"string_value": "/a"}}], "items": []},
         {"event_name": "first_visit", "user_pseudo_id": "g1", "event_timestamp": "1775037600000000"},
         {"event_name": "purchase", "user_id": "ada", "event_timestamp": 1775037601000000,
          "ecommerce": {"purchase_revenue": 3}, "items": [{"item_name": "Pan"}], "event_params": []}],
        [(None, "g1", "page_viewed", "10:00:00", "/a"), (None, "ada", "order_completed", "10:00:01", None)],
        "page",
    ),
    "snowplow": Provider(
        HEAD + f"""
format: tsv
csv: {{quote: none, header: [{", ".join(SNOWPLOW)}]}}
events:
  event_id: event_id
  person_id: user_id
  event: {{path: event, names: {{page_view: page_viewed}}}}
  occurred_at: {{path: collector_tstamp, timezone: UTC}}
  properties: {{page: page_url, plan_name: "column_130.data[schema=iglu:a].data.plan"}}
""" + WEB_PLAN.replace("page: text", "page: text, plan_name: text"),
        "\t".join(ENRICHED) + "\n",
        [("u-1", "ada", "page_viewed", "10:00:00.123000", "gold")],
        "plan_name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_one_file_of_yaml(tmp_path: Path, name: str) -> None:
    provider = PROVIDERS[name]
    found = through(tmp_path, provider.yaml, provider.rows)
    assert found.rejected.rows() == []
    rows = found.events.sort("row_number", "occurred_at", "event_id").to_dicts()
    known = [
        (
            row["event_id"] if event_id else None,
            row["person_id"],
            row["event"],
            row["occurred_at"].time().isoformat(),
            row[provider.column],
        )
        for row, (event_id, *_) in zip(rows, provider.events, strict=True)
    ]
    assert known == provider.events


SEGMENT = (
    HEAD
    + """
format: jsonl
ignore: {type: group}
events:
  - only: {type: track}
    event_id: messageId
    person_id: [userId, anonymousId]
    event: {path: event, case: snake}
    occurred_at: [originalTimestamp, timestamp]
    value: [properties.revenue, properties.total]
  - only: {type: [page, screen]}
    event_id: messageId
    person_id: [userId, anonymousId]
    event: {constant: page_viewed}
    channel: {path: type, names: {page: web, screen: app}}
    occurred_at: timestamp
    properties: {page: [properties.path, properties.url, name]}
profiles:
  only: {type: identify}
  person_id: [userId, anonymousId]
  observed_at: timestamp
  columns: {plan_tier: traits.plan, mail: {path: traits.email, case: lower}}
aliases:
  - {alias: anonymousId, person_id: userId, occurred_at: timestamp}
  - {only: {type: alias}, alias: previousId, person_id: userId, occurred_at: timestamp, merges: true}
columns: {plan_tier: text, mail: text}
"""
    + WEB_PLAN
)
AT = {"timestamp": "2026-04-01T10:00:00Z"}


def test_segment(tmp_path: Path) -> None:
    rows: list[object] = [
        {"type": "track", "event": "Order Completed", "userId": "ada", "anonymousId": "x", "messageId": "1",
         "properties": {"revenue": 5}, **AT},
        {"type": "screen", "name": "Home", "anonymousId": "x", "messageId": "2", **AT},
        {"type": "identify", "userId": "ada", "traits": {"plan": "gold", "email": "A@x.org"}, **AT},
        {"type": "alias", "previousId": "old", "userId": "ada", **AT},
        {"type": "group", "groupId": "g", "userId": "ada", **AT},
        {"type": "delete", "userId": "ada", **AT},
    ]  # fmt: skip
    found = through(tmp_path, SEGMENT, rows)
    assert found.events.select("person_id", "event", "channel", "value", "page").rows() == [
        ("ada", "order_completed", "commerce", 5.0, None),
        ("x", "page_viewed", "app", None, "Home"),
    ]
    assert found.profiles.select("person_id", "plan_tier", "mail").rows() == [("ada", "gold", "a@x.org")]
    said = found.identities.select("alias", "person_id", "merges").rows()
    assert said == [("x", "ada", False), ("old", "ada", True)]
    assert found.ignored.height == 1
    assert found.rejected.select("row_number", "reason").rows() == [
        (6, "no mapping takes a row with type 'delete'")
    ]
