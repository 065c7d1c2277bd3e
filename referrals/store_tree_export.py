"""SQL of a whole tree, node by node in the order of their ids: parents before those that grew under them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory.ledger import Ledger
from referrals.spreading import Figures, Money
from referrals.store_trees import NODE_FIGURES, Place, figures_of, money_by_key

BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A share of a tree."""

    id: str
    code: str
    parent_id: str | None
    root_id: str
    generation: int
    sharer_id: str
    kind: str
    target_id: str
    campaign: str | None
    created_at: datetime
    own: Figures
    within: Figures
    money: list[Money]


async def currencies(ledger: Ledger, place: Place) -> list[str]:
    """The moneys of a tree, by name. Raises LedgerFault."""
    return [row["currency"] for row in await ledger.call(_CURRENCIES, *place.key)]


async def nodes(ledger: Ledger, place: Place) -> AsyncIterator[Sequence[TreeNode]]:
    """All of a tree, in batches; each is of its own moment. Raises LedgerFault."""
    after: str | None = None
    while True:
        rows = await ledger.call(_NODES, *place.key, after, BATCH)
        ids = [str(row["id"]) for row in rows]
        money = await money_by_key(ledger, place, "share", ids)
        yield [
            TreeNode(
                id=str(row["id"]),
                code=row["code"],
                parent_id=None if row["parent_id"] is None else str(row["parent_id"]),
                root_id=str(row["root_id"]),
                generation=row["depth"],
                sharer_id=str(row["sharer_id"]),
                kind=row["target_kind"],
                target_id=str(row["target_id"]),
                campaign=row["campaign"],
                created_at=row["created_at"],
                own=figures_of(row),
                within=figures_of(row, "within_"),
                money=money.get(str(row["id"]), []),
            )
            for row in rows
        ]
        if len(rows) < BATCH:
            return
        after = ids[-1]


async def edges(ledger: Ledger, place: Place) -> AsyncIterator[Sequence[tuple[str, str]]]:
    """From each share of a tree to those that grew under it, by their ids, in batches. Raises LedgerFault."""
    after: str | None = None
    while True:
        rows = await ledger.call(_EDGES, *place.key, after, BATCH)
        yield [(str(row["parent_id"]), str(row["id"])) for row in rows]
        if len(rows) < BATCH:
            return
        after = str(rows[-1]["id"])


_CURRENCIES: Final = """
    SELECT DISTINCT currency FROM tree_money WHERE merchant_id = $1 AND scope_id = $2 AND by = 'generation'
    ORDER BY currency
"""
_NODES: Final = f"""
    SELECT s.id, s.code, s.parent_id, s.root_id, s.depth, s.sharer_id, s.target_kind, s.target_id, s.campaign,
           s.created_at, {NODE_FIGURES}
    FROM tree_node t JOIN share s ON s.merchant_id = $1 AND s.id = t.share_id
    WHERE t.scope_id = $2 AND t.merchant_id = $1 AND ($3::uuid IS NULL OR t.share_id > $3)
    ORDER BY t.share_id LIMIT $4
"""  # noqa: S608 - made of constants
_EDGES: Final = """
    SELECT s.parent_id, s.id FROM tree_node t JOIN share s ON s.merchant_id = $1 AND s.id = t.share_id
    WHERE t.scope_id = $2 AND t.merchant_id = $1 AND t.generation > 0 AND ($3::uuid IS NULL OR t.share_id > $3)
    ORDER BY t.share_id LIMIT $4
"""
