"""Placement: the door to the lanes. One lane per sale segment and process; see `orders.lane` for the rules."""

import asyncio
from dataclasses import dataclass
from typing import Final

from inventory.book import SaleBook
from inventory.errors import UnknownItem
from inventory.faults import LedgerFault
from inventory.gate import Gate
from inventory.ledger import Ledger
from inventory.model import SaleConfig, SaleState
from keel.breaker import Breaker
from keel.clock import Clock
from keel.errors import NotFound, Refusal, Unavailable
from keel.ids import Ids
from orders.attempt import Answer, Attempt
from orders.desk import NO_LEDGER, Desk
from orders.errors import TicketInvalid, TicketRequired, TooBusy
from orders.lane import Lane
from orders.schemas import OrderRequest, fingerprint_of
from orders.tickets import Tickets

SEGMENT: Final = 0  # sales have one segment until one is too hot for it
LANES_MAX: Final = 2_000


@dataclass(slots=True, frozen=True)
class Buyer:
    """Who orders, as the token says."""

    merchant_id: str
    customer_id: str
    was: tuple[str, ...] = ()  # guests whom this customer was before: theirs are his tickets


class Placement:
    """Takes attempts and answers them after the commit, or with a refusal."""

    def __init__(
        self,
        *,
        gate: Gate,
        ledger: Ledger,
        book: SaleBook,
        ids: Ids,
        clock: Clock,
        subscribers: tuple[str, ...] = (),
        waiting_max: int = 4_096,
        tickets: Tickets | None = None,
    ) -> None:
        """Without `tickets` no ticket is good."""
        self._desk = Desk(gate, ledger, book, ids, clock, Breaker(), subscribers)
        self._waiting_max, self._tickets = waiting_max, tickets
        self._lanes: dict[str, Lane] = {}
        self._waiting = 0
        self._starting: set[asyncio.Task[Answer]] = set()

    async def place(self, sale_id: str, buyer: Buyer, key: str, request: OrderRequest) -> Answer:
        """Place an order. An answer of `Placed` or `Standing` is committed; everything else is a Refusal."""
        config = await self._sale(sale_id, buyer, request.units)
        return await self._enter(config, buyer, key, request)

    def start(self, sale_id: str, buyer: Buyer, key: str, request: OrderRequest) -> "asyncio.Future[Answer]":
        """The same, as a future: no task is made for an order of a sale that this process knows. Raises Refusal."""
        config = self._desk.book.known(sale_id)
        if config is None or not _is_ready(config, request.units):
            # house: stray-task because whoever asked holds it by its callback, and has a frame of its own for faults
            task = asyncio.create_task(self.place(sale_id, buyer, key, request))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
            return task
        return self._enter(_visible(config, buyer), buyer, key, request)

    def _enter(self, config: SaleConfig, buyer: Buyer, key: str, request: OrderRequest) -> "asyncio.Future[Answer]":
        self._admit()
        barred = self._barred(config, buyer, request) if config.needs_ticket else None
        attempt = self._attempt(buyer, key, request, barred)
        self._waiting += 1
        attempt.answer.add_done_callback(self._left)
        self._lane(config).enter(attempt)
        return attempt.answer

    def _left(self, _: "asyncio.Future[Answer]") -> None:
        self._waiting -= 1

    async def drained(self) -> None:
        """Return once every attempt is answered and confirmed."""
        while self._starting:
            await asyncio.wait(self._starting)
        for lane in list(self._lanes.values()):
            await lane.drained()

    def _admit(self) -> None:
        wait_s = self._desk.breaker.retry_after_s()
        if wait_s:
            raise Unavailable(retry_after_s=wait_s, detail=NO_LEDGER)
        if self._waiting >= self._waiting_max:
            raise TooBusy()

    async def _sale(self, sale_id: str, buyer: Buyer, units: dict[str, int]) -> SaleConfig:
        book = self._desk.book
        try:
            config = await book.get(sale_id)
            if config is not None and not _is_ready(config, units):
                config = await book.fresher(sale_id)
        except LedgerFault as fault:
            raise Unavailable(detail=NO_LEDGER) from fault
        if config is None:
            raise NotFound(what="sale")
        for item_id in units:
            if item_id not in _visible(config, buyer).by_item:
                raise UnknownItem(item_id=item_id)
        return config

    def _barred(self, config: SaleConfig, buyer: Buyer, request: OrderRequest) -> Refusal | None:
        """Why this buyer gets nothing of a sale that asks for tickets. A draft alone can begin to ask."""
        if request.ticket is None:
            return TicketRequired(after_s=config.ticket_wait_s)
        people = buyer.customer_id, *buyer.was
        if self._tickets is not None and self._tickets.is_good(
            request.ticket, merchant_id=buyer.merchant_id, sale_id=config.id, people=people
        ):
            return None
        return TicketInvalid()

    def _attempt(self, buyer: Buyer, key: str, request: OrderRequest, barred: Refusal | None) -> Attempt:
        return Attempt(
            customer_id=buyer.customer_id,
            key=key,
            request=request,
            fingerprint=fingerprint_of(request, salt=buyer.customer_id),
            claim_id=self._desk.ids.new(),
            answer=asyncio.get_running_loop().create_future(),
            barred=barred,
        )

    def _lane(self, config: SaleConfig) -> Lane:
        lane = self._lanes.get(config.id)
        if lane is None:
            if len(self._lanes) >= LANES_MAX:
                self._lanes = {sale_id: lane for sale_id, lane in self._lanes.items() if lane.busy}
            lane = self._lanes[config.id] = Lane(self._desk, config.id, SEGMENT)
        return lane


def _is_ready(config: SaleConfig, units: dict[str, int]) -> bool:
    """Whether nothing of what is wanted is missing; staff may have added it a moment ago."""
    return config.state is not SaleState.DRAFT and units.keys() <= config.by_item.keys()


def _visible(config: SaleConfig, buyer: Buyer) -> SaleConfig:
    """The sale, if it is there for this buyer. Raises NotFound."""
    if config.merchant_id != buyer.merchant_id or config.state is SaleState.DRAFT:
        raise NotFound(what="sale")
    return config
