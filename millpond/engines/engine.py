"""What PostgreSQL and Valkey have in common: a folder, a port, a password, a process that is found again.

The folder of an engine belongs to the supervisor:

    engine.json     {"port": 21432, "password": "…"}, chosen once; the port anew when somebody else has taken it
    *.conf          written at every start, so that no password is ever on a command line
    engine.log      what the server prints, with engine.log.1 before it; LOG_BYTES_MAX each
    data/           the server's own
"""

import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

from millpond.engines import ports, processes
from millpond.engines.folders import ENGINE_ENVIRONMENT, EngineUser, make_passable, make_shared_folder, write_private

log = logging.getLogger(__name__)

POLL_S: Final = 0.01
START_MAX_S: Final = 120.0  # crash recovery replays up to max_wal_size of log
KILL_MAX_S: Final = 10.0
LAUNCHES_MAX: Final = 100
LOG_BYTES_MAX: Final = 10_000_000
LOG_TAIL_LINES: Final = 12


class EngineFailed(Exception):
    """An engine could not be started, reached or stopped; the text says which, why, and where its log is."""


class Engine(ABC):
    """One server. `options` go over the defaults of its configuration and hold from its next start."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    stop_max_s: ClassVar[float]

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.options = dict(options or {})
        self.port = 0
        self.password = ""
        self.pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect to, password included."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server takes commands now. Never waits longer than a second."""

    @abstractmethod
    def _prepare(self, user: EngineUser) -> None:
        """Bring the data and the configuration into the state the server needs to start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command line, which also tells this engine from every other process."""

    @abstractmethod
    def _may_pass(self, said: str) -> bool:
        """Whether a start that ended with these log lines is worth trying again at once."""

    def start(self, *, keep_port: bool = False) -> None:
        """Adopt the server if it runs, else start it; return when it takes commands.

        With `keep_port` a taken port is waited for instead of being replaced. Raises EngineFailed.
        """
        self.adopt()
        deadline = time.monotonic() + START_MAX_S
        launches = 0
        while not self.ready():
            if not self.alive():
                self._judge(launches)
                self._change_port_if_taken(keep_port=keep_port)
                self.launch()
                launches += 1
            if time.monotonic() > deadline:
                raise EngineFailed(f"{self.name} does not answer after {START_MAX_S:.0f} s.\n{self._log_tail()}")
            time.sleep(POLL_S)

    def adopt(self) -> bool:
        """Look for the running server of this folder, whoever started it; return whether there is one."""
        self._remember()
        if not self.alive():
            self._process = None
            self.pid = processes.find(self._signature())
        return self.pid is not None

    def launch(self) -> None:
        """Start the process on the remembered port and return at once. Raises EngineFailed."""
        make_shared_folder(self.folder)
        try:
            user = EngineUser.current(self.data)
            make_passable(self.data, user)
            self._prepare(user)
        except (OSError, LookupError) as error:
            raise EngineFailed(f"{self.name} cannot be set up in {self.folder}: {error}") from error
        self.trim_log()
        with self._log_path.open("ab") as output:
            self._log_start = output.tell()
            self._process = self._spawn(user, output.fileno())
        self.pid = self._process.pid
        log.info("%s started: pid %d, port %d", self.name, self.pid, self.port)

    def alive(self) -> bool:
        """Whether the process runs; says nothing about it answering."""
        if self._process is not None:
            return self._process.poll() is None
        return self.pid is not None and processes.is_running(self.pid, self._signature())

    def stop(self) -> None:
        """End the server in order, by force where it takes too long. Does nothing when it does not run."""
        for sign, wait_s in ((self.stop_signal, self.stop_max_s), (signal.SIGKILL, KILL_MAX_S)):
            if not self.alive():
                break
            self._signal(sign)
            self._signal(signal.SIGCONT)  # a stopped process would not even see the request
            self._wait(lambda: not self.alive(), wait_s)
        else:
            if self.alive():
                raise EngineFailed(f"{self.name}, pid {self.pid}, survived SIGKILL")
        self.pid = None
        self._process = None

    def kill(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the server's first process; after SIGKILL, return when it is gone."""
        self._signal(sign)
        if sign == signal.SIGKILL:
            self._wait(lambda: not self.alive(), KILL_MAX_S)

    def restart(self) -> None:
        """Stop the server if it runs, and start it on the same port."""
        self.stop()
        self.start(keep_port=True)

    def trim_log(self) -> None:
        """Move a log above LOG_BYTES_MAX aside. The server keeps its file open, so the content moves, not the file."""
        if self._log_path.exists() and self._log_path.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(self._log_path, self._log_path.with_suffix(".log.1"))
            os.truncate(self._log_path, 0)

    @property
    def _log_path(self) -> Path:
        return self.folder / "engine.log"

    def _signature(self) -> str:
        """The end of the command line; the binary may have moved to another virtual environment."""
        binary, *arguments = self._command()
        return " ".join([f"/{Path(binary).name}", *arguments])

    def _spawn(self, user: EngineUser, output: int) -> subprocess.Popen[bytes]:
        """A session of its own: the terminal's Ctrl-C is for the supervisor, which stops the engines last."""
        return subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self.data,
            env=ENGINE_ENVIRONMENT,
            start_new_session=True,
            **user.switch,
        )

    def _remember(self) -> None:
        """Read port and password, or choose them at the first start."""
        path = self.folder / "engine.json"
        if path.exists():
            try:
                known = json.loads(path.read_text(encoding="utf-8"))
                self.port, self.password = int(known["port"]), str(known["password"])
            except (ValueError, KeyError, TypeError) as error:  # what is in it is not shown: there is a password
                raise EngineFailed(
                    f"{path} is damaged. It holds the port and the password of {self.name}: restore it from a backup,"
                    f" or move {self.folder} away to begin with empty data."
                ) from error
        else:
            make_shared_folder(self.folder)
            self.port, self.password = ports.choose(), secrets.token_urlsafe(24)
            self._note_port()

    def _note_port(self) -> None:
        write_private(self.folder / "engine.json", json.dumps({"port": self.port, "password": self.password}))

    def _change_port_if_taken(self, *, keep_port: bool) -> None:
        if not keep_port and ports.is_taken(self.port):
            log.warning("%s: port %d is taken by another process, choosing a new one", self.name, self.port)
            self.port = ports.choose()
            self._note_port()

    def _judge(self, launches: int) -> None:
        """Raise EngineFailed when the last launch ended in a way that another would not mend."""
        if not launches:
            return
        said = self._log_tail()
        passing = ports.is_taken(self.port) or self._may_pass(said)
        if not passing or launches >= LAUNCHES_MAX:
            raise EngineFailed(f"{self.name} does not start. {self._log_path} says:\n{said}")

    def _log_tail(self) -> str:
        """The last lines since the last launch."""
        if not self._log_path.exists():
            return ""
        with self._log_path.open("rb") as file:
            file.seek(self._log_start)
            return "\n".join(file.read(LOG_BYTES_MAX).decode(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def _signal(self, sign: signal.Signals) -> None:
        """Our own child is signalled through its handle, which knows whether it was reaped and its pid given away."""
        if self._process is not None:
            self._process.send_signal(sign)
        elif self.pid is not None and self.alive():
            os.kill(self.pid, sign)

    @staticmethod
    def _wait(done: Callable[[], bool], wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not done() and time.monotonic() < deadline:
            time.sleep(POLL_S)
