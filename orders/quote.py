"""What a wish comes to under one configuration of its sale: how the gate writes its lines, and what is to be paid."""

from dataclasses import dataclass

from inventory.model import SaleConfig, lines_text
from orders.schemas import OrderRequest, ReceiptLine


@dataclass(frozen=True, slots=True)
class Quote:
    """`text` are the lines as the gate has them; `total` in minor units of the sale's currency."""

    config: SaleConfig
    text: str
    lines: list[ReceiptLine]
    units: int
    total: int


def quote_of(request: OrderRequest, config: SaleConfig) -> Quote:
    """The quote of a request, worked out once for each configuration. Raises KeyError for an item it does not have."""
    last: Quote | None = request.__dict__.get("quote")
    if last is None or last.config is not config:
        last = request.__dict__["quote"] = _work_out(request, config)
    return last


def _work_out(request: OrderRequest, config: SaleConfig) -> Quote:
    items = config.by_item
    lines = [
        ReceiptLine(item_id, units, items[item_id].price, units * items[item_id].price)
        for item_id, units in request.units.items()
    ]
    return Quote(
        config=config,
        text=lines_text({items[line.item_id].no: line.quantity for line in lines}),
        lines=lines,
        units=sum(request.units.values()),
        total=sum(line.amount for line in lines),
    )
