"""A viewer's seat in the room: taken with hello and join, kept by coming back as the protocol says, and given up."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import gevent
import websocket
from locust.env import Environment
from locust.exception import StopUser

from live.close_codes import CloseCode, ComeBack, come_back
from loadtests.locust_answers import Told
from loadtests.locust_following import EventMissed, Following
from loadtests.locust_sockets import Message, Refused, Socket, SocketLost
from loadtests.locust_tally import HERE

PAUSE_S: Final = 5.0
PAUSE_MAX_S: Final = 60.0
KIND: Final = "WS"
EXPECTED: Final = frozenset({CloseCode.DRAINING, 1001})  # a gateway that stops in order sends everybody elsewhere
SENT: Final = "sent at "


class TellingFailed(Exception):
    """What was told is no right answer."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where viewers come in. `place` is the rehearsal, `invitation` what lets them in; staff need none."""

    socket_url: str
    place: str
    invitation: str | None = None


def report(environment: Environment, name: str, began_s: float, error: Exception | None = None) -> None:
    """One line more in locust's table. `began_s` is a reading of time.perf_counter."""
    took_ms = (time.perf_counter() - began_s) * 1000
    environment.events.request.fire(
        request_type=KIND, name=name, response_time=took_ms, response_length=0, exception=error, context={}
    )


@contextmanager
def measured(environment: Environment, name: str) -> Iterator[None]:
    """Report how long the block took, and how it failed if it did."""
    began_s = time.perf_counter()
    try:
        yield
    except (SocketLost, Refused, websocket.WebSocketException, OSError) as error:
        report(environment, name, began_s, error)
        raise
    report(environment, name, began_s)


def _told(answer: Message) -> Told:
    order = answer.get("order", {})
    return Told(200, order_id=order.get("id", ""), replayed=answer.get("replayed", False))


class Seat:
    """The seat of one viewer, with a token or as a guest who only watches."""

    def __init__(self, environment: Environment, door: Door, token: str | None) -> None:
        self._environment, self._door, self._token = environment, door, token
        self._hello: Message = {} if token is None else {"token": token}
        self.following = Following()
        self.socket: Socket | None = None

    def take(self) -> None:
        """Come in, or come back: tried again as the gateway says. Raises StopUser where it says not to."""
        tries = 0
        while not self._came_in():
            gevent.sleep(self._pause_s(tries))
            tries += 1

    def keep(self) -> Socket:
        """The socket; where it was closed, the one of coming back. Raises StopUser."""
        if self.socket is None:
            self.take()
        elif self.socket.code is not None:
            HERE.sent_away += 1
            code = self.socket.code
            error = None if code in EXPECTED else SocketLost(f"closed with {code}")
            report(self._environment, f"closed by the gateway: {code}", time.perf_counter(), error)
            gevent.sleep(self._pause_s(0))
            self.take()
        assert self.socket is not None
        return self.socket

    def ask(self, what: str, **message: Any) -> Told:
        """Ask from this seat, and report what was told. Raises StopUser."""
        socket, began_s = self.keep(), time.perf_counter()
        try:
            told = _told(socket.ask(**message))
        except Refused as refused:
            told = Told.refused(refused.problem)
        except SocketLost:
            told = Told(0)
        report(self._environment, told.name(what), began_s, TellingFailed(told.fault) if told.fault else None)
        return told

    def lose_network(self, away_s: float) -> None:
        """Drop the socket, be away, and come back. Raises StopUser."""
        if self.socket is not None:
            self.socket.drop()
        HERE.dropped += 1
        gevent.sleep(away_s)
        self.take()

    def leave(self) -> None:
        """Go."""
        if self.socket is not None:
            self.socket.close()

    def _came_in(self) -> bool:
        began_s, environment, is_return = time.perf_counter(), self._environment, self.following.since is not None
        try:
            with measured(environment, "connect"):
                self.socket = Socket(self._door.socket_url, self._heard)
            with measured(environment, "hello"):
                welcome = self.socket.ask(type="hello", **self._hello)
            with measured(environment, "join again" if is_return else "join"):
                joined = self.socket.ask(**self._join())
        except (websocket.WebSocketException, OSError, SocketLost):
            self._abandon()
            return False
        except Refused as refused:
            self._abandon()
            if Told.refused(refused.problem).later:
                return False
            raise StopUser from refused  # it is in the table of failures
        if "guest" in welcome:
            self._hello = {"guest": welcome["guest"]}
        if is_return:
            report(environment, "come back", began_s)
            by_snapshot = "snapshot" in joined
            HERE.back_by_snapshot += by_snapshot
            HERE.back_by_events += not by_snapshot
        return True

    def _abandon(self) -> None:
        """A socket that did not get as far as the room."""
        if self.socket is not None and self.socket.code is None:
            self.socket.drop()

    def _join(self) -> Message:
        message: Message = {"type": "join", "place": self._door.place}
        if self._door.invitation is not None:
            message["invitation"] = self._door.invitation
        if self.following.since is not None:
            message["since"] = self.following.since
        return message

    def _pause_s(self, tries: int) -> float:
        """How long to stay away, by what the gateway said last. Raises StopUser where that is not to come back."""
        bye, code = ({}, None) if self.socket is None else (self.socket.bye, self.socket.code)
        whether = bye.get("come_back") or (ComeBack.YES if code is None else come_back(code))
        if whether != ComeBack.YES:  # there is no fresher token than the one we have
            raise StopUser
        if "after_ms" in bye and not tries:
            return float(bye["after_ms"]) / 1000
        return random.uniform(0, min(PAUSE_MAX_S, PAUSE_S * 2**tries))

    def _heard(self, message: Message) -> None:
        """In the reader, so that a tick is never looked at before the `joined` in front of it."""
        rooms = message["rooms"] if message["type"] == "tick" else [message] if message["type"] == "joined" else ()
        for room in rooms:
            try:
                fresh = self.following.take(room)
            except EventMissed as missed:
                HERE.missed += 1
                report(self._environment, "a log event was missed", time.perf_counter(), missed)
                continue
            HERE.events += len(fresh)
            if message["type"] == "tick":
                self._note_delays(fresh)

    def _note_delays(self, events: list[Message]) -> None:
        """How long the host's announcements took to this screen, by the clocks of both generators."""
        for event in events:
            _, marked, sent = event["body"].get("text", "").partition(SENT)
            if event["kind"] == "announced" and marked:
                took_s = max(0.0, time.time() - float(sent))
                report(self._environment, "announcement on screen", time.perf_counter() - took_s)
