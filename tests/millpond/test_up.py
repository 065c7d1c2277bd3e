"""`millpond up`: started in order, kept running, stopped without a trace, adopted after a kill."""

import os
import re
import signal
import socket
from contextlib import ExitStack

import asyncpg
import httpx
import psutil
import pytest

from millpond.children import CRASHES_MAX, PAUSE_MAX_S, STABLE_S, Child, ChildCrashes, Pauses
from millpond.engines import Engines
from tests.eventually import eventually, eventually_async
from tests.millpond.ups import START_MAX_S, Up


def answers(url: str) -> bool:
    """Whether the API answers at all."""
    try:
        return httpx.get(url).status_code > 0
    except httpx.TransportError:
        return False


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more; zombies wait for the system's first process only."""
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def replaced(up: Up, pid: int) -> bool:
    """Whether another process has taken the place of this API child."""
    return up.children("api") not in ([], [pid])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_no_process_behind(up, number):
    running = up(MILLPOND_API_PROCESSES="2")
    assert answers(running.url())
    family = running.family()
    assert len(running.children("api")) == 2
    assert len(running.children("worker")) == 1
    assert len(running.children("gateway")) == 1
    os.killpg(running.process.pid, number)  # as a terminal sends Ctrl-C: to the whole group
    assert running.process.wait(30) == 0
    assert all_gone(family)
    assert "killing" not in running.text()


def test_every_process_shows_its_metrics_at_a_port_of_its_own(up):
    port = neighbours(3)
    running = up(MILLPOND_API_PROCESSES="2", MILLPOND_METRICS_PORT=str(port))
    assert httpx.get(f"{running.url()}/metrics").status_code == 404

    def shown() -> bool:
        try:
            pages = [httpx.get(f"http://127.0.0.1:{port + number}/metrics").text for number in range(3)]
        except httpx.ConnectError:
            return False
        return all("millpond_clock_offset_ms" in page for page in pages)

    assert eventually(shown, within_s=START_MAX_S)
    assert running.stop() == 0


def neighbours(count: int) -> int:
    """The first of some ports in a row that nobody listens at."""
    for first in range(20_000, 30_000, 50):
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")


def test_no_secret_is_on_a_command_line(up):
    running = up()
    running.url()
    secrets_text = (running.data_dir / "secrets.json").read_text()
    passwords = [(running.data_dir / name / "engine.json").read_text() for name in ("postgres", "valkey")]
    secrets = re.findall(r'"([\w-]{32,})"', secrets_text + "".join(passwords))
    assert len(secrets) >= 4
    commands = " ".join(" ".join(one.cmdline()) for one in running.family())
    assert not any(secret in commands for secret in secrets)


def test_a_killed_api_process_is_replaced(up):
    running = up()
    url = running.url()
    (pid,) = running.children("api")
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: replaced(running, pid))
    assert eventually(lambda: answers(url))


async def test_killed_engines_come_back_on_their_ports(up):
    running = up()
    running.url()
    engines = Engines.open(running.data_dir)  # a guest
    for engine in engines.all:
        engine.kill()

    async def both_answer() -> bool:
        return all(one.adopt() and one.ready() for one in engines.all)

    assert await eventually_async(both_answer)
    connection = await asyncpg.connect(engines.database_url)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


def test_after_a_kill_of_the_supervisor_the_api_stops_and_the_engines_are_adopted(up):
    first = up(MILLPOND_API_PORT="0")
    url = first.url()
    port = url.rpartition(":")[2]
    others = [psutil.Process(pid) for word in ("api", "worker") for pid in first.children(word)]
    before = Engines.open(first.data_dir)
    first.process.kill()
    first.process.wait()
    second = up(MILLPOND_API_PORT=port)  # at once: the port is still held
    assert second.url() == url
    assert eventually(lambda: all_gone(others))
    assert eventually(lambda: answers(url))
    after = Engines.open(first.data_dir)
    assert [one.pid for one in after.all] == [one.pid for one in before.all]
    assert second.stop() == 0
    assert not any(one.alive() for one in after.all)


def test_a_second_signal_ends_the_patience(up):
    running = up()
    running.url()
    (pid,) = running.children("api")
    os.kill(pid, signal.SIGSTOP)
    running.process.terminate()
    eventually(lambda: not running.children("worker"))
    running.process.terminate()
    assert running.process.wait(8) == 0  # a single signal would have taken ten seconds
    assert "killing what has not stopped" in running.text()


def test_a_stop_while_starting_is_a_stop(up):
    running = up()
    eventually(lambda: "PostgreSQL started" in running.text(), within_s=START_MAX_S)
    running.stop()
    assert running.process.returncode is not None
    with Engines.open(running.data_dir) as engines:
        assert engines.is_owner


def test_a_taken_port_is_named(up):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        running = up(MILLPOND_API_PORT=str(port))
        assert running.process.wait(30) == 1
    assert f"port {port}, cannot be used" in running.text()
    assert "Traceback" not in running.text()


def test_a_second_up_on_the_same_folder_is_refused_and_disturbs_nothing(up):
    first = up()
    url = first.url()
    second = up()
    assert second.process.wait(30) == 1
    assert "Another process runs the engines" in second.text()
    assert answers(url)


def test_a_folder_that_cannot_be_written_is_named(up, tmp_path):
    (tmp_path / "file").touch()
    running = up(MILLPOND_DATA_DIR=str(tmp_path / "file" / "below"))
    assert running.process.wait(30) == 1
    assert "file/below" in running.text()
    assert "Traceback" not in running.text()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "postgresql://127.0.0.1:1/x", "MILLPOND_TOKEN_KEYS"),
        ("MILLPOND_API_PROCESSES", "many", "MILLPOND_API_PROCESSES: Input should be"),
        ("MILLPOND_API_HOST", "no such host", "MILLPOND_API_HOST"),
    ],
)
def test_wrong_settings_are_one_message_and_no_traceback(up, name, value, expected):
    running = up(**{name: value})
    assert running.process.wait(30) == 1
    assert expected in running.text()
    assert "Traceback" not in running.text()


def test_pauses_grow_to_a_limit_and_a_stable_run_clears_the_record():
    pauses, pauses_s = Pauses(), []
    for _ in range(12):
        pauses.started(100.0)
        pauses.crashed(100.0)
        pauses_s.append(pauses.not_before_s - 100.0)
    assert pauses_s == sorted(pauses_s)
    assert pauses_s[0] < 1
    assert pauses_s[-1] == PAUSE_MAX_S
    pauses.crashed(100.0 + STABLE_S)
    assert pauses.crashes == 1


def test_a_child_that_always_crashes_is_given_up():
    child = Child("wrong", arguments=["no-such-command"], environment={})
    child.keep_running()
    child.pauses.crashes = CRASHES_MAX - 1
    eventually(child.has_ended)
    with pytest.raises(ChildCrashes, match="wrong has crashed"):
        child.keep_running()
