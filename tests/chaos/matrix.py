"""One cell of the crash matrix: a story, a point, a fault there; then rest, retries on other processes, the laws."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final

from keel.errors import Refusal
from orders.attempt import Answer
from tests.chaos.laws import Buyer
from tests.chaos.proxy import Effect, Trap
from tests.chaos.stories import STORIES
from tests.chaos.worlds import Mill, Process, id_of

CELL_MAX_S: Final = 60.0
TELLINGS_MAX: Final = 3
NOT_REACHED: Final = "the point was not reached"

Strike = Callable[[Mill, Process], Awaitable[None]]


async def nothing(mill: Mill, victim: Process) -> None:
    """No strike: the effect on the wire is all."""


async def death(mill: Mill, victim: Process) -> None:
    """The process is killed there."""
    victim.die()


@dataclass(frozen=True)
class Fault:
    """What happens at a point: a strike when the call arrives, and what becomes of the call. `after` mends.

    `api_only`: to a worker, whom nobody waits for, the others are the same. `slow`: the caller's own timeout ends it;
    that of the pool for long readings is too long to be waited for here.
    """

    name: str
    effect: Effect
    strike: Strike = nothing
    after: Strike = nothing
    slow: bool = False
    api_only: bool = False


NETWORK: Final = (
    Fault("cut", Effect.CUT),
    Fault("lose", Effect.LOSE),
    Fault("mute", Effect.MUTE, slow=True, api_only=True),
    Fault("stall", Effect.STALL, slow=True),
    Fault("killed before", Effect.CUT, death, api_only=True),
    Fault("killed after", Effect.LOSE, death),
    Fault("killed, call in flight", Effect.STALL, death, slow=True, api_only=True),
)


@dataclass(frozen=True)
class Cell:
    """A place in the matrix."""

    story: str
    call: str
    skip: int
    fault: Fault

    def __str__(self) -> str:
        return f"{self.story} / {self.call}{f' +{self.skip}' if self.skip else ''} / {self.fault.name}"


def cells(faults: Sequence[Fault], stories: Sequence[str] = tuple(STORIES)) -> Iterator[Cell]:
    """Every point of the stories with every fault."""
    for story in stories:
        for call, skip in STORIES[story].calls:
            for fault in faults:
                if not (call.startswith("pool.") and fault.slow) and (STORIES[story].victim == 0 or not fault.api_only):
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

    trap = Trap(cell.call, cell.fault.effect, strike, cell.skip)
    await story.tell(mill, lambda: _arm(victim, trap))
    if not trap.reached.is_set():
        return [NOT_REACHED]
    await trap.struck.wait()
    await cell.fault.after(mill, victim)
    if cell.fault.strike is not death:
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
    said += [f"after a late call: {law}" for law in await mill.rest(fresh)]
    for process in (mill.processes[1], fresh):
        said += [text for buyer in list(mill.buyers) for text in judge(buyer, await mill.insist(process, buyer))]
    said += [f"after the retries: {law}" for law in await mill.rest(fresh)]
    return said + await mill.audited(fresh)


def judge(buyer: Buyer, answer: Answer) -> list[str]:
    """A buyer with an order is never refused."""
    acknowledged = buyer.acknowledged
    if isinstance(answer, Refusal) and answer.status == 503:
        return [f"still no answer but 503: {answer.document()}"]
    if isinstance(answer, Refusal):
        return [f"P4: {acknowledged} was acknowledged, its retry refused: {answer}"] if acknowledged else []
    return [] if acknowledged == {id_of(answer)} else [f"two orders for one key: {acknowledged}"]
