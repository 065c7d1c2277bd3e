"""The crowd of a comeback, in a process of its own: guests of a room who lose it and come back by themselves.

Commands as in loadtests.fanout_viewers: `open N` lets N come in; `drop 0` cuts all; `back S` waits, S seconds at most,
for all to be lost once more and in again; `check N` waits until all heard the N-th event. Both tell how that went.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from live.farewell import COME_BACK_WITHIN_MS
from loadtests.fanout_viewers import AT_ONCE, Viewer, serve
from loadtests.socket_wire import masked

SPREAD_S: Final = COME_BACK_WITHIN_MS / 1000
KNOWN_MAX: Final = 200
POLL_S: Final = 0.02
TRY_MAX_S: Final = 60.0
CHECK_MAX_S: Final = 5.0


class Body(msgspec.Struct):
    """Of an event: its number, as the announcement's text."""

    text: int


class Event(msgspec.Struct):
    """What is looked at of an event."""

    seq: int
    body: Body


class Told(msgspec.Struct):
    """What is looked at of a room in a tick."""

    epoch: int
    seq: int
    snapshot: dict[str, Any] | None = None
    events: list[Event] = []


class Message(msgspec.Struct):
    """What is looked at of any message."""

    type: str
    epoch: int = 0
    seq: int = 0
    guest: str = ""
    snapshot: dict[str, Any] | None = None
    events: list[Event] = []
    rooms: list[Told] = []


_decode: Final = msgspec.json.Decoder(Message, strict=False).decode
_known: dict[bytes, Message] = {}


def read(payload: bytes) -> Message:
    """A message. A crowd is told the same again and again, so what was read a moment ago is not read again."""
    message = _known.get(payload)
    if message is None:
        message = _decode(payload)
        if len(_known) >= KNOWN_MAX:
            _known.clear()
        _known[payload] = message
    return message


class Guest:
    """One who watches, across all his connections: what he was told, and what of it was wrong."""

    def __init__(self, room: str, come: "Callable[[Guest], None]") -> None:
        self._room, self._come = room, come
        self.line: Line | None = None
        self.passport = ""
        self.epoch, self.seq, self.number = 0, 0, -1
        self.missed = self.doubled = self.snapshots = self.tries = self.losses = 0
        self.is_live = False
        self.lost_s = self.tried_s = self.opened_s = self.live_s = 0.0

    def says(self) -> bytes:
        """Hello as who he was, and the room from where he was."""
        hello = {"type": "hello"} | ({"guest": self.passport} if self.passport else {})
        join: dict[str, Any] = {"type": "join", "place": self._room}
        if self.number >= 0:
            join["since"] = {"epoch": self.epoch, "seq": self.seq}
        return masked(json.dumps(hello)) + masked(json.dumps(join))

    def lost(self) -> None:
        """The network is gone, or nobody answered: come back as the protocol says."""
        if self.is_live:
            self.is_live, self.lost_s, self.tries = False, time.monotonic(), 0
            self.losses += 1
        wait_s = min(SPREAD_S * 2**self.tries, TRY_MAX_S)
        self.tries += 1
        asyncio.get_running_loop().call_later(random.random() * wait_s, self._come, self)

    def hear(self, message: Message) -> None:
        """Something was told."""
        match message.type:
            case "welcome":
                self.passport = message.guest
            case "joined":
                self._joined(message)
            case "tick":
                for told in message.rooms:
                    self._take(told)
            case _:  # it was refused, as while the rooms cannot be looked up: try again like whoever was lost
                self.cut()

    def cut(self) -> None:
        """Lose the network."""
        assert self.line is not None
        self.line.transport.abort()

    def _joined(self, message: Message) -> None:
        if self.number < 0:
            self.number, self.epoch, self.seq = message.seq, message.epoch, message.seq
        elif message.snapshot is not None:
            self.snapshots += 1
            self.epoch, self.seq = message.epoch, message.seq
        else:
            self._take(message)
        self.is_live, self.live_s = True, time.monotonic()

    def _take(self, told: Told | Message) -> None:
        """Count on. A snapshot brings no events: whoever needs one has missed some, and that shows at the next."""
        for event in told.events:
            if event.seq > self.seq or told.epoch != self.epoch:
                number = event.body.text
                self.missed += max(0, number - self.number - 1)
                self.doubled += number <= self.number
                self.number = max(number, self.number)
        self.epoch, self.seq = told.epoch, told.seq


class Line(Viewer):
    """One connection of a guest."""

    def __init__(self, guest: Guest) -> None:
        super().__init__(guest.says())
        self._guest = guest
        guest.line = self
        guest.tried_s = time.monotonic()
        self.opened.add_done_callback(self._opened)

    def heard(self, data: bytes, start: int, length: int) -> None:
        self._guest.hear(read(data[start : start + length]))

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._guest.lost()

    def _opened(self, opened: "asyncio.Future[None]") -> None:
        if opened.exception() is None:
            self._guest.opened_s = time.monotonic()


class Comeback:
    """All guests of this process."""

    def __init__(self, port: int, room: str) -> None:
        self._port, self._room = port, room
        self._guests: list[Guest] = []
        self._coming: set[asyncio.Task[None]] = set()
        self._losses = 0

    async def open(self, count: int) -> dict[str, Any]:
        """Come in, some at a time, until all are told where the room is."""
        for start in range(0, count, AT_ONCE):
            some = [Guest(self._room, self._come) for _ in range(min(AT_ONCE, count - start))]
            self._guests += some
            for guest in some:
                self._come(guest)
            await _until(lambda: all(guest.is_live for guest in self._guests), TRY_MAX_S)
        return {"viewers": len(self._guests)}

    async def drop(self, _: int) -> dict[str, Any]:
        """Cut every connection at once."""
        for guest in self._guests:
            guest.cut()
        return {}

    async def back(self, within_s: float) -> dict[str, Any]:
        """Wait until all are back from their next loss."""
        self._losses += 1
        await _until(lambda: all(self._is_back(guest) for guest in self._guests), within_s)
        there = [guest for guest in self._guests if self._is_back(guest)]
        back_ms = sorted(round((guest.live_s - guest.lost_s) * 1000, 1) for guest in there)
        last_try_ms = sorted(round((guest.live_s - guest.tried_s) * 1000, 1) for guest in there)
        return {
            "live": len(there),
            "p50_ms": _quantile(back_ms, 0.5),
            "p99_ms": _quantile(back_ms, 0.99),
            "max_ms": _quantile(back_ms, 1.0),
            "last_try_p50_ms": _quantile(last_try_ms, 0.5),
            "last_try_p99_ms": _quantile(last_try_ms, 0.99),
            "tries": sum(guest.tries for guest in self._guests),
            "first_opened_s": min((guest.opened_s for guest in there), default=0.0),
        }

    async def check(self, last: int) -> dict[str, Any]:
        """What everybody was told by now. `behind`: guests who have not heard the last event."""
        await _until(lambda: all(guest.number >= last for guest in self._guests), CHECK_MAX_S)
        return {
            "events_missed": sum(guest.missed for guest in self._guests),
            "events_doubled": sum(guest.doubled for guest in self._guests),
            "snapshots": sum(guest.snapshots for guest in self._guests),
            "behind": sum(guest.number < last for guest in self._guests),
            "still_live": sum(guest.is_live for guest in self._guests),
        }

    def _is_back(self, guest: Guest) -> bool:
        return guest.is_live and guest.losses >= self._losses

    def _come(self, guest: Guest) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(guest))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _connect(self, guest: Guest) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: Line(guest), "127.0.0.1", self._port)
        except OSError:
            guest.lost()


async def _until(done: Callable[[], bool], within_s: float) -> None:
    until_s = time.monotonic() + within_s
    while not done():
        if time.monotonic() > until_s:
            return
        await asyncio.sleep(POLL_S)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, int(len(ordered) * share + 0.999999) - 1)] if ordered else 0.0


if __name__ == "__main__":
    serve(Comeback)
