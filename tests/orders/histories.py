"""Gate and ledger driven by hand, one step at a time: every call may be late, repeated or never made. Mirrors
the model of the order path; each step is one call to a real engine."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from inventory.faults import EpochOver
from inventory.model import lines_of
from inventory.rebuild import Rebuilder
from inventory.replies import GateStatus, NotLoaded, StaleHolds
from inventory.verdicts import BelowEpoch, Held, OverLimitVerdict, Own, Repeated, SoldOutVerdict, Verdicts
from tests.inventory.claims import Books, Wish
from tests.inventory.gates import NOW_MS, PRINT, customer_of, id_of

LIMIT: Final = 2
ALLOCATED: Final = (2, 1)
# (customer, key, units): the first customer has two keys, one order has two lines.
ORDERS: Final = ((1, "a", (1, 0)), (1, "b", (1, 1)), (2, "a", (1, 1)), (3, "a", (2, 0)))
OTHER_ENGINE: Final = "0" * 40
ROUNDS_MAX: Final = 12
STEPS_MAX: Final = 100


@dataclass(frozen=True)
class Call:
    """An order under an id: at the gate, or on its way to the ledger with the epoch of its hold."""

    order: int
    claim: int
    epoch: int = 0
    must_read: bool = False


@dataclass
class Sweep:
    """A sweeper between two of its steps."""

    holds: StaleHolds
    outcomes: dict[str, str] | None = None


@dataclass
class History:
    """One sale and everything that is under way."""

    books: Books
    claims: int = 0
    acknowledged: dict[int, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    late: list[Call] = field(default_factory=list)
    facts: list[tuple[int, int, int]] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    saved: dict[bytes, Any] = field(default_factory=dict)

    @property
    def where(self) -> tuple[str, int]:
        return self.books.sale.id, 0

    def wish(self, order: int, claim: int) -> Wish:
        customer, key, units = ORDERS[order]
        return Wish(claim, customer, key, PRINT, units)

    def next_claim(self) -> int:
        self.claims += 1
        return self.claims

    async def status(self) -> GateStatus:
        return await self.books.shop.gate.status(*self.where)

    async def epoch(self) -> int:
        return max(count.epoch for count in await self.books.shop.ledger.counts(*self.where))

    # Buyers -----------------------------------------------------------------------------------------------------------

    async def ask(self, order: int, claim: int, above_epoch: int = 0) -> str:
        """One order at the gate; what becomes of it waits in `calls`."""
        wish = self.wish(order, claim)
        asked = (customer_of(wish.customer), wish.key, id_of(claim), PRINT, self.books.lines(wish), True, above_epoch)
        reply = await self.books.shop.gate.hold(
            *self.where, now_ms=NOW_MS, version=self.books.config.version, confirms=[], asks=[asked]
        )
        if isinstance(reply, NotLoaded):
            return "not_loaded"
        return await self._follow(order, claim, reply)

    async def _follow(self, order: int, claim: int, reply: Verdicts) -> str:
        match reply.verdicts[0]:
            case Held() | Own(_, _, "H"):
                self.calls.append(Call(order, claim, reply.epoch))
            case Repeated(_, _, _, standing):
                self.calls.append(Call(order, int(standing[-12:]), reply.epoch, must_read=True))
            case Own():
                self.calls.append(Call(order, claim, reply.epoch, must_read=True))
            case SoldOutVerdict() | OverLimitVerdict():
                trusted = reply.epoch == await self.epoch()
                assert not (trusted and order in self.acknowledged), "an acknowledged key was refused"
                return "refused"
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
            await self._place(call)

    async def _read(self, call: Call) -> None:
        customer, key, _ = ORDERS[call.order]
        standing = await self.books.claim(customer=customer, key=key)
        if standing is None or (standing[1] == "void" and standing[0] < id_of(call.claim)):
            self.calls.append(Call(call.order, call.claim, call.epoch))
        elif standing[1] == "void":
            await self.bury(call)
        else:
            self.acknowledge(call.order, int(standing[0][-12:]))

    async def _place(self, call: Call) -> None:
        try:
            outcomes = await self.books.place(self.wish(call.order, call.claim), epoch=call.epoch)
        except EpochOver:
            await self.ask(call.order, self.next_claim(), above_epoch=call.epoch)
            return
        outcome = outcomes.get(id_of(call.claim))
        if outcome is not None and outcome.state == "void":
            await self.bury(call)
        else:
            self.acknowledge(call.order, int(outcome.order_id[-12:]) if outcome else call.claim)

    async def bury(self, call: Call) -> None:
        """The hold's id is void: release it, and go on with a fresh one."""
        await self.release("voided", call)
        await self.ask(call.order, self.next_claim())

    async def release(self, mode: str, call: Call) -> None:
        customer, key, _ = ORDERS[call.order]
        hold = (customer_of(customer), key, id_of(call.claim), call.epoch)
        await self.books.shop.gate.release(*self.where, mode, [hold])

    async def arrive(self, call: Call) -> None:
        """A call whose caller is gone reaches the ledger."""
        self.late.remove(call)
        try:
            await self.books.place(self.wish(call.order, call.claim), epoch=call.epoch)
        except EpochOver:
            return

    def acknowledge(self, order: int, claim: int) -> None:
        assert self.acknowledged.setdefault(order, claim) == claim, "two orders for one key"

    async def confirm(self, order: int) -> None:
        customer, key, _ = ORDERS[order]
        ref = (customer_of(customer), key, id_of(self.acknowledged[order]))
        await self.books.shop.gate.confirm(*self.where, [ref])

    # Upkeep -----------------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        stale = await self.books.shop.gate.stale(*self.where, before_ms=NOW_MS + 1, count=9)
        if isinstance(stale, StaleHolds) and stale.holds:
            self.sweeps.append(Sweep(stale))

    async def sweep(self, sweep: Sweep) -> None:
        """The sweeper's next step: void in the ledger, then tell the gate."""
        if sweep.outcomes is None:
            sweep.outcomes = await self.books.shop.ledger.void(
                self.books.config, 0, sweep.holds.epoch, sweep.holds.holds
            )
            return
        self.sweeps.remove(sweep)
        for hold in sweep.holds.holds:
            name, outcome = (hold.customer_id, hold.key, hold.claim_id), sweep.outcomes[hold.claim_id]
            if outcome == "placed":
                await self.books.shop.gate.confirm(*self.where, [name])
            elif outcome != "busy":
                mode = "lapsed" if outcome == "released" else "voided"
                await self.books.shop.gate.release(*self.where, mode, [(*name, 0)])

    async def lapse(self, order: int) -> None:
        customer, key, _ = ORDERS[order]
        standing = await self.books.claim(customer=customer, key=key)
        if standing is not None and standing[1] == "placed" and await self.books.lapse(claim := int(standing[0][-12:])):
            self.facts.append((order, claim, await self.epoch()))

    async def relay(self, fact: tuple[int, int, int]) -> None:
        order, claim, epoch = fact
        customer, key, _ = ORDERS[order]
        hold = (customer_of(customer), key, id_of(claim), epoch)
        reply = await self.books.shop.gate.release(*self.where, "lapsed", [hold])
        if not isinstance(reply, NotLoaded) and reply.outcomes != ["not_loaded"]:
            self.facts.remove(fact)

    async def need_rebuild(self) -> bool:
        status = await self.status()
        return not status.loaded or status.epoch < await self.epoch()

    async def rebuild(self) -> None:
        shop = self.books.shop
        await Rebuilder(shop.pool, shop.ledger, shop.gate, trust_s=0).rebuild(*self.where)

    # The engine -------------------------------------------------------------------------------------------------------

    async def _names(self) -> list[bytes]:
        redis = self.books.shop.redis
        return [name async for name in redis.scan_iter(f"{self.books.shop.gate.base(*self.where)}*", count=1000)]

    async def forget(self) -> None:
        """The engine restarts with nothing."""
        if names := await self._names():
            await self.books.shop.redis.delete(*names)

    async def save(self) -> None:
        """The engine writes a snapshot."""
        self.saved = {name: await self.books.shop.redis.dump(name) for name in await self._names()}

    async def restore(self) -> None:
        """The engine restarts with what it saved, and has another run_id than the one written there."""
        await self.forget()
        redis = self.books.shop.redis
        for name, value in self.saved.items():
            await redis.restore(name, 0, value)
        if self.saved:
            await redis.hset(f"{self.books.shop.gate.base(*self.where)}:meta", "run_id", OTHER_ENGINE)

    # Laws -------------------------------------------------------------------------------------------------------------

    async def check(self) -> None:
        """What holds after every single step."""
        claims = await self.books.shop.pool.fetch("SELECT * FROM claim WHERE sale_id = $1", self.where[0])
        placed = [claim for claim in claims if claim["state"] == "placed"]
        units: Counter[int] = Counter()
        per_customer: Counter[str] = Counter()
        for claim in placed:
            units.update(lines_of(claim["lines"]))
            per_customer[str(claim["customer_id"])] += claim["units"]
        counts = await self.books.shop.ledger.counts(*self.where)
        for count in counts:
            assert count.sold == units[count.no] <= count.allocated
        assert not [n for n in per_customer.values() if n > LIMIT], "more than one buyer may have"
        standing = {int(str(c["id"])[-12:]) for c in claims if c["state"] != "void"}
        assert set(self.acknowledged.values()) <= standing, "an acknowledged order is not in the ledger"
        status = await self.status()
        if status.loaded and status.epoch == max(count.epoch for count in counts):
            unsold = {count.no: count.allocated - count.sold for count in counts}
            for item in status.items:
                assert item.allocated == item.free + item.held + item.confirmed
                assert 0 <= item.free <= unsold[item.no], "the gate offers a unit twice"

    async def _let_all_arrive(self) -> None:
        for call in [*self.late]:
            await self.arrive(call)
        for _ in range(STEPS_MAX):  # without a pause: a sweeper that knows no age would void each fresh id anew
            if not self.calls:
                return
            await self.go_on(self.calls[0])
        raise AssertionError(f"these never end: {self.calls}")

    async def come_to_rest(self) -> None:
        """Everything under way arrives; then the gate is the ledger's image."""
        for _ in range(ROUNDS_MAX):
            await self._let_all_arrive()
            if await self.need_rebuild():
                await self.rebuild()
            await self.look()
            for sweep in [*self.sweeps, *self.sweeps]:
                if sweep in self.sweeps:
                    await self.sweep(sweep)
            for fact in [*self.facts]:
                await self.relay(fact)
            await self.check()
            if not (self.late or self.calls or self.sweeps or self.facts or (await self.status()).held):
                return
        raise AssertionError(f"no rest: {self.late} {self.calls} {self.sweeps} {self.facts} {await self.status()}")

    async def equal(self) -> None:
        status, counts = await self.status(), await self.books.shop.ledger.counts(*self.where)
        free = {item.no: item.free for item in status.items}
        assert (status.loaded, status.epoch) == (True, counts[0].epoch)
        assert free == {count.no: count.allocated - count.sold for count in counts}
