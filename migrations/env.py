"""Alembic's entry point. Online only, over asyncpg, one transaction per revision, one migrator at a time."""

import asyncio

from alembic import context
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from keel.database import create_migration_engine

MIGRATION_LOCK = 0x6D696C6C  # "mill", an advisory lock of this transaction only
TURN_POLL_S = 0.05
# A migration that cannot have its lock gives up, before the orders that queue behind it do (they wait for a second).
LOCK_TIMEOUT_MS = 800


def migrate(connection: Connection) -> None:
    """Run what is missing inside the given connection."""
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def take_turn(guard: AsyncConnection) -> None:
    """Return once no other migrator is at work; the turn ends with this connection's transaction.

    An index that is built concurrently waits for every transaction with a snapshot from before. So whoever waits here
    asks again and again, each time in a transaction of its own, and the winner lets go of his statement's snapshot.
    """
    while not await guard.scalar(text(f"SELECT pg_try_advisory_xact_lock({MIGRATION_LOCK})")):
        await guard.rollback()
        await asyncio.sleep(TURN_POLL_S)
    await guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


async def run() -> None:
    """Migrate with one connection while another one holds the lock, for each revision commits by itself."""
    engine = create_migration_engine(context.config.attributes["database_url"])
    event.listen(engine.sync_engine, "begin", _give_up_in_time)
    async with engine.connect() as guard, engine.connect() as connection:
        await take_turn(guard)
        await connection.run_sync(migrate)
    await engine.dispose()


def _give_up_in_time(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))


asyncio.run(run())
