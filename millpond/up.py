"""`millpond up`: every process of one machine, started in order, kept running, stopped in the opposite order.

Engines first, where no server is given; then the migrations, and on a database of our own something to try; then the
API processes and the gateways, which share a listening socket each, and the worker. When the supervisor is killed, they
stop by themselves, and the engines stay for the next `millpond up` to adopt.
"""

import logging
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

from rich.console import Console

from keel.errors import Refusal
from migrations import upgrade
from millpond.children import Child, Pauses
from millpond.engines import Engine, EngineFailed, Engines
from millpond.greeting import greet, invite, socket_url_of, url_of
from millpond.lifeline import Lifeline
from millpond.listeners import TICK_S, Listeners, is_open, listening_sockets
from millpond.seed import Seeded, seed_now
from millpond.servers import open_engines, with_urls
from millpond.settings import Settings

log = logging.getLogger(__name__)

STOP_MAX_S: Final = 10.0
TRIM_EVERY_S: Final = 60.0


def run(settings: Settings) -> None:
    """Run everything until SIGINT, SIGTERM or SIGHUP. Raises UpRefused, EngineFailed, ChildCrashes, SettingsRefused."""
    for number in _stop_signals():
        signal.signal(number, signal.default_int_handler)  # until the supervisor runs, a stop interrupts the start-up
    complete = settings.with_secrets()
    with listening_sockets(settings) as listeners, open_engines(complete, share=False) as engines:
        reachable = with_urls(complete, engines)
        assert reachable.database_url is not None
        try:
            upgrade(reachable.database_url)
            seeded = _seeded(reachable) if settings.database_url is None else None
        finally:
            stops = StopRequests()
        Supervisor(reachable, engines, listeners, stops, seeded).run()


def _seeded(settings: Settings) -> Seeded | None:
    """Something to try. A shop that runs matters more, so what is in its way is only logged."""
    try:
        return seed_now(settings)
    except Refusal as refusal:
        log.warning("nothing to try was made: %s", refusal)
        return None


class StopRequests:
    """Counts the signals that ask for a stop, for the rest of the process: a stop is not interrupted."""

    def __init__(self) -> None:
        self.count = 0
        for number in _stop_signals():
            signal.signal(number, self._count)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Supervisor:
    """Keeps the engines, the API processes, the gateways and the worker running."""

    def __init__(
        self,
        settings: Settings,
        engines: Engines,
        listeners: Listeners,
        stops: StopRequests,
        seeded: Seeded | None = None,
    ) -> None:
        self._settings, self._seeded = settings, seeded
        self._engines = engines
        self._listeners = listeners
        self._stops = stops
        self._lifeline = Lifeline()
        self._children = [*self._serving_children(), self._child("worker", "worker")]
        self._pauses: dict[str, Pauses] = {engine.name: Pauses() for engine in engines.all}
        self._trim_at_s = 0.0
        self._is_announced = False

    def run(self) -> None:
        """Tick until a stop is asked for, then stop the children. Raises ChildCrashes."""
        try:
            while not self._stops.count:
                self._tick()
                time.sleep(TICK_S)
        finally:
            self._stop_children()
            self._lifeline.cut()

    def _tick(self) -> None:
        for engine in self._engines.all:
            self._keep_running(engine)
        for child in self._children:
            child.keep_running()
        self._announce_when_listening()
        if time.monotonic() >= self._trim_at_s:
            self._trim_at_s = time.monotonic() + TRIM_EVERY_S
            for engine in self._engines.all:
                engine.trim_log()

    def _keep_running(self, engine: Engine) -> None:
        """Start a dead engine again on its port; its clients reconnect when it answers."""
        now_s = time.monotonic()
        pauses = self._pauses[engine.name]
        if engine.alive() or now_s < pauses.not_before_s:
            return
        log.error("%s has ended unasked, starting it again", engine.name)
        pauses.crashed(now_s)
        try:
            engine.launch()
        except EngineFailed:
            log.exception("%s could not be started", engine.name)
        pauses.started(now_s)

    def _stop_children(self) -> None:
        """SIGTERM, STOP_MAX_S of patience, SIGKILL; a second Ctrl-C ends the patience."""
        for child in self._children:
            child.ask_to_stop()
        asked = self._stops.count
        deadline = time.monotonic() + STOP_MAX_S
        while not all(child.has_ended() for child in self._children):
            if time.monotonic() > deadline or self._stops.count > asked:
                log.warning("killing what has not stopped")
                break
            time.sleep(TICK_S / 4)
        for child in self._children:
            child.kill()

    def _serving_children(self) -> Iterator[Child]:
        """The processes that share a listening socket each kind; their metrics' ports follow the worker's."""
        number = 0
        kinds = (
            ("api", self._listeners.api, self._settings.api_processes),
            ("gateway", self._listeners.gateway, self._settings.gateway_processes),
        )
        for kind, listener, count in kinds:
            fd = listener.fileno()
            for nth in range(1, count + 1):
                number += 1
                yield self._child(f"{kind} {nth}", kind, "--fd", str(fd), fds=(fd,), number=number)

    def _child(self, name: str, *arguments: str, fds: tuple[int, ...] = (), number: int = 0) -> Child:
        port = self._settings.metrics_port
        settings = self._settings.model_copy(update={"metrics_port": port and port + number})
        return Child(
            name,
            arguments=[*arguments, "--lifeline", str(self._lifeline.fd)],
            environment=settings.as_environment(),
            inherited_fds=(*fds, self._lifeline.fd),
        )

    def _announce_when_listening(self) -> None:
        """Say where everything is, once the first API process and the first gateway have opened their sockets."""
        if not self._is_announced and all(is_open(listener) for listener in self._listeners):
            self._is_announced = True
            self._announce()

    def _announce(self) -> None:
        console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        host, port = self._listeners.api.getsockname()[:2]
        greet(console, self._settings, self._engines, url_of(host, port), socket_url_of(self._listeners.gateway))
        if self._seeded is not None:
            settings = self._settings.model_copy(update={"api_port": port})
            invite(console, settings, self._seeded, url_of(host, port))
        sys.stdout.flush()


def _stop_signals() -> list[signal.Signals]:
    """SIGHUP only where it is not ignored: nohup wants us to outlive the terminal."""
    all_signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [number for number in all_signals if signal.getsignal(number) != signal.SIG_IGN]
