"""Sockets come in and are seen off: a crowd that is lost at once holds nobody up. Over the wire in test_gateway.py."""

import asyncio
import time
from typing import Any

from live import entrance
from live.entrance import Entrance
from live.fanout import SLICE_MAX_S
from tests.live.test_handshake import Knocking, handshake


class Line:
    """The transport of a socket that may be cut."""

    def __init__(self) -> None:
        self.cut = False

    def abort(self) -> None:
        self.cut = True

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return "10.0.0.1", 1


class Lost(Knocking):
    """A connection that has nothing left of the library's."""

    def bury(self) -> None:
        pass


def lost(number: int) -> Lost:
    connection = Lost(f"10.0.0.{number}")
    connection.loop = asyncio.get_running_loop()
    return connection


def opened(gone: Any, count: int) -> tuple[Entrance, list[Lost]]:
    """An entrance with sockets that are open."""
    door, connections = Entrance(handshake(), begin=lambda _: None, gone=gone), [lost(n) for n in range(count)]
    door.connections.update(dict.fromkeys(connections))
    door._is_empty.clear()
    return door, connections


async def test_those_who_are_lost_together_are_seen_off_in_slices():
    gone: list[Any] = []

    def see_off(connection: Any) -> None:
        until_s = time.perf_counter() + SLICE_MAX_S / 2
        while time.perf_counter() < until_s:
            pass
        gone.append(connection)

    door, connections = opened(see_off, 20)
    for connection in connections:
        door.went(connection)
    seen = []
    while len(gone) < 20:
        await asyncio.sleep(0)
        seen.append(len(gone))
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= 3
    await asyncio.wait_for(door.empty(), 1)
    assert gone == connections


async def test_one_who_cannot_be_seen_off_keeps_nobody():
    gone: list[Any] = []

    def see_off(connection: Any) -> None:
        gone.append(connection)
        if len(gone) == 1:
            raise RuntimeError("a fault of ours")

    door, connections = opened(see_off, 3)
    for connection in connections:
        door.went(connection)
    await asyncio.wait_for(door.empty(), 1)
    assert gone == connections


async def test_a_handshake_that_nobody_goes_on_with_is_cut(monkeypatch):
    door, connection, line = Entrance(handshake(), begin=lambda _: None, gone=lambda _: None), lost(1), Line()
    connection.transport = line
    door.came(connection)
    door.cut_late()
    assert not line.cut
    monkeypatch.setattr(entrance, "OPEN_WITHIN_S", -1.0)
    door.cut_late()
    assert line.cut
