"""One cell of the crash matrix: a story, a point, a fault there; then rest, retries on other processes, the laws."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final

from tests.chaos.judging import chance_of, judge
from tests.chaos.laws import Buyer
from tests.chaos.proxy import REPEATS, Effect, Trap
from tests.chaos.stories import LIMIT, STORIES
from tests.chaos.worlds import Mill, Process

CELL_MAX_S: Final = 60.0
TELLINGS_MAX: Final = 3
GREEDY_MAX: Final = 2
NOT_REACHED: Final = "the point was not reached"

# Told where there is time: readings, a beginning before which nothing was done, and what the others tell as a rule.
SELDOM_CALLS: Final = {
    "pool.begin", "reads.order", "staff.begin", "staff.state", "staff.audit", "staff.rows", "staff.history",
    "staff.notes",
}  # fmt: skip
SELDOM: Final = {("rebuilding", "pool.commit")}
ON_THE_HOT_PATH: Final = ("gate.", "ledger.")

Strike = Callable[[Mill, Process], Awaitable[None]]


async def nothing(mill: Mill, victim: Process) -> None:
    """No strike: the effect on the wire is all."""


async def death(mill: Mill, victim: Process) -> None:
    """The process is killed there."""
    victim.die()


@dataclass(frozen=True)
class Fault:
    """What happens at a point: a strike when the call arrives, and what becomes of the call. `after` mends.

    `late`: the strike comes when the server has done it. `api_only`: to a worker, whom nobody waits for, the others are
    the same. `slow`: the caller's own timeout ends it; those of long readings and of staff are too long to be waited
    for here.
    """

    name: str
    effect: Effect
    strike: Strike = nothing
    after: Strike = nothing
    slow: bool = False
    api_only: bool = False
    late: bool = False


NETWORK: Final = (
    Fault("cut", Effect.CUT),
    Fault("lose", Effect.LOSE),
    Fault("mute", Effect.MUTE, slow=True, api_only=True),
    Fault("stall", Effect.STALL, slow=True),
    Fault("killed before", Effect.CUT, death, api_only=True),
    Fault("killed after", Effect.LOSE, death),
    Fault("killed, call in flight", Effect.STALL, death, slow=True, api_only=True),
    Fault("twice", Effect.TWICE),
    Fault("twice at once", Effect.TWIN),
    Fault("again later", Effect.AGAIN),
)


@dataclass(frozen=True)
class Cell:
    """A place in the matrix."""

    story: str
    call: str
    skip: int
    fault: Fault

    @property
    def is_seldom(self) -> bool:
        """Whether it is told only where there is time."""
        if self.fault.effect in {Effect.TWIN, Effect.AGAIN} or self.call in SELDOM_CALLS:
            return True
        if self.fault.effect is Effect.STALL and self.fault.strike is death:
            return True
        repeated = self.fault.effect is Effect.TWICE and not self.call.startswith(ON_THE_HOT_PATH)
        return repeated or (self.story, self.call) in SELDOM

    def __str__(self) -> str:
        return f"{self.story} / {self.call}{f' +{self.skip}' if self.skip else ''} / {self.fault.name}"


def cells(faults: Sequence[Fault], stories: Sequence[str] = tuple(STORIES)) -> Iterator[Cell]:
    """Every point of the stories with every fault."""
    for story in stories:
        for call, skip in STORIES[story].calls:
            for fault in faults:
                impatient = not call.startswith(("pool.", "staff."))
                if (impatient or not fault.slow) and (STORIES[story].victim == 0 or not fault.api_only):
                    yield Cell(story, call, skip, fault)


async def told(open_mill: Callable[[], AbstractAsyncContextManager[Mill]], cell: Cell) -> list[str]:
    """What went wrong in this cell, in words that name it.

    A machine that stands still for a second keeps a story from its point: it is told again, in a fresh mill. A point
    that is never reached is no point.
    """
    said = [NOT_REACHED]
    for _ in range(TELLINGS_MAX):
        if said == [NOT_REACHED]:
            async with open_mill() as mill:
                said = await play(mill, cell)
    return [f"{cell}: {text}" for text in said]


async def play(mill: Mill, cell: Cell) -> list[str]:
    """What went wrong in this cell, in words."""
    story = STORIES[cell.story]
    victim = mill.processes[story.victim]

    async def strike() -> None:
        await cell.fault.strike(mill, victim)

    trap = Trap(cell.call, cell.fault.effect, strike, cell.skip, cell.fault.late)
    await story.tell(mill, lambda: _arm(victim, trap))
    if not trap.reached.is_set():
        return [NOT_REACHED]
    await trap.struck.wait()
    await cell.fault.after(mill, victim)
    if cell.fault.strike is not death and cell.fault.effect is not Effect.AGAIN:
        trap.let_go.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(trap.answered.wait(), 0.1 if cell.fault.effect is not Effect.STALL else 0)
    return await _aftermath(mill, trap)


def _arm(victim: Process, trap: Trap) -> None:
    victim.arm(trap)


async def _aftermath(mill: Mill, trap: Trap) -> list[str]:
    """Rest, a call that comes very late, everybody's retry on two other processes, rest again."""
    for process in mill.processes:
        if process.alive:
            process.recover()
    fresh = await mill.process(connections=1)
    said = [f"after the fault: {law}" for law in await mill.rest(fresh)]
    trap.let_go.set()
    if trap.effect in REPEATS:
        await trap.answered.wait()
    said += [f"after a late call: {law}" for law in await mill.rest(fresh)]
    _want_more(mill)
    for process in (mill.processes[1], fresh):
        said += [text for buyer in list(mill.buyers) for text in await _asked_again(mill, process, buyer)]
    said += [f"after the retries: {law}" for law in await mill.rest(fresh)]
    return said + mill.untrue + await mill.audited(fresh)


def _want_more(mill: Mill) -> None:
    """Some who have an order ask for more, as much as one may have altogether."""
    for buyer in [buyer for buyer in mill.buyers if buyer.acknowledged][:GREEDY_MAX]:
        mill.buyer(0, LIMIT, key="and more", customer_id=buyer.customer_id)


async def _asked_again(mill: Mill, process: Process, buyer: Buyer) -> list[str]:
    answer = await mill.insist(process, buyer)
    return judge(buyer, answer, await chance_of(mill.shop.pool, mill.sale.id, buyer.customer_id, LIMIT))
