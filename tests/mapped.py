"""Mapped classes against the migrated database: every column with its type, whether it may be null, and the key."""

from types import ModuleType
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql

from keel.database import Table, create_engine

DIALECT = postgresql.dialect()


def mapped_in(module: ModuleType) -> list[Any]:
    """The mapped classes of a `tables` module."""
    return [mapper.class_ for mapper in Table.registry.mappers if mapper.class_.__module__ == module.__name__]


async def check_mapped(database_url: str, module: ModuleType) -> None:
    """Every mapped class of a module is its table, column for column."""
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in mapped_in(module):
            name = mapped.__tablename__
            assert _columns_mapped(mapped) == await connection.run_sync(_columns_there, name), name
            key = {column.name for column in mapped.__table__.primary_key}
            assert key == set(await connection.run_sync(_key_there, name)), name
    await engine.dispose()


def _columns_there(connection: Connection, table: str) -> dict[str, tuple[str, bool]]:
    return {c["name"]: (c["type"].compile(DIALECT), c["nullable"]) for c in inspect(connection).get_columns(table)}


def _key_there(connection: Connection, table: str) -> list[str]:
    return list(inspect(connection).get_pk_constraint(table)["constrained_columns"])


def _columns_mapped(mapped: Any) -> dict[str, tuple[str, bool]]:
    return {c.name: (c.type.compile(DIALECT), bool(c.nullable)) for c in mapped.__table__.columns}
