"""The mapped columns agree with the migrated database."""

from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql

import inventory.tables
import keel.tables
from keel.database import Table, create_engine

MAPPED = [
    mapper.class_
    for mapper in Table.registry.mappers
    if mapper.class_.__module__ in {inventory.tables.__name__, keel.tables.__name__}
]


def columns_there(connection: Connection, table: str) -> dict[str, tuple[str, bool]]:
    return {c["name"]: (str(c["type"]), c["nullable"]) for c in inspect(connection).get_columns(table)}


def columns_mapped(mapped: Any) -> dict[str, tuple[str, bool]]:
    dialect = postgresql.dialect()
    return {c.name: (c.type.compile(dialect), bool(c.nullable)) for c in mapped.__table__.columns}


async def test_mapped_columns_are_those_of_the_database(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in MAPPED:
            there = await connection.run_sync(columns_there, mapped.__tablename__)
            plain = {name: (kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMP"), null) for name, (kind, null) in there.items()}
            wanted = {
                name: (kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMP"), null)
                for name, (kind, null) in columns_mapped(mapped).items()
            }
            assert wanted == plain, mapped.__tablename__
    await engine.dispose()


async def test_mapped_keys_are_those_of_the_database(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in MAPPED:
            name = mapped.__tablename__
            there = await connection.run_sync(lambda c, name=name: inspect(c).get_pk_constraint(name))
            assert {c.name for c in mapped.__table__.primary_key} == set(there["constrained_columns"]), name
    await engine.dispose()
