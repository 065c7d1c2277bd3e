"""Gate and ledger driven by hand, one step at a time: every call may be late, repeated or never made. Mirrors
the model of the order path; each step is one call to a real engine.

Here are the buyers. What is done around them is in tests.orders.history_upkeep, what has to hold in .history_laws."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from inventory.faults import RETRY_STATES, Contended, EpochOver, NotSent
from inventory.model import SaleConfig
from inventory.replies import GateStatus, NotLoaded, StaleHolds
from inventory.verdicts import BelowEpoch, Held, KeyReused, OverLimitVerdict, Own, Repeated, SoldOutVerdict, Verdicts
from orders.attempt import Attempt
from orders.schemas import LineRequest, OrderRequest, fingerprint_of
from orders.store import Outcome, place_batch
from tests.inventory.gates import customer_of
from tests.inventory.selling import Sale, Shop

LIMIT: Final = 2
ALLOCATED: Final = (7, 6)
# (customer, key, units), three times over for other customers: the first has two keys, one of them used for two bodies,
# and may not have both; two orders have two lines.
ORDERS: Final = tuple(
    (10 * time + customer, key, units)
    for time in range(3)
    for customer, key, units in (
        (1, "a", (1, 0)), (1, "a", (0, 1)), (1, "b", (1, 1)), (2, "a", (1, 1)), (3, "a", (2, 0)), (4, "a", (0, 1)),
    )
)  # fmt: skip
SEGMENT: Final = 0

Name = tuple[str, str]
Fact = tuple[int, str, int]


@dataclass(frozen=True)
class Call:
    """An order under an id: at the gate, or on its way to the ledger with the epoch and the number of its hold."""

    order: int
    claim: str
    epoch: int
    no: int
    at_ms: int
    must_read: bool = False


@dataclass
class Sweep:
    """A sweeper between two of its steps."""

    holds: StaleHolds
    outcomes: dict[str, str] | None = None


@dataclass
class History:
    """One sale and everything that is under way. `acknowledged`: a key's order and id. `reached`: what was met."""

    shop: Shop
    sale: Sale
    config: SaleConfig
    reached: Counter[str]
    acknowledged: dict[Name, tuple[int, str]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    late: list[Call] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    saved: dict[bytes, Any] = field(default_factory=dict)

    @property
    def where(self) -> tuple[str, int]:
        return self.sale.id, SEGMENT

    @staticmethod
    def name(order: int) -> Name:
        """Whose key it is."""
        customer, key, _ = ORDERS[order]
        return customer_of(customer), key

    def request(self, order: int) -> OrderRequest:
        units = zip(self.sale.item_ids, ORDERS[order][2], strict=True)
        return OrderRequest([LineRequest(item, n) for item, n in units if n])

    def fingerprint(self, order: int) -> str:
        return fingerprint_of(self.request(order), salt=self.name(order)[0])

    def attempt(self, order: int, claim: str) -> Attempt:
        """What a process makes of a request."""
        customer_id, key = self.name(order)
        attempt = Attempt(
            customer_id=customer_id,
            key=key,
            request=self.request(order),
            fingerprint=self.fingerprint(order),
            claim_id=claim,
            answer=asyncio.get_running_loop().create_future(),
        )
        attempt.ask(self.config)
        return attempt

    async def status(self) -> GateStatus:
        return await self.shop.gate.status(*self.where)

    async def epoch(self) -> int:
        return max(count.epoch for count in await self.shop.ledger.counts(*self.where))

    # Buyers -----------------------------------------------------------------------------------------------------------

    async def ask(self, order: int, *, above: str | None = None, above_epoch: int = 0) -> str:
        """One order at the gate, under a fresh id; what becomes of it waits in `calls`."""
        claim, known = self.shop.ids.new(above=above), self.acknowledged.get(self.name(order))
        attempt = self.attempt(order, claim)
        attempt.above_epoch = above_epoch
        reply = await self.shop.gate.hold(
            *self.where,
            now_ms=self.shop.clock.ms(),
            version=self.config.version,
            confirms=[],
            asks=[attempt.ask(self.config)],
        )
        if isinstance(reply, NotLoaded):
            self.reached["not_loaded"] += 1
            return "not_loaded"
        verdict = reply.verdicts[0]
        self.reached[type(verdict).__name__] += 1
        if known is not None and reply.epoch == await self.epoch():
            self._keeps_its_word(order, known[0], verdict)
        return self._follow(order, claim, reply)

    @staticmethod
    def _keeps_its_word(order: int, acknowledged: int, verdict: object) -> None:
        """The key comes first: one that was acknowledged is not sold out, over a limit, or held anew."""
        if order == acknowledged:
            assert isinstance(verdict, Repeated | Own | BelowEpoch), f"an acknowledged key was told {verdict}"
        else:
            assert isinstance(verdict, KeyReused | BelowEpoch), f"another body under an acknowledged key: {verdict}"

    def _follow(self, order: int, claim: str, reply: Verdicts) -> str:
        match reply.verdicts[0]:
            case Held(no, at_ms) | Own(no, at_ms, "H"):
                self.calls.append(Call(order, claim, reply.epoch, no, at_ms))
            case Repeated(no, at_ms, _, standing):
                self.calls.append(Call(order, standing, reply.epoch, no, at_ms, must_read=True))
            case Own(no, at_ms, _):
                self.calls.append(Call(order, claim, reply.epoch, no, at_ms, must_read=True))
            case KeyReused():
                return "reused"
            case SoldOutVerdict():
                return "sold out"
            case OverLimitVerdict():
                return "over limit"
            case BelowEpoch():
                return "not_loaded"
            case other:
                raise AssertionError(other)
        return "under way"

    async def go_on(self, call: Call) -> None:
        """The caller's next step: read the claim, or place."""
        self.calls.remove(call)
        if call.must_read:
            await self._read(call)
        else:
            await self.place([call])

    async def _read(self, call: Call) -> None:
        name = self.name(call.order)
        standing = (await self.shop.ledger.claims(self.sale.id, [name])).get(name)
        self.reached[f"read {standing.state}" if standing is not None else "read nothing"] += 1
        if standing is None or (standing.state == "void" and standing.id < call.claim):
            self.calls.append(replace(call, must_read=False))
        elif standing.state == "void":
            await self.bury(call, standing.id)
        elif standing.fingerprint != self.fingerprint(call.order):
            self._told_of_another_body(call.order)
        else:
            self.acknowledge(call.order, standing.id)

    async def send(self, calls: Sequence[Call]) -> dict[str, Outcome]:
        """One ledger call, for holds of one epoch with each key once. Raises LedgerFault."""
        attempts = [self.attempt(call.order, call.claim) for call in calls]
        for attempt, call in zip(attempts, calls, strict=True):
            attempt.epoch, attempt.no, attempt.at_ms = call.epoch, call.no, call.at_ms
        _, outcomes = await place_batch(self.shop.ledger, attempts, SEGMENT, self.shop.clock.ms(), ())
        return outcomes

    async def place(self, calls: Sequence[Call]) -> None:
        """A batch, and what its callers do with the answer."""
        try:
            outcomes = await self.send(calls)
        except EpochOver:
            self.reached["epoch over"] += 1
            for call in calls:
                await self.ask(call.order, above=call.claim, above_epoch=call.epoch)
            return
        except (Contended, NotSent) as fault:  # surely nothing of it stays, and nobody was told
            if getattr(fault.__cause__, "sqlstate", None) in RETRY_STATES:
                raise  # a deadlock is tried again, unseen from here
            self.calls += calls
            return
        for call in calls:
            await self._told(call, outcomes.get(call.claim))

    async def _told(self, call: Call, outcome: Outcome | None) -> None:
        self.reached[outcome.state if outcome is not None else "new"] += 1
        if outcome is None:
            self.acknowledge(call.order, call.claim)
        elif outcome.state == "void":
            await self.bury(call, outcome.order_id)
        elif outcome.state == "reused":
            self._told_of_another_body(call.order)
        else:
            self.acknowledge(call.order, outcome.order_id)

    def _told_of_another_body(self, order: int) -> None:
        known = self.acknowledged.get(self.name(order))
        assert known is None or known[0] != order, "an acknowledged key was refused as another body's"

    async def bury(self, call: Call, void_id: str) -> None:
        """The hold's id is void: release it, and go on with a fresh one."""
        await self.release("voided", call)
        await self.ask(call.order, above=max(call.claim, void_id))

    async def release(self, mode: str, call: Call) -> None:
        await self.shop.gate.release(*self.where, mode, [(*self.name(call.order), call.claim, call.epoch)])

    async def arrive(self, call: Call) -> None:
        """A call whose caller is gone reaches the ledger."""
        self.late.remove(call)
        try:
            await self.send([call])
        except EpochOver:
            return

    def acknowledge(self, order: int, claim: str) -> None:
        stands = self.acknowledged.setdefault(self.name(order), (order, claim))
        assert stands == (order, claim), "two orders for one key"

    async def confirm(self, name: Name) -> None:
        await self.shop.gate.confirm(*self.where, [(*name, self.acknowledged[name][1])])
