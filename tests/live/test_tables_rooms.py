"""The mapped columns of rooms agree with the migrated database."""

from live import tables_rooms
from tests.mapped import check_mapped


async def test_mapped_columns_and_keys_are_those_of_the_database(database_url):
    await check_mapped(database_url, tables_rooms)
