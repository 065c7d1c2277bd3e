"""The gateway: a server of sockets, a tick that tells every room what is new, and an orderly end.

One process, one loop. Whoever is slow is closed, whoever is silent is cut off, and nothing here waits for a viewer.
"""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from keel.loops import run_every
from live.answering import Answering
from live.close_codes import CloseCode
from live.connection import ViewerConnection
from live.entrance import Entrance
from live.fanout import fan_out
from live.farewell import say_bye
from live.feed import Feed
from live.frames import frame_of
from live.gateway_metrics import TICK_FRAMES, TICK_S
from live.halls import Halls
from live.handshake import Handshake
from live.seating import Seating

log = logging.getLogger(__name__)

TICK_EVERY_S: Final = 0.2
QUIET_PER_S: Final = 10.0  # that others had of a tick
QUIET_MAX_S: Final = 1.0
LOOK_EVERY_S: Final = 1.0
BEAT_EVERY_LOOKS: Final = 10
LOOKED_AT_ONCE: Final = 500
UNWELL_AFTER_S: Final = 10.0
DRAIN_SPREAD_S: Final = 2.0
DRAIN_MAX_S: Final = 7.0
GONE_WITHIN_S: Final = 1.0


class Gateway:
    """Serves one listening socket until it is told to stop."""

    def __init__(
        self, *, handshake: Handshake, answering: Answering, seating: Seating, halls: Halls, feed: Feed
    ) -> None:
        self._seating, self._halls, self._feed = seating, halls, feed
        self._entrance = Entrance(handshake, begin=answering.begin, gone=seating.gone)
        self._connections = self._entrance.connections
        self._looks = 0
        self._quiet_until_s = 0.0
        self._heard_s = time.monotonic()
        self.draining = False

    async def run(self, listener: socket.socket, stop: asyncio.Event) -> None:
        """Serve until `stop`; then let requests in flight finish and send everybody elsewhere."""
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            server = await self._entrance.open(listener, group)
            group.create_task(run_every("ticks", TICK_EVERY_S, ended, self.tick))
            group.create_task(run_every("sockets", LOOK_EVERY_S, ended, self.look))
            try:
                await stop.wait()
                self.draining = True
                self._entrance.close()
                server.close()
                await self._drain()
            finally:
                ended.set()

    async def tick(self) -> None:
        """Tell every room what is new: one frame for each viewer, however much it is.

        Where others wanted the loop meanwhile, as when a crowd comes back, the next frames wait a little: fewer frames,
        with more in each, and everybody is in again sooner.
        """
        began_s = time.perf_counter()
        if began_s < self._quiet_until_s:
            return
        frames, others_s = 0, 0.0
        for frame, viewers in self._frames():
            frames += len(viewers)
            others_s += await fan_out(frame, viewers)
        self._quiet_until_s = time.perf_counter() + min(QUIET_MAX_S, others_s * QUIET_PER_S)
        if frames:
            TICK_FRAMES.inc(frames)
            TICK_S.observe(time.perf_counter() - began_s)

    async def look(self) -> None:
        """Look after every socket: late hellos, closes that hang, people who were shut out, and signs of life."""
        self._looks += 1
        self._halls.close_empty()
        self._seating.put_out_banned()
        self._entrance.cut_late()
        self._check_feed()
        connections = list(self._connections)
        for start in range(0, len(connections), LOOKED_AT_ONCE):
            for number in range(start, min(start + LOOKED_AT_ONCE, len(connections))):
                self._look_at(connections[number], beats=(number + self._looks) % BEAT_EVERY_LOOKS == 0)
            await asyncio.sleep(0)

    def _frames(self) -> Sequence[tuple[bytes, list[ViewerConnection]]]:
        """The frames of this tick and who gets them, taken at one moment: whoever comes later was told by `joined`."""
        parts = {room.place: (room, part) for room in self._halls.rooms if (part := room.take_tick()) is not None}
        for room, _ in parts.values():
            self._seating.follow(room)
        several = self._seating.in_several
        frames = [
            (_tick_of([part]), [viewer for viewer in room.viewers if viewer not in several])
            for room, part in parts.values()
        ]
        by_places: dict[tuple[str, ...], list[ViewerConnection]] = {}
        for viewer in several:
            by_places.setdefault(tuple(sorted(parts.keys() & viewer.seats.keys())), []).append(viewer)
        by_places.pop((), None)
        frames += [(_tick_of([parts[place][1] for place in places]), who) for places, who in by_places.items()]
        return frames

    def _look_at(self, connection: ViewerConnection, *, beats: bool) -> None:
        viewer = connection.viewer
        if not connection.is_open:
            deadline_s = connection.close_deadline
            if deadline_s is not None and connection.loop.time() > deadline_s:
                connection.transport.abort()  # it was to close by itself, and did not
        elif viewer is None and connection.conversation.is_late(time.monotonic()):
            say_bye(connection, CloseCode.NO_HELLO)
        elif viewer is not None and self._seating.reception.is_denied(viewer):
            say_bye(connection, CloseCode.TOKEN)
        elif beats and not connection.beat():
            say_bye(connection, CloseCode.SILENT)
            connection.transport.abort()  # nobody is there to read it

    def _check_feed(self) -> None:
        """A gateway that does not hear itself shows nothing new: its viewers are better off elsewhere."""
        now_s = time.monotonic()
        if self._feed.healthy:
            self._heard_s = now_s
        elif now_s - self._heard_s > UNWELL_AFTER_S and self._connections:
            log.error("this gateway has not heard itself for %.0f s: its viewers are sent away", now_s - self._heard_s)
            for connection in list(self._connections):
                say_bye(connection, CloseCode.UNWELL)

    async def _drain(self) -> None:
        """Send everybody elsewhere, a few at a time; whoever waits for an answer goes when it is there."""
        deadline_s = time.monotonic() + DRAIN_MAX_S
        for some in _shares(list(self._connections), DRAIN_SPREAD_S / 0.05):
            for connection in some:
                if not connection.in_flight:
                    say_bye(connection, CloseCode.DRAINING)
            await asyncio.sleep(0.05)
        while self._connections and time.monotonic() < deadline_s:
            for connection in list(self._connections):
                if not connection.in_flight:
                    say_bye(connection, CloseCode.DRAINING)
            await asyncio.sleep(0.05)
        self._entrance.abort()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._entrance.empty(), GONE_WITHIN_S)


def _tick_of(parts: Sequence[bytes]) -> bytes:
    """A Tick of rooms that are encoded already."""
    return frame_of(b'{"type":"tick","rooms":[' + b",".join(parts) + b"]}")


def _shares(connections: list[ViewerConnection], count: float) -> Iterator[list[ViewerConnection]]:
    """The connections in no order, in about `count` shares."""
    secrets.SystemRandom().shuffle(connections)
    size = max(1, int(len(connections) / count) + 1)
    for start in range(0, len(connections), size):
        yield connections[start : start + size]
