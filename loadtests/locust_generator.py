"""Generators beside others: told of the stage by the process that was asked for the test, they tell what they counted.

Where a test ends by itself (--run-time, Ctrl-C), locust's master says so before its workers have stopped. An audit of a
sale that goes on says less, so here the workers are told to stop first, and say when they have.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent
from locust import events
from locust.rpc.protocol import Message
from locust.runners import STATE_RUNNING, STATE_SPAWNING, MasterRunner, WorkerRunner

from loadtests.locust_stage import standing
from loadtests.locust_tally import HERE

STAGE: Final = "millpond-stage"
STOP: Final = "millpond-stop"
STOPPED: Final = "millpond-stopped"
POLL_S: Final = 0.1
STOP_MORE_S: Final = 30.0


def take_part(runner: WorkerRunner) -> None:
    """What a worker does."""

    def begin(msg: Message, **_: Any) -> None:
        standing.hear(msg.data)

    def stop(**_: Any) -> None:
        runner.stop()

    def stopped(**_: Any) -> None:
        standing.end()
        runner.send_message(STOPPED, HERE.take())

    runner.register_message(STAGE, begin)
    runner.register_message(STOP, stop, concurrent=True)
    events.test_stop.add_listener(stopped)


class Generators:
    """The workers of a master. `counted` is called with what each of them counted, when it has stopped."""

    def __init__(self, runner: MasterRunner, counted: Callable[[dict[str, int]], None]) -> None:
        self._runner, self._counted = runner, counted
        self._playing: set[str] = set()
        runner.register_message(STOPPED, self._stopped)

    def begin(self, tokens: Sequence[str]) -> None:
        """Tell everybody who is there, and give each customers of its own."""
        clients = list(self._runner.clients)
        self._playing = set(clients)
        for number, client in enumerate(clients):
            self._runner.send_message(STAGE, standing.message(tokens[number :: len(clients)]), client)

    def stop(self) -> None:
        """Return once all have stopped, or are gone."""
        clients = self._runner.clients
        for client in self._playing:
            if client in clients and clients[client].state in {STATE_SPAWNING, STATE_RUNNING}:
                self._runner.send_message(STOP, None, client)
        deadline_s = time.monotonic() + self._runner.environment.stop_timeout + STOP_MORE_S
        while self._playing & set(clients) and time.monotonic() < deadline_s:
            gevent.sleep(POLL_S)

    def _stopped(self, msg: Message, **_: Any) -> None:
        self._playing.discard(msg.node_id)
        self._counted(msg.data)
