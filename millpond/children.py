"""A process that is started again when it ends, with growing pauses, until it has crashed too often in a row."""

import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

log = logging.getLogger(__name__)

PAUSE_MIN_S: Final = 0.2
PAUSE_MAX_S: Final = 10.0
STABLE_S: Final = 30.0  # a run of this length clears the record
CRASHES_MAX: Final = 10


@dataclass
class Pauses:
    """When something that crashed may be started again, and how often it crashed in a row. Times are monotonic."""

    crashes: int = 0
    not_before_s: float = 0.0
    _started_s: float = 0.0

    def started(self, now_s: float) -> None:
        """Note a start."""
        self._started_s = now_s

    def crashed(self, now_s: float) -> None:
        """Note an end, and put off the next start."""
        self.crashes = 1 if now_s - self._started_s >= STABLE_S else self.crashes + 1
        self.not_before_s = now_s + min(PAUSE_MAX_S, PAUSE_MIN_S * 2 ** (self.crashes - 1))


class ChildCrashes(Exception):
    """A child has crashed CRASHES_MAX times in a row."""


@dataclass
class Child:
    """One `millpond` command as a child process, with `environment` as its whole environment: secrets go there."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    inherited_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    pauses: Pauses = field(default_factory=Pauses)

    def keep_running(self) -> None:
        """Start the process if it does not run and its pause is over. Raises ChildCrashes."""
        now_s = time.monotonic()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            log.error("%s, pid %d, ended unasked with code %d", self.name, self.process.pid, code)
            self.process = None
            self.pauses.crashed(now_s)
        if self.pauses.crashes >= CRASHES_MAX:
            raise ChildCrashes(f"{self.name} has crashed {CRASHES_MAX} times in a row; its log says why.")
        if now_s >= self.pauses.not_before_s:
            self._start(now_s)

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def has_ended(self) -> bool:
        """Whether no process of this child runs."""
        return self.process is None or self.process.poll() is not None

    def _start(self, now_s: float) -> None:
        """In a session of its own: the terminal's Ctrl-C is for the supervisor, which asks in the right order."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "millpond", *self.arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            pass_fds=self.inherited_fds,
            start_new_session=True,
        )
        self.pauses.started(now_s)
        log.info("%s started: pid %d", self.name, self.process.pid)
