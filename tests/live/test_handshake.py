"""Who may open a socket at all; over the wire in test_bad_input.py."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from keel.errors import Unavailable
from live.connection import ViewerConnection
from live.handshake import PATH, Handshake, SocketLimits


class Knocking(ViewerConnection):
    """A connection of which only the address is known."""

    def __init__(self, host: str) -> None:
        self.transport: Any = SimpleNamespace(get_extra_info=lambda _: (host, 1))


async def ready() -> dict[str, Any]:
    raise Unavailable(detail="the feed")


def handshake(**limits: Any) -> Handshake:
    return Handshake(
        origins=["https://shop.example"],
        limits=SocketLimits(**limits),
        address_of=lambda peer, forwarded: forwarded[0] if forwarded else peer,
        is_proxy=lambda peer: peer == "10.0.0.99",
        ready=ready,
    )


async def status(door: Handshake, connection: Knocking, path: str = PATH, **headers: str) -> int:
    response = door.look(connection, Request(path, Headers({k.replace("_", "-"): v for k, v in headers.items()})))
    if inspect.isawaitable(response):
        response = await response
    return 101 if response is None else response.status_code


async def test_an_address_that_lets_go_of_a_socket_may_open_another():
    door = handshake(per_address_max=1, sockets_max=2)
    first, second, third = Knocking("10.0.0.1"), Knocking("10.0.0.1"), Knocking("10.0.0.2")
    assert await status(door, first) == 101
    assert await status(door, second) == 429
    door.release(second)  # refused, so there is nothing to give back
    assert await status(door, third) == 101
    assert await status(door, Knocking("10.0.0.3")) == 429
    door.release(first)
    door.release(first)
    assert await status(door, second) == 101
    assert door.open == 2


async def test_the_sockets_of_an_address_share_one_bucket_of_messages():
    door = handshake()
    first, second, elsewhere = Knocking("10.0.0.1"), Knocking("10.0.0.1"), Knocking("10.0.0.2")
    for connection in (first, second, elsewhere):
        assert await status(door, connection) == 101
    assert first.address_messages is second.address_messages
    assert first.address_messages is not elsewhere.address_messages
    door.release(first)
    assert await status(door, first) == 101
    assert first.address_messages is second.address_messages, "as long as one of them is there"


async def test_a_household_is_one_address_and_a_proxys_word_counts():
    door = handshake(per_address_max=1)
    assert await status(door, Knocking("2001:db8::1")) == 101
    assert await status(door, Knocking("2001:db8::2")) == 429
    assert await status(door, Knocking("10.0.0.1"), X_Forwarded_For="10.9.9.9") == 101
    assert await status(door, Knocking("10.0.0.2"), X_Forwarded_For="10.9.9.9") == 429


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://shop.example", 101),
        ("https://gateway.example:8001", 101),
        ("https://servicewechat.com", 101),
        ("https://shop.example.evil.example", 403),
        ("http://shop.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_pages_are_held_to_the_list_and_the_own_host(origin, expected):
    assert await status(handshake(), Knocking("10.0.0.1"), Origin=origin, Host="gateway.example:8001") == expected


async def test_a_page_without_an_origin_is_not_of_a_host_without_a_name():
    assert await status(handshake(), Knocking("10.0.0.1"), Origin="null", Host="") == 403


async def test_what_is_not_ready_says_so_and_takes_sockets_all_the_same():
    door = handshake()
    assert await status(door, Knocking("10.0.0.1"), "/readyz") == 503
    assert await status(door, Knocking("10.0.0.1"), "/healthz") == 200
    assert await status(door, Knocking("10.0.0.1"), "/metrics") == 404
    assert await status(door, Knocking("10.0.0.1"), f"{PATH}?from=here") == 101
