"""The mapped columns of referrals agree with the migrated database."""

from types import ModuleType

import pytest

from referrals import tables, tables_posters
from tests.mapped import check_mapped


@pytest.mark.parametrize("mapped", [tables, tables_posters])
async def test_mapped_columns_and_keys_are_those_of_the_database(database_url: str, mapped: ModuleType) -> None:
    await check_mapped(database_url, mapped)
