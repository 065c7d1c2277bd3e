"""Processes of a stack that are killed and frozen, and how late the machine lets anybody be."""

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Self

from tests.eventually import eventually, eventually_async
from tests.millpond.stacks import START_MAX_S, STOP_MAX_S, Stack, free_ports, planned_stack

FROZEN_S: Final = 1.5  # longer than the gate's timeout
START_S: Final = 3.0  # what a process takes to be back on a machine that has nothing else to do
LOOK_EVERY_S: Final = 0.02
# Buyers who are told to come again come at once.
BUYERS_LIMITS: Final = {
    "MILLPOND_RATE_ADDRESS_PER_S": "100000",
    "MILLPOND_RATE_ADDRESS_BURST": "100000",
    "MILLPOND_RATE_CUSTOMER_PER_S": "1000",
    "MILLPOND_RATE_CUSTOMER_BURST": "1000",
    "MILLPOND_GATEWAY_MESSAGES_PER_S": "1000",
    "MILLPOND_GATEWAY_MESSAGES_BURST": "1000",
}


class Lateness:
    """How much of the time that passes the machine keeps from us: a thread of ours asks to be woken, and is so late."""

    def __init__(self) -> None:
        self.s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        last_s = time.monotonic()
        while not self._stop.wait(LOOK_EVERY_S):
            now_s = time.monotonic()
            self.s += max(0.0, now_s - last_s - 2 * LOOK_EVERY_S)
            last_s = now_s

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()


@dataclass
class Fleet:
    """The processes of a stack, by name; each keeps its port when it is started again.

    `late_s`: how much later than on an idle machine the processes that were killed came back.
    """

    stack: Stack
    ports: dict[str, int]
    late_s: float = 0.0
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _coming: set["asyncio.Task[None]"] = field(default_factory=set)

    def start(self, name: str) -> None:
        own = {"MILLPOND_METRICS_PORT": str(self.ports[name])} if name == "worker" else {}
        stack = replace(self.stack, environment=self.stack.environment | own)
        self.processes[name] = stack.start(name, heard=False)

    def kill(self, name: str) -> None:
        """SIGKILL, and a new process in its place, as the supervisor does."""
        self.processes[name].kill()
        self.processes[name].wait(STOP_MAX_S)
        self.start(name)
        self._coming.add(asyncio.create_task(self._note_when_back(name)))

    def freeze(self, name: str) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        asyncio.get_running_loop().call_later(FROZEN_S, process.send_signal, signal.SIGCONT)

    def answers(self, name: str) -> bool:
        """Whether a process has come so far that it listens."""
        return self.stack.answers(self.ports[name])

    async def all_back(self) -> None:
        """Return once everything that was killed is back."""
        await asyncio.gather(*self._coming)

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            process.wait(STOP_MAX_S)

    async def _note_when_back(self, name: str) -> None:
        began_s = time.monotonic()

        async def is_back() -> bool:
            return self.answers(name)

        await eventually_async(is_back, within_s=START_MAX_S)
        self.late_s = max(self.late_s, time.monotonic() - began_s - START_S)


@contextmanager
def running_fleet(database_url: str, redis_url: str, *names: str) -> Iterator[Fleet]:
    """Processes of these names, stopped in the end."""
    planned = planned_stack(database_url, redis_url)
    stack = replace(planned, environment=planned.environment | BUYERS_LIMITS)
    fleet = Fleet(stack, {"api": stack.port, "gateway": stack.gateway_port, "worker": free_ports(1)[0]})
    for name in names:
        fleet.start(name)
    try:
        eventually(lambda: all(fleet.answers(name) for name in names), within_s=START_MAX_S)
        yield fleet
    finally:
        fleet.stop()
