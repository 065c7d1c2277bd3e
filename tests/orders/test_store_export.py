"""Who works on which file: the oldest that nobody works on, and never two on one."""

from datetime import datetime, timedelta

from keel.database import transaction
from orders import store_export
from tests.inventory.selling import Shop, open_shop


async def add(shop: Shop, *, plain: bool = False) -> str:
    export_id = shop.ids.new()
    values = {"id": export_id, "merchant_id": shop.staff.merchant_id, "asked_by": "hua", "plain": plain, "filter": {}}
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


async def test_what_ended_lately_is_kept_and_plain_recipients_for_less_long(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        ids, now = [await add(shop, plain=plain) for plain in (False, True)], shop.clock.now()
        later = now + timedelta(seconds=1)
        async with transaction(shop.selling.sessions) as session:
            for _ in ids:
                export = await store_export.take(session, now, later)
                assert export is not None
                await store_export.write(session, export, state="done", ended_at=now)

            async def left(*, masked: datetime, plain: datetime) -> list[str]:
                await store_export.purge(session, ended_before=masked, plain_ended_before=plain)
                return [row.id for row in await store_export.recent(session, shop.staff.merchant_id, 10)]

            assert await left(masked=now, plain=now) == [ids[1], ids[0]]
            assert await left(masked=now, plain=later) == [ids[0]]
            assert await left(masked=later, plain=later) == []
