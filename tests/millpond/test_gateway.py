"""The process `millpond gateway`: listens, says how it is, and stops in order."""

import json
import signal
import time
from dataclasses import replace

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from keel.clock import FakeClock, FollowingClock
from live.close_codes import CloseCode
from live.handshake import PATH
from live.rooms import NewRoom, create_room
from live.studio import Studio
from tests.eventually import eventually, eventually_async
from tests.inventory.selling import open_shop
from tests.lateness import lateness
from tests.live.screens import Screen, screen_in
from tests.millpond.stacks import START_MAX_S, STOP_MAX_S, planned_stack


def test_it_serves_until_it_is_told_to_stop_and_sends_its_viewers_on(database_url, redis_url):
    stack = planned_stack(database_url, redis_url)
    stack.environment["MILLPOND_GATEWAY_PORT"] = str(stack.port)
    process = stack.start("gateway")
    url = f"http://127.0.0.1:{stack.port}"
    try:
        eventually(stack.answers, within_s=START_MAX_S)
        eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        with connect(url.replace("http", "ws") + PATH) as socket:
            socket.send('{"type":"hello"}')
            assert json.loads(socket.recv())["type"] == "welcome"
            process.send_signal(signal.SIGTERM)
            assert json.loads(socket.recv())["type"] == "bye"
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.DRAINING
        assert process.wait(STOP_MAX_S) == 0
    finally:
        process.kill()
        output, errors = process.communicate()
    assert "Traceback" not in output + errors


async def counted(screen: Screen, online: int) -> None:
    async def shown() -> bool:
        return bool(screen.state.get("counts", {}).get("online") == online)

    await eventually_async(shown)


@pytest.mark.long
async def test_the_viewers_of_one_that_is_killed_are_off_the_screens_of_another_within_five_seconds(
    database_url, redis_url
):
    stack = planned_stack(database_url, redis_url)
    ports = stack.port, stack.gateway_port
    own = [replace(stack, environment=stack.environment | {"MILLPOND_GATEWAY_PORT": str(port)}) for port in ports]
    killed, stays = processes = [one.start("gateway", heard=False) for one in own]
    try:
        eventually(lambda: stack.answers(*ports), within_s=START_MAX_S)
        ready = [f"http://127.0.0.1:{port}/readyz" for port in ports]
        eventually(lambda: {httpx.get(url).status_code for url in ready} == {200})
        async with open_shop(database_url, redis_url, FakeClock(FollowingClock().ms())) as shop:
            room = (await create_room(Studio(shop.selling), shop.staff, NewRoom("By the pond"))).id
        async with screen_in(ports[1], room) as here, screen_in(ports[0], room), lateness() as late:
            await counted(here, 2)
            killed.kill()
            began_s = time.monotonic()
            await counted(here, 1)
            assert time.monotonic() - began_s <= 5.0 + late.s
    finally:
        stays.terminate()
        for process in processes:
            process.wait(STOP_MAX_S)
