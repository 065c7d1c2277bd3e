"""Codes that platforms made: asked for once, whoever and however many want one, and kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from keel.errors import Unavailable
from referrals.code_shelf import LEASE, CodeShelf, Shelf
from referrals.drawing_room import DrawingRoom
from referrals.errors import CodeNotMade
from referrals.mini_codes import MiniApp
from referrals.store_shares import Share
from referrals.wechat_codes import WechatCodes
from tests.referrals.groves import Grove
from tests.referrals.posters import APP_ID, APP_SECRET, Wechat, picture, platform

CALL = "/wxa/getwxacodeunlimit"
KEPT = "SELECT share_id, app_id, leads_to, image FROM mini_code"


@pytest.fixture
async def wechat() -> AsyncIterator[Wechat]:
    async with platform() as wechat:
        yield wechat


@asynccontextmanager
async def processes(grove: Grove, wechat: Wechat, count: int = 1) -> AsyncIterator[list[CodeShelf]]:
    """As many processes that make codes, over one PostgreSQL."""
    room, apps = DrawingRoom(), [MiniApp(grove.merchant_id, APP_ID, "pages/{kind}/index")]
    codes = [WechatCodes({APP_ID: SecretStr(APP_SECRET)}, home=f"http://{wechat.origin}") for _ in range(count)]
    shop = grove.shop
    try:
        yield [CodeShelf(Shelf(shop.ledger, shop.ids, shop.clock, room, each, apps)) for each in codes]
    finally:
        await room.close()


async def share_of(grove: Grove) -> Share:
    return await grove.share(await grove.person(), await grove.target("room"))


async def got(shelf: CodeShelf, share: Share) -> bytes:
    return await shelf.get(shelf.app_of(share.merchant_id), share)


async def test_the_platform_is_asked_once_by_however_many_and_in_however_many_processes(grove: Grove, wechat: Wechat):
    share = await share_of(grove)
    async with processes(grove, wechat, 3) as shelves:
        codes = await asyncio.gather(*(got(shelf, share) for shelf in shelves for _ in range(5)))
        assert set(codes) == {picture(size=(430, 430))}
        assert wechat.asked[CALL] == 1
        assert await got(shelves[2], share) == codes[0]
    async with processes(grove, wechat) as (after_a_restart,):
        assert await got(after_a_restart, share) == codes[0]
    assert wechat.asked[CALL] == 1
    assert (wechat.wishes[0]["scene"], wechat.wishes[0]["page"]) == (share.code, "pages/room/index")


async def test_each_share_has_a_code_of_its_own_and_another_page_another_one(grove: Grove, wechat: Wechat):
    first, second = await share_of(grove), await share_of(grove)
    async with processes(grove, wechat) as (shelf,):
        await got(shelf, first)
        await got(shelf, second)
        grove.shop.clock.advance(s=LEASE.total_seconds() + 1)
        app = replace(shelf.app_of(first.merchant_id), page="pages/pond")
        await shelf.get(app, first)
        await shelf.get(app, first)
    assert [wish["page"] for wish in wechat.wishes] == ["pages/room/index", "pages/room/index", "pages/pond"]
    assert len({wish["scene"] for wish in wechat.wishes}) == 2
    assert {row["leads_to"] for row in await grove.run(KEPT)} == {"release pages/room/index", "release pages/pond"}


@pytest.mark.parametrize(("errcode", "reason"), [(41030, "page"), (40097, "other")])
async def test_a_refusal_is_told_and_nothing_is_kept(grove: Grove, wechat: Wechat, errcode: int, reason: str):
    share = await share_of(grove)
    wechat.errors = [errcode]
    async with processes(grove, wechat) as (shelf,):
        with pytest.raises(CodeNotMade) as refused:
            await got(shelf, share)
        assert refused.value.reason == reason
        assert [row["image"] for row in await grove.run(KEPT)] == [None]
        assert await got(shelf, share), "asked again, and at once"


@pytest.mark.parametrize("raw", [b"<html>busy</html>", b"", picture("GIF", size=(430, 430)), picture()[:90]])
async def test_what_is_no_image_is_never_kept(grove: Grove, wechat: Wechat, raw: bytes):
    share = await share_of(grove)
    wechat.raw = raw
    async with processes(grove, wechat) as (shelf,):
        with pytest.raises(CodeNotMade):
            await got(shelf, share)
        wechat.raw = None
        assert await got(shelf, share) == picture(size=(430, 430))


async def test_a_platform_that_is_silent_is_a_503_with_a_wait(grove: Grove, wechat: Wechat):
    share = await share_of(grove)
    wechat.errors = [45009]
    async with processes(grove, wechat) as (shelf,):
        with pytest.raises(Unavailable) as silent:
            await got(shelf, share)
    assert silent.value.headers()["Retry-After"] == "60"


async def test_a_process_that_died_asking_is_followed_by_another(grove: Grove, wechat: Wechat):
    share, shop = await share_of(grove), grove.shop
    died = """
        INSERT INTO mini_code (share_id, app_id, merchant_id, leads_to, holder, lease_until)
        VALUES ($1, $2, $3, 'release pages/room/index', $1, $4)
    """
    await grove.run(died, share.node.id, APP_ID, share.merchant_id, shop.clock.now() + LEASE)
    async with processes(grove, wechat) as (shelf,):
        waiting = asyncio.create_task(got(shelf, share))
        await asyncio.sleep(0)
        shop.clock.advance(s=LEASE.total_seconds())
        assert await waiting
    assert wechat.asked[CALL] == 1


async def test_a_merchant_without_an_app_has_no_codes(grove: Grove, wechat: Wechat):
    async with processes(grove, wechat) as (shelf,):
        with pytest.raises(CodeNotMade) as refused:
            shelf.app_of(grove.shop.ids.new())
    assert refused.value.reason == "no_app"
