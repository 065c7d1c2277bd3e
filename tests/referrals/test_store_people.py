"""Who is one person: guests and visitors are found from either end, by what was known at the time."""

from referrals.store_people import people_of
from referrals.store_touches import of_people
from tests.referrals.groves import Grove, another_merchant


async def test_all_ids_of_a_person_are_found_from_any_of_them(grove: Grove):
    guest, lan, somebody = [await grove.person() for _ in range(3)]
    await grove.signs_in(guest, lan)
    visitor = grove.shop.ids.new()
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
    visitor = grove.shop.ids.new()
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
