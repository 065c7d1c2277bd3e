"""A running API, worker and where asked for gateway on the tests' servers, and an operator's commands beside them."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from keel.clock import FollowingClock
from keel.ids import Ids
from tests.eventually import eventually

HERE = Path(__file__).parents[2]
START_MAX_S = 120.0  # nothing is promised here: a process imports for two seconds of an idle machine's time
STOP_MAX_S = 60.0
COMMAND_MAX_S = 120.0


@dataclass(frozen=True)
class Stack:
    """The environment of every process, and the ports of the API and the gateway."""

    environment: dict[str, str]
    port: int
    gateway_port: int

    def start(self, *arguments: str, heard: bool = True) -> "subprocess.Popen[str]":
        """A `millpond` command, still running. Nobody reads what one that is not `heard` writes."""
        output = subprocess.PIPE if heard else subprocess.DEVNULL
        command = [sys.executable, "-m", "millpond", *arguments]
        return subprocess.Popen(command, cwd=HERE, env=self.environment, stdout=output, stderr=output, text=True)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A `millpond` command, ended."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=COMMAND_MAX_S)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def answers(self, *ports: int) -> bool:
        """Whether somebody listens at each of the ports, the API's where none is given."""
        return all(_listens(port) for port in ports or (self.port,))


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running_stack(database_url: str, redis_url: str, *, gateway: bool = False, **more: str) -> Iterator[Stack]:
    """API and worker as processes of their own, stopped in the end. `more` are settings beside the usual ones."""
    planned = planned_stack(database_url, redis_url)
    stack = replace(planned, environment=planned.environment | more)
    kinds = ("api", "worker", "gateway") if gateway else ("api", "worker")
    processes = [stack.start(name, heard=False) for name in kinds]

    def serves() -> bool:
        assert {process.poll() for process in processes} == {None}, "a process ended instead of starting"
        return stack.answers(*([stack.port, stack.gateway_port] if gateway else []))

    try:
        eventually(serves, within_s=START_MAX_S)
        yield stack
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(STOP_MAX_S)


def free_ports(count: int) -> list[int]:
    """Ports that nobody has at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def planned_stack(database_url: str, redis_url: str) -> Stack:
    port, gateway_port = free_ports(2)
    secret = "a secret of the tests, of enough bytes"
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MILLPOND_")}
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MILLPOND_API_PORT": str(port),
        "MILLPOND_GATEWAY_PORT": str(gateway_port),
        "MILLPOND_TOKEN_KEYS": json.dumps({"first": secret}),
        "MILLPOND_STAFF_TOKENS": json.dumps([{"token": secret, "merchant_id": Ids(FollowingClock()).new()}]),
        "MILLPOND_RATE_ADDRESS_PER_S": "1000",
        "MILLPOND_RATE_ADDRESS_BURST": "1000",
    }
    return Stack(ours | settings, port, gateway_port)
