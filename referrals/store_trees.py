"""SQL of trees, read from their tallies. A room's are kept with those of its broadcasts: see migration 0016."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from inventory.ledger import Ledger
from keel.database import Row
from referrals.spreading import Figures, Money


@dataclass(frozen=True, slots=True)
class Place:
    """What a tree is of: one session, or a room with all of its own."""

    merchant_id: str
    id: str
    is_room: bool

    @property
    def key(self) -> tuple[str, str]:
        """As statements take it."""
        return self.merchant_id, self.id


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
    rows = await ledger.call(_EXISTS, *place.key, place.is_room)
    return bool(rows[0]["known"])


async def slices(ledger: Ledger, place: Place, *, moments_max: int) -> list[Slice]:
    """Generations, channels and moments, the newest ones. Raises LedgerFault."""
    rows = await ledger.call(_SLICES, *place.key, moments_max)
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


def name_of(column: str) -> str:
    """The display name of whoever became of a sharer of the merchant $1, as SQL."""
    return (
        "(SELECT p.display_name FROM customer_profile p"  # noqa: S608 - made of constants
        f" WHERE p.merchant_id = $1 AND p.customer_id = person_of($1, {column})) AS display_name"
    )


NODE_FIGURES: Final = """
    1 AS shares, t.visitors, t.viewers, t.buyers, t.orders, t.within_shares, t.within_visitors, t.within_viewers,
    t.within_buyers, t.within_orders, t.levels
"""
_FIGURES: Final = "t.shares, t.visitors, t.viewers, t.buyers, t.orders"
_EXISTS: Final = """
    SELECT EXISTS (SELECT FROM room WHERE merchant_id = $1 AND id = $2 AND $3)
        OR EXISTS (SELECT FROM session WHERE merchant_id = $1 AND id = $2 AND NOT $3 AND NOT rehearsal) AS known
"""
_SLICES: Final = f"""
    SELECT t.by, t.key, t.generation, {_FIGURES} FROM tree_slice t
    WHERE t.merchant_id = $1 AND t.scope_id = $2 AND t.by IN ('generation', 'channel')
    UNION ALL
    (SELECT t.by, t.key, t.generation, {_FIGURES} FROM tree_slice t
     WHERE t.merchant_id = $1 AND t.scope_id = $2 AND t.by = 'moment'
     ORDER BY t.key::bigint DESC, t.generation LIMIT $3)
"""  # noqa: S608 - made of constants
_SLICE_MONEY: Final = """
    SELECT by, key, generation, currency, placed, paid, lapsed, cancelled FROM tree_money
    WHERE merchant_id = $1 AND scope_id = $2 AND by IN ('generation', 'channel')
"""
# Communities have it by generation.
_MONEY_BY_KEY: Final = """
    SELECT t.key, t.currency, sum(t.placed)::bigint AS placed, sum(t.paid)::bigint AS paid,
           sum(t.lapsed)::bigint AS lapsed, sum(t.cancelled)::bigint AS cancelled FROM tree_money t
    WHERE t.merchant_id = $1 AND t.scope_id = $2 AND t.by = $3 AND t.key = ANY ($4::text[])
    GROUP BY t.key, t.currency ORDER BY t.currency
"""
# Along an index; what is known of people is asked of those that are shown, row by row of an index again: OFFSET keeps
# that from becoming a join, which is planned for a row or two where nobody counted the tables since they grew.
_SUBTREES: Final = f"""
    WITH root AS (
        SELECT t.share_id, {NODE_FIGURES} FROM tree_node t
        WHERE t.merchant_id = $1 AND t.scope_id = $2 AND t.generation = 0
        ORDER BY t.within_visitors DESC, t.share_id LIMIT $3)
    SELECT r.*, s.code, s.sharer_id, {name_of("s.sharer_id")} FROM root r
    CROSS JOIN LATERAL (SELECT * FROM share s WHERE s.merchant_id = $1 AND s.id = r.share_id OFFSET 0) s
    ORDER BY r.within_visitors DESC, r.share_id
"""  # noqa: S608 - made of constants
