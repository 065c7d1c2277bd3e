"""A gateway that does not hear the rooms sends its viewers elsewhere, and goes on with its other work meanwhile."""

import asyncio
import itertools
import math
import time
from types import SimpleNamespace
from typing import Any

from live.close_codes import CloseCode
from live.fanout import SLICE_MAX_S
from live.gateway import Gateway
from live.handshake import SocketLimits

COUNT = 500


class Line:
    """Stands for a connection whose end takes a while."""

    close_deadline = None

    def __init__(self, ended: list[int]) -> None:
        self.is_open, self.in_flight, self.viewer, self.said, self.ended = True, 1, None, list[Any](), ended

    def say(self, message: Any) -> None:
        self.said.append(message)

    def end(self, code: int, reason: str = "") -> None:
        until_s = time.perf_counter() + SLICE_MAX_S / 10
        while time.perf_counter() < until_s:
            pass
        self.is_open = False
        self.ended.append(code)


async def nothing(*_: Any) -> None:
    return None


def deaf() -> Gateway:
    some: Any = SimpleNamespace(
        begin=None,
        gone=None,
        limits=SocketLimits(),
        is_proxy=lambda _: False,
        close_empty=lambda: None,
        put_out_banned=nothing,
        reception=SimpleNamespace(may_stay=lambda _: True),
        healthy=False,
    )
    return Gateway(handshake=some, answering=some, seating=some, halls=some, feed=some)


async def test_those_who_are_sent_away_by_a_deaf_gateway_hold_nobody_up(monkeypatch):
    monkeypatch.setattr("live.gateway.SHARE_EVERY_S", 0.001)
    monkeypatch.setattr("live.gateway.SENT_AWAY_WITHIN_S", 0.003)
    ended: list[int] = []
    turns: list[int] = []
    gateway = deaf()
    lines: list[Any] = [Line(ended) for _ in range(COUNT)]
    gateway._connections.update(dict.fromkeys(lines))
    gateway._heard_s = -math.inf

    async def others() -> None:
        while len(ended) < COUNT:
            turns.append(len(ended))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(others())
        group.create_task(gateway.look())
    assert set(ended) == {CloseCode.UNWELL}
    assert all(line.said[0].come_back == "yes" for line in lines)
    assert max(later - earlier for earlier, later in itertools.pairwise(turns)) <= 12
