"""Who works on which file: the oldest that nobody works on, and never two on one."""

from datetime import timedelta

from keel.database import transaction
from orders import store_export
from tests.inventory.selling import Shop, open_shop


async def add(shop: Shop) -> str:
    export_id = shop.ids.new()
    values = {"id": export_id, "merchant_id": shop.staff.merchant_id, "asked_by": "hua", "plain": False, "filter": {}}
    async with transaction(shop.selling.sessions) as session:
        await store_export.add(session, **values, resume_below=export_id, created_at=shop.clock.now())
    return export_id


async def test_two_workers_at_once_take_two_files_and_a_third_none(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        sessions, now = shop.selling.sessions, shop.clock.now()
        until = now + timedelta(seconds=30)
        first, second = await add(shop), await add(shop)
        async with transaction(sessions) as one, transaction(sessions) as other, transaction(sessions) as third:
            taken = [await store_export.take(session, now, until) for session in (one, other, third)]
        assert [export and export.id for export in taken] == [first, second, None]
        async with transaction(sessions) as session:
            assert await store_export.take(session, now, until) is None
            again = await store_export.take(session, until, until + timedelta(seconds=30))
        assert again is not None
        assert (again.id, again.lease_no, again.tries) == (first, 2, 2)


async def test_what_ended_lately_is_kept(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        export_id, now = await add(shop), shop.clock.now()
        async with transaction(shop.selling.sessions) as session:
            export = await store_export.take(session, now, now)
            assert export is not None
            await store_export.write(session, export, state="done", ended_at=now)
            await store_export.purge(session, now)
            assert (await store_export.find(session, shop.staff.merchant_id, export_id)).state == "done"
            await store_export.purge(session, now + timedelta(seconds=1))
            assert await store_export.recent(session, shop.staff.merchant_id, 10) == []
