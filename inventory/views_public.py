"""What viewers see of a sale: all of it from the process's memory."""

import zlib

from inventory.book import SaleBook
from inventory.model import ItemConfig, SaleState
from inventory.schemas_shown import PublicItem, PublicSale
from inventory.sheet import state_at
from inventory.window import ShopWindow, View
from keel.clock import Clock
from keel.errors import NotFound


async def sale_for_viewers(book: SaleBook, window: ShopWindow, clock: Clock, sale_id: str) -> PublicSale:
    """A sale as it stands by the server's clock: a crowd that looks does not touch the database.

    Drafts, rehearsals and what is archived are not shown. Raises NotFound and LedgerFault.
    """
    config = await book.get(sale_id)
    if config is not None and config.state is SaleState.DRAFT:
        config = await book.fresher(sale_id)
    if config is None or config.state is SaleState.DRAFT or config.rehearsal or config.archived:
        raise NotFound(what="sale")
    view = await window.look(sale_id, config.version)
    now = clock.now()
    return PublicSale(
        id=config.id,
        title=config.title,
        kind=config.kind,
        state=state_at(config.state, now, opens_at=config.opens_at, closes_at=config.closes_at),
        currency=config.currency,
        opens_at=config.opens_at,
        closes_at=config.closes_at,
        hold_ttl_s=config.hold_ttl_s,
        limit_per_customer=config.limit or None,
        needs_ticket=config.needs_ticket,
        version=config.version,
        server_time=now,
        items=[_item(item, view) for item in config.items if item.id in view.items],
    )


def tag_of(sale: PublicSale) -> str:
    """The entity tag of what is shown, the server's time apart; weak, for the same may be written in other bytes."""
    left = zlib.crc32(repr([item.left for item in sale.items]).encode())
    return f'W/"{sale.version}-{sale.state}-{left:08x}"'


def _item(item: ItemConfig, view: View) -> PublicItem:
    shown = view.items[item.id]
    return PublicItem(
        id=item.id,
        no=item.no,
        title=item.title,
        price=item.price,
        limit_per_customer=item.limit or None,
        allocated=item.allocated,
        specification=shown.specification,
        picture_url=shown.picture_url,
        needs_recipient=shown.needs_recipient,
        left=shown.left if view.is_recent else None,
        sold_out=shown.left == 0,
    )
