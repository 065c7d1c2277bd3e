"""The mapped columns agree with the migrated database."""

from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql

import inventory.tables
import keel.tables
from keel.database import Table, create_engine

DIALECT = postgresql.dialect()
MAPPED = [
    mapper.class_
    for mapper in Table.registry.mappers
    if mapper.class_.__module__ in {inventory.tables.__name__, keel.tables.__name__}
]


def columns_there(connection: Connection, table: str) -> dict[str, tuple[str, bool]]:
    return {c["name"]: (c["type"].compile(DIALECT), c["nullable"]) for c in inspect(connection).get_columns(table)}


def key_there(connection: Connection, table: str) -> list[str]:
    return list(inspect(connection).get_pk_constraint(table)["constrained_columns"])


def columns_mapped(mapped: Any) -> dict[str, tuple[str, bool]]:
    return {c.name: (c.type.compile(DIALECT), bool(c.nullable)) for c in mapped.__table__.columns}


async def test_mapped_columns_are_those_of_the_database(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in MAPPED:
            there = await connection.run_sync(columns_there, mapped.__tablename__)
            assert columns_mapped(mapped) == there, mapped.__tablename__
    await engine.dispose()


async def test_mapped_keys_are_those_of_the_database(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in MAPPED:
            name = mapped.__tablename__
            there = await connection.run_sync(key_there, name)
            assert {c.name for c in mapped.__table__.primary_key} == set(there), name
    await engine.dispose()
