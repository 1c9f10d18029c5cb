"""Settings from the environment."""

from pathlib import Path

import pytest

from engagement_pipeline.storage.settings import Settings, SettingsError

SECRET = "open-sesame"


def test_without_settings_everything_lies_in_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / ".engagement"
    assert Settings.from_env({}) == Settings(
        str(home / "lake"), f"sqlite:///{home}/engagement.db", home / "landing", home / "exports"
    )


def test_a_lake_in_an_object_store_needs_a_database() -> None:
    with pytest.raises(SettingsError, match=r"s3://b/lake.*ENGAGEMENT_DATABASE_URL"):
        Settings.from_env({"ENGAGEMENT_LAKE": "s3://b/lake"})
    url = "postgresql+psycopg://team@host/engagement"
    found = Settings.from_env({"ENGAGEMENT_LAKE": "s3://b/lake/", "ENGAGEMENT_DATABASE_URL": url})
    assert (found.lake, found.database_url) == ("s3://b/lake", url)


def test_a_file_uri_is_a_folder(tmp_path: Path) -> None:
    assert Settings.from_env({"ENGAGEMENT_LAKE": f"file://{tmp_path}/lake"}).lake == f"{tmp_path}/lake"


def test_passwords_are_never_shown() -> None:
    url = f"postgresql+psycopg://team:{SECRET}@host/engagement"
    assert SECRET not in repr(Settings.from_env({"ENGAGEMENT_DATABASE_URL": url}))
    with pytest.raises(SettingsError, match="not a database URL") as caught:
        Settings.from_env({"ENGAGEMENT_DATABASE_URL": f"team:{SECRET}@host"})
    assert SECRET not in str(caught.value)
