"""One round of one side: warm up, orders, the same orders once more, refusals, the rush; each with its CPU."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from loadtests.noise import Listening, Noise
from loadtests.sides import Crowd, Faults, Sale, Side
from loadtests.stack import Stack, StackFailed
from millpond.crowd import Progress
from millpond.crowd_answers import Answer, Result, Wish, percentile

CROWD: Final = 400  # buyers who wait at any time: a rush
QUEUE: Final = 100  # and where latency is measured
SETTLE_MAX_S: Final = 60.0
POLL_S: Final = 0.05

Tell = Callable[[str, int], AbstractContextManager[Callable[[Progress], None]]]


@dataclass(frozen=True)
class Sizes:
    """How many requests each phase of a round sends to one side."""

    warm_up: int
    orders: int
    timed: int
    replays: int
    refusals: int
    rush_buyers: int = 0
    rush_units: int = 0

    @property
    def most(self) -> int:
        """The most wishes that are sent to one sale."""
        return max(self.warm_up, self.orders, self.timed, self.refusals, self.rush_buyers)


@dataclass(frozen=True)
class Measured:
    """A phase that is over. CPU in seconds by kind of process; `generator_s` is the crowd's own."""

    result: Result
    cpu_s: dict[str, float]
    generator_s: float
    noise: Noise

    def cpu_us_per(self, count: int) -> dict[str, float]:
        """CPU-µs of each kind of process per one of `count`, and their total."""
        each = {kind: 1e6 * seconds / max(1, count) for kind, seconds in self.cpu_s.items()}
        return {kind: round(us, 1) for kind, us in (each | {"total": sum(each.values())}).items()}

    def latency_ms(self) -> dict[str, float]:
        """Percentiles over all answers."""
        latencies = [answer.latency_s for answer in self.result.answers]
        shares = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999}
        return {name: round(1e3 * percentile(latencies, share), 2) for name, share in shares.items()}


class Round:
    """One side, once through. Every sale it opened is checked in the end."""

    def __init__(self, side: Side, stack: Stack, crowd: Crowd, tell: Tell) -> None:
        self._side, self._stack, self._crowd, self._tell = side, stack, crowd, tell
        self._accepted: list[tuple[Sale, list[Answer]]] = []

    async def run(self, sizes: Sizes, during_orders: Callable[[], AbstractContextManager[None]]) -> dict[str, Any]:
        """All phases; the figures of the round."""
        first, sale, slow = [await self._open(units) for units in (sizes.warm_up, sizes.orders, sizes.timed)]
        await self._phase("warm-up", first, sizes.warm_up)
        await self._judge(first)
        with during_orders():
            orders = await self._phase("orders", sale, sizes.orders)
        judging_s = await self._judge(sale)
        timed = await self._phase("orders of 100 at a time", slow, sizes.timed, buyers=QUEUE)
        await self._judge(slow)
        again = [answer.wish for answer in orders.result.accepted[: sizes.replays]]
        replays = await self._send("the same orders again", sale, again)
        refusals = await self._refusals(sizes.refusals)
        figures = order_figures(orders, timed, judging_s) | refusal_figures(refusals)
        figures["noise"] = max(
            (one.noise for one in (orders, timed, refusals)), key=lambda noise: noise.share
        ).document()
        figures["replayed"] = len(replays.result.accepted)
        if sizes.rush_buyers:
            figures["rush"] = rush_figures(await self._rush(sizes), sizes)
        return figures | {"faults": vars(await self._faults())}

    async def _refusals(self, count: int) -> Measured:
        sale = await self._open(1)
        await self._phase("selling out", sale, 2)
        return await self._phase("refusals", sale, count)

    async def _rush(self, sizes: Sizes) -> Measured:
        sale = await self._open(sizes.rush_units)
        return await self._phase("rush", sale, sizes.rush_buyers)

    async def _open(self, units: int) -> Sale:
        return await self._side.open_sale(self._stack, units)

    async def _phase(self, title: str, sale: Sale, count: int, buyers: int = CROWD) -> Measured:
        return await self._send(title, sale, self._crowd.wishes(sale, count), buyers)

    async def _send(self, title: str, sale: Sale, wishes: Sequence[Wish], buyers: int = CROWD) -> Measured:
        listening, before_s, began_s = Listening(), self._stack.cpu_s(), time.process_time()
        with self._tell(f"{self._side.name}: {title}", len(wishes)) as on_progress, collector_off():
            result = await self._crowd.send(wishes, waiting=buyers, on_progress=on_progress)
        generator_s = time.process_time() - began_s
        await self._until(self._side.settled, sale)  # what an order still costs after its answer belongs to its price
        after_s = self._stack.cpu_s()
        cpu_s = {kind: after_s[kind] - before_s[kind] for kind in after_s}
        noise = listening.heard(sum(cpu_s.values()) + time.process_time() - began_s)
        self._accepted.append((sale, result.accepted))
        return Measured(result, cpu_s, generator_s, noise)

    async def _judge(self, sale: Sale) -> float:
        """Wait until it is decided who brought the buyers, so that this is not the next phase's; its CPU in seconds."""
        before_s = sum(self._stack.cpu_s().values())
        await self._until(self._side.judged, sale)
        return sum(self._stack.cpu_s().values()) - before_s

    async def _until(self, over: Callable[[Stack, Sale], Awaitable[bool]], sale: Sale) -> None:
        deadline = time.monotonic() + SETTLE_MAX_S
        while not await over(self._stack, sale):
            if time.monotonic() > deadline:
                raise StackFailed(f"{self._side.name}: something is still under way after {SETTLE_MAX_S:.0f} s")
            await asyncio.sleep(POLL_S)
        self._stack.wait_until_idle(max_s=SETTLE_MAX_S)

    async def _faults(self) -> Faults:
        """Over all sales; what was told twice shows where the answers of one sale are seen together."""
        by_sale: dict[str, tuple[Sale, list[Answer]]] = {}
        for sale, answers in self._accepted:
            by_sale.setdefault(sale.id, (sale, []))[1].extend(answers)
        found = Faults()
        for sale, answers in by_sale.values():
            found += await self._side.faults(self._stack, sale, answers)
        return found


async def one_round(
    side: Side, stack: Stack, sizes: Sizes, tell: Tell, during_orders: Callable[[], AbstractContextManager[None]]
) -> dict[str, Any]:
    """A round of one side, its crowd included; its figures."""
    async with side.crowd(stack, wishes_max=sizes.most) as crowd:
        return await Round(side, stack, crowd, tell).run(sizes, during_orders)


@contextmanager
def collector_off() -> Iterator[None]:
    """The generator makes no cycles, and a pause of its own would be taken for the server's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def order_figures(orders: Measured, timed: Measured, judging_s: float) -> dict[str, Any]:
    """Of the phases in which there is stock for everyone: a rush, and 100 at a time, which latency is taken from."""
    accepted = len(orders.result.accepted)
    kinds = orders.result.by_kind() + timed.result.by_kind()
    del kinds["accepted"]
    cpu_us = orders.cpu_us_per(accepted)
    judging_us = round(1e6 * judging_s / max(1, accepted), 1)
    return {
        "accepted": accepted,
        "not_accepted": dict(kinds),
        "orders_per_s": round(orders.result.per_s(), 1),
        "latency_ms": timed.latency_ms(),
        "rush_latency_ms": orders.latency_ms(),
        "cpu_us_per_order": cpu_us | {"with_judging": round(cpu_us["total"] + judging_us, 1)},
        "judging_cpu_us_per_order": judging_us,
        "generator_cpu_us_per_request": round(1e6 * orders.generator_s / max(1, len(orders.result.answers)), 1),
    }


def refusal_figures(refusals: Measured) -> dict[str, Any]:
    """Of the phase after sell-out."""
    kinds = refusals.result.by_kind()
    count = sum(kinds.values())
    return {
        "refused": dict(kinds),
        "refusals_per_s": round(count / refusals.result.elapsed_s, 1),
        "refusal_latency_ms": refusals.latency_ms(),
        "cpu_us_per_refusal": refusals.cpu_us_per(count),
    }


def rush_figures(rushed: Measured, sizes: Sizes) -> dict[str, Any]:
    """Of the story: more buyers than units."""
    kinds = rushed.result.by_kind()
    return {
        "buyers": sizes.rush_buyers,
        "units": sizes.rush_units,
        "accepted": kinds.pop("accepted", 0),
        "refused": dict(kinds),
        "elapsed_s": round(rushed.result.elapsed_s, 3),
        "latency_ms": rushed.latency_ms(),
    }
