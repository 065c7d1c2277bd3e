"""What the tables of shelf and talk promise by themselves."""

import asyncio
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql

from keel.database import Table, create_engine
from live import store_talk, tables_shelf, tables_talk
from tests.live.studios import make_room, open_studio

DIALECT = postgresql.dialect()
MAPPED = [
    mapper.class_
    for mapper in Table.registry.mappers
    if mapper.class_.__module__ in {tables_shelf.__name__, tables_talk.__name__}
]


def columns_there(connection: Connection, table: str) -> dict[str, tuple[str, bool]]:
    return {c["name"]: (c["type"].compile(DIALECT), c["nullable"]) for c in inspect(connection).get_columns(table)}


def key_there(connection: Connection, table: str) -> list[str]:
    return list(inspect(connection).get_pk_constraint(table)["constrained_columns"])


def columns_mapped(mapped: Any) -> dict[str, tuple[str, bool]]:
    return {c.name: (c.type.compile(DIALECT), bool(c.nullable)) for c in mapped.__table__.columns}


async def test_mapped_columns_and_keys_are_those_of_the_database(database_url: str):
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in MAPPED:
            name = mapped.__tablename__
            assert columns_mapped(mapped) == await connection.run_sync(columns_there, name), name
            key = await connection.run_sync(key_there, name)
            assert {c.name for c in mapped.__table__.primary_key} == set(key), name
    await engine.dispose()
    assert len(MAPPED) == 9


async def test_every_change_of_a_rooms_talk_gives_it_another_version(database_url: str, redis_url: str):
    async with open_studio(database_url, redis_url) as place:
        room_id = await make_room(place.shop)

        async def bump(n: int) -> int:
            async with place.studio.command() as command:
                row = await store_talk.put_rules(command.session, place.merchant_id, room_id, {"slow_mode_s": n})
                return row.version

        versions = await asyncio.gather(*(bump(n) for n in range(6)))
        assert sorted(versions) == [1, 2, 3, 4, 5, 6]
