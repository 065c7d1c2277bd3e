"""The mapped classes are the migrated tables, column for column."""

from keel.database import create_engine
from orders import tables
from tests.mapped import check_mapped, mapped_in


async def test_every_mapped_column_is_in_the_database_and_back(database_url):
    await check_mapped(database_url, tables)
    assert len(mapped_in(tables)) == 7


async def test_an_error_that_is_logged_does_not_say_with_which_values(database_url):
    engine = create_engine(database_url)
    assert engine.sync_engine.hide_parameters, "they hold names and addresses"
    await engine.dispose()
