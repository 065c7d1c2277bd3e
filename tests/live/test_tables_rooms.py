"""The mapped columns of rooms agree with the migrated database."""

from keel.database import Table, create_engine
from live import tables_rooms
from tests.inventory.test_tables import columns_mapped, columns_there, key_there

MAPPED = [mapper.class_ for mapper in Table.registry.mappers if mapper.class_.__module__ == tables_rooms.__name__]


async def test_mapped_columns_and_keys_are_those_of_the_database(database_url):
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in MAPPED:
            name = mapped.__tablename__
            assert columns_mapped(mapped) == await connection.run_sync(columns_there, name), name
            there = await connection.run_sync(key_there, name)
            assert {column.name for column in mapped.__table__.primary_key} == set(there), name
    await engine.dispose()
