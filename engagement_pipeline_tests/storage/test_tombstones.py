"""Keyed hashes of erased ids: whose key, and what happens without it."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.settings import SettingsError
from engagement_pipeline.storage.tombstones import KEYS, TOMBSTONES, VARIABLE, bury, current_key, tombstones

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "k" * 32


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def stored(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(sa.select(TOMBSTONES.c.hash)))


def test_ids_are_known_by_their_hash_alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    assert not tombstones(database)
    hashed = bury(database, ["ada", "bén"], NOW)
    assert hashed["ada"] == hmac.new(KEY.encode(), b"ada", hashlib.sha256).hexdigest()
    bury(database, ["ada", "cem"], NOW)
    assert stored(database) == {*hashed.values(), bury(database, ["cem"], NOW)["cem"]}
    found = tombstones(database)
    assert found
    assert found.erased(["ada", "Ada", "bén", "ben", "dee", "cem", "adam"]) == {"ada", "bén", "cem"}
    with database.read() as connection:
        assert connection.execute(sa.select(KEYS)).all() == [], "no key beside the hashes"


def test_a_database_file_has_a_key_of_its_own(tmp_path: object) -> None:
    one, other = (Database(f"sqlite:///{tmp_path}/{name}.db") for name in ("one", "other"))
    assert current_key(one) == current_key(one)
    assert bury(one, ["ada"], NOW) != bury(other, ["ada"], NOW)
    assert tombstones(one).erased(["ada", "ben"]) == {"ada"}
    one.close()
    other.close()


def test_a_server_needs_the_key_from_the_environment(database: Database) -> None:
    if database.is_file:
        return
    with pytest.raises(SettingsError, match=VARIABLE):
        bury(database, ["ada"], NOW)
    assert stored(database) == set()


def test_a_key_that_is_too_short_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "secret")
    with pytest.raises(SettingsError, match="at least 16") as refused:
        current_key(database)
    assert "secret" not in str(refused.value)


def test_without_the_key_they_were_made_with_nothing_lands(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    bury(database, ["ada"], NOW)
    for other in (None, "another key, long enough"):
        monkeypatch.delenv(VARIABLE) if other is None else monkeypatch.setenv(VARIABLE, other)
        with pytest.raises(SettingsError, match=r"1 tombstones .* another key"):
            tombstones(database)


def test_a_key_that_is_set_later_leaves_the_first_ones_good(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not database.is_file:
        return
    bury(database, ["ada"], NOW)
    monkeypatch.setenv(VARIABLE, KEY)
    bury(database, ["ben"], NOW)
    assert tombstones(database).erased(["ada", "ben", "cem"]) == {"ada", "ben"}
