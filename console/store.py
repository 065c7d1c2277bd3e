"""All SQL of the audit besides its laws: the sale's head, the snapshot, and the gate's keys held against the claims."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from console.model import NotAuditable
from keel.database import TURNED_AWAY, Connection, Pool

WORK_MEMORY: Final = "64MB"  # for each sort and hash; a million orders are sorted a few times
LAW_MAX: Final = "10min"
LAW_MAX_S: Final = 600.0
_LAWS: Final = Path(__file__).parent / "laws"


@dataclass(frozen=True, slots=True)
class Head:
    """What a sale is at this moment; archived ones too."""

    id: str
    title: str
    state: str
    version: int
    segments: int
    archived: bool


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """What the gate of a segment has to know: keys (placed and released), buyers of placed claims, the last number."""

    keys: int
    buyers: int
    last_no: int


@contextmanager
def readable() -> Iterator[None]:
    """Turn what PostgreSQL refuses, and that it does not answer, into NotAuditable."""
    try:
        yield
    except asyncpg.UndefinedTableError as error:
        raise NotAuditable("The database has none of our tables: run `millpond migrate`.") from error
    except (*TURNED_AWAY, asyncpg.InterfaceError) as error:
        raise NotAuditable(f"PostgreSQL does not answer: {type(error).__name__}: {error}") from error


async def head(pool: Pool, sale_id: str) -> Head | None:
    """The sale, or None."""
    with readable():
        row = await pool.fetchrow(_HEAD, sale_id)
    if row is None:
        return None
    return Head(str(row["id"]), row["title"], row["state"], row["version"], row["segments"], row["archived"])


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """A connection whose readings are all of one moment."""
    with readable():
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_AT_LEISURE)
            yield connection


async def claim_figures(connection: Connection, sale_id: str, segment: int) -> ClaimFigures:
    """Counts over a segment's claims."""
    row = await connection.fetchrow(_CLAIM_FIGURES, sale_id, segment, timeout=LAW_MAX_S)
    assert row is not None
    return ClaimFigures(row["keys"], row["buyers"], row["last_no"])


async def unlike_claims(
    connection: Connection, name: str, sale_id: str, segment: int, *, fields: Sequence[str], texts: Sequence[str]
) -> list[str]:
    """Which of the gate's `entries` or `buyers` (hash fields and their texts) differ from the claims, in words."""
    rows = await connection.fetch(_UNLIKE[name], sale_id, segment, fields, texts, timeout=LAW_MAX_S)
    return [row["says"] for row in rows]


async def missing_orders(pool: Pool, sale_id: str, order_ids: Sequence[str]) -> list[str]:
    """Which of these orders the sale does not have."""
    with readable():
        rows = await pool.fetch(_MISSING, sale_id, order_ids, timeout=LAW_MAX_S)
    return [str(row["id"]) for row in rows]


_HEAD: Final = """
    SELECT id, title, state, version, segments, archived_at IS NOT NULL AS archived FROM sale WHERE id = $1
"""
_MISSING: Final = """
    SELECT id FROM unnest($2::uuid[]) AS w (id)
    EXCEPT SELECT id FROM orders WHERE merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND sale_id = $1 ORDER BY id
"""
_AT_LEISURE: Final = f"""
    SET LOCAL work_mem = '{WORK_MEMORY}';
    SET LOCAL statement_timeout = '{LAW_MAX}';
    SET LOCAL idle_in_transaction_session_timeout = '{LAW_MAX}'
"""
_CLAIM_FIGURES: Final = """
    SELECT count(*) FILTER (WHERE state <> 'void') AS keys,
           count(DISTINCT customer_id) FILTER (WHERE state = 'placed') AS buyers,
           coalesce(max(verdict_no) FILTER (WHERE state <> 'void'), 0) AS last_no
    FROM claim WHERE sale_id = $1 AND segment = $2
"""
_UNLIKE: Final = {name: (_LAWS / f"gate-{name}.sql").read_text(encoding="utf-8") for name in ("entries", "buyers")}
