"""Where a process finds its servers: those it was given, and embedded ones for the rest."""

import signal

import pytest

from millpond import servers
from millpond.engines import EngineFailed
from millpond.servers import connected, joined, open_engines
from millpond.settings import Settings
from tests.millpond.stacks import planned_stack

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


def test_a_command_does_not_wait_for_ever_for_an_engine_that_stands_still(folder, monkeypatch):
    monkeypatch.setattr(servers, "JOIN_MAX_S", 0.5)
    settings = Settings(database_url=DATABASE, data_dir=folder)
    with open_engines(settings) as engines:
        with joined(settings) as found:
            assert found.redis_url == engines.redis_url
        assert engines.valkey is not None
        engines.valkey.kill(signal.SIGSTOP)
        with pytest.raises(EngineFailed, match="do not answer"), joined(settings):
            pass


def test_a_process_whose_database_is_away_ends_with_a_sentence():
    ended = planned_stack("postgresql://somebody:secret@127.0.0.1:1/shop", "redis://127.0.0.1:1/0").run("worker")
    (said,) = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "PostgreSQL does not serve us" in said
    assert "Connection refused" in said
    assert "secret" not in said
