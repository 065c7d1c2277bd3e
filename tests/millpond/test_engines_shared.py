"""The engines of one data folder among processes: one owner, guests, adoption after a kill, another user."""

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from millpond.engines import EngineFailed, Engines, Postgres, Valkey
from millpond.engines.folders import EngineUser
from tests.servers import private_pair

HERE = Path(__file__).parents[2]

OPEN_AND_REST = """
import signal, sys
from pathlib import Path
from millpond.engines import Engines
engines = Engines.open(Path(sys.argv[1]))
print(engines.is_owner, *(engine.pid for engine in engines.all), flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def pair():
    with private_pair() as engines:
        yield engines


def open_elsewhere(folder: Path, **options) -> subprocess.Popen[str]:
    """Open the engines of `folder` in another process, which then rests."""
    command = [sys.executable, "-c", OPEN_AND_REST, str(folder)]
    return subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True, **options)


def said(process: subprocess.Popen[str]) -> list[str]:
    """What the other process printed: whether it owns the engines, and their pids."""
    assert process.stdout is not None
    return process.stdout.readline().split()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_guest_waits_while_the_owner_brings_an_engine_back(pair):
    pair.valkey.kill()
    with ThreadPoolExecutor() as threads:
        opening = threads.submit(Engines.open, pair.data_dir)
        pair.valkey.restart()
        assert opening.result(timeout=10).redis_url == pair.redis_url


def test_a_second_opener_is_a_guest_and_stops_nothing(pair):
    with Engines.open(pair.data_dir) as guest:
        assert not guest.is_owner
        assert (guest.database_url, guest.redis_url) == (pair.database_url, pair.redis_url)
    assert all(one.alive() and one.ready() for one in pair.all)
    with pytest.raises(EngineFailed, match="Another process"):
        Engines.open(pair.data_dir, share=False)


def test_engines_of_a_killed_owner_are_adopted_and_then_stopped(tmp_path):
    owner = open_elsewhere(tmp_path)
    is_owner, *pids = said(owner)
    end(owner)
    assert is_owner == "True"
    with Engines.open(tmp_path) as engines:
        assert engines.is_owner
        assert [str(one.pid) for one in engines.all] == pids
    assert not any(psutil.pid_exists(int(pid)) and is_no_zombie(int(pid)) for pid in pids)


def is_no_zombie(pid: int) -> bool:
    """An engine whose parent was killed is reaped by the system's first process, where there is a careful one."""
    return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_everything_killed_at_once_is_recovered(tmp_path):
    owner = open_elsewhere(tmp_path)
    _, *pids = said(owner)
    end(owner)
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    with Engines.open(tmp_path) as engines:
        assert all(one.ready() and str(one.pid) not in pids for one in engines.all)


def test_of_processes_that_open_at_the_same_time_one_is_the_owner(tmp_path):
    openers = [open_elsewhere(tmp_path) for _ in range(3)]
    try:
        answers = [said(opener) for opener in openers]
    finally:
        for opener in openers:
            end(opener)
    assert sorted(answer[0] for answer in answers) == ["False", "False", "True"]
    assert len({tuple(answer[1:]) for answer in answers}) == 1
    Engines.open(tmp_path).close()  # adopts and stops them


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change users")
def test_root_may_work_in_a_folder_of_its_own(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with Engines.open(closed / "project" / ".millpond") as engines:
        assert all(psutil.Process(one.pid).uids().real != 0 for one in engines.all)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701  # may be passed through, not looked into


@pytest.mark.skipif(os.geteuid() != 0, reason="elsewhere every other test shows it")
def test_anybody_else_runs_the_engines_as_themselves_and_changes_no_folder(tmp_path):
    user = EngineUser.current(tmp_path / "nothing here yet")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, user.uid, user.gid)
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    needed = HERE / "millpond", Path(sys.executable).resolve()
    if not all(user.may_pass(folder) for path in needed for folder in path.parents):
        pytest.skip("the repository or Python lies where nobody else may go")
    opener = open_elsewhere(home / ".millpond", env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}, **user.switch)
    is_owner, *pids = said(opener)
    try:
        assert is_owner == "True"
        assert {psutil.Process(int(pid)).uids().real for pid in pids} == {user.uid}
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    finally:
        end(opener)
        for one in (Postgres(home / ".millpond" / "postgres"), Valkey(home / ".millpond" / "valkey")):
            one.adopt()
            one.stop()
