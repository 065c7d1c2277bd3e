"""Guests become customers without losing what they did; one person is one customer; merchants do not share them."""

import asyncio
from dataclasses import replace

import pytest

from accounts import apps, customers
from accounts.errors import SignInRefused
from accounts.people import SignedIn
from accounts.providers import DEMO, Code, CodeRefused, Known, ProviderSilent
from accounts.tokens import WAS_MAX, Claims
from keel.errors import Conflict, NotFound, NotSignedIn, Unavailable
from tests.accounts.shops import PeopleShop


async def guest(shop: PeopleShop) -> SignedIn:
    return await customers.come_as_guest(shop.people, shop.app_id)


async def login(shop: PeopleShop, code: str, came_as: SignedIn | None = None, app_id: str = "") -> SignedIn:
    claims = shop.here.customer(came_as.access) if came_as else None
    return await customers.login(shop.people, app_id or shop.app_id, Code(code), claims)


def claims_of(shop: PeopleShop, signed_in: SignedIn) -> Claims:
    return shop.here.customer(signed_in.access)


async def test_a_guest_who_signs_in_for_the_first_time_stays_who_they_were(shop):
    came = await guest(shop)
    hua = await login(shop, "hua", came)
    assert hua.subject_id == came.subject_id
    assert claims_of(shop, hua).people == (came.subject_id,)
    assert (await login(shop, "hua")).subject_id == came.subject_id, "on another device as well"


async def test_a_guest_who_is_a_customer_already_brings_what_they_did(shop):
    hua, came = await login(shop, "hua"), await guest(shop)
    again = await login(shop, "hua", came)
    assert again.subject_id == hua.subject_id
    assert claims_of(shop, again).people == (hua.subject_id, came.subject_id)
    elsewhere = await customers.refresh(shop.people, hua.refresh)
    assert claims_of(shop, elsewhere).was == (came.subject_id,), "every device learns of it"
    with pytest.raises(SignInRefused):
        await customers.refresh(shop.people, came.refresh)


async def test_whoever_signed_in_is_not_made_somebody_else(shop):
    hua = await login(shop, "hua")
    mei = await login(shop, "mei", hua)
    assert mei.subject_id != hua.subject_id
    assert claims_of(shop, mei).was == ()
    assert claims_of(shop, await login(shop, "hua")).was == ()


async def test_a_guest_is_taken_over_once(shop):
    await login(shop, "hua")
    came = await guest(shop)
    claims = shop.here.customer(came.access)
    await customers.login(shop.people, shop.app_id, Code("hua"), claims)
    await login(shop, "mei")
    mei = await customers.login(shop.people, shop.app_id, Code("mei"), claims)  # its token is not denied here yet
    assert claims_of(shop, mei).was == ()


async def test_the_newest_guests_are_named_and_the_token_stays_small(shop):
    hua = await login(shop, "hua")
    came = [await guest(shop) for _ in range(WAS_MAX + 2)]
    for each in came:
        hua = await login(shop, "hua", each)
    assert claims_of(shop, hua).was == tuple(each.subject_id for each in came[: -WAS_MAX - 1 : -1])
    assert len(hua.access) < 1_024


async def test_a_union_id_finds_the_customer_in_another_app_of_the_same_provider(shop):
    other_app = await apps.add_app(shop.people, shop.by, provider=DEMO, app_id="h5")
    hua = await login(shop, "hua+all")
    assert (await login(shop, "hua-there+all", app_id=other_app.id)).subject_id == hua.subject_id
    assert (await login(shop, "hua", app_id=other_app.id)).subject_id != hua.subject_id, "a subject is of its app"
    theirs = await apps.add_app(shop.people, shop.other, provider=DEMO, app_id="pond")
    assert (await login(shop, "hua+all", app_id=theirs.id)).subject_id != hua.subject_id


async def test_a_union_id_that_is_sent_later_is_noted_and_merges_nobody(shop):
    other_app = await apps.add_app(shop.people, shop.by, provider=DEMO, app_id="h5")
    here, there = await login(shop, "hua"), await login(shop, "hua+all", app_id=other_app.id)
    assert (await login(shop, "hua+all")).subject_id == here.subject_id != there.subject_id
    assert len(await shop.rows("SELECT 1 FROM identity WHERE union_id = 'all'")) == 2


async def test_two_first_sign_ins_at_once_are_one_customer(shop):
    signed_in = await asyncio.gather(*(login(shop, "hua") for _ in range(5)))
    assert len({each.subject_id for each in signed_in}) == 1
    assert len(await shop.rows("SELECT id FROM customer")) == 1, "nothing is left of those who were slower"


async def test_one_guest_who_signs_in_twice_at_once_is_one_of_them(shop):
    came = await guest(shop)
    hua, mei = await asyncio.gather(login(shop, "hua", came), login(shop, "mei", came))
    assert hua.subject_id != mei.subject_id
    assert came.subject_id in {hua.subject_id, mei.subject_id}


async def test_a_blocked_customer_comes_in_by_no_door(shop):
    hua = await login(shop, "hua")
    await customers.block(shop.people, shop.by, hua.subject_id)
    for way in (lambda: login(shop, "hua"), lambda: customers.refresh(shop.people, hua.refresh)):
        with pytest.raises(SignInRefused):
            await way()
    await customers.unblock(shop.people, shop.by, hua.subject_id)
    assert (await login(shop, "hua")).access


async def test_nobody_slips_in_while_they_are_being_blocked(shop):
    hua = await login(shop, "hua")
    for _ in range(5):
        at_once = (customers.block(shop.people, shop.by, hua.subject_id), login(shop, "hua"), login(shop, "hua"))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert all(answer is None or isinstance(answer, SignedIn | SignInRefused) for answer in answers)
        assert await shop.rows("SELECT id FROM sign_in WHERE revoked_at IS NULL") == []
        await customers.unblock(shop.people, shop.by, hua.subject_id)


async def test_another_merchants_customer_is_not_there(shop):
    hua = await login(shop, "hua")
    for command in (customers.block, customers.unblock, customers.sign_out_everywhere):
        with pytest.raises(NotFound):
            await command(shop.people, shop.other, hua.subject_id)
    assert (await customers.refresh(shop.people, hua.refresh)).access
    theirs = await apps.add_app(shop.people, shop.other, provider=DEMO, app_id="pond")
    with pytest.raises(NotSignedIn):
        await login(shop, "hua", await guest(shop), app_id=theirs.id)
    with pytest.raises(NotFound):
        await apps.archive_app(shop.people, shop.other, shop.app_id)


async def test_signing_out_on_every_device(shop):
    here, there = await login(shop, "hua"), await login(shop, "hua")
    await customers.logout(shop.people, here.refresh, everywhere=False)
    assert (await customers.refresh(shop.people, there.refresh)).access
    third = await login(shop, "hua")
    await customers.sign_out_everywhere(shop.people, shop.by, third.subject_id)
    await shop.here.hear()
    for each in (here, there, third):
        with pytest.raises(NotSignedIn):
            shop.here.customer(each.access)
    assert claims_of(shop, await login(shop, "hua")).sub == here.subject_id


async def test_through_an_archived_app_nobody_comes_and_who_is_in_stays(shop):
    hua = await login(shop, "hua")
    await apps.archive_app(shop.people, shop.by, shop.app_id)
    for way in (lambda: login(shop, "hua"), lambda: guest(shop)):
        with pytest.raises(NotFound):
            await way()
    assert (await customers.refresh(shop.people, hua.refresh)).access
    with pytest.raises(Conflict):
        await apps.add_app(shop.people, shop.by, provider=DEMO, app_id="pond")
    with pytest.raises(Conflict):
        await apps.add_app(shop.people, shop.by, provider="wechat", app_id="wx1")


class Platform:
    """A provider as the platforms are: knows some codes, each once."""

    def __init__(self, **known: Known) -> None:
        self.codes, self.silent = dict(known), False

    async def exchange(self, app_id: str, code: Code) -> Known:
        if self.silent:
            raise ProviderSilent
        try:
            return self.codes.pop(code.text)
        except KeyError:
            raise CodeRefused from None


async def test_a_platform_that_refuses_or_is_silent_is_a_clear_no_and_nothing_is_stored(shop):
    platform = Platform(once=Known("openid-1", "unionid-1"))
    shop = replace(shop, people=replace(shop.people, providers={DEMO: platform}))
    hua = await login(shop, "once")
    with pytest.raises(SignInRefused):
        await login(shop, "once")
    platform.silent = True
    with pytest.raises(Unavailable):
        await login(shop, "twice")
    without = replace(shop, people=replace(shop.people, providers={}))
    with pytest.raises(Conflict):
        await login(without, "hua")
    assert [row["id"] for row in await shop.rows("SELECT id::text FROM customer")] == [hua.subject_id]


@pytest.mark.parametrize("code", ["", " ", "a b", "a" * 65, "a+b c", "+a", "池"])
async def test_the_demo_provider_takes_names_and_nothing_else(shop, code):
    with pytest.raises(SignInRefused):
        await login(shop, code)
