"""A project in which one person is named everywhere that a person can be named, and others beside them.

Here: its files and how it is made. Not here: what must become of it (`test_erasure`).
"""

import json
from pathlib import Path

from engagement_pipeline_tests.orchestration.scenario import (
    BUYERS,
    DAYS,
    EVENTS,
    FIRST,
    LAST,
    PEOPLE,
    SHOP,
    Scenario,
    files,
    mail,
)

STAYS, GONE = PEOPLE[:2]
DEVICE, PHONE = "device-0815-x", "phone-4711-x"
IDS = (GONE, DEVICE, PHONE)
CHANGED = {
    "events.yaml": EVENTS + "  push_refused: {channel: push, chosen: false, consent: opt_out}\n",
    "sources/shop.yaml": SHOP.replace("person_id: customer.id", "person_id: [customer.id, device]")
    + "aliases:\n  - {alias: device, person_id: customer.id, occurred_at: at}\n"
    + "  - {alias: phone, person_id: customer.id, occurred_at: at, merges: true}\n",
    "segments/buyers.yaml": BUYERS.replace(">= 5", ">= 1"),
}
TABLES = (
    *("landed/mail", "landed/shop", "landed/crm", "rejected/mail", "events/mail", "events/shop"),
    *("conflicts/shop", "profiles/crm", "identities/shop", "aliases", "persons", "consents"),
    *("daily_measures", "points/reading", "points/buying", "scores/reading", "scores/buying"),
    *("segments/readers", "segments/buyers", "segments/fans", "audiences/perks"),
)
"""The tables of the lake that name the person."""
ELSEWHERE = (
    *("database: current_scores", "database: current_memberships", "database: current_audiences"),
    "exports: perks/2026-04-05/people.csv",
)


def landing() -> dict[str, bytes]:
    """The corner shop's files, one of a device that turns out to be somebody's, and one of unlikely mails."""
    day = DAYS[1]
    order = {"type": "order_completed", "at": f"{day}T10:00:00Z", "total": 7.0}
    rows = [
        {**order, "id": "d1", "device": DEVICE},
        {**order, "id": "d2", "device": DEVICE, "customer": {"id": GONE}},
        {**order, "id": "d3", "phone": PHONE, "customer": {"id": GONE}},
        {
            **order,
            "id": "d4",
            "customer": {"id": STAYS},
            "recommended_by": GONE,
            "via": f"https://s/?u={GONE}&x=1",
        },
        {**order, "id": "d5", "customer": {"id": f"{GONE}1"}},
        {**order, "id": "d1", "device": DEVICE, "total": 8.0},
    ]
    at = f"{LAST}T08:00:00Z"
    unsubscribed = [
        ("u1", GONE, "push_refused", at),
        ("u2", STAYS, "x", at),
        *((f"u{n}", STAYS, "open", at) for n in range(3, 9)),
        ("bad2", GONE, "open", "no time"),
    ]
    return files() | {
        "shop/devices.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "mail/more.csv": mail(unsubscribed),
    }


def made(folder: Path) -> Scenario:
    """The project with every asset materialized, the last date delivered."""
    project = Scenario.new(folder, CHANGED, landing())
    run_all(project)
    return project


def run_all(project: Scenario) -> None:
    """Every job, as the daily life runs them; references stay once they are fitted."""
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    first = not project.bench.lake.exists("references/buying")
    project.run("refit" if first else "as_of_dates", DAYS[-2])
    project.run("as_of_dates", LAST)
    project.run("campaigns", LAST)
