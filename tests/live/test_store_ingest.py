"""Whose a stream is, and the lock of a place."""

import asyncio

from live import store_ingest
from live.store_rooms import edge


async def test_a_stream_is_a_rooms_or_a_rehearsals_and_nothing_else_is_one(stage):
    room = await stage.room()
    real, rehearsal = await stage.session(room), await stage.session(room, rehearsal=True)
    async with edge(stage.rooms.sessions) as session:
        owner = (stage.by.merchant_id, room.id)
        assert await store_ingest.owner_of(session, room.id) == owner
        assert await store_ingest.owner_of(session, rehearsal.id) == owner
        assert await store_ingest.owner_of(session, real.id) is None, "its picture is its room's"
        assert await store_ingest.owner_of(session, stage.shop.ids.new()) is None


async def test_those_who_lock_a_place_first_make_it_once_and_then_wait(stage):
    room = await stage.room()
    inside = 0

    async def enter() -> None:
        nonlocal inside
        async with edge(stage.rooms.sessions) as session:
            row = await store_ingest.lock(session, merchant_id=stage.by.merchant_id, room_id=room.id, place=room.id)
            inside += 1
            assert (inside, row.key_no) == (1, 1)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(4)))
    assert len(await stage.run("SELECT 1 FROM ingest")) == 1
