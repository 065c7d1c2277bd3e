"""The mapped classes are the migrated tables, column for column."""

from sqlalchemy import Connection, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn

from keel.database import Table, create_engine
from orders import tables

CLASSES = [known for known in vars(tables).values() if isinstance(known, type) and issubclass(known, Table)]
OURS = {known.__tablename__ for known in CLASSES if known is not Table}


def columns(connection: Connection, name: str) -> list[ReflectedColumn]:
    return inspect(connection).get_columns(name)


async def test_every_mapped_column_is_in_the_database_and_back(database_url):
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for name in sorted(OURS):
            found = await connection.run_sync(columns, name)
            mapped = {column.name: column.nullable for column in Table.metadata.tables[name].columns}
            assert {column["name"]: column["nullable"] for column in found} == mapped, name
    await engine.dispose()
    assert len(OURS) == 7


async def test_an_error_that_is_logged_does_not_say_with_which_values(database_url):
    engine = create_engine(database_url)
    assert engine.sync_engine.hide_parameters, "they hold names and addresses"
    await engine.dispose()
