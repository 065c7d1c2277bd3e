"""Buyers on sockets of their own: connected, known and in the room before the clock starts, cheap while it runs.

A wish goes over its buyer's socket, wherever that stands in the queue; `ref` tells whose answer came. What an answer
says is read when everything is over.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Final, Protocol

import msgspec

from keel.ids import Ids
from loadtests.sides import DEADLINE_S, Buyers, Sale, wanted
from loadtests.socket_wire import BuyerSocket, masked
from millpond.crowd import PROGRESS_EVERY_S, Progress, Target
from millpond.crowd_answers import NO_ANSWER, Answer, Result, Wish, read_answer

AT_ONCE: Final = 100  # sockets that open at the same time
OPEN_MAX_S: Final = 60.0
_TICK: Final = b'{"type":"tick"'
_ORDER: Final = b'{"type":"order"'
_REF: Final = b'"ref":"'


class _Problem(msgspec.Struct):
    status: int = 0


class _Said(msgspec.Struct):
    """What is read of an answer."""

    order: msgspec.Raw = msgspec.Raw()
    problem: msgspec.Raw = msgspec.Raw()
    replayed: bool = False


_read = msgspec.json.Decoder(_Said).decode
_read_problem = msgspec.json.Decoder(_Problem).decode


class SocketCrowd:
    """See `loadtests.sides.Crowd`. The sockets stay for all that is sent; each is one buyer's."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._sockets: dict[str, BuyerSocket] = {}
        self._rush: SocketRush | None = None

    async def open(self, target: Target, room_id: str, buyers: Buyers, count: int) -> None:
        """Let `count` buyers connect, say hello and join. Raises ConnectionError and TimeoutError."""
        people = iter(buyers.people(count))
        async with asyncio.timeout(OPEN_MAX_S):
            while some := list(islice(people, AT_ONCE)):
                await asyncio.gather(*(self._enter(target, room_id, buyer, token) for buyer, token in some))

    def close(self) -> None:
        """Everybody goes."""
        for socket in self._sockets.values():
            socket.hang_up()

    def wishes(self, sale: Sale, count: int) -> list[Wish]:
        """See Crowd. The buyers in turns, so with more wishes than sockets some want several units."""
        everybody = list(self._sockets)
        return [self._wish(sale, everybody[number % len(everybody)]) for number in range(count)]

    async def send(self, wishes: Sequence[Wish], *, waiting: int, on_progress: Callable[[Progress], None]) -> Result:
        """See Crowd."""
        rush = self._rush = SocketRush(wishes, self._sockets)
        rush.begin(waiting)
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not rush.done.is_set():
                    on_progress(rush.progress())
                    with suppress(TimeoutError):
                        await asyncio.wait_for(rush.done.wait(), PROGRESS_EVERY_S)
        except TimeoutError:
            rush.end()
        self._rush = None
        on_progress(rush.progress())
        return rush.result()

    async def _enter(self, target: Target, room_id: str, buyer: str, token: str) -> None:
        says = {"type": "hello", "token": token}, {"type": "join", "place": room_id}
        greeting = b"".join(masked(json.dumps(one)) for one in says)
        socket = self._sockets[buyer] = BuyerSocket(greeting, self._hear, lambda: self._lost(buyer))
        await asyncio.get_running_loop().create_connection(lambda: socket, target.host, target.port)
        await socket.joined

    def _wish(self, sale: Sale, buyer: str) -> Wish:
        key = self._ids.new()
        message = {"type": "order.place", "ref": key, "sale_id": sale.id, "key": key, "order": wanted(sale)}
        return Wish(buyer, key, masked(json.dumps(message)))

    def _hear(self, payload: bytes) -> None:
        if self._rush is not None:
            self._rush.hear(payload)

    def _lost(self, buyer: str) -> None:
        if self._rush is not None:
            self._rush.lost(buyer)


class Socket(Protocol):
    """What a rush needs of a buyer's socket."""

    @property
    def stands(self) -> bool: ...

    def say(self, frames: bytes) -> None: ...


class SocketRush:
    """Wishes on their way: the next one leaves when an answer comes."""

    def __init__(self, wishes: Sequence[Wish], sockets: Mapping[str, Socket]) -> None:
        self._wishes, self._sockets = wishes, sockets
        self._number_of = {wish.key.encode(): number for number, wish in enumerate(wishes)}
        self._said: list[tuple[int, bytes] | None] = [None] * len(wishes)  # ns, payload
        self._sent_ns = [0] * len(wishes)
        self._next = self._answered = self._accepted = 0
        self._began_ns = self._ended_ns = 0
        self.done = asyncio.Event()

    def begin(self, waiting: int) -> None:
        """The clock starts."""
        self._began_ns = time.perf_counter_ns()
        for _ in range(waiting):
            self._send_next()
        if not self._wishes:
            self.end()

    def end(self) -> None:
        """The clock stops; what has no answer gets none."""
        self._ended_ns = time.perf_counter_ns()
        self.done.set()

    def hear(self, payload: bytes) -> None:
        """A text came over one of the sockets: an answer, or news of the room."""
        if payload.startswith(_TICK):
            return
        at = payload.rfind(_REF) + len(_REF)
        number = self._number_of.get(payload[at : payload.find(b'"', at)])
        if number is not None and self._said[number] is None:
            self._accepted += payload.startswith(_ORDER)
            self._finish(number, payload)

    def lost(self, buyer: str) -> None:
        """Whatever waits on this socket gets no answer."""
        for number in range(self._next):
            if self._said[number] is None and self._wishes[number].buyer == buyer:
                self._finish(number, b"")

    def _send_next(self) -> None:
        while self._next < len(self._wishes) and not self.done.is_set():
            number, self._next = self._next, self._next + 1
            wish = self._wishes[number]
            socket = self._sockets[wish.buyer]
            self._sent_ns[number] = time.perf_counter_ns()
            if socket.stands:
                socket.say(wish.request)
                return
            self._note(number, b"")

    def _finish(self, number: int, payload: bytes) -> None:
        self._note(number, payload)
        self._send_next()

    def _note(self, number: int, payload: bytes) -> None:
        self._said[number] = time.perf_counter_ns() - self._sent_ns[number], payload
        self._answered += 1
        if self._answered == len(self._wishes):
            self.end()

    def progress(self) -> Progress:
        """How far it is."""
        elapsed_s = ((self._ended_ns or time.perf_counter_ns()) - self._began_ns) / 1e9
        return Progress(self._answered, self._accepted, self._answered - self._accepted, 0, elapsed_s)

    def result(self) -> Result:
        """One answer per wish."""
        answers = [_answer(wish, *(said or (0, b""))) for wish, said in zip(self._wishes, self._said, strict=True)]
        return Result(answers, (self._ended_ns - self._began_ns) / 1e9, 0)


def _answer(wish: Wish, elapsed_ns: int, payload: bytes) -> Answer:
    """The answer as HTTP would have given it."""
    if not payload:
        return read_answer(wish, NO_ANSWER, elapsed_ns / 1e9, 1, b"")
    said = _read(payload)
    body = bytes(said.order) or bytes(said.problem)
    status = (200 if said.replayed else 201) if bytes(said.order) else _read_problem(body).status
    return read_answer(wish, status, elapsed_ns / 1e9, 1, body)


@asynccontextmanager
async def crowd_on_sockets(
    target: Target, room_id: str, buyers: Buyers, *, count: int, ids: Ids
) -> AsyncIterator[SocketCrowd]:
    """`count` buyers who are in the room; gone in the end."""
    crowd = SocketCrowd(ids)
    try:
        await crowd.open(target, room_id, buyers, count)
        yield crowd
    finally:
        crowd.close()
