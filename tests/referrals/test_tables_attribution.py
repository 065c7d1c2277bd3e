"""The mapped columns of attribution agree with the migrated database."""

from referrals import tables_attribution
from tests.mapped import check_mapped


async def test_mapped_columns_and_keys_are_those_of_the_database(database_url: str) -> None:
    await check_mapped(database_url, tables_attribution)
