"""The steps of a history, each with a number that picks one of those under way; where there is none, one is begun.

No step is barred by what has happened: engines and races are not the same twice, and what hypothesis draws must be.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from tests.orders import history_upkeep as upkeep
from tests.orders.histories import ORDERS, Call, History

T = TypeVar("T")
Step = Callable[[History, int], Awaitable[object]]


async def ask(history: History, n: int) -> None:
    await history.ask(n % len(ORDERS))


async def go_on(history: History, n: int) -> None:
    if call := await _call(history, n):
        await history.go_on(call)


async def caller_dies(history: History, n: int) -> None:
    """What it sent may still arrive."""
    if call := await _call(history, n):
        _leave(history, call, still_arrives=n % 3 > 0)


async def caller_dies_at_once(history: History, n: int) -> None:
    """An order whose call to the ledger is on its way without a caller."""
    known = len(history.calls)
    await ask(history, n)
    for call in history.calls[known:]:
        _leave(history, call, still_arrives=True)


async def not_sent(history: History, n: int) -> None:
    if call := await _call(history, n):
        history.calls.remove(call)
        if not call.must_read:
            await history.release("not_sent", call)


async def late_call_arrives(history: History, n: int) -> None:
    if history.late:
        await history.arrive(_pick(history.late, n))
    else:
        await caller_dies_at_once(history, n)


async def confirm(history: History, n: int) -> None:
    if history.acknowledged:
        await history.confirm(_pick([*history.acknowledged], n))
    else:
        await go_on(history, n)


async def sweeper_looks(history: History, n: int) -> None:
    await upkeep.look(history)


async def sweeper_goes_on(history: History, n: int) -> None:
    if history.sweeps:
        await upkeep.sweep(history, _pick(history.sweeps, n))
    else:
        await upkeep.look(history)


async def sweeper_dies(history: History, n: int) -> None:
    if history.sweeps:
        history.sweeps.remove(_pick(history.sweeps, n))
    else:
        await upkeep.look(history)


async def sweeper_does_all(history: History, n: int) -> None:
    await upkeep.sweep_all(history)


async def swept_on_the_way(history: History, n: int) -> None:
    """A call takes longer than the sweeper waits."""
    await ask(history, n)
    await upkeep.sweep_all(history)


async def overtaken_on_the_way(history: History, n: int) -> None:
    """A call takes longer than its epoch."""
    await ask(history, n)
    await upkeep.rebuild(history)


async def lapse(history: History, n: int) -> None:
    await upkeep.lapse(history, n % len(ORDERS))


async def lapse_acknowledged(history: History, n: int) -> None:
    await upkeep.lapse_one(history, n)


async def relay(history: History, n: int) -> None:
    if history.facts:
        await upkeep.relay(history, _pick(history.facts, n))
    else:
        await lapse_acknowledged(history, n)


async def bump(history: History, n: int) -> None:
    await upkeep.bump(history)


async def rebuild(history: History, n: int) -> None:
    await upkeep.rebuild(history)


async def forget(history: History, n: int) -> None:
    await upkeep.forget(history)


async def save(history: History, n: int) -> None:
    await upkeep.save(history)


async def restore(history: History, n: int) -> None:
    await upkeep.restore(history)


async def _call(history: History, n: int) -> Call | None:
    """A call that is under way, a new one where there is none."""
    if not history.calls:
        await ask(history, n)
    return _pick(history.calls, n) if history.calls else None


def _leave(history: History, call: Call, *, still_arrives: bool) -> None:
    history.calls.remove(call)
    if still_arrives and not call.must_read:
        history.late.append(call)


def _pick(some: Sequence[T], n: int) -> T:
    return some[n % len(some)]


# As often as they stand here.
STEPS: Final[Sequence[Step]] = (
    ask, ask, ask, go_on, go_on, go_on, caller_dies, caller_dies_at_once, not_sent, late_call_arrives,
    late_call_arrives, confirm, sweeper_looks, sweeper_goes_on, sweeper_goes_on, sweeper_dies, sweeper_does_all,
    swept_on_the_way, swept_on_the_way, overtaken_on_the_way, lapse, lapse_acknowledged, lapse_acknowledged, relay,
    relay, bump, rebuild, rebuild, rebuild, forget, save, restore,
)  # fmt: skip
