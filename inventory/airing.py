"""What is on air while a sale sells: the gate keeps it with the sale, every verdict returns it, the order stores it.

Whoever knows what is shown (sessions and pins are none of this package's business) writes it in a transaction of his
own, and pushes the sales that changed once that is committed: `inventory.selling.push`. Until the push arrives, orders
carry what was on air before; never a mixture, for the whole of it is one value.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store
from inventory.model import RUNNING
from inventory.tables import SaleRow
from inventory.versions import ledger_first

Context = Mapping[str, Any]


async def show_during(
    session: AsyncSession, merchant_id: str, sale_id: str, context: Context, *, take_over: bool
) -> SaleRow:
    """Orders of this sale carry `context` from now on: room_id, session_id, pin_id where something is pinned, and
    started_ms, from which the broadcast's offset counts. The sale stays locked. Raises NotFound.

    A sale that carries another session is left to it, unless this one is to take it over.
    """
    sale = await store.lock_sale(session, merchant_id, sale_id)
    is_free = sale.context is None or sale.context.get("session_id") == context["session_id"]
    if sale.context == dict(context) or not (is_free or take_over):
        return sale
    return await store.put_context(session, sale_id, context, version=ledger_first(sale.version))


async def show_nothing(session: AsyncSession, merchant_id: str, sale_id: str, *, session_id: str) -> SaleRow:
    """Orders carry nothing any more, unless another session has taken the sale over. Raises NotFound."""
    sale = await store.lock_sale(session, merchant_id, sale_id)
    if sale.context is None or sale.context.get("session_id") != session_id:
        return sale
    return await store.put_context(session, sale_id, None, version=ledger_first(sale.version))


def is_at_gate(sale: SaleRow) -> bool:
    """Whether the gate has to hear of a change: it knows no drafts, and forgets what is closed."""
    return sale.state in RUNNING
