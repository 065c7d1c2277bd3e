"""What the stores of accounts promise by themselves."""

from accounts import store, store_customers
from accounts.customers import come_as_guest
from keel.database import transaction
from keel.identity import Role


async def test_only_owners_who_can_sign_in_count_and_only_this_merchants(shop):
    await shop.member()
    await shop.member("host@pond.cn", Role.HOST)
    await shop.member("theirs@pond.cn", by=shop.other)
    async with transaction(shop.people.sessions) as session:
        assert await store.owners(session, shop.by.merchant_id) == 1
        found = await store.staff_by_email(session, "theirs@pond.cn", shop.by.merchant_id)
    assert found is None


async def test_a_guest_is_one_whom_nobody_signed_in_as(shop):
    guest = await come_as_guest(shop.people, shop.app_id)
    async with transaction(shop.people.sessions) as session:
        here, there = shop.by.merchant_id, shop.other.merchant_id
        assert await store_customers.is_guest(session, here, guest.subject_id)
        assert not await store_customers.is_guest(session, there, guest.subject_id)
        assert not await store_customers.is_guest(session, here, shop.people.ids.new())
        assert await store_customers.guests_of(session, here, guest.subject_id, 9) == ()
