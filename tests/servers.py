"""The servers the tests run against: embedded ones in a folder of their own, or those of DATABASE_URL and REDIS_URL."""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from millpond.engines import Engine, Engines, Postgres, Valkey, processes

FOLDER_PREFIX: Final = "millpond-test-"
THROWAWAY_VARIABLE: Final = "MILLPOND_TEST_THROWAWAY"

# What a run leaves behind is thrown away, so a power cut may take it. Everything else is as in production.
THROWAWAY: Final[Mapping[str, str]] = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class Servers:
    """Where the tests find their servers; `owns_…` says whether they are ours to wipe."""

    database_url: str
    redis_url: str
    owns_database: bool
    owns_redis: bool


@contextmanager
def shared_servers() -> Iterator[Servers]:
    """One pair for the whole run. Given ones are ours to wipe only where THROWAWAY_VARIABLE is 1."""
    throwaway = os.environ.get(THROWAWAY_VARIABLE) == "1"
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    with private_pair(postgres=not database_url, valkey=not redis_url, postgres_options=THROWAWAY) as engines:
        yield Servers(
            database_url=database_url or engines.database_url,
            redis_url=redis_url or engines.redis_url,
            owns_database=throwaway or not database_url,
            owns_redis=throwaway or not redis_url,
        )


@contextmanager
def private_pair(**options: Any) -> Iterator[Engines]:
    """Engines of one's own, to be killed, frozen and restarted at will. `options` are those of Engines.open."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    try:
        with Engines.open(folder, **options) as engines:
            yield engines
    finally:
        shutil.rmtree(folder)


@contextmanager
def frozen(engine: Engine) -> Iterator[None]:
    """Stop every process of the engine as SIGSTOP does: connections stay open and nothing is answered."""
    assert engine.pid is not None
    pids = [engine.pid]
    os.kill(engine.pid, signal.SIGSTOP)  # first, so that it forks nothing more
    pids += processes.descendants(engine.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            _continue(pid)


def _continue(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # killed while frozen


def sweep_leftovers() -> None:
    """End the engines of earlier runs that were killed themselves, and remove their folders."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        lock = folder / "owner.lock"
        if lock.exists() and lock.stat().st_uid == os.geteuid():
            _sweep(folder, lock)


def _sweep(folder: Path, lock: Path) -> None:
    with lock.open("rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # a run that goes on beside this one
        for engine in (Postgres(folder / "postgres"), Valkey(folder / "valkey")):
            if engine.folder.exists() and engine.adopt():
                engine.kill()
        shutil.rmtree(folder, ignore_errors=True)
