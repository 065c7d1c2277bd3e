"""`python -m loadtests.growth`: what grows with a sale's size and with orders: opening, rebuilding, and memory.

Prints one JSON document, also in build/bench/growth.json, and ends with 1 where a promise was not kept. Takes two to
three minutes; `--part 100` does a hundredth of everything.
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import psutil
import uvloop

from keel.clock import FollowingClock
from keel.ids import Ids
from keel.lua import connect
from loadtests.http_crowd import crowd_over_http
from loadtests.machine import about
from loadtests.progress import say
from loadtests.rush import BUILD, data_folder
from loadtests.side_millpond import MillpondSide
from loadtests.side_socket import SocketSide
from loadtests.sides import Buyers, Crowd, Sale
from loadtests.stack import Plan, Stack, running
from millpond.wiring import parts_of

REBUILDS: Final = 3
CONNECTIONS: Final = 100
JUDGED_MAX_S: Final = 60.0
POLL_S: Final = 0.05
SEGMENT: Final = 0
LAPSED_EVERY: Final = 20  # one claim in so many is a lapsed order's
OPEN_S_MAX: Final = 1.0
REBUILD_S_MAX: Final = 3.0
BYTES_PER_ORDER_MAX: Final = 50.0  # flat, but for the allocator's noise: 5 MB over 100,000 orders
FLAT: Final = "api", "gateway", "worker"  # Valkey keeps an entry per claim until a day after the sale, as it should

_CLAIMS: Final = """
    INSERT INTO claim (sale_id, customer_id, key, id, merchant_id, segment, fingerprint, lines, units, epoch, state,
                       verdict_no, served_at)
    SELECT $1, gen_random_uuid(), 'key-' || n, row_id($3), $2, 0, md5(n::text), '1:1', 1, 1,
           CASE WHEN n % $5 = 0 THEN 'released' ELSE 'placed' END, n, $3
    FROM generate_series(1, $4::int) AS n
"""
_SOLD: Final = (
    "UPDATE stock SET sold = (SELECT count(*) FROM claim WHERE sale_id = $1 AND state = 'placed') WHERE sale_id = $1"
)


@dataclass(frozen=True)
class Size:
    """How much of everything; orders of a step are those of each way, HTTP and sockets."""

    units: int = 1_000_000
    claims: int = 200_000
    steps: int = 12
    warm_up_steps: int = 2
    orders_per_step: int = 10_000

    def part(self, count: int) -> "Size":
        """So many times less."""
        return replace(
            self,
            units=self.units // count,
            claims=self.claims // count,
            orders_per_step=self.orders_per_step // count,
        )


def without_worker(plan: Plan) -> Plan:
    """A plan in which nobody else rebuilds."""
    commands = {kind: command for kind, command in plan.commands.items() if kind != "worker"}
    return Plan(plan.migrate, commands, plan.environment)


async def opening(side: MillpondSide, stack: Stack, units: int) -> tuple[Sale, float]:
    """A sale of many units, and the seconds from nothing to open: SKU, sale, item, schedule, open over HTTP."""
    began_s = time.perf_counter()
    sale = await side.open_sale(stack, units)
    return sale, time.perf_counter() - began_s


async def rebuilding(buyers: Buyers, stack: Stack, sale: Sale, claims: int) -> dict[str, Any]:
    """Seconds to rebuild a gate of many claims. At least two: so long must nobody trust the old epoch any more."""
    async with parts_of(stack.engines.database_url, stack.engines.redis_url, connections=2) as parts:
        now = parts.clock.now()
        await parts.pool.execute(_CLAIMS, sale.id, buyers.merchant_id, now, claims, LAPSED_EVERY)
        await parts.pool.execute(_SOLD, sale.id)
        seconds = []
        for _ in range(REBUILDS):
            began_s = time.perf_counter()
            assert await parts.rebuilder.rebuild(sale.id, SEGMENT)
            seconds.append(round(time.perf_counter() - began_s, 3))
        entries = (await parts.gate.status(sale.id, SEGMENT)).entries
    return {"claims": entries, "seconds": seconds}


@dataclass(frozen=True)
class Memory:
    """A stack's memory while orders come: as many over HTTP as over sockets, which is the gateway's way."""

    side: SocketSide
    buyers: Buyers
    stack: Stack
    size: Size

    async def followed(self) -> dict[str, Any]:
        """What each process has after every step of orders; the first steps are warm-up."""
        size, readings = self.size, list[dict[str, int]]()
        async with AsyncExitStack() as stack:
            crowds = [
                await stack.enter_async_context(crowd_over_http(self.stack.target, self.buyers)),
                await stack.enter_async_context(self.side.crowd(self.stack, wishes_max=size.orders_per_step)),
            ]
            for step in range(1, size.steps + 1):
                for crowd in crowds:
                    await self._sell(crowd)
                readings.append(await self._reading())
                say(f"memory: {step * size.orders_per_step:,} orders each way, {readings[-1]}")
        return memory_of(readings, size)

    async def _sell(self, crowd: Crowd) -> None:
        """A sale from its opening until the worker has decided of every order who brought it."""
        count = self.size.orders_per_step
        sale = await self.side.open_sale(self.stack, count)
        result = await crowd.send(crowd.wishes(sale, count), waiting=CONNECTIONS, on_progress=lambda _: None)
        assert len(result.accepted) == count, result.by_kind()
        deadline = time.monotonic() + JUDGED_MAX_S
        while not await self.side.judged(self.stack, sale):
            assert time.monotonic() < deadline, "the worker does not get on with it"
            await asyncio.sleep(POLL_S)

    async def _reading(self) -> dict[str, int]:
        """Resident kB of each of our processes; of Valkey, the kB that its data takes."""
        resident = {kind: psutil.Process(self.stack.roots[kind]).memory_info().rss // 1024 for kind in FLAT}
        async with connect(self.stack.engines.redis_url) as redis:
            return resident | {"valkey": int((await redis.info("memory"))["used_memory"]) // 1024}


def memory_of(readings: list[dict[str, int]], size: Size) -> dict[str, Any]:
    """Readings in kB, and what an order has added to each process since the warm-up, in bytes."""
    each_way = (size.steps - size.warm_up_steps) * size.orders_per_step
    served = {"api": each_way, "gateway": each_way, "worker": 2 * each_way, "valkey": 2 * each_way}
    grown_kb = {kind: readings[-1][kind] - readings[size.warm_up_steps - 1][kind] for kind in served}
    return {
        "orders_each_way": each_way,
        "kb": {kind: [reading[kind] for reading in readings] for kind in served},
        "bytes_per_order": {kind: round(1024 * grown_kb[kind] / served[kind], 1) for kind in served},
    }


def measure(folder: Path, size: Size) -> dict[str, Any]:
    """All three."""
    buyers = Buyers(Ids(FollowingClock()).new(), secrets.token_urlsafe(32))
    side = SocketSide(buyers)
    document: dict[str, Any] = {"about": about(folder), "size": asdict(size)}
    with (
        running(folder / "alone", without_worker(MillpondSide.plan(side))) as stack,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        sale, opened_s = runner.run(opening(side, stack, size.units))
        say(f"a sale of {size.units:,} units opened in {opened_s:.3f} s")
        rebuilt = runner.run(rebuilding(buyers, stack, sale, size.claims))
        say(f"{rebuilt['claims']:,} claims rebuilt in {rebuilt['seconds']} s")
    with running(folder / "whole", side.plan()) as stack:
        document["memory"] = uvloop.run(Memory(side, buyers, stack, size).followed())
    document |= {"open": {"units": size.units, "seconds": round(opened_s, 3)}, "rebuild": rebuilt}
    return document | {"budgets": budgets_of(document)}


def budgets_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the project promises, and whether this run kept it."""
    figures = {
        "open_s": (document["open"]["seconds"], OPEN_S_MAX),
        "rebuild_s": (sorted(document["rebuild"]["seconds"])[REBUILDS // 2], REBUILD_S_MAX),
    }
    for kind in FLAT:
        figures[f"{kind}_bytes_per_order"] = document["memory"]["bytes_per_order"][kind], BYTES_PER_ORDER_MAX
    return {name: {"figure": had, "at_most": most, "met": had <= most} for name, (had, most) in figures.items()}


def missed(document: dict[str, Any]) -> list[str]:
    """The promises that were not kept, in words."""
    return [
        f"not kept: {name} is {budget['figure']}, and {budget['at_most']} is promised"
        for name, budget in document["budgets"].items()
        if not budget["met"]
    ]


def main() -> int:
    """Measure and print. 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.growth", description="What grows with sales and orders.")
    parser.add_argument("--part", type=int, default=1, metavar="N", help="so many times less of everything")
    size = Size().part(parser.parse_args().part)
    with data_folder() as folder:
        document = measure(folder, size)
    BUILD.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2)
    (BUILD / "growth.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    said = missed(document)
    for line in said:
        say(line)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
