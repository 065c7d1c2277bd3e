"""WeChat's codes, asked for as its documents say, of a server that answers as they say."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from keel.logs import TALKATIVE
from referrals.mini_codes import CodeRefused, MiniApp, PlatformSilent
from referrals.wechat_codes import RATE_WAIT_S, WechatCodes
from tests.referrals.posters import APP_ID, APP_SECRET, Wechat, picture, platform

APP = MiniApp("a merchant", APP_ID, "pages/{kind}/index")
PAGE = "pages/room/index"
CODE = "AbCdEfGhJ"


@pytest.fixture
async def wechat() -> AsyncIterator[Wechat]:
    async with platform() as wechat:
        yield wechat


def codes_of(wechat: Wechat, **options: object) -> WechatCodes:
    return WechatCodes({APP_ID: SecretStr(APP_SECRET)}, home=f"http://{wechat.origin}", **options)  # type: ignore[arg-type]


async def test_a_code_is_asked_for_with_a_token_that_is_asked_for_once(wechat: Wechat):
    codes = codes_of(wechat)
    for _ in range(2):
        assert await codes.make(APP, PAGE, CODE) == picture(size=(430, 430))
    assert wechat.wishes[0] == {
        "scene": CODE,
        "page": PAGE,
        "check_path": True,
        "env_version": "release",
        "width": 430,
    }
    assert (wechat.asked["/cgi-bin/stable_token"], wechat.asked["/wxa/getwxacodeunlimit"]) == (1, 2)


async def test_a_version_on_trial_opens_pages_that_are_not_published(wechat: Wechat):
    await codes_of(wechat).make(MiniApp("a merchant", APP_ID, PAGE, "trial"), PAGE, CODE)
    assert (wechat.wishes[0]["env_version"], wechat.wishes[0]["check_path"]) == ("trial", False)


async def test_a_token_that_ended_is_renewed_once(wechat: Wechat):
    codes = codes_of(wechat)
    await codes.make(APP, PAGE, CODE)
    wechat.token += 1
    assert await codes.make(APP, PAGE, CODE)
    assert wechat.asked["/cgi-bin/stable_token"] == 2


@pytest.mark.parametrize("errcode", [40001, 42001, 40014])
async def test_a_token_that_is_never_accepted_is_not_asked_for_for_ever(wechat: Wechat, errcode: int):
    wechat.errors = [errcode] * 5
    with pytest.raises(CodeRefused, match="app"):
        await codes_of(wechat).make(APP, PAGE, CODE)
    assert wechat.asked["/wxa/getwxacodeunlimit"] == 2


async def test_a_token_is_not_used_to_its_last_moment(wechat: Wechat):
    now = 0.0
    codes = codes_of(wechat, clock_s=lambda: now)
    await codes.make(APP, PAGE, CODE)
    now = 7_150.0
    await codes.make(APP, PAGE, CODE)
    assert wechat.asked["/cgi-bin/stable_token"] == 2


@pytest.mark.parametrize(("errcode", "reason"), [(41030, "page"), (40097, "other"), (40164, "app")])
async def test_what_the_platform_refuses_has_a_reason(wechat: Wechat, errcode: int, reason: str):
    wechat.errors = [errcode]
    with pytest.raises(CodeRefused, match=reason):
        await codes_of(wechat).make(APP, PAGE, CODE)


async def test_a_rate_that_is_used_up_is_waited_for_without_asking(wechat: Wechat):
    now = 0.0
    codes = codes_of(wechat, clock_s=lambda: now)
    wechat.errors = [45009]
    for _ in range(3):
        with pytest.raises(PlatformSilent) as silent:
            await codes.make(APP, PAGE, CODE)
        assert silent.value.retry_after_s == RATE_WAIT_S
    assert wechat.asked["/wxa/getwxacodeunlimit"] == 1
    now = RATE_WAIT_S
    assert await codes.make(APP, PAGE, CODE)


async def test_a_platform_that_is_busy_or_talks_nonsense_is_silent(wechat: Wechat):
    codes = codes_of(wechat)
    wechat.errors = [-1]
    with pytest.raises(PlatformSilent):
        await codes.make(APP, PAGE, CODE)
    for raw in (b'{"errcode": "?"}', b"{", bytes(600_000)):
        wechat.raw = raw
        with pytest.raises(PlatformSilent):
            await codes.make(APP, PAGE, CODE)


async def test_nobody_who_listens_is_silence():
    codes = WechatCodes({APP_ID: SecretStr(APP_SECRET)}, home="http://127.0.0.1:9")
    with pytest.raises(PlatformSilent):
        await codes.make(APP, PAGE, CODE)


async def test_a_secret_that_is_wrong_or_missing_is_the_app_s_fault(wechat: Wechat):
    for secrets in ({APP_ID: SecretStr("another one")}, {}):
        with pytest.raises(CodeRefused, match="app"):
            await WechatCodes(secrets, home=f"http://{wechat.origin}").make(APP, PAGE, CODE)


async def test_no_secret_and_no_token_is_ever_told(wechat: Wechat, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    for name in TALKATIVE:
        caplog.set_level(logging.WARNING, logger=name)  # as the processes set it up
    codes, told = codes_of(wechat), []
    for errors, raw in (([41030], None), ([45009], None), ([], b"{"), ([40001] * 3, None)):
        wechat.errors, wechat.raw = errors, raw
        try:
            await codes_of(wechat).make(APP, PAGE, CODE)
        except (CodeRefused, PlatformSilent) as error:
            told += [repr(error), repr(error.__cause__), repr(vars(error))]
    await asyncio.gather(codes.make(APP, PAGE, CODE), return_exceptions=True)
    for text in (*told, caplog.text, repr(vars(codes))):
        assert APP_SECRET not in text
    for text in (*told, caplog.text):
        assert "token-" not in text
