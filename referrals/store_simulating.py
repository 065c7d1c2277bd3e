"""SQL of simulations: judgements as they were written, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from keel.database import Pool

COUNT_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """Orders with ids between these two, placed from `first` on and before `last`, of one session where it is given."""

    above: str
    below: str
    first: datetime
    last: datetime
    session_id: str | None


class Given(msgspec.Struct, frozen=True):
    """A share's part in millionths, and the amount in minor units."""

    share_id: str
    sharer_id: str
    part: int
    amount: int


@dataclass(frozen=True, slots=True)
class Written:
    """A judgement."""

    order_id: str
    outcome: str
    reason: str
    ended: bool
    credits: tuple[Given, ...]


_credits = msgspec.json.Decoder(tuple[Given, ...]).decode


async def count(pool: Pool, merchant_id: str, span: Span) -> int:
    """How many there are; no more than COUNT_MAX."""
    number: int | None = await pool.fetchval(_COUNT, *_where(merchant_id, span, span.above), COUNT_MAX)
    return min(number or 0, COUNT_MAX)


async def page(pool: Pool, merchant_id: str, span: Span, *, above: str, count: int) -> Sequence[Written]:
    """The next ones above an id, by id."""
    rows = await pool.fetch(_PAGE, *_where(merchant_id, span, above), count)
    return [
        Written(str(row["order_id"]), row["outcome"], row["reason"], row["ended"], _credits(row["credits"]))
        for row in rows
    ]


def _where(merchant_id: str, span: Span, above: str) -> tuple[object, ...]:
    return merchant_id, above, span.below, span.first, span.last, span.session_id


_THOSE: Final = """
    SELECT {columns} FROM attribution a
    WHERE a.merchant_id = $1 AND a.order_id > $2 AND a.order_id < $3 AND a.placed_at >= $4 AND a.placed_at < $5
        AND ($6::uuid IS NULL OR a.session_id = $6)
    ORDER BY a.order_id LIMIT $7
"""
# By the order first: with the merchant, PostgreSQL may look through an index of all its sharers for each order.
_CREDITS: Final = """coalesce((
    SELECT json_agg(json_build_object('share_id', c.share_id, 'sharer_id', c.sharer_id,
                                      'part', c.part, 'amount', c.amount) ORDER BY c.no)
    FROM (SELECT * FROM credit c WHERE c.order_id = a.order_id OFFSET 0) c
    WHERE c.merchant_id = a.merchant_id), '[]')::text AS credits
"""
_COUNT: Final = _THOSE.format(columns="count(*) OVER ()")
_PAGE: Final = _THOSE.format(columns=f"a.order_id, a.outcome, a.reason, a.ended IS NOT NULL AS ended, {_CREDITS}")
