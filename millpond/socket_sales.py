"""Commands of staff on sales over the socket: the use cases that HTTP has, for a host who does not leave the room."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta

from inventory import restock, running
from inventory.model import ALLOCATION_MAX
from inventory.selling import Selling
from keel.identity import SELLERS
from live.messages import Id, Request
from live.registry import Registry
from live.viewers import Caller

VERSION_MAX: Final = 2**63 - 1
Version = Annotated[int, Meta(ge=0, le=VERSION_MAX, description="Refused where the sale has another one by now.")]


class SaleRequest(Request, frozen=True, kw_only=True):
    """A command on one sale."""

    sale_id: Id
    version: Version | None = None


class SaleArm(SaleRequest, tag="sale.arm", frozen=True, kw_only=True):
    """Take the planned units from base stock and load the gate: from here on the sale opens by its clock or by hand."""


class SaleOpen(SaleRequest, tag="sale.open", frozen=True, kw_only=True):
    """Open an armed sale by hand."""


class SalePause(SaleRequest, tag="sale.pause", frozen=True, kw_only=True):
    """Stop giving out units for a while."""


class SaleResume(SaleRequest, tag="sale.resume", frozen=True, kw_only=True):
    """Give out units again after a pause."""


class SaleRestock(SaleRequest, tag="sale.restock", frozen=True, kw_only=True):
    """Move units of an item from base stock into the sale. Send the version, so that a repeat is refused."""

    item_id: Id
    add: Annotated[int, Meta(ge=1, le=ALLOCATION_MAX)]


class SaleMoved(msgspec.Struct, frozen=True):
    """The result: where the sale is now."""

    sale_id: str
    state: str
    version: int


class Moved(Protocol):
    """What is looked at of a sale that was moved."""

    id: str
    state: Any
    version: int


Move = Callable[..., Awaitable[Any]]


def register_sales(registry: Registry, selling: Selling) -> None:
    """Make the commands known, one line each."""
    registry.staff(SaleArm, SELLERS, _moved(selling, running.schedule_sale))
    registry.staff(SaleOpen, SELLERS, _moved(selling, running.open_sale))
    registry.staff(SalePause, SELLERS, _moved(selling, running.pause_sale))
    registry.staff(SaleResume, SELLERS, _moved(selling, running.resume_sale))
    registry.staff(SaleRestock, SELLERS, _restocked(selling))


def _moved(selling: Selling, move: Move) -> Callable[[Caller, Any], Awaitable[SaleMoved]]:
    async def run(caller: Caller, message: SaleRequest) -> SaleMoved:
        return _result(await move(selling, caller.principal, message.sale_id, version=message.version))

    return run


def _restocked(selling: Selling) -> Callable[[Caller, SaleRestock], Awaitable[SaleMoved]]:
    async def run(caller: Caller, message: SaleRestock) -> SaleMoved:
        sale = await restock.add_units(
            selling, caller.principal, message.sale_id, message.item_id, message.add, version=message.version
        )
        return _result(sale)

    return run


def _result(sale: Moved) -> SaleMoved:
    return SaleMoved(sale.id, str(sale.state), sale.version)
