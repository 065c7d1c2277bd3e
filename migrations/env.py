"""Alembic's entry point. Online only, over asyncpg, one transaction per revision, one migrator at a time."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.pool import NullPool

from keel.database import create_engine

MIGRATION_LOCK = 0x6D696C6C  # "mill", an advisory lock of this transaction only
LOCK_TIMEOUT_MS = 5_000  # a migration that cannot have its lock gives up instead of queueing everyone behind it


def migrate(connection: Connection) -> None:
    """Run what is missing inside the given connection."""
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        context.run_migrations()


async def run() -> None:
    """Open one connection and migrate with it."""
    engine = create_engine(context.config.attributes["database_url"], poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(run())
