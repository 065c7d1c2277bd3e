"""The mapped columns of attribution agree with the migrated database, which lets nobody change what was written."""

import asyncpg
import pytest

from referrals import tables_attribution
from tests.mapped import check_mapped
from tests.referrals.courts import Court


async def test_mapped_columns_and_keys_are_those_of_the_database(database_url: str) -> None:
    await check_mapped(database_url, tables_attribution)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit SET sharer_id = share_id",
        "DELETE FROM credit",
        "TRUNCATE credit",
        "UPDATE attribution SET outcome = 'held'",
        "UPDATE attribution SET placed_at = decided_at, ended = 'expired', ended_at = decided_at",
        "DELETE FROM attribution",
        "TRUNCATE attribution CASCADE",
        "INSERT INTO credit SELECT (jsonb_populate_record(c, jsonb_build_object('no', 2, 'share_id', root_id))).* "
        "FROM credit c",
        "INSERT INTO credit SELECT (jsonb_populate_record(c, jsonb_build_object("
        "'no', 2, 'share_id', c.root_id, 'chain', ARRAY[c.root_id], 'part', 1, 'amount', 0))).* FROM credit c",
        "UPDATE attribution_rule SET model = 'linear'",
        "DELETE FROM attribution_rule",
    ],
)
async def test_nothing_that_was_written_can_be_changed_even_by_sql(court: Court, statement: str):
    room = await court.grove.target("room")
    links = await court.grove.chain(room, 2)
    await court.rule()
    await court.order(await court.grove.person(), code=links[-1][1].code)
    await court.judge_all()
    before = await court.written()
    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.CheckViolationError)):
        await court.grove.run(statement)
    assert await court.written() == before


async def test_what_became_of_an_order_is_noted_once(court: Court):
    await court.order(await court.grove.person())
    await court.judge_all()
    await court.grove.run("UPDATE attribution SET ended = 'expired', ended_at = decided_at")
    for again in ("ended = 'cancelled'", "ended = NULL, ended_at = NULL"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await court.grove.run(f"UPDATE attribution SET {again}")
