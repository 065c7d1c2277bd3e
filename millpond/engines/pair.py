"""The engines of one data folder, shared by the processes of one machine.

The first process to open a data folder owns its engines and stops them in the end; the lock that says so ends with the
process, however it ends. Any other process is a guest: it finds the running engines and leaves them alone. A new owner
adopts engines that a killed one left running.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from millpond.engines.engine import Engine, EngineFailed
from millpond.engines.folders import make_shared_folder
from millpond.engines.postgres import Postgres
from millpond.engines.valkey import Valkey

log = logging.getLogger(__name__)

LOCK_MAX_S: Final = 150.0  # another process may be starting the engines, with a recovery to go through
LOCK_POLL_S: Final = 0.02


class Engines:
    """PostgreSQL and Valkey of one data folder, or the one of the two that is not None."""

    def __init__(self, data_dir: Path, postgres: Postgres | None, valkey: Valkey | None) -> None:
        self.data_dir = data_dir
        self.postgres = postgres
        self.valkey = valkey
        self._owner_lock: int | None = None

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        postgres_options: Mapping[str, str] | None = None,
        valkey_options: Mapping[str, str] | None = None,
        share: bool = True,
        patience_s: float = LOCK_MAX_S,
    ) -> Self:
        """Start, adopt or join the engines of `data_dir`; return when they take commands.

        With neither engine asked for, nothing is touched. Without `share`, engines that another process owns are
        refused instead of joined; `patience_s`: how long to wait for them to answer. Raises EngineFailed.
        """
        if not (postgres or valkey):
            return cls(data_dir, None, None)
        folder = _prepared(data_dir)
        engines = cls(
            folder,
            Postgres(folder / "postgres", postgres_options) if postgres else None,
            Valkey(folder / "valkey", valkey_options) if valkey else None,
        )
        engines._join_or_start(share=share, patience_s=patience_s)
        return engines

    @property
    def is_owner(self) -> bool:
        """Whether this process started or adopted the engines, and so stops them."""
        return self._owner_lock is not None

    @property
    def all(self) -> list[Engine]:
        """The engines there are, in the order of their start."""
        return [engine for engine in (self.postgres, self.valkey) if engine is not None]

    @property
    def database_url(self) -> str:
        """postgresql://user:password@127.0.0.1:port/millpond"""
        assert self.postgres is not None, "opened without PostgreSQL"
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        """redis://:password@127.0.0.1:port/0"""
        assert self.valkey is not None, "opened without Valkey"
        return self.valkey.url

    def close(self) -> None:
        """Stop the engines, if they are ours. Safe to repeat."""
        if self._owner_lock is None:
            return
        with _locked(self.data_dir / "start.lock"):
            try:
                for engine in reversed(self.all):
                    engine.stop()
            finally:
                os.close(self._owner_lock)
                self._owner_lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _join_or_start(self, *, share: bool, patience_s: float) -> None:
        """Own the engines or find them running; the owner may end while we wait for it to start them."""
        deadline = time.monotonic() + patience_s
        while not (self._own_and_start() or (share and all(engine.adopt() and engine.ready() for engine in self.all))):
            if not share:
                raise EngineFailed(f"Another process runs the engines of {self.data_dir}: stop it first.")
            if time.monotonic() > deadline:
                raise EngineFailed(f"The engines of {self.data_dir} do not answer, and another process is their owner.")
            time.sleep(LOCK_POLL_S)

    def _own_and_start(self) -> bool:
        """Start the engines, unless another process owns them."""
        with _locked(self.data_dir / "start.lock"):
            self._owner_lock = _try_lock(self.data_dir / "owner.lock")
            if self._owner_lock is None:
                return False
            try:
                for engine in self.all:
                    engine.start()
            except BaseException:
                self._give_up()
                raise
            return True

    def _give_up(self) -> None:
        """One engine failed: do not leave the other one running without an owner."""
        if self._owner_lock is not None:
            for engine in reversed(self.all):
                engine.stop()
            os.close(self._owner_lock)
            self._owner_lock = None


def is_owned(data_dir: Path) -> bool:
    """Whether some process owns the engines of `data_dir` now."""
    path = data_dir.resolve() / "owner.lock"
    if not path.exists():
        return False
    handle = _try_lock(path)
    if handle is not None:
        os.close(handle)
    return handle is None


def _prepared(data_dir: Path) -> Path:
    """Create the data folder, kept out of version control. Raises EngineFailed when it cannot be written to."""
    folder = data_dir.resolve()
    try:
        make_shared_folder(folder)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise EngineFailed(f"The data folder {folder} cannot be written to: {error.strerror}.") from error
    return folder


def _try_lock(path: Path) -> int | None:
    """The handle of an exclusive lock, or None while another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock. Raises EngineFailed after LOCK_MAX_S."""
    deadline = time.monotonic() + LOCK_MAX_S
    while (handle := _try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise EngineFailed(f"Another process has held {path} for {LOCK_MAX_S:.0f} s: is it stuck?")
        time.sleep(LOCK_POLL_S)
    try:
        yield
    finally:
        os.close(handle)
