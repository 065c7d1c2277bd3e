"""A stack under test: its own engines, and its server processes as children on an inherited socket."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from millpond.crowd import Target
from millpond.engines import Engine, Engines

START_MAX_S: Final = 30.0
STOP_MAX_S: Final = 15.0
POLL_S: Final = 0.05
BACKLOG: Final = 2_048
QUIET_SHARE: Final = 0.15  # of one core: what idle loops may use
QUIET_SAMPLE_S: Final = 0.2
FD: Final = "{fd}"


class StackFailed(Exception):
    """A server did not start or has ended; the text holds the end of its log."""


@dataclass(frozen=True)
class Plan:
    """How a side is run: its schema, its processes by kind, and their environment."""

    migrate: Callable[[str], None]
    commands: Mapping[str, Sequence[str]]  # FD stands for a listening socket, where the process serves
    environment: Callable[[Engines], Mapping[str, str]]


@dataclass(frozen=True)
class Stack:
    """A running stack, by kind of process: where those that serve listen, and `roots`, the first process of each.

    `kill` ends a server without a warning and starts it anew on the same socket; it does not wait until that answers.
    """

    engines: Engines
    targets: Mapping[str, Target]
    roots: Mapping[str, int]
    kill: Callable[[str], None]

    @property
    def target(self) -> Target:
        """Where the first that serves listens."""
        return next(iter(self.targets.values()))

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds by kind, with all children, those that have ended included."""
        return {kind: _tree_cpu_s(pid) for kind, pid in self.roots.items()}

    def wait_until_idle(self, *, max_s: float) -> bool:
        """Return when the servers have stopped working; False when they have not after `max_s`."""
        deadline = time.monotonic() + max_s
        while time.monotonic() < deadline:
            before, began = sum(self.cpu_s().values()), time.monotonic()
            time.sleep(QUIET_SAMPLE_S)
            if sum(self.cpu_s().values()) - before < QUIET_SHARE * (time.monotonic() - began):
                return True
        return False


@contextmanager
def running(folder: Path, plan: Plan) -> Iterator[Stack]:
    """Engines in `folder` with the defaults of production, the schema, then the processes, until all answer."""
    with ExitStack() as stack:
        engines = stack.enter_context(Engines.open(folder, share=False))
        plan.migrate(engines.database_url)
        environment = _without_ours(os.environ) | dict(plan.environment(engines))
        pids = {kind: _pid_of(engine) for kind, engine in (("valkey", engines.valkey), ("postgres", engines.postgres))}
        children: dict[str, subprocess.Popen[bytes]] = {}
        listeners = {
            kind: stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)) for kind in plan.commands
        }

        def start(kind: str) -> None:
            log = folder / f"{kind}.log"
            child = _child(plan.commands[kind], listeners[kind].fileno(), environment, log)
            children[kind] = stack.enter_context(child)
            pids[kind] = children[kind].pid

        def kill(kind: str) -> None:
            children[kind].kill()
            children[kind].wait()
            start(kind)

        targets = {kind: Target(*listeners[kind].getsockname()) for kind in plan.commands if FD in plan.commands[kind]}
        for kind in plan.commands:
            start(kind)
        for kind, target in targets.items():
            _await_answer(kind, target.port, children, folder)
        yield Stack(engines, targets, pids, kill)


def _pid_of(engine: Engine | None) -> int:
    assert engine is not None
    assert engine.pid is not None
    return engine.pid


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """What is set for a real Millpond must not change what is measured."""
    return {name: value for name, value in environment.items() if not name.startswith("MILLPOND_")}


@contextmanager
def _child(
    command: Sequence[str], fd: int, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [part.format(fd=fd) for part in command]
    with log.open("ab") as file:
        child = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            pass_fds=(fd,),
            start_new_session=True,
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _await_answer(awaited: str, port: int, children: Mapping[str, subprocess.Popen[bytes]], folder: Path) -> None:
    deadline = time.monotonic() + START_MAX_S
    while not _answers(port):
        ended = [kind for kind, child in children.items() if child.poll() is not None]
        if ended or time.monotonic() > deadline:
            kind = ended[0] if ended else awaited
            raise StackFailed(f"{kind} did not start:\n{(folder / f'{kind}.log').read_text()[-2000:]}")
        time.sleep(POLL_S)


def _answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _tree_cpu_s(pid: int) -> float:
    """A process and everything below it; a child that has ended is counted in its parent."""
    root = psutil.Process(pid)
    return sum(_cpu_s(process) for process in [root, *root.children(recursive=True)])


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
