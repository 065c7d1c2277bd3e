"""Use cases that put away what is over. Nothing is deleted: archived things are no longer listed or sold.

A sale may be put away while its orders await payment: retries are answered, and units of lapsed orders go back still.
"""

from inventory import store, store_catalogue
from inventory.model import SaleState
from inventory.selling import Selling, locked
from inventory.versions import ledger_first
from keel.errors import Conflict
from keel.identity import Principal


async def archive_sale(selling: Selling, by: Principal, sale_id: str) -> None:
    """Put a closed sale away, once what it had left is back in base stock. Raises NotFound and Conflict."""
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, None)
        if sale.state != SaleState.CLOSED:
            raise Conflict(detail=f"the sale is {sale.state}: close it first")
        sheet = await store.sheet(session, sale_id)
        if any(count.allocated > count.sold for counts in sheet.counts for count in counts):
            raise Conflict(detail="what the sale has left is not back in base stock yet")
        await store.revise(session, sale_id, archived_at=selling.clock.now(), version=ledger_first(sale.version))
        selling.audit(session, by, "sale.archive", sale_id)


async def archive_sku(selling: Selling, by: Principal, sku_id: str) -> None:
    """Take a SKU out of the catalogue; sales that have it keep it. Raises NotFound."""
    async with store.edge(selling.sessions) as session:
        await store_catalogue.require_sku(session, by.merchant_id, sku_id)
        await store_catalogue.revise_sku(session, sku_id, archived_at=selling.clock.now())
        selling.audit(session, by, "sku.archive", sku_id)
