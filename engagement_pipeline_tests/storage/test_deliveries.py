from datetime import date
from pathlib import Path

import pytest

from engagement_pipeline.storage import deliveries
from engagement_pipeline.storage.database import Database

DAY = date(2026, 4, 5)


def test_an_audience_is_settled_once_its_delivery_began(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'd.db'}")
    deliveries.refuse_change(database, "perks", DAY, "v1")
    deliveries.begin(database, "perks", DAY, "mail", "v1", 3)
    deliveries.refuse_change(database, "perks", DAY, "v1")
    with pytest.raises(deliveries.AudienceDelivered, match="perks on 2026-04-05 was delivered to 'mail'"):
        deliveries.refuse_change(database, "perks", DAY, "v2")
    assert deliveries.delivered(database, "perks", DAY) == set(), "killed here, it is done again"
    deliveries.finish(database, "perks", DAY, "mail")
    assert deliveries.delivered(database, "perks", DAY) == {"mail"}
    assert deliveries.delivered(database, "other", DAY) == set()
    deliveries.begin(database, "perks", DAY, "mail", "v1", 3)
    deliveries.finish(database, "perks", DAY, "mail")
    assert deliveries.delivered(database, "perks", DAY) == {"mail"}
    database.close()


def test_a_delivery_to_nobody_settles_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'd.db'}")
    deliveries.begin(database, "perks", DAY, "mail", "v1", 0)
    deliveries.finish(database, "perks", DAY, "mail")
    deliveries.refuse_change(database, "perks", DAY, "v2")
    database.close()
