"""The embedded engines: quick, private, found again after any kill."""

import os
import signal
import socket
import stat
import subprocess
import time

import asyncpg
import psutil
import pytest
from redis import AuthenticationError, Redis

from keel.database import PLANNER
from millpond.engines import EngineFailed, Engines, engine, ports, processes
from millpond.engines.folders import EngineUser
from tests.databases import fetched
from tests.eventually import eventually
from tests.servers import frozen, private_pair


@pytest.fixture(scope="module")
def pair():
    with private_pair() as engines:
        yield engines


async def test_both_answer_only_those_who_know_the_password(pair):
    assert await fetched(pair.database_url, "SELECT current_database()") == "millpond"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await fetched(pair.database_url.replace(pair.postgres.password, "guess"), "SELECT 1")
    with Redis.from_url(pair.redis_url) as redis:
        assert redis.ping()
    wrong = Redis.from_url(pair.redis_url.replace(pair.valkey.password, "guess"))
    with wrong, pytest.raises(AuthenticationError):
        wrong.ping()


def test_passwords_are_in_private_files_and_on_no_command_line(pair):
    for one in pair.all:
        secret_files = [path for path in one.folder.iterdir() if path.is_file() and path.suffix in {".json", ".conf"}]
        assert len(secret_files) == 2
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret_files} == {0o600}
        assert one.password not in " ".join(psutil.Process(one.pid).cmdline())
        assert not any("MILLPOND" in name for name in psutil.Process(one.pid).environ())


async def test_postgres_is_durable_and_valkey_never_evicts(pair):
    for name, value in {**PLANNER, "fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8"}.items():
        assert await fetched(pair.database_url, f"SHOW {name}") == value
    assert await fetched(pair.database_url, "SELECT lower('ÄÖ')") == "äö"
    with Redis.from_url(pair.redis_url) as redis:
        assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


async def test_a_killed_postgres_comes_back_on_its_port_with_what_was_committed(pair):
    url = pair.database_url
    await fetched(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    pair.postgres.kill()
    assert not pair.postgres.alive()
    pair.postgres.restart()
    assert pair.database_url == url
    assert await fetched(url, "SELECT answer FROM kept") == 42


def test_a_killed_valkey_comes_back_on_its_port_and_empty(pair):
    with Redis.from_url(pair.redis_url) as redis:
        redis.set("hold", 1)
        pair.valkey.kill()
        pair.valkey.restart()
        assert redis.get("hold") is None


def test_valkey_starts_from_an_older_snapshot(pair):
    with Redis.from_url(pair.redis_url) as redis:
        redis.set("sold", 1)
        redis.save()
        older = pair.valkey.folder / "older.rdb"
        older.write_bytes(pair.valkey.dump.read_bytes())
        redis.set("sold", 2)
        pair.valkey.start_from(older)
        assert redis.get("sold") == b"1"


def test_valkey_takes_options(private_engines):
    engines = private_engines(postgres=False, valkey_options={"maxmemory": "20mb"})
    with Redis.from_url(engines.redis_url) as redis:
        assert redis.config_get("maxmemory") == {"maxmemory": str(20 * 1024 * 1024)}


def test_a_frozen_engine_is_alive_but_not_ready_and_thaws(pair):
    for one in pair.all:
        with frozen(one):
            assert one.alive()
            assert not one.ready()
        assert eventually(one.ready)


def test_a_frozen_engine_is_stopped_in_order(pair):
    os.kill(pair.valkey.pid, signal.SIGSTOP)
    pair.valkey.restart()
    assert pair.valkey.ready()


def test_a_pid_file_whose_pid_was_given_to_somebody_else_does_not_stop_a_start(pair):
    pair.postgres.kill()
    user = EngineUser.current(pair.postgres.data)
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **user.switch)
    pid_file = pair.postgres.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    pid_file.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
    try:
        pair.postgres.restart()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_port_that_somebody_else_took_is_replaced_and_remembered(pair):
    for one in pair.all:
        before = one.port
        one.stop()
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", before))
            stranger.listen()
            one.start()
        assert one.port != before
        one.stop()
        one.port = 0
        one.start()
        assert one.port not in {0, before}


def test_a_log_that_grew_too_long_is_moved_aside(pair, monkeypatch):
    monkeypatch.setattr(engine, "LOG_BYTES_MAX", 10)
    pair.valkey.trim_log()
    log = pair.valkey.folder / "engine.log"
    assert log.stat().st_size == 0
    assert log.with_suffix(".log.1").stat().st_size > 10
    pair.valkey.restart()
    assert 0 < log.stat().st_size < 10_000  # no hole of zeros before the new lines


def test_a_first_start_that_was_cut_short_is_done_anew(tmp_path):
    (tmp_path / "postgres" / "data.new" / "base").mkdir(parents=True)
    with Engines.open(tmp_path, valkey=False) as engines:
        assert all(one.ready() for one in engines.all)
    assert not (tmp_path / "postgres" / "data.new").exists()


def test_a_start_that_fails_says_why_and_leaves_nothing_running(tmp_path):
    with pytest.raises(EngineFailed, match="no-such-option"):
        Engines.open(tmp_path, valkey_options={"no-such-option": "1"})
    assert processes.find(f"-D {tmp_path.resolve()}/postgres/data") is None
    with Engines.open(tmp_path) as engines:
        assert engines.is_owner


@pytest.mark.parametrize("text", ["", "{x", "[]", '{"port": "no"}', '{"port": 1}'])
def test_a_damaged_note_of_port_and_password_is_named(tmp_path, text):
    with Engines.open(tmp_path, postgres=False) as engines:
        note = engines.all[0].folder / "engine.json"
    note.write_text(text)
    with pytest.raises(EngineFailed, match=r"engine\.json is damaged"):
        Engines.open(tmp_path, postgres=False)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineFailed, match="file/below cannot be written"):
        Engines.open(tmp_path / "file" / "below")


def test_it_is_quick(tmp_path):
    """The figures are budgets with room for a busy machine; measured: 0.75 s, 0.1 s, 0.05 s."""
    durations_s = []
    for with_postgres in (True, True, False):
        began = time.monotonic()
        Engines.open(tmp_path, postgres=with_postgres).close()
        durations_s.append(time.monotonic() - began)
    assert durations_s[0] < 30
    assert durations_s[1] < 15
    assert durations_s[2] < 9


def test_a_chosen_port_is_free():
    port = ports.choose()
    assert not ports.is_taken(port)
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", port))
        taker.listen()
        assert ports.is_taken(port)
