"""Looking at gate and ledger together: two stores are not read at one moment, so a look is taken around the gate's."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from console import store
from console.model import NotAuditable
from console.store import Head
from inventory.faults import GateSilent, LedgerFault
from inventory.gate import Gate
from inventory.ledger import Ledger
from inventory.model import RUNNING, ItemCount
from inventory.replies import GateStatus
from keel.database import Pool

POLL_S: Final = 0.2
STEADY_LOOKS_MAX: Final = 3
STEADY_PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Look:
    """One segment: the ledger's counters right before and right after one consistent reading of the gate."""

    head: Head
    segment: int
    before: tuple[ItemCount, ...]
    gate: GateStatus
    after: tuple[ItemCount, ...]
    open_releases: int

    @property
    def epoch(self) -> int:
        """The ledger's."""
        return max((count.epoch for count in self.after), default=0)

    @property
    def current(self) -> bool:
        """Whether the gate is loaded in the ledger's epoch, so that its counters mean something."""
        return self.gate.loaded and self.gate.epoch == self.epoch

    @property
    def configured(self) -> bool:
        """Whether the gate has the sale's version."""
        return self.current and self.gate.version == self.head.version

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way: no hold, no release, and no order between the two readings."""
        return self.configured and not self.gate.held and not self.open_releases and self.before == self.after

    @property
    def settled(self) -> bool:
        """Whether nothing is left on sale."""
        return all(count.allocated == count.sold for count in self.after)

    def same_as(self, other: "Look") -> bool:
        """Whether nothing happened in between, refusals apart."""
        return self._signature() == other._signature()

    def _signature(self) -> tuple[object, ...]:
        counters = [(item.no, item.allocated, item.free, item.held, item.confirmed) for item in self.gate.items]
        return self.gate.run_id, self.gate.meta, self.gate.entries, sorted(counters), self.after, self.open_releases


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at all segments: the first ones, and the last ones after waiting for quiet."""

    first: tuple[Look, ...]
    last: tuple[Look, ...]

    @property
    def head(self) -> Head:
        """The sale as it was in the end."""
        return self.last[0].head

    @property
    def quiet(self) -> bool:
        """Whether nothing was under way in the end."""
        return all(look.quiet for look in self.last)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Takes looks. `say` hears what is waited for, once."""

    pool: Pool
    gate: Gate
    ledger: Ledger
    sale_id: str
    say: Callable[[str], None] = field(default=lambda _: None)

    async def look(self) -> tuple[Look, ...]:
        """Every segment once. Raises NotAuditable."""
        head = await store.head(self.pool, self.sale_id)
        if head is None:
            raise NotAuditable(f"There is no sale {self.sale_id}.")
        try:
            return tuple([await self._look(head, segment) for segment in range(head.segments)])
        except GateSilent as silence:
            raise NotAuditable(f"The gate's Redis does not answer: {silence}") from silence
        except LedgerFault as fault:
            raise NotAuditable(f"PostgreSQL does not answer: {fault}") from fault

    async def watch(self, wait_s: float) -> Watch:
        """Look, then wait up to `wait_s` until nothing is under way."""
        first = last = await self._steady_look()
        deadline_s = time.monotonic() + wait_s
        told = False
        while (wanted := _waited_for(last)) and time.monotonic() < deadline_s:
            if not told:
                self.say(f"{wanted}; waiting up to {wait_s:g} s")
                told = True
            await asyncio.sleep(POLL_S)
            last = await self.look()
        return Watch(first, last)

    async def _steady_look(self) -> tuple[Look, ...]:
        """A look between whose two readings nothing was sold, where one can be had."""
        looks = await self.look()
        for _ in range(STEADY_LOOKS_MAX - 1):
            if all(look.before == look.after for look in looks):
                break
            await asyncio.sleep(STEADY_PAUSE_S)
            looks = await self.look()
        return looks

    async def _look(self, head: Head, segment: int) -> Look:
        before = await self.ledger.counts(head.id, segment)
        gate = await self.gate.status(head.id, segment)
        after = await self.ledger.counts(head.id, segment)
        releases = await self.ledger.open_releases(head.id)
        return Look(head, segment, tuple(before), gate, tuple(after), releases)


def sells(head: Head) -> bool:
    """Whether the gate has to know the sale."""
    return head.state in RUNNING and not head.archived


def _waited_for(looks: tuple[Look, ...]) -> str:
    """What is still under way, in words; empty when nothing is."""
    head = looks[0].head
    if head.state == "closed" and not head.archived:
        return (
            "" if all(look.settled for look in looks) else "What the closed sale has left is on its way to base stock"
        )
    if not sells(head) or all(look.quiet for look in looks):
        return ""
    if not all(look.configured for look in looks):
        return "The gate is being loaded or configured"
    held = sum(item.held for look in looks for item in look.gate.items)
    return f"Orders are under way ({held} units held, {looks[0].open_releases} releases on their way)"
