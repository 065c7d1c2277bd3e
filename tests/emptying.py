"""Databases that tests are done with, made as new: with the rows of their template and every sequence at its start.

Whatever a test did beside writing rows, say a trigger that makes a statement fail, cannot be taken back here. So the
catalogs are looked at: a database that differs from its template in anything but rows is not for another test.
"""

from dataclasses import dataclass
from typing import Final

import asyncpg

SIZE_MAX: Final = 4 << 20  # of its tables, in bytes: emptying leaves pages behind, and a big one is quicker made anew
CLOSES_WITHIN_MS: Final = 5_000


@dataclass(frozen=True)
class _Template:
    """What a database is like when it is new: its definitions, and as JSON the rows of those tables that have some."""

    shape: str
    rows: dict[str, str]


class Emptying:
    """Empties databases, over a connection to each that stays open meanwhile."""

    def __init__(self) -> None:
        self._connections: dict[str, asyncpg.Connection] = {}
        self._templates: dict[str, _Template] = {}

    async def emptied(self, url: str, template_url: str) -> bool:
        """Empty a database. False where it cannot be made as new: it is to be dropped."""
        if template_url not in self._templates:
            self._templates[template_url] = await _read(template_url)
        try:
            return await self._emptied(url, self._templates[template_url])
        except asyncpg.InsufficientPrivilegeError:  # on a server that was given
            return False

    async def let_go(self, url: str) -> None:
        """Close the connection to a database, if there is one."""
        if url in self._connections:
            await self._connections.pop(url).close()

    async def _emptied(self, url: str, template: _Template) -> bool:
        connection = await self._connection(url)
        await connection.execute(_ALONE, CLOSES_WITHIN_MS)
        if await connection.fetchval(_SHAPE) != template.shape or await connection.fetchval(_SIZE) > SIZE_MAX:
            return False
        await connection.execute(_EMPTY)
        for table, rows in template.rows.items():
            await connection.execute(_FILL.format(table=table), rows)
        return True

    async def _connection(self, url: str) -> asyncpg.Connection:
        if url not in self._connections:
            self._connections[url] = await asyncpg.connect(url)
        return self._connections[url]


async def _read(url: str) -> _Template:
    connection = await asyncpg.connect(url)
    try:
        tables = [row["name"] for row in await connection.fetch(_TABLES)]
        rows = {table: await connection.fetchval(_ROWS.format(table=table)) for table in tables}
        shape = await connection.fetchval(_SHAPE)
    finally:
        await connection.close()
    return _Template(shape, {table: found for table, found in rows.items() if found is not None})


# Connections that a failed test left open, gone before anything is looked at.
_ALONE: Final = """
    SELECT pg_terminate_backend(pid, $1) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# What every definition leaves behind: how many there are, and when the youngest was written. Of tables and indexes what
# they are, for emptying and statistics write there, too.
_SHAPE: Final = """
    SELECT string_agg(c::text, ' ') FROM (
        SELECT count(*), hashtext(string_agg(
            concat_ws(' ', relname, relrowsecurity, reloptions, relacl), ' ' ORDER BY oid))::bigint AS youngest
        FROM pg_class
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_namespace
        UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_sequence
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
_TABLES: Final = """
    SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_ROWS: Final = "SELECT jsonb_agg(t)::text FROM {table} t"
_FILL: Final = "INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1::text::jsonb)"
_SIZE: Final = (
    "SELECT sum(pg_table_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
_EMPTY: Final = """
    SET session_replication_role = replica; -- tables that are written once refuse a DELETE by their triggers
    DO $$
    DECLARE
        of_ours oid;
    BEGIN
        FOR of_ours IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
            EXECUTE format('DELETE FROM %s', of_ours::regclass);
        END LOOP;
        PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
        -- Statistics of a test before: of a table that had one row, they make of every index a key.
        DELETE FROM pg_statistic s USING pg_class c
        WHERE c.oid = s.starelid AND c.relnamespace = 'public'::regnamespace;
    END $$
"""
