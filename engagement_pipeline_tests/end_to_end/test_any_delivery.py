"""The same events in any order, in any files, twice or late: the same tables, row for row.

The same run twice is in `test_demo`.
"""

import random
from collections.abc import Callable
from datetime import date

import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline_tests.end_to_end.conftest import Open
from engagement_pipeline_tests.end_to_end.corner_shop import (
    AS_OF,
    END,
    START,
    TABLES,
    CornerShop,
    crm_rows,
    csv,
    failure,
    jsonl,
    mail_rows,
    web_rows,
)

pytestmark = pytest.mark.slow


def dealt_out(shop: CornerShop) -> None:
    """Rows shuffled and dealt out to files, some of them zipped."""
    visits, mails, facts = web_rows(), mail_rows(), crm_rows()
    for rows in (visits, mails, facts):
        random.Random(7).shuffle(rows)
    for number in range(5):
        shop.drop(f"web/{number}.jsonl{'.gz' * (number % 2)}", jsonl(visits[number::5]))
    for number in range(3):
        shop.drop(f"mail/{number}.csv", csv(mails[number::3]))
        shop.drop(f"crm/{number}.csv", csv(facts[number::3]))
    shop.everything()


def twice(shop: CornerShop) -> None:
    """The same bytes under two names, and the same rows in other files."""
    shop.stock()
    shop.drop("web/copy.jsonl", jsonl(web_rows()))
    shop.drop("web/other.jsonl", jsonl(list(reversed(web_rows()))[:30]))
    shop.drop("mail/copy.csv", csv(mail_rows()))
    shop.drop("crm/other.csv", csv(crm_rows()[3:]))
    shop.everything()


def late(shop: CornerShop) -> None:
    """Half of it after everything was made of the other half, the later claim of an id before the earlier
    one; then the later days made first."""
    shop.drop("web/first.jsonl", jsonl(web_rows()[::2]))
    shop.drop("mail/first.csv", csv(mail_rows()[::2]))
    shop.drop("crm/first.csv", csv(crm_rows()[::2]))
    done = [shop.run("landing"), shop.days("event_days"), shop.run("refit", AS_OF)]
    assert shop.table("conflicts/web").is_empty()
    shop.stock()
    done += [
        shop.run("landing"),
        shop.days("event_days", date(2025, 3, 6), END),
        shop.days("event_days", START, date(2025, 3, 5)),
        shop.run("refit", AS_OF),
        shop.run("campaigns", AS_OF),
    ]
    for result in done:
        assert result.success, failure(result)


@pytest.mark.parametrize("deliver", [dealt_out, twice, late])
def test_tables_do_not_depend_on_how_events_arrived(
    stocked: CornerShop, open_shop: Open, deliver: Callable[[CornerShop], None]
) -> None:
    shop = open_shop()
    deliver(shop)
    for name in TABLES:
        assert_frame_equal(shop.rows(name), stocked.rows(name))
        assert shop.versions(name) == stocked.versions(name), name


def test_the_tables_hold_something_to_compare(stocked: CornerShop) -> None:
    empty = [name for name in TABLES if name != "conflicts/mail" and not stocked.table(name).height]
    assert empty == []
    assert stocked.table("conflicts/web")["event_id"].to_list() == ["w3"]
    assert set(stocked.table("audiences/thanks")["decision"]) == {"send", "hold_out"}
