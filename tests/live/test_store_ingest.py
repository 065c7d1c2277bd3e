"""Whose a stream is, and the lock of a place."""

import asyncio

from live import store_ingest
from live.store_rooms import edge


async def test_a_stream_is_a_rooms_or_a_rehearsals_and_nothing_else_is_one(pond):
    room = await pond.room()
    real, rehearsal = await pond.session(room), await pond.session(room, rehearsal=True)
    async with edge(pond.rooms.sessions) as session:
        owner = (pond.by.merchant_id, room.id)
        assert await store_ingest.owner_of(session, room.id) == owner
        assert await store_ingest.owner_of(session, rehearsal.id) == owner
        assert await store_ingest.owner_of(session, real.id) is None, "its picture is its room's"
        assert await store_ingest.owner_of(session, pond.shop.ids.new()) is None


async def test_those_who_lock_a_place_first_make_it_once_and_then_wait(pond):
    room = await pond.room()
    inside = 0

    async def enter() -> None:
        nonlocal inside
        async with edge(pond.rooms.sessions) as session:
            row = await store_ingest.lock(session, merchant_id=pond.by.merchant_id, room_id=room.id, place=room.id)
            inside += 1
            assert (inside, row.key_no) == (1, 1)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(4)))
    assert len(await pond.run("SELECT 1 FROM ingest")) == 1
