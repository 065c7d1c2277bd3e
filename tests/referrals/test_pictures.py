"""Pictures fetched: from hosts that really listen, once for a crowd, and never from inside by whatever trick."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from keel.errors import Unavailable
from referrals import pictures as fetching
from referrals.drawing_room import DrawingRoom
from referrals.errors import BadPicture
from referrals.picture_reading import picture_of
from referrals.pictures import BYTES_MAX, FETCHES_MAX, KEPT_MAX, KEPT_S, REFUSED_S, Pictures, addresses_of
from tests.eventually import eventually_async
from tests.referrals.posters import Answer, Host, gallery, picture


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with gallery() as host:
        yield host


@asynccontextmanager
async def pictures_of(*hosts: str, **options: Any) -> AsyncIterator[Pictures]:
    room = DrawingRoom()
    try:
        yield Pictures(room, hosts, **options)
    finally:
        await room.close()


async def refusal(pictures: Pictures, url: str) -> str:
    with pytest.raises(BadPicture) as refused:
        await pictures.get(url)
    return refused.value.reason


async def test_a_crowd_that_wants_one_picture_has_it_fetched_once(host: Host):
    host.shows["/brush.png"] = picture("PNG")
    async with pictures_of(host.origin) as pictures:
        got = await asyncio.gather(*(pictures.get(host.url("/brush.png")) for _ in range(20)))
    assert {picture_of(each).size for each in got} == {(300, 200)}
    assert host.asked["/brush.png"] == 1
    assert f"host: {host.origin}\r\n" in host.heads[0].lower()


async def test_a_picture_is_fetched_again_after_a_while_and_a_refusal_sooner(host: Host):
    now = 0.0
    host.shows["/a"] = picture()
    async with pictures_of(host.origin, clock_s=lambda: now) as pictures:
        await pictures.get(host.url("/a"))
        assert await refusal(pictures, host.url("/b")) == "answer"
        now = REFUSED_S - 1
        assert await refusal(pictures, host.url("/b")) == "answer"
        assert (host.asked["/a"], host.asked["/b"]) == (1, 1)
        now = KEPT_S + 1
        host.shows["/b"] = picture()
        await pictures.get(host.url("/a"))
        await pictures.get(host.url("/b"))
    assert (host.asked["/a"], host.asked["/b"]) == (2, 2)


async def test_only_so_many_pictures_are_kept(host: Host):
    small = picture(size=(16, 16))
    async with pictures_of(host.origin) as pictures:
        for number in range(KEPT_MAX + 1):
            host.shows[f"/{number}"] = small
            await pictures.get(host.url(f"/{number}"))
        await pictures.get(host.url(f"/{KEPT_MAX}"))
        await pictures.get(host.url("/0"))
    assert (host.asked["/0"], host.asked[f"/{KEPT_MAX}"]) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status="302 Found", headers={"location": "/good"}), "answer"),
        (Answer(picture(), status="206 Partial Content"), "answer"),
        (Answer(status="500 Oh"), "answer"),
        (Answer(picture(), headers={"content-encoding": "gzip"}), "answer"),
        (Answer(b"<html>not found</html>", headers={"content-type": "image/jpeg"}), "not_a_picture"),
        (Answer(picture("GIF"), headers={"content-type": "image/jpeg"}), "not_a_picture"),
        (Answer(length=BYTES_MAX + 1), "too_large"),
        (Answer(bytes(BYTES_MAX + 70_000), length=-1), "too_large"),
        (Answer(picture(), length=len(picture()) + 9), "unreachable"),
        (Answer(status="nonsense"), "unreachable"),
    ],
)
async def test_what_a_host_should_not_answer_is_refused(host: Host, answer: Answer, reason: str):
    host.shows["/bad"], host.shows["/good"] = answer, picture()
    async with pictures_of(host.origin) as pictures:
        assert await refusal(pictures, host.url("/bad")) == reason
    assert not host.asked["/good"], "a redirect is not followed"


async def test_a_host_that_takes_too_long_is_not_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "FETCH_MAX_S", 0.1)
    never = asyncio.Event()
    host.shows["/slow"] = Answer(picture(), after=never)
    async with pictures_of(host.origin) as pictures:
        assert await refusal(pictures, host.url("/slow")) == "unreachable"
    never.set()


async def test_more_than_so_many_are_not_fetched_at_once(host: Host):
    gate = asyncio.Event()
    for number in range(FETCHES_MAX):
        host.shows[f"/{number}"] = Answer(picture(), after=gate)
    async with pictures_of(host.origin) as pictures:
        slow = [asyncio.create_task(pictures.get(host.url(f"/{number}"))) for number in range(FETCHES_MAX)]

        async def all_asked() -> bool:
            return host.asked.total() == FETCHES_MAX

        await eventually_async(all_asked)
        with pytest.raises(Unavailable):
            await pictures.get(host.url("/more"))
        gate.set()
        await asyncio.gather(*slow)


async def test_a_name_that_leads_inside_is_refused_before_anybody_connects(host: Host):
    async def inside(name: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    async with pictures_of(resolve=inside) as pictures:
        assert await refusal(pictures, "https://cdn.example/brush.png") == "address"
        assert await refusal(pictures, host.url("/brush.png")) == "address"
        assert await refusal(pictures, "https://localhost/brush.png") == "address"
    assert not host.asked


async def test_the_connection_goes_to_the_address_that_was_checked_and_asks_no_second_time(host: Host):
    asked = []

    async def rebinding(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    host.shows["/brush.png"] = picture()
    async with pictures_of(f"cdn.example:{host.port}", resolve=rebinding) as pictures:
        await pictures.get(f"http://cdn.example:{host.port}/brush.png")
    assert asked == ["cdn.example"]
    assert f"host: cdn.example:{host.port}\r\n" in host.heads[0].lower()


async def test_names_are_looked_up_by_the_system():
    room = DrawingRoom()
    assert await addresses_of(room.lookups, "127.0.0.1", 443) == ["127.0.0.1"]
    await room.close()
    async with pictures_of() as pictures:
        for name in ("localhost", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"):
            assert await refusal(pictures, f"https://{name}/a") in {"address", "unreachable"}
