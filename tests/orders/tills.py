"""A process's door to placement over a shop's own engines, which is drained before the shop closes."""

from typing import Any

from inventory.book import SaleBook
from orders.placement import Placement
from tests.inventory.selling import Shop


def till_of(shop: Shop, **parts: Any) -> Placement:
    """A door with a book of its own; `parts` are those of Placement.

    What it took on is confirmed some milliseconds after its answer: later than the shop's connections are gone, unless
    somebody waits.
    """
    own: dict[str, Any] = {"ledger": shop.ledger, "book": SaleBook(shop.ledger), "ids": shop.ids} | parts
    till = Placement(gate=shop.gate, clock=shop.clock, **own)
    shop.closing.push_async_callback(till.drained)
    return till
