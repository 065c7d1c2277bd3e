"""A line that goes dead without a word: the gateway gives it up by its own pings, and counts its viewer no more."""

import time

import pytest

from tests.eventually import eventually_async
from tests.lateness import lateness
from tests.live.screens import Screen, screen_in
from tests.live.tunnels import tunnel_to
from tests.live.watching import gateway

GIVEN_UP_S = 30.0  # after 20 at least, says docs/counts.md
LOOKS_S = 1.0  # thirty looks, each a second after the last one is done
WAIT_MAX_S = 120.0


async def counted(screen: Screen, online: int) -> None:
    async def shown() -> bool:
        return bool(screen.state.get("counts", {}).get("online") == online)

    await eventually_async(shown)


@pytest.mark.long
async def test_a_viewer_whose_line_swallows_everything_is_given_up_in_half_a_minute(database_url: str, redis_url: str):
    async with gateway(database_url, redis_url) as pond, tunnel_to(pond.port) as tunnel, lateness() as late:
        room = await pond.make_room()
        async with screen_in(pond.port, room) as stays, screen_in(tunnel.port, room) as lost:
            await counted(stays, 2)
            tunnel.is_dead, began_s = True, time.monotonic()
            await lost.socket.send('{"type":"like"}')

            async def let_go() -> bool:
                return tunnel.let_go.is_set()

            await eventually_async(let_go, within_s=WAIT_MAX_S)
            assert time.monotonic() - began_s <= GIVEN_UP_S + LOOKS_S + late.s
            await counted(stays, 1)
            assert min(tunnel.swallowed) > 0, "he spoke, and so did the gateway"
            assert (lost.is_open, stays.is_open) == (True, True), "whoever is cut off does not know"
            seq = await pond.publish(room)
            await eventually_async(lambda: told(stays, seq))
            lost.socket.transport.abort()


async def told(screen: Screen, seq: int) -> bool:
    return screen.seq >= seq
