"""A tree as a file: CSV for spreadsheets, or a graph in JSON. No names: who is who, other readings say."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec

from inventory.ledger import Ledger
from keel.clock import rfc3339, to_ms
from keel.spreadsheets import BOM, line_of
from referrals import store_tree_export
from referrals.spreading import Money
from referrals.store_tree_export import TreeNode
from referrals.store_trees import Place
from referrals.trees import known

_FIGURES: Final = ("visitors", "viewers", "buyers", "orders")
_MONEY: Final = ("placed", "paid", "lapsed", "cancelled")
COLUMNS: Final = (
    "share_id", "code", "parent_id", "root_id", "generation", "sharer_id", "kind", "target_id", "campaign",
    "created_at",    *_FIGURES, "within_shares", *(f"within_{name}" for name in _FIGURES),
)  # fmt: skip
_encode: Final = msgspec.json.Encoder().encode


async def csv(ledger: Ledger, place: Place) -> AsyncIterator[bytes]:
    """A line for each share, parents first, with its own money by currency. Raises NotFound and LedgerFault."""
    await known(ledger, place)
    return _csv(ledger, place, await store_tree_export.currencies(ledger, place))


async def graph(ledger: Ledger, place: Place) -> AsyncIterator[bytes]:
    """`{"nodes": […], "edges": [{"source": …, "target": …}]}`. Raises NotFound and LedgerFault."""
    await known(ledger, place)
    return _graph(ledger, place)


async def _csv(ledger: Ledger, place: Place, currencies: Sequence[str]) -> AsyncIterator[bytes]:
    money = [f"{name}_{currency}_minor_units" for currency in currencies for name in _MONEY]
    yield f"{BOM}{line_of((*COLUMNS, *money))}".encode()
    async for batch in store_tree_export.nodes(ledger, place):
        yield "".join([line(node, currencies) for node in batch]).encode()


async def _graph(ledger: Ledger, place: Place) -> AsyncIterator[bytes]:
    before = b""
    yield b'{"nodes":['
    async for batch in store_tree_export.nodes(ledger, place):
        if batch:
            yield before + b",".join([_encode(_shown(node)) for node in batch])
            before = b","
    before = b""
    yield b'],"edges":['
    async for edges in store_tree_export.edges(ledger, place):
        if edges:
            yield before + b",".join([_encode({"source": above, "target": below}) for above, below in edges])
            before = b","
    yield b"]}\n"


def line(node: TreeNode, currencies: Sequence[str]) -> str:
    """A share's line, with columns for these moneys."""
    return line_of(_cells(node, currencies))


def _cells(node: TreeNode, currencies: Sequence[str]) -> list[str | int]:
    own, within = asdict(node.own), asdict(node.within)
    by_currency = {money.currency: money for money in node.money}
    paid = [by_currency.get(currency, Money(currency)) for currency in currencies]
    return [
        node.id,
        node.code,
        node.parent_id or "",
        node.root_id,
        node.generation,
        node.sharer_id,
        node.kind,
        node.target_id,
        node.campaign or "",
        rfc3339(to_ms(node.created_at)),
        *(own[name] for name in _FIGURES),
        node.within.shares,
        *(within[name] for name in _FIGURES),
        *(getattr(money, name) for money in paid for name in _MONEY),
    ]


def _shown(node: TreeNode) -> dict[str, Any]:
    rest = {"created_at": rfc3339(to_ms(node.created_at)), "money": [asdict(money) for money in node.money]}
    return asdict(node) | rest
