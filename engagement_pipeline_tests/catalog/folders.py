"""A small valid catalog as text, to plant mistakes into."""

from pathlib import Path

from engagement_pipeline.catalog.lint import lint

PROJECT = """\
project: shop
timezone: Europe/Berlin
start_date: 2026-01-01
end_date: 2026-03-31
"""
EVENTS = """\
events:
  email_sent: {channel: email, chosen: false}
  email_opened: {channel: email, properties: {category: text}}
  order_completed: {channel: commerce, unit: EUR, properties: {category: text, items: integer}}
  course_watched: {channel: app, unit: minutes, properties: {level: integer, last_day: date}}
"""
WEB = """\
source: web
owner: team:data
path: web/*.jsonl.gz
format: jsonl
events:
  person_id: user
  event: name
  occurred_at: {path: ts, format: epoch_ms}
"""
CRM = """\
source: crm
owner: team:data
path: crm/*.csv
format: csv
profiles:
  person_id: id
columns: {plan: text, age: integer, since: date, vip: boolean}
"""
EMAIL = """\
score: email
goal: Is this person reading our emails?
owner: team:lifecycle
window: 90d
rules:
  - {event: email_opened, weight: 3, cap: {per_day: 1}}
  - {event: order_completed, where: "category = 'garden'", weight: 5}
scale: {method: percentile, range: [1, 10]}
bands: {low: [1, 4], medium: [4, 7], high: [7, 10]}
applies_to: "profile.plan is not null"
"""
READERS = """\
segment: readers
owner: team:lifecycle
where: "score.email >= 8 and profile.plan = 'premium'"
"""
BUYERS = """\
segment: buyers
owner: ada@example.com
where: "segment.readers and points.email > 10 and band.email = 'high'"
"""
PERKS = """\
campaign: perks
goal: Reward the most engaged
owner: team:lifecycle
audience: {include: [readers], exclude: [buyers]}
channel: email
variants:
  - {when: "score.email >= 9", message: extra_perks}
  - {message: newsletter}
holdout: 10%
outcome: {event: order_completed, within: 14d, value: sum}
destinations: [{kind: files, path: perks}]
"""
FILES = {
    "project.yaml": PROJECT,
    "events.yaml": EVENTS,
    "sources/web.yaml": WEB,
    "sources/crm.yaml": CRM,
    "scores/email.yaml": EMAIL,
    "segments/readers.yaml": READERS,
    "segments/buyers.yaml": BUYERS,
    "campaigns/perks.yaml": PERKS,
}


def catalog(folder: Path, changed: dict[str, str] | None = None, without: tuple[str, ...] = ()) -> Path:
    """Write the valid catalog with some files changed, added or left out."""
    for file, text in {**FILES, **(changed or {})}.items():
        if file not in without:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return folder


def planted(folder: Path, file: str, old: str, new: str) -> list[str]:
    """What lint says once `old` in a file reads `new`."""
    text = FILES[file]
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    return said(catalog(folder, {file: text.replace(old, new)}))


def said(folder: Path) -> list[str]:
    """What lint says, as text."""
    return [str(issue) for issue in lint(folder)]
