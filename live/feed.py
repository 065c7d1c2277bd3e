"""What a process hears of the rooms it shows: one connection, and no event left out.

Events of a place arrive at its sinks in order and without gaps: what is missing is fetched from the log, and where the
log does not reach back so far the sink gets a Resync, and after it the events from some position on, as if it had just
begun to watch. A sink is called on the loop and must not wait. What it cannot take it misses, so it gets a Resync too.

A feed tells itself something every second. One that does not hear it is deaf, whatever its connection says, and
connects anew.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from keel.loops import every
from live.metrics import FEED_FAULTS, FEED_RESYNCS
from live.roomlog import Event, LogSilent, Position, RoomLog, channel_of, event_of

log = logging.getLogger(__name__)

BEAT_EVERY_S: Final = 1.0
HEARD_WITHIN_S: Final = 3.0
RETRY_AFTER_S: Final = 0.2
WATCH_WITHIN_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class LogItem:
    """Events of a place, without a gap; `position` is the last one's."""

    place: str
    position: Position
    events: list[Event]


@dataclass(frozen=True, slots=True)
class StateItem:
    """A value of the state lane; the latest of a kind wins. `body` is a JSON object."""

    place: str
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Resync:
    """Something is missing that the log cannot give any more: read a snapshot."""

    place: str


FeedItem = LogItem | StateItem | Resync
Sink = Callable[[FeedItem], None]


class FeedDeaf(Exception):
    """The feed's connection is there and carries nothing."""


@dataclass(eq=False)
class _Place:
    """A place that is watched. `last` is where its sinks are; `ready` is set once they miss nothing any more."""

    name: str
    sinks: list[Sink] = field(default_factory=list)
    last: Position | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def deliver(self, item: FeedItem) -> None:
        for sink in tuple(self.sinks):
            try:
                sink(item)
            except Exception:  # house: broad-except because one sink's fault must not end the feed of the others
                FEED_FAULTS.inc()
                log.exception("feed: what came of %s could not be taken", self.name)
                sink(Resync(self.name))


class Feed:
    """One per process. `name` is the process's own, unlike any other's."""

    def __init__(
        self, redis: Redis, room_log: RoomLog, name: str, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis, self._log, self._clock_s = redis, room_log, clock_s
        self._own_channel = f"feed:{{{name}}}".encode()
        self._places: dict[bytes, _Place] = {}
        self._changed = asyncio.Event()
        self._heard_s = -math.inf

    @property
    def healthy(self) -> bool:
        """Whether the feed has heard itself lately."""
        return self._clock_s() - self._heard_s <= HEARD_WITHIN_S

    @asynccontextmanager
    async def watch(self, place: str, sink: Sink) -> AsyncIterator[None]:
        """Hear of a place. Inside the block nothing that is published is missed, so read the snapshot there.

        Raises LogSilent when the engine does not answer within WATCH_WITHIN_S.
        """
        channel = channel_of(place).encode()
        watched = self._places.setdefault(channel, _Place(place))
        watched.sinks.append(sink)
        self._changed.set()
        try:
            try:
                async with asyncio.timeout(WATCH_WITHIN_S):
                    await watched.ready.wait()
            except TimeoutError as error:
                raise LogSilent("the feed is not connected") from error
            yield
        finally:
            watched.sinks.remove(sink)
            if not watched.sinks and self._places.get(channel) is watched:
                del self._places[channel]
                self._changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`; connects again after every fault."""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except* (RedisError, OSError, TimeoutError, LogSilent, FeedDeaf) as faults:
                FEED_FAULTS.inc()
                log.warning("feed: %s; connecting again", ", ".join(_names(faults)))
            self._heard_s = -math.inf
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=RETRY_AFTER_S)

    async def _listen(self, stop: asyncio.Event) -> None:
        """One connection's life. A library may swallow a cancellation, so each part also looks whether it is over."""
        connection = self._redis.connection_pool.make_connection()
        over = asyncio.Event()

        async def ending(part: Callable[[], Awaitable[None]]) -> None:
            try:
                await part()
            finally:
                over.set()
                self._changed.set()

        try:
            await connection.connect()
            async with asyncio.TaskGroup() as group:
                parts = partial(self._hear, connection, over), partial(self._subscribe, connection, over)
                tasks = [group.create_task(ending(part)) for part in (*parts, partial(self._beat, over))]
                await stop.wait()
                over.set()
                for task in tasks:
                    task.cancel()
        finally:
            await connection.disconnect(nowait=True)

    async def _subscribe(self, connection: Any, over: asyncio.Event) -> None:
        """Keep the subscriptions of a connection in step with what is watched."""
        sharded = "S" if (await self._redis.info("cluster"))["cluster_enabled"] else ""
        known: set[bytes] = set()
        while not over.is_set():
            self._changed.clear()
            wanted = {self._own_channel, *self._places}
            for command, channels in (("UNSUBSCRIBE", known - wanted), ("SUBSCRIBE", wanted - known)):
                for channel in channels:
                    await connection.send_command(sharded + command, channel, check_health=False)
            known = wanted
            await self._changed.wait()

    async def _hear(self, connection: Any, over: asyncio.Event) -> None:
        while not over.is_set():
            what, channel, data = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            if what in {b"message", b"smessage"}:
                await self._message(channel, data)
            elif what in {b"subscribe", b"ssubscribe"} and channel in self._places:
                await self._catch_up(self._places[channel])

    async def _beat(self, over: asyncio.Event) -> None:
        """Say something and hear it, again and again. Raises FeedDeaf."""
        began_s = self._clock_s()
        async for _ in every(BEAT_EVERY_S, over):
            if self._clock_s() - max(began_s, self._heard_s) > HEARD_WITHIN_S:
                raise FeedDeaf
            await self._log.put_to(self._own_channel.decode(), "beat", b"{}")

    async def _message(self, channel: bytes, data: bytes) -> None:
        place = self._places.get(channel)
        if place is None:
            if channel == self._own_channel:
                self._heard_s = self._clock_s()
        elif data.startswith(b"S"):
            kind, body = data[1:].split(b" ", 1)
            place.deliver(StateItem(place.name, kind.decode(), body))
        elif place.last is not None:
            epoch, entry = data[1:].split(b" ", 1)
            await self._event(place, place.last, int(epoch), event_of(entry))

    async def _event(self, place: _Place, last: Position, epoch: int, event: Event) -> None:
        if epoch == last.epoch and event.seq == last.seq + 1:
            place.last = Position(epoch, event.seq)
            place.deliver(LogItem(place.name, place.last, [event]))
        elif epoch != last.epoch or event.seq > last.seq:
            await self._catch_up(place)

    async def _catch_up(self, place: _Place) -> None:
        """Fetch what is missing since `last`. What is published meanwhile waits on the connection."""
        if place.last is None:
            place.last = await self._log.position(place.name)
            place.ready.set()
            return
        events = await self._log.since(place.name, place.last)
        if events is None:
            FEED_RESYNCS.inc()
            place.last = await self._log.position(place.name)
            place.deliver(Resync(place.name))
        elif events:
            place.last = Position(place.last.epoch, events[-1].seq)
            place.deliver(LogItem(place.name, place.last, events))


def _names(faults: BaseExceptionGroup[BaseException]) -> list[str]:
    return [type(fault).__name__ for fault in faults.exceptions]
