"""The mapped columns of accounts agree with the migrated database."""

import accounts.tables
from keel.database import Table, create_engine
from tests.inventory.test_tables import columns_mapped, columns_there, key_there

MAPPED = [m.class_ for m in Table.registry.mappers if m.class_.__module__ == accounts.tables.__name__]


async def test_mapped_columns_and_keys_are_those_of_the_database(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for mapped in MAPPED:
            name = mapped.__tablename__
            assert columns_mapped(mapped) == await connection.run_sync(columns_there, name), name
            key = {column.name for column in mapped.__table__.primary_key}
            assert key == set(await connection.run_sync(key_there, name)), name
    await engine.dispose()
