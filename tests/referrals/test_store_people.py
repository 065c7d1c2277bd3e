"""Who is one person: guests and visitors are found from either end, by what was known at the time."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DataObject, data, integers, lists, permutations, tuples

from accounts.tokens import Claims
from keel.clock import to_ms
from referrals.store_people import people_of
from referrals.store_touches import SignIn, of_people, store
from tests.referrals.groves import Grove, another_merchant, open_grove


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


async def test_a_visitor_without_visits_since_belongs_to_whom_he_signed_in_as_first(grove: Grove):
    lan, mei = await grove.person(), await grove.person()
    visitor = await visitor_of(grove)
    for who in (lan, mei):
        grove.touches.signed_in(who.mid, visitor, who.sub)
        await grove.stored()
    assert await people_of(grove.shop.pool, lan.mid, [visitor], until=grove.shop.clock.now()) == {visitor, lan.sub}


async def test_a_pass_that_was_used_by_two_people_since_it_had_an_owner_is_nobodys(grove: Grove):
    """A device is handed on: what the second one came through is not the first one's, nor the other way round."""
    hua, lan, mei = [await grove.person() for _ in range(3)]
    share, visitor = await grove.share(hua, await grove.target("room")), await visitor_of(grove)
    pool, clock = grove.shop.pool, grove.shop.clock
    await signs_in(grove, visitor, lan)
    await grove.visit(Claims(visitor, lan.mid, exp=2**40), share)
    before = clock.now()
    clock.advance(s=5)
    await signs_in(grove, visitor, mei)
    for who in (lan.sub, mei.sub, visitor):
        assert await people_of(pool, lan.mid, [who], until=clock.now()) == {who}
    assert await people_of(pool, lan.mid, [lan.sub], until=before) == {visitor, lan.sub}, "as it was known then"


async def test_a_guest_of_an_app_who_becomes_a_customer_is_no_second_person(grove: Grove):
    guest, lan = await grove.person(), await grove.person()
    share, visitor = await grove.share(await grove.person(), await grove.target("room")), await visitor_of(grove)
    await signs_in(grove, visitor, guest)
    await grove.visit(Claims(visitor, lan.mid, exp=2**40), share)
    await grove.signs_in(guest, lan)
    await signs_in(grove, visitor, lan)
    found = await people_of(grove.shop.pool, lan.mid, [lan.sub], until=grove.shop.clock.now())
    assert found == {visitor, guest.sub, lan.sub}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sign_ins=lists(tuples(integers(0, 2), integers(0, 9)), min_size=1, max_size=6), cut=integers(0, 6), data=data())
def test_whoever_signs_in_is_known_in_the_same_way_however_it_is_stored(
    database_url: str, redis_url: str, sign_ins: list[tuple[int, int]], cut: int, data: DataObject
):
    """By several processes, in batches, late, and twice."""
    shuffled = data.draw(permutations(sign_ins))
    asyncio.run(stored_somehow(database_url, redis_url, sign_ins, [shuffled[:cut], shuffled[cut:], shuffled]))


async def stored_somehow(
    database_url: str, redis_url: str, sign_ins: list[tuple[int, int]], batches: list[list[tuple[int, int]]]
) -> None:
    async with open_grove(database_url, redis_url) as grove:
        people = sorted([(await grove.person()).sub for _ in range(3)])
        visitor, writer, now = grove.shop.ids.new(), grove.shop.ids.new(), grove.shop.clock.now()
        for batch in batches:
            known = [SignIn(grove.merchant_id, visitor, people[who], to_ms(now) + s * 1_000) for who, s in batch]
            await store(grove.shop.pool, writer, [], known, until=now, now=now)
        columns = "customer_id::text AS customer, at, shared_at"
        (row,) = await grove.run(f"SELECT {columns} FROM touch_person WHERE visitor_id = $1", visitor)
        first_s, first = min((s, who) for who, s in sign_ins)
        shared_s = min((s for who, s in sign_ins if who != first), default=None)
        assert (row["at"] - now).total_seconds() == first_s
        assert people.index(row["customer"]) in {who for who, s in sign_ins if s == first_s}
        if sum(s == first_s for who, s in set(sign_ins)) == 1:
            assert people.index(row["customer"]) == first
            assert (row["shared_at"] and (row["shared_at"] - now).total_seconds()) == shared_s


async def signs_in(grove: Grove, visitor: str, who: Claims) -> None:
    """At the socket, with the pass of a visitor."""
    grove.touches.signed_in(who.mid, visitor, who.sub)
    await grove.stored()


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
