"""The mapped columns agree with the migrated database."""

import pytest

import inventory.tables
import keel.tables
from tests.mapped import check_mapped


@pytest.mark.parametrize("module", [inventory.tables, keel.tables])
async def test_mapped_columns_and_keys_are_those_of_the_database(database_url: str, module) -> None:
    await check_mapped(database_url, module)
