"""Who has not said yet what he wants is counted too."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from live.handshake import SocketLimits
from live.porch import SPARE, Porch
from tests.live.test_handshake import Knocking
from tests.live.watching import Pond, gateway

PROXY = "10.0.0.99"


def porch(**limits: Any) -> Porch:
    return Porch(SocketLimits(**limits), lambda peer: peer == PROXY)


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url, gateway_sockets_per_address=10) as pond:
        yield pond


def test_an_address_has_no_more_there_than_it_may_have_sockets():
    there = porch(per_address_max=2)
    first, second, third = Knocking("10.0.0.1"), Knocking("10.0.0.1"), Knocking("10.0.0.1")
    assert there.come(first, inside=0)
    assert there.come(second, inside=0)
    assert not there.come(third, inside=0)
    assert there.come(Knocking("10.0.0.2"), inside=0)
    there.go(third)
    there.go(first)
    there.go(first)
    assert there.come(third, inside=0)
    assert not there.come(Knocking("10.0.0.1"), inside=0)


def test_a_proxy_stands_for_many_and_there_is_room_for_so_many_in_all():
    there = porch(per_address_max=1, sockets_max=3)
    assert all(there.come(Knocking(PROXY), inside=3) for _ in range(SPARE))
    assert not there.come(Knocking(PROXY), inside=3)
    assert not there.come(Knocking("10.0.0.1"), inside=3)
    assert there.come(Knocking("10.0.0.1"), inside=2)


async def test_connections_that_say_nothing_are_cut_off_beyond_the_limit_and_viewers_come_in_after(pond):
    opened = [await asyncio.open_connection("127.0.0.1", pond.port) for _ in range(15)]
    cut = [asyncio.create_task(reader.read()) for reader, _ in opened]
    done, waiting = await asyncio.wait(cut, timeout=2)
    assert len(done) == 5
    assert len(waiting) == 10
    await asyncio.gather(*done, return_exceptions=True)
    for _, writer in opened:
        writer.close()
    await asyncio.wait(cut, timeout=5)
    async with pond.viewer() as viewer:
        await viewer.join(await pond.make_room())
