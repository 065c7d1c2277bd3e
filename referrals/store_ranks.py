"""SQL of who brought most: sharers and communities of a tree, a share's own figures, and the leaders of a broadcast."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inventory.ledger import Ledger
from keel.database import Pool
from referrals.spreading import LEADERS_MAX, Figures, Leader, Money, Ranking, Ranks, Selling
from referrals.store_trees import Place, figures_of, money_by_key, money_of, name_of


@dataclass(frozen=True, slots=True)
class After:
    """The last of a page: its value, and whose it is."""

    value: int
    id: str


@dataclass(frozen=True, slots=True)
class Sharer:
    """What somebody brought himself, and with all that grew below. `levels`: how many generations that is."""

    id: str
    name: str | None
    value: int
    own: Figures
    within: Figures
    levels: int
    money: list[Money]
    money_within: list[Money]


@dataclass(frozen=True, slots=True)
class Community:
    """A group, by its opaque id, and what came from it."""

    id: str
    figures: Figures
    money: list[Money]

    @property
    def value(self) -> int:
        """What it is ranked by."""
        return self.figures.visitors


@dataclass(frozen=True, slots=True)
class Brought:
    """What came through one share, and within its subtree, over all broadcasts and off air."""

    own: Figures
    within: Figures
    levels: int
    money: list[Money]


NOTHING: Final = Brought(Figures(shares=1), Figures(shares=1), 0, [])


async def sharers(ledger: Ledger, place: Place, ranks: Ranks, *, after: After | None, count: int) -> list[Sharer]:
    """A page of sharers, the best first; by money those with some of that currency. Raises LedgerFault."""
    start = (None, None) if after is None else (after.value, after.id)
    asked = *place.key, ranks.by, *start, count
    if ranks.by in (Ranking.PLACED, Ranking.WITHIN_PLACED):
        rows = await ledger.call(_PAYING, *asked, ranks.currency)
    else:
        rows = await ledger.call(_SHARERS, *asked)
    ids = [str(row["sharer_id"]) for row in rows]
    own = await money_by_key(ledger, place, "sharer", ids)
    within = await money_by_key(ledger, place, "reach", ids)
    return [
        Sharer(
            id=str(row["sharer_id"]),
            name=row["display_name"],
            value=row["value"],
            own=figures_of(row),
            within=figures_of(row, "within_"),
            levels=row["levels"],
            money=own.get(str(row["sharer_id"]), []),
            money_within=within.get(str(row["sharer_id"]), []),
        )
        for row in rows
    ]


async def communities(ledger: Ledger, place: Place, *, after: After | None, count: int) -> list[Community]:
    """A page of communities, by visitors. Raises LedgerFault."""
    start = (None, None) if after is None else (after.value, after.id)
    rows = await ledger.call(_COMMUNITIES, *place.key, *start, count)
    money = await money_by_key(ledger, place, "community", [row["key"] for row in rows])
    return [Community(row["key"], figures_of(row), money.get(row["key"], [])) for row in rows]


async def brought(ledger: Ledger, merchant_id: str, share_ids: Sequence[str]) -> dict[str, Brought]:
    """What came through each of these shares; of one that is not counted yet, nothing. Raises LedgerFault."""
    if not share_ids:
        return {}
    money: dict[str, list[Money]] = {}
    for row in await ledger.call(_BROUGHT_MONEY, merchant_id, list(share_ids)):
        money.setdefault(row["key"], []).append(money_of(row))
    rows = await ledger.call(_BROUGHT, merchant_id, list(share_ids))
    return {
        str(row["share_id"]): Brought(
            figures_of(row), figures_of(row, "within_"), row["levels"], money.get(str(row["share_id"]), [])
        )
        for row in rows
    }


async def leaders(pool: Pool, merchant_id: str, session_id: str) -> list[Leader]:
    """The first LEADERS_MAX of a broadcast, who brought anybody at all."""
    rows = await pool.fetch(_LEADERS, merchant_id, session_id, LEADERS_MAX)
    return [
        Leader(str(row["sharer_id"]), row["display_name"], row["buyers"], row["viewers"], row["visitors"])
        for row in rows
    ]


async def selling(pool: Pool) -> list[Selling]:
    """Every merchant's rooms in which something can be bought now."""
    rows = await pool.fetch(_SELLING)
    return [Selling(str(row["merchant_id"]), str(row["room_id"]), str(row["session_id"])) for row in rows]


_VALUE: Final = """
    CASE $3::text WHEN 'buyers' THEN w.buyers WHEN 'viewers' THEN w.viewers WHEN 'visitors' THEN w.visitors
        WHEN 'within_buyers' THEN w.within_buyers WHEN 'within_viewers' THEN w.within_viewers
        WHEN 'within_visitors' THEN w.within_visitors WHEN 'levels' THEN w.levels END::bigint
"""
_MONEY_OF: Final = "CASE $3::text WHEN 'placed' THEN 'sharer' WHEN 'within_placed' THEN 'reach' END"
_NAMED: Final = f"SELECT g.*, {name_of('g.sharer_id')} FROM page g ORDER BY g.value DESC, g.sharer_id"  # noqa: S608
# Its rows are what is shown: by a figure the best of them, by money along an index. The sharers of these are asked of
# their index, one by one: OFFSET keeps that from becoming a join, see store_trees.
_SHARERS: Final = f"""
    WITH ranked AS (
        SELECT w.*, {_VALUE} AS value FROM tree_sharer w WHERE w.merchant_id = $1 AND w.scope_id = $2),
    page AS (
        SELECT * FROM ranked WHERE $4::bigint IS NULL OR value < $4 OR value = $4 AND sharer_id > $5::uuid
        ORDER BY value DESC, sharer_id LIMIT $6)
    {_NAMED}
"""  # noqa: S608 - made of constants
_PAYING: Final = f"""
    WITH best AS (
        SELECT t.key::uuid AS sharer_id, t.placed AS value FROM tree_money t
        WHERE t.merchant_id = $1 AND t.scope_id = $2 AND t.by = {_MONEY_OF}
            AND t.by IN ('sharer', 'reach') AND t.currency = $7
            AND ($4::bigint IS NULL OR t.placed < $4 OR t.placed = $4 AND t.key COLLATE "C" > $5::uuid::text)
        ORDER BY t.placed DESC, t.key COLLATE "C" LIMIT $6),
    page AS (
        SELECT w.*, b.value FROM best b CROSS JOIN LATERAL (
            SELECT * FROM tree_sharer w WHERE w.scope_id = $2 AND w.sharer_id = b.sharer_id OFFSET 0) w)
    {_NAMED}
"""  # noqa: S608 - made of constants
_COMMUNITIES: Final = """
    WITH whole AS (
        SELECT t.key, sum(t.shares)::int AS shares, sum(t.visitors)::int AS visitors, sum(t.viewers)::int AS viewers,
               sum(t.buyers)::int AS buyers, sum(t.orders)::int AS orders
        FROM tree_slice t WHERE t.merchant_id = $1 AND t.scope_id = $2 AND t.by = 'community' GROUP BY t.key)
    SELECT * FROM whole WHERE $3::bigint IS NULL OR visitors < $3 OR visitors = $3 AND key COLLATE "C" > $4::text
    ORDER BY visitors DESC, key COLLATE "C" LIMIT $5
"""
# Of a share over the families in whose trees it is, its own first of all: their broadcasts are among them.
_BROUGHT: Final = """
    SELECT t.share_id, 1 AS shares, sum(t.visitors)::int AS visitors, sum(t.viewers)::int AS viewers,
           sum(t.buyers)::int AS buyers, sum(t.orders)::int AS orders, max(t.within_shares) AS within_shares,
           sum(t.within_visitors)::int AS within_visitors, sum(t.within_viewers)::int AS within_viewers,
           sum(t.within_buyers)::int AS within_buyers, sum(t.within_orders)::int AS within_orders,
           max(t.levels) AS levels
    FROM tree_node t JOIN tree_scope c ON c.id = t.scope_id AND c.family_id = c.id
    WHERE t.merchant_id = $1 AND t.share_id = ANY ($2::uuid[]) GROUP BY t.share_id
"""
_BROUGHT_MONEY: Final = """
    SELECT t.key, t.currency, sum(t.placed)::bigint AS placed, sum(t.paid)::bigint AS paid,
           sum(t.lapsed)::bigint AS lapsed, sum(t.cancelled)::bigint AS cancelled
    FROM tree_node n JOIN tree_scope c ON c.id = n.scope_id AND c.family_id = c.id
    CROSS JOIN LATERAL (
        SELECT * FROM tree_money t WHERE t.scope_id = n.scope_id AND t.by = 'share' AND t.key = n.share_id::text
        OFFSET 0) t
    WHERE n.merchant_id = $1 AND n.share_id = ANY ($2::uuid[]) GROUP BY t.key, t.currency ORDER BY t.currency
"""
# By an index, in the order of the board.
_LEADERS: Final = f"""
    WITH best AS MATERIALIZED (
        SELECT t.sharer_id, t.buyers, t.viewers, t.visitors FROM tree_sharer t
        WHERE t.merchant_id = $1 AND t.scope_id = $2 AND t.visitors + t.buyers > 0
        ORDER BY t.buyers DESC, t.viewers DESC, t.visitors DESC, t.sharer_id LIMIT $3)
    SELECT b.*, {name_of("b.sharer_id")} FROM best b
    ORDER BY b.buyers DESC, b.viewers DESC, b.visitors DESC, b.sharer_id
"""  # noqa: S608 - made of constants
_SELLING: Final = "SELECT merchant_id, room_id, session_id FROM room_selling ORDER BY room_id"
