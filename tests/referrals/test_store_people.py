"""Who is one person: guests and visitors are found from either end, by what was known at the time."""

from accounts.tokens import Claims
from referrals.store_people import people_of
from referrals.store_touches import of_people
from tests.referrals.groves import Grove, another_merchant


async def visitor_of(grove: Grove) -> str:
    """Somebody without a row of ours, who came through a link."""
    share = await grove.share(await grove.person(), await grove.target("room"))
    visitor = Claims(grove.shop.ids.new(), grove.merchant_id, exp=2**40)
    await grove.visit(visitor, share)
    return visitor.sub


async def test_all_ids_of_a_person_are_found_from_any_of_them(grove: Grove):
    guest, lan, somebody = [await grove.person() for _ in range(3)]
    await grove.signs_in(guest, lan)
    visitor = await visitor_of(grove)
    grove.touches.signed_in(lan.mid, visitor, guest.sub)
    await grove.stored()
    everybody = {guest.sub, lan.sub, visitor}
    now = grove.shop.clock.now()
    for each in everybody:
        assert await people_of(grove.shop.pool, lan.mid, [each], until=now) == everybody
    assert await people_of(grove.shop.pool, lan.mid, [somebody.sub], until=now) == {somebody.sub}
    assert await people_of(grove.shop.pool, await another_merchant(grove), [lan.sub], until=now) == {lan.sub}


async def test_a_visitor_belongs_to_whom_he_signed_in_as_first(grove: Grove):
    lan, mei = await grove.person(), await grove.person()
    visitor = await visitor_of(grove)
    for who in (lan, mei):
        grove.touches.signed_in(who.mid, visitor, who.sub)
        await grove.stored()
    assert await people_of(grove.shop.pool, lan.mid, [visitor], until=grove.shop.clock.now()) == {visitor, lan.sub}


async def test_what_was_learned_later_was_not_known_before(grove: Grove):
    room = await grove.target("room")
    hua, guest, lan = [await grove.person() for _ in range(3)]
    share = await grove.share(hua, room)
    await grove.visit(guest, share)
    before = grove.shop.clock.now()
    grove.shop.clock.advance(s=5)
    await grove.signs_in(guest, lan)
    pool, after = grove.shop.pool, grove.shop.clock.now()
    assert await of_people(pool, lan.mid, [lan.sub], before) == []
    assert [touch.visitor_id for touch in await of_people(pool, lan.mid, [lan.sub], after)] == [guest.sub]


async def test_a_sign_in_that_is_stored_before_its_visit_is_remembered(grove: Grove):
    """The visit may wait for a second try, or come from another process."""
    lan, visitor = await grove.person(), grove.shop.ids.new()
    grove.touches.signed_in(lan.mid, visitor, lan.sub)
    await grove.stored()
    assert await people_of(grove.shop.pool, lan.mid, [lan.sub], until=grove.shop.clock.now()) == {visitor, lan.sub}
