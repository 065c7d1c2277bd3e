"""Databases that tests are done with, made as new: without rows and with every sequence at its start.

Whatever a test did beside writing rows, say a trigger that makes a statement fail, cannot be taken back here. So the
catalogs are looked at: a database that differs from its template in anything but rows is not for another test.
"""

from typing import Final

import asyncpg

SIZE_MAX: Final = 4 << 20  # of its tables, in bytes: emptying leaves pages behind, and a big one is quicker made anew
CLOSES_WITHIN_MS: Final = 5_000


class Emptying:
    """Empties databases, over a connection to each that stays open meanwhile."""

    def __init__(self) -> None:
        self._connections: dict[str, asyncpg.Connection] = {}
        self._shapes: dict[str, str] = {}

    async def emptied(self, url: str, template_url: str) -> bool:
        """Empty a database. False where it cannot be made as new: it is to be dropped."""
        if template_url not in self._shapes:
            self._shapes[template_url] = await self._shape_of(template_url)
        try:
            return await self._emptied(url, self._shapes[template_url])
        except asyncpg.InsufficientPrivilegeError:  # on a server that was given
            return False

    async def let_go(self, url: str) -> None:
        """Close the connection to a database, if there is one."""
        if url in self._connections:
            await self._connections.pop(url).close()

    async def _emptied(self, url: str, shape: str) -> bool:
        connection = await self._connection(url)
        await connection.execute(_ALONE, CLOSES_WITHIN_MS)
        if await connection.fetchval(_SHAPE) != shape or await connection.fetchval(_SIZE) > SIZE_MAX:
            return False
        await connection.execute(_EMPTY)
        return True

    async def _connection(self, url: str) -> asyncpg.Connection:
        if url not in self._connections:
            self._connections[url] = await asyncpg.connect(url)
        return self._connections[url]

    async def _shape_of(self, url: str) -> str:
        connection = await asyncpg.connect(url)
        try:
            shape: str = await connection.fetchval(_SHAPE)
        finally:
            await connection.close()
        return shape


# Connections that a failed test left open, gone before anything is looked at.
_ALONE: Final = """
    SELECT pg_terminate_backend(pid, $1) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# What every definition leaves behind: how many there are, and when the youngest was written.
_SHAPE: Final = """
    SELECT string_agg(c::text, ' ') FROM (
        SELECT count(*), 0 AS youngest FROM pg_class
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_attribute
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_proc
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_trigger
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_constraint
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_index
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_rewrite
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_type
        UNION ALL SELECT count(*), max(s.xmin::text::bigint) FROM pg_db_role_setting s
            JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database()) c
"""
_SIZE: Final = (
    "SELECT sum(pg_table_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
_EMPTY: Final = """
    SET session_replication_role = replica; -- tables that are written once refuse a DELETE by their triggers
    DO $$
    DECLARE
        of_ours oid;
    BEGIN
        FOR of_ours IN SELECT oid FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
        LOOP
            EXECUTE format('DELETE FROM %s', of_ours::regclass);
        END LOOP;
        PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
    END $$
"""
