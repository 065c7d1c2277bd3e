"""Where a process finds its servers: those it was given, and embedded ones for the rest."""

import pytest

from millpond.servers import connected
from millpond.settings import Settings

DATABASE = "postgresql://somewhere/shop"
REDIS = "redis://somewhere/0"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    return tmp_path / "data"


def test_given_servers_are_used_and_the_data_folder_is_not_touched(folder):
    with connected(Settings(database_url=DATABASE, redis_url=REDIS, data_dir=folder)) as settings:
        assert (settings.database_url, settings.redis_url) == (DATABASE, REDIS)
    assert not folder.exists()


def test_what_is_not_given_is_embedded_for_as_long_as_it_is_needed(folder):
    with connected(Settings(database_url=DATABASE, data_dir=folder)) as settings:
        assert settings.database_url == DATABASE
        assert "127.0.0.1" in str(settings.redis_url)
        assert (folder / "valkey").exists()
    assert not (folder / "postgres").exists()
