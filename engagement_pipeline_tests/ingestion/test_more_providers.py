"""More providers in one YAML each: mail, push, shops, help desks, surveys, tills and hit logs.

Not here: those whose rows need nested paths most of all (`test_providers`), presets (`test_presets`).
"""
# ruff: noqa: E501  rows stand as they are sent

import json
from pathlib import Path

import pytest

from engagement_pipeline_tests.ingestion.providers import through
from engagement_pipeline_tests.ingestion.test_providers import HEAD, Provider

PLAN = """
plan:
  email_sent: {channel: email, chosen: false}
  email_opened: {channel: email}
  email_clicked: {channel: email, properties: {link: text}}
  email_bounced: {channel: email, chosen: false, consent: opt_out}
  email_unsubscribed: {channel: email, consent: opt_out}
  push_sent: {channel: push, chosen: false}
  push_opened: {channel: push}
  page_viewed: {channel: web, properties: {page: text}}
  order_completed: {channel: commerce, unit: EUR, properties: {product: text}}
  store_purchase: {channel: offline, unit: EUR}
  invoice_paid: {channel: commerce, unit: EUR}
  ticket_opened: {channel: support, properties: {topic: text}}
  ticket_solved: {channel: support}
  lead_generated: {channel: social}
"""
OPENED = {
    "type": "email.opened",
    "created_at": "2026-04-01T10:00:00.126Z",
    "data": {"email_id": "m", "to": ["D@x.org"]},
}
MANDRILL = [
    {
        "event": "click",
        "_id": "i",
        "ts": 1775037600,
        "url": "http://x/",
        "msg": {"email": "a@x.org", "_id": "m"},
    }
]
TICKET = {"id": 35, "requester_id": 7, "created_at": "2026-04-01T10:00:00Z", "updated_at": "2026-04-01T11:00:00Z",
          "subject": "Help", "status": "closed"}  # fmt: skip

PROVIDERS = {
    "brevo": Provider(
        """format: jsonl
events:
  event_id: {join: [message-id, event, ts_event], separator: "|"}
  person_id: {path: email, case: lower}
  event: {path: event, names: {request: email_sent, unique_opened: email_opened, hard_bounce: email_bounced}}
  occurred_at: {path: [ts_event, ts], format: epoch_s}
  message_id: message-id
""",
        [{"event": "unique_opened", "email": "A@x.org", "ts": 1, "ts_event": 1775037600, "message-id": "<m@x>"}],
        [("<m@x>|unique_opened|1775037600", "a@x.org", "email_opened", "10:00:00", "<m@x>")],
    ),
    "resend": Provider(
        """format: jsonl
events:
  explode: data.to
  event_id: {join: [data.email_id, type], separator: "|"}
  person_id: {path: each, case: lower}
  event: {path: type, names: {email.sent: email_sent, email.opened: email_opened, email.clicked: email_clicked}}
  occurred_at: created_at
  message_id: data.email_id
""",
        [OPENED],
        [("m|email.opened-1", "d@x.org", "email_opened", "10:00:00.126000", "m")],
    ),
    "mandrill as the form it posts": Provider(
        """format: jsonl
events:
  explode: mandrill_events
  event_id: {join: [each._id, each.ts, each.event], separator: ":"}
  person_id: each.msg.email
  event: {path: each.event, names: {send: email_sent, open: email_opened, click: email_clicked}}
  occurred_at: {path: each.ts, format: epoch_s}
  message_id: each.msg._id
""",
        [{"mandrill_events": json.dumps(MANDRILL)}],
        [("i:1775037600:click", "a@x.org", "email_clicked", "10:00:00", "m")],
    ),
    "mailchimp as the form it posts": Provider(
        """format: jsonl
ignore: {type: [profile, campaign]}
events:
  only: {type: [unsubscribe, cleaned]}
  person_id: {path: '"data[email]"', case: lower}
  event: {path: type, names: {unsubscribe: email_unsubscribed, cleaned: email_bounced}}
  occurred_at: fired_at
  campaign_id: '"data[list_id]"'
""",
        [{"type": "unsubscribe", "fired_at": "2026-04-01 10:00:00", "data[email]": "A@x.org", "data[list_id]": "l"},
         {"type": "profile"}],
        [(None, "a@x.org", "email_unsubscribed", "10:00:00", "l")],
        "campaign_id",
    ),
    "iterable": Provider(
        """format: jsonl
events:
  event_id: {join: [dataFields.messageId, eventName], default: content}
  person_id: {path: [userId, email], case: lower}
  event: {path: eventName, names: {emailOpen: email_opened, emailClick: email_clicked, pushOpen: push_opened}}
  occurred_at: {path: dataFields.createdAt, format: [iso, "%Y-%m-%d %H:%M:%S %z"]}
""",
        [{"email": "S@x.org", "eventName": "emailOpen",
          "dataFields": {"createdAt": "2026-04-01 12:00:00 +02:00", "messageId": "2"}},
         {"email": "S@x.org", "eventName": "pushOpen", "dataFields": {"createdAt": "2026-04-01T10:00:01Z"}}],
        [("2 emailOpen", "s@x.org", "email_opened", "10:00:00", None),
         (None, "s@x.org", "push_opened", "10:00:01", None)],
    ),
    "airship": Provider(
        """format: jsonl
ignore: {type: [CLOSE, LOCATION]}
events:
  event_id: id
  person_id: [device.named_user_id, device.channel]
  event: {path: type, names: {SEND: push_sent, OPEN: push_opened}}
  occurred_at: occurred
  campaign_id: body.push_id
""",
        [{"id": "1", "occurred": "2026-04-01T10:00:00.000Z", "device": {"channel": "c", "named_user_id": None},
          "body": {"push_id": "p"}, "type": "SEND"}, {"type": "CLOSE"}],
        [("1", "c", "push_sent", "10:00:00", "p")],
        "campaign_id",
    ),
    "stripe": Provider(
        """format: jsonl
events:
  event_id: id
  person_id: data.object.customer
  event: {path: type, case: snake}
  occurred_at: {path: created, format: epoch_s}
  value: {path: data.object.amount_paid, multiply: {path: data.object.currency, factors: {eur: 0.01, jpy: 0.006}}}
""",
        [{"id": "evt_1", "type": "invoice.paid", "created": 1775037600,
          "data": {"object": {"customer": "cus_1", "amount_paid": 1999, "currency": "eur"}}}],
        [("evt_1", "cus_1", "invoice_paid", "10:00:00", 19.99)],
        "value",
    ),
    "zendesk": Provider(
        """format: json
records: tickets
events:
  - event_id: {join: [id, created_at]}
    person_id: requester_id
    event: {constant: ticket_opened}
    occurred_at: created_at
    properties: {topic: subject}
  - only: {status: [solved, closed]}
    event_id: {join: [id, updated_at]}
    person_id: requester_id
    event: {constant: ticket_solved}
    occurred_at: updated_at
""",
        json.dumps({"tickets": [TICKET], "count": 1}),
        [("35 2026-04-01T10:00:00Z", "7", "ticket_opened", "10:00:00", "Help"),
         ("35 2026-04-01T11:00:00Z", "7", "ticket_solved", "11:00:00", None)],
        "topic",
    ),
    "facebook lead ads": Provider(
        """format: tsv
events:
  event_id: {path: id, extract: "^l:(.+)"}
  person_id: {path: [email, phone_number], extract: '^(?:p:)?(.+)', case: lower}
  event: {constant: lead_generated}
  occurred_at: created_time
  campaign_id: {path: campaign_id, extract: "^c:(.+)"}
""",
        "id\tcreated_time\tcampaign_id\temail\tphone_number\n"
        "l:12\t2026-04-01T05:00:00-05:00\tc:9\t\tp:+49170\n",
        [("12", "+49170", "lead_generated", "10:00:00", "9")],
        "campaign_id",
    ),
    "a till": Provider(
        """format: csv
csv: {delimiter: ";"}
events:
  event_id: {join: [Filiale, Bon], separator: "-"}
  person_id: Karte
  event: {constant: store_purchase}
  occurred_at: {join: [Datum, Zeit], format: ["%d.%m.%Y %H:%M", "%d.%m.%y %H:%M"], timezone: Europe/Berlin}
  value: {path: Betrag, decimal: ","}
""",
        "Filiale;Bon;Karte;Datum;Zeit;Betrag\n7;1;K1;01.04.2026;12:00;1.234,50 €\n7;2;K1;01.04.2026;12:01;-3\n",
        [("7-1", "K1", "store_purchase", "10:00:00", 1234.5), ("7-2", "K1", "store_purchase", "10:01:00", -3.0)],
        "value",
    ),
    "adobe's hits": Provider(
        """format: tsv
csv: {quote: none, header: [high, low, visitor, hit_time_gmt, page_name, post_event_list, exclude_hit]}
ignore: {exclude_hit: {none_of: "0"}}
events:
  - only: {page_name: {present: true}}
    event_id: {join: [high, low], separator: ""}
    person_id: visitor
    event: {constant: page_viewed}
    occurred_at: {path: hit_time_gmt, format: epoch_s}
    properties: {page: page_name}
  - only: {post_event_list: {matches: "(^|,)1(,|=|$)"}}
    event_id: {join: [high, low], separator: ""}
    person_id: visitor
    event: {constant: order_completed}
    occurred_at: {path: hit_time_gmt, format: epoch_s}
""",
        "1\t2\tv\t1775037600\thome\t200,1\t0\n1\t3\tv\t1775037601\tcart\t201\t0\n1\t4\tv\t1775037601\t\t\t1\n",
        [("12", "v", "page_viewed", "10:00:00", "home"), ("12/2", "v", "order_completed", "10:00:00", None),
         ("13", "v", "page_viewed", "10:00:01", "cart")],
        "page",
    ),
    "braze, whose folders name the event": Provider(
        """format: jsonl
events:
  event_id: id
  person_id: [external_user_id, user_id]
  event:
    path: "@file"
    extract: '(rows|event_type=[^/]+)'
    names: {rows: email_opened, event_type=users.messages.email.Click: email_clicked}
  occurred_at: {path: time, format: epoch_s}
  message_id: dispatch_id
""",
        [{"id": "b1", "user_id": "5", "external_user_id": "ada", "time": 1775037600, "dispatch_id": "d"}],
        [("b1", "ada", "email_opened", "10:00:00", "d")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_one_file_of_yaml(tmp_path: Path, name: str) -> None:
    provider = PROVIDERS[name]
    found = through(tmp_path, HEAD + provider.yaml + PLAN, provider.rows)
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
