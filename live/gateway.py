"""The gateway: a server of sockets, a tick that tells every room what is new, and an orderly end.

One process, one loop. Whoever is slow is closed, whoever is silent is cut off, and nothing here waits for a viewer.
"""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from keel.loops import run_every
from live.answering import Answering
from live.close_codes import CloseCode
from live.connection import ViewerConnection
from live.entrance import Entrance
from live.fanout import LOOKED_AT_EVERY, Pace, fan_out
from live.farewell import say_bye
from live.feed import Feed
from live.gateway_metrics import TICK_FRAMES, TICK_S
from live.halls import Halls
from live.handshake import Handshake
from live.news import news
from live.seating import Seating

log = logging.getLogger(__name__)

TICK_EVERY_S: Final = 0.2
QUIET_PER_S: Final = 10.0  # that others had of a tick
QUIET_MAX_S: Final = 1.0
LOOK_EVERY_S: Final = 1.0
BEAT_EVERY_LOOKS: Final = 10
UNWELL_AFTER_S: Final = 10.0
SENT_AWAY_WITHIN_S: Final = 2.0
SHARE_EVERY_S: Final = 0.05
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
        frames, pace = 0, Pace()
        async for frame, viewers in news(self._halls, self._seating, pace):
            frames += len(viewers)
            await fan_out(frame, viewers, pace)
        self._quiet_until_s = time.perf_counter() + min(QUIET_MAX_S, pace.others_s * QUIET_PER_S)
        if frames:
            TICK_FRAMES.inc(frames)
            TICK_S.observe(time.perf_counter() - began_s)

    async def look(self) -> None:
        """Look after every socket: late hellos, closes that hang, people who were shut out, and signs of life."""
        self._looks += 1
        self._halls.close_empty()
        self._entrance.cut_late()
        pace = Pace()
        await self._seating.put_out_banned(pace)
        await self._check_feed()
        everybody, stays = list(self._connections), self._seating.reception.may_stay
        for start in range(0, len(everybody), LOOKED_AT_EVERY):
            for number, connection in enumerate(everybody[start : start + LOOKED_AT_EVERY], start + self._looks):
                beats = number % BEAT_EVERY_LOOKS == 0
                if beats or connection.viewer is None or not stays(connection.viewer):
                    self._look_at(connection, beats=beats)
            await pace.give_way()

    def _look_at(self, connection: ViewerConnection, *, beats: bool) -> None:
        viewer = connection.viewer
        if not connection.is_open:
            deadline_s = connection.close_deadline
            if deadline_s is not None and connection.loop.time() > deadline_s:
                connection.transport.abort()  # it was to close by itself, and did not
        elif viewer is None and connection.conversation.is_late(time.monotonic()):
            say_bye(connection, CloseCode.NO_HELLO)
        elif viewer is not None and not self._seating.reception.may_stay(viewer):
            say_bye(connection, CloseCode.TOKEN)
        elif beats and not connection.beat():
            say_bye(connection, CloseCode.SILENT)
            connection.transport.abort()  # nobody is there to read it

    async def _check_feed(self) -> None:
        """A gateway that does not hear itself shows nothing new: its viewers are better off elsewhere."""
        now_s = time.monotonic()
        if self._feed.healthy:
            self._heard_s = now_s
        elif now_s - self._heard_s > UNWELL_AFTER_S and self._connections:
            log.error("this gateway has not heard itself for %.0f s: its viewers are sent away", now_s - self._heard_s)
            await self._send_away(CloseCode.UNWELL, also_waiting=True)

    async def _drain(self) -> None:
        """Send everybody elsewhere, a few at a time; whoever waits for an answer goes when it is there."""
        deadline_s = time.monotonic() + DRAIN_MAX_S
        await self._send_away(CloseCode.DRAINING, also_waiting=False)
        while self._connections and time.monotonic() < deadline_s:
            for connection in list(self._connections):
                if not connection.in_flight:
                    say_bye(connection, CloseCode.DRAINING)
            await asyncio.sleep(SHARE_EVERY_S)
        self._entrance.abort()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._entrance.empty(), GONE_WITHIN_S)

    async def _send_away(self, code: CloseCode, *, also_waiting: bool) -> None:
        """Say bye to everybody, a few at a time; to those who wait for an answer only where there will be none."""
        pace = Pace()
        for some in _shares(list(self._connections), SENT_AWAY_WITHIN_S / SHARE_EVERY_S):
            for connection in some:
                if also_waiting or not connection.in_flight:
                    say_bye(connection, code)
                await pace.give_way()
            await asyncio.sleep(SHARE_EVERY_S)


def _shares(connections: list[ViewerConnection], count: float) -> Iterator[list[ViewerConnection]]:
    """The connections in no order, in about `count` shares."""
    secrets.SystemRandom().shuffle(connections)
    size = max(1, int(len(connections) / count) + 1)
    for start in range(0, len(connections), size):
        yield connections[start : start + size]
