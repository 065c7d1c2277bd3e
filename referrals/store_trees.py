"""SQL of trees, read from their tallies. A room's are the sums over its broadcasts and what came off air."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from inventory.ledger import Ledger
from keel.database import Row
from referrals.spreading import Figures, Money


@dataclass(frozen=True, slots=True)
class Place:
    """The scopes of a tree: one session, or a room with all of its own."""

    merchant_id: str
    id: str
    is_room: bool

    @property
    def key(self) -> tuple[str, str, bool]:
        """As statements take it."""
        return self.merchant_id, self.id, self.is_room


@dataclass(frozen=True, slots=True)
class Slice:
    """A generation's part of a channel, a community or a moment (`key` in seconds since 1970), or all of it."""

    by: str
    key: str
    generation: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class SliceMoney:
    """The money of a slice."""

    by: str
    key: str
    generation: int
    money: Money


@dataclass(frozen=True, slots=True)
class Subtree:
    """A share with all that grew under it."""

    share_id: str
    code: str
    sharer_id: str
    sharer_name: str | None
    own: Figures
    within: Figures
    levels: int
    money: list[Money]


async def exists(ledger: Ledger, place: Place) -> bool:
    """Whether the merchant has such a room or session. Raises LedgerFault."""
    rows = await ledger.call(_EXISTS, *place.key)
    return bool(rows[0]["known"])


async def slices(ledger: Ledger, place: Place, *, moment_s: int, moments_max: int) -> list[Slice]:
    """Generations, channels and moments of so many seconds, the newest ones. Raises LedgerFault."""
    rows = await ledger.call(_SLICES, *place.key, moment_s, moments_max)
    return [Slice(row["by"], row["key"], row["generation"], figures_of(row)) for row in rows]


async def slice_money(ledger: Ledger, place: Place) -> list[SliceMoney]:
    """The money of generations and channels. Raises LedgerFault."""
    rows = await ledger.call(_SLICE_MONEY, *place.key)
    return [SliceMoney(row["by"], row["key"], row["generation"], money_of(row)) for row in rows]


async def subtrees(ledger: Ledger, place: Place, *, count: int) -> list[Subtree]:
    """The greatest trees, by visitors. Raises LedgerFault."""
    rows = await ledger.call(_SUBTREES, *place.key, count)
    ids = [str(row["share_id"]) for row in rows]
    money = await money_by_key(ledger, place, "subtree", ids)
    return [
        Subtree(
            share_id=str(row["share_id"]),
            code=row["code"],
            sharer_id=str(row["sharer_id"]),
            sharer_name=row["display_name"],
            own=figures_of(row),
            within=figures_of(row, "within_"),
            levels=row["levels"],
            money=money.get(str(row["share_id"]), []),
        )
        for row in rows
    ]


async def money_by_key(ledger: Ledger, place: Place, by: str, keys: Sequence[str]) -> dict[str, list[Money]]:
    """The money of shares, subtrees, sharers, their reach, or communities. Raises LedgerFault."""
    found: dict[str, list[Money]] = {}
    for row in await ledger.call(_MONEY_BY_KEY, *place.key, by, list(keys)) if keys else ():
        found.setdefault(row["key"], []).append(money_of(row))
    return found


def figures_of(row: Row, prefix: str = "") -> Figures:
    """The figures of a row, of all within its subtree where their names have that prefix."""
    names = ("shares", "visitors", "viewers", "buyers", "orders")
    values: list[Any] = [row[prefix + name] for name in names]
    return Figures(*values)


def money_of(row: Row) -> Money:
    """The money of a row."""
    return Money(row["currency"], row["placed"], row["paid"], row["lapsed"], row["cancelled"])


# A room's shares are those of its family; those of its broadcasts are among them.
FIGURES: Final = """
    coalesce(sum(t.shares) FILTER (WHERE NOT $3 OR c.id = c.family_id), 0)::int AS shares,
    sum(t.visitors)::int AS visitors, sum(t.viewers)::int AS viewers, sum(t.buyers)::int AS buyers,
    sum(t.orders)::int AS orders
"""
MONEY: Final = """
    t.currency, sum(t.placed)::bigint AS placed, sum(t.paid)::bigint AS paid, sum(t.lapsed)::bigint AS lapsed,
    sum(t.cancelled)::bigint AS cancelled
"""
# Of one share over its scopes, each of which has the same share once.
NODE_FIGURES: Final = """
    1 AS shares, sum(t.visitors)::int AS visitors, sum(t.viewers)::int AS viewers, sum(t.buyers)::int AS buyers,
    sum(t.orders)::int AS orders, max(t.within_shares) AS within_shares, sum(t.within_visitors)::int AS within_visitors,
    sum(t.within_viewers)::int AS within_viewers, sum(t.within_buyers)::int AS within_buyers,
    sum(t.within_orders)::int AS within_orders, max(t.levels) AS levels
"""
SCOPES: Final = """
    WITH scope AS (SELECT c.id, c.family_id FROM tree_scope c WHERE c.merchant_id = $1
                   AND (c.id = $2 AND NOT $3 OR c.family_id = $2 AND $3))
"""
_EXISTS: Final = """
    SELECT EXISTS (SELECT FROM room WHERE merchant_id = $1 AND id = $2 AND $3)
        OR EXISTS (SELECT FROM session WHERE merchant_id = $1 AND id = $2 AND NOT $3 AND NOT rehearsal) AS known
"""
_SLICES: Final = f"""
    {SCOPES} SELECT t.by, t.key, t.generation, {FIGURES} FROM scope c JOIN tree_slice t ON t.scope_id = c.id
    WHERE t.by IN ('generation', 'channel') GROUP BY t.by, t.key, t.generation
    UNION ALL
    (SELECT 'moment', moment::text, t.generation, {FIGURES}
     FROM scope c JOIN tree_slice t ON t.scope_id = c.id CROSS JOIN LATERAL (SELECT t.key::bigint / $4 * $4 AS moment) m
     WHERE t.by = 'moment' GROUP BY moment, t.generation ORDER BY moment DESC, t.generation LIMIT $5)
"""  # noqa: S608 - made of constants
_SLICE_MONEY: Final = f"""
    {SCOPES} SELECT t.by, t.key, t.generation, {MONEY} FROM scope c JOIN tree_money t ON t.scope_id = c.id
    WHERE t.by IN ('generation', 'channel') GROUP BY t.by, t.key, t.generation, t.currency
"""  # noqa: S608 - made of constants
_MONEY_BY_KEY: Final = f"""
    {SCOPES} SELECT t.key, {MONEY} FROM scope c JOIN tree_money t ON t.scope_id = c.id
    WHERE t.by = $4 AND t.key = ANY ($5::text[]) GROUP BY t.key, t.currency ORDER BY t.currency
"""  # noqa: S608 - made of constants
_SUBTREES: Final = f"""
    {SCOPES}, root AS (
        SELECT t.share_id, {NODE_FIGURES}
        FROM scope c CROSS JOIN LATERAL (
            SELECT * FROM tree_node n WHERE n.scope_id = c.id AND n.generation = 0
            ORDER BY n.within_visitors DESC, n.share_id LIMIT CASE WHEN $3 THEN NULL ELSE $4::int END) t
        GROUP BY t.share_id)
    SELECT r.*, s.code, s.sharer_id, p.display_name FROM root r
    JOIN share s ON s.merchant_id = $1 AND s.id = r.share_id
    LEFT JOIN customer_profile p ON p.merchant_id = s.merchant_id AND p.customer_id = s.sharer_id
    ORDER BY r.within_visitors DESC, r.share_id LIMIT $4
"""  # noqa: S608 - made of constants
