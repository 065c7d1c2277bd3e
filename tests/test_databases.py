"""What tests are given: a database that another test had is as a new one."""

import asyncpg
import pytest

from tests.databases import Databases, fetched

WRITE = "INSERT INTO tree_due (kind, merchant_id) VALUES ('share', gen_random_uuid()) RETURNING no"


async def test_a_database_that_is_given_back_is_as_new(databases: Databases, database_template: str):
    name = databases.create(database_template)
    left_open = await asyncpg.connect(databases.url_of(name))
    assert await left_open.fetchval(WRITE) == 1
    await left_open.execute("UPDATE order_moves_seen SET until = now()")
    await left_open.execute("ANALYZE tree_due")
    again = databases.apart(databases.as_new, name, database_template)
    assert again == name
    with pytest.raises(asyncpg.PostgresError):
        await left_open.fetchval("SELECT 1")
    assert await fetched(databases.url_of(again), WRITE) == 1
    assert await fetched(databases.url_of(again), "SELECT count(*) FROM tree_due") == 1
    assert await fetched(databases.url_of(again), "SELECT until = 'epoch' FROM order_moves_seen")
    assert await fetched(databases.url_of(again), "SELECT count(*) FROM pg_stats WHERE tablename = 'tree_due'") == 0
    databases.drop(name)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE one_more (id integer)",
        "ALTER TABLE tree_due DROP COLUMN who",
        "ALTER TABLE tree_due ADD CHECK (kind <> 'order')",
        "ALTER TABLE share DISABLE TRIGGER share_stays",
        "CREATE OR REPLACE FUNCTION written_once() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP INDEX credit_of_sharer",
        "ALTER INDEX credit_of_sharer RENAME TO credit_of_whom",
        "ALTER TABLE credit ENABLE ROW LEVEL SECURITY",
        "ALTER SEQUENCE tree_due_no_seq INCREMENT 2",
        "CREATE SCHEMA another",
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 1024', current_database()); END$$",
        "INSERT INTO tree_due (kind, merchant_id) SELECT 'share', gen_random_uuid() FROM generate_series(1, 100000)",
    ],
)
async def test_one_with_more_than_rows_to_take_back_is_replaced(
    databases: Databases, database_template: str, change: str
):
    name = databases.create(database_template)
    await fetched(databases.url_of(name), change)
    another = databases.apart(databases.as_new, name, database_template)
    assert another != name
    assert await fetched(databases.url_of(another), "SELECT count(*) FROM tree_due") == 0
    databases.drop(another)
