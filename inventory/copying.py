"""Use cases that make a sale again: copied from one there was, or from a template that one was saved as.

What is made is a draft with the same SKUs at the same prices and in the planned numbers, shown as they are now. A SKU
that was archived meanwhile is left out, and the caller is told.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store, store_catalogue, store_templates
from inventory.drafting import NewSale, enter_sale
from inventory.items import NewItem, enter_item
from inventory.model import SaleKind
from inventory.selling import Selling
from inventory.tables import SaleRow, SaleTemplateRow
from keel.identity import Principal


@dataclass(frozen=True, slots=True)
class Again:
    """What is different in a sale that is made again; a title of None stays as it was. The window is always new."""

    title: str | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    rehearsal: bool = False


async def copy_sale(selling: Selling, by: Principal, sale_id: str, again: Again) -> tuple[SaleRow, list[str]]:
    """A draft like a sale. Returns it, and the SKUs that were left out. Raises NotFound and Malformed."""
    async with store.edge(selling.sessions) as session:
        old = await store.find_sale(session, by.merchant_id, sale_id)
        sale, left_out = await _make(selling, session, by, old, items=await _items_of(session, sale_id), again=again)
        selling.audit(session, by, "sale.copy", sale.id, sale_id=sale_id)
    return sale, left_out


async def save_template(selling: Selling, by: Principal, sale_id: str, title: str | None) -> SaleTemplateRow:
    """Keep a sale as a template, under its own title or another. Raises NotFound."""
    async with store.edge(selling.sessions) as session:
        sale = await store.find_sale(session, by.merchant_id, sale_id)
        row = await store_templates.add_template(
            session,
            id=selling.ids.new(),
            merchant_id=by.merchant_id,
            title=title or sale.title,
            kind=sale.kind,
            currency=sale.currency,
            hold_ttl_s=sale.hold_ttl_s,
            limit_per_customer=sale.limit_per_customer,
            needs_ticket=sale.needs_ticket,
            ticket_after_s=sale.ticket_after_s,
            items=[asdict(item) for item in await _items_of(session, sale_id)],
            created_at=selling.clock.now(),
        )
        selling.audit(session, by, "template.save", row.id, sale_id=sale_id)
    return row


async def sale_from_template(
    selling: Selling, by: Principal, template_id: str, again: Again
) -> tuple[SaleRow, list[str]]:
    """A draft from a template. Returns it, and the SKUs that were left out. Raises NotFound and Malformed."""
    async with store.edge(selling.sessions) as session:
        template = await store_templates.find_template(session, by.merchant_id, template_id)
        items = [NewItem(**item) for item in template.items]
        sale, left_out = await _make(selling, session, by, template, items=items, again=again)
        selling.audit(session, by, "sale.from_template", sale.id, template_id=template_id)
    return sale, left_out


async def archive_template(selling: Selling, by: Principal, template_id: str) -> None:
    """Put a template away. Raises NotFound."""
    async with store.edge(selling.sessions) as session:
        await store_templates.find_template(session, by.merchant_id, template_id)
        await store_templates.archive_template(session, template_id, selling.clock.now())
        selling.audit(session, by, "template.archive", template_id)


async def list_templates(
    selling: Selling, by: Principal, *, below: str | None, count: int
) -> Sequence[SaleTemplateRow]:
    """A page of templates, newest first, below an id."""
    async with store.edge(selling.sessions) as session:
        return await store_templates.list_templates(session, by.merchant_id, below=below, count=count)


async def _items_of(session: AsyncSession, sale_id: str) -> list[NewItem]:
    prices = {str(item.id): item.price for item in (await store.sheet(session, sale_id)).config.items}
    return [
        NewItem(row.sku_id, price=prices[row.id], units=row.planned, limit_per_customer=row.limit_per_customer)
        for row in await store.items(session, sale_id)
    ]


async def _make(
    selling: Selling,
    session: AsyncSession,
    by: Principal,
    like: SaleRow | SaleTemplateRow,
    *,
    items: Sequence[NewItem],
    again: Again,
) -> tuple[SaleRow, list[str]]:
    new = NewSale(
        title=again.title or like.title,
        currency=like.currency,
        kind=SaleKind(like.kind),
        opens_at=again.opens_at,
        closes_at=again.closes_at,
        hold_ttl_s=like.hold_ttl_s,
        limit_per_customer=like.limit_per_customer,
        needs_ticket=like.needs_ticket,
        ticket_after_s=like.ticket_after_s,
        rehearsal=again.rehearsal,
    )
    sale = await enter_sale(selling, session, by, new)
    there = await store_catalogue.find_skus(session, by.merchant_id, [item.sku_id for item in items])
    kept = [item for item in items if item.sku_id in there]
    for no, item in enumerate(kept, start=1):
        await enter_item(selling, session, sale, no, item)
    return sale, [item.sku_id for item in items if item.sku_id not in there]
