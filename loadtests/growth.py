"""`python -m loadtests.growth`: what grows with a sale's size: opening, rebuilding, and the API's memory.

Prints one JSON document, also in build/bench/growth.json. Takes about a minute.
"""

import asyncio
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any, Final

import psutil
import uvloop

from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.machine import about
from loadtests.progress import say
from loadtests.rush import BUILD, data_folder
from loadtests.side_millpond import MillpondSide
from loadtests.sides import Buyers, Sale
from loadtests.stack import Plan, Stack, running
from millpond.crowd import rush
from millpond.wiring import parts_of

UNITS: Final = 1_000_000
CLAIMS: Final = 200_000
STEPS: Final = 12
WARM_UP_STEPS: Final = 2
ORDERS_PER_STEP: Final = 10_000
CONNECTIONS: Final = 100
DEADLINE_S: Final = 120.0
SEGMENT: Final = 0
LAPSED_EVERY: Final = 20  # one claim in so many is a lapsed order's
OPEN_S_MAX: Final = 1.0
REBUILD_S_MAX: Final = 3.0
BYTES_PER_ORDER_MAX: Final = 50.0  # flat, but for the allocator's noise: 5 MB over 100,000 orders

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


def without_worker(plan: Plan) -> Plan:
    """A plan in which nobody else rebuilds."""
    commands = {kind: command for kind, command in plan.commands.items() if kind != "worker"}
    return Plan(plan.migrate, commands, plan.environment)


async def opening(side: MillpondSide, stack: Stack) -> tuple[Sale, float]:
    """A sale of a million units, and the seconds from nothing to open: SKU, sale, item, schedule, open over HTTP."""
    began_s = time.perf_counter()
    sale = await side.open_sale(stack, UNITS)
    return sale, time.perf_counter() - began_s


async def rebuilding(buyers: Buyers, stack: Stack, sale: Sale) -> dict[str, Any]:
    """Seconds to rebuild a gate of many claims. At least two: so long must nobody trust the old epoch any more."""
    async with parts_of(stack.engines.database_url, stack.engines.redis_url, connections=2) as parts:
        now = parts.clock.now()
        await parts.pool.execute(_CLAIMS, sale.id, buyers.merchant_id, now, CLAIMS, LAPSED_EVERY)
        await parts.pool.execute(_SOLD, sale.id)
        seconds = []
        for _ in range(3):
            began_s = time.perf_counter()
            assert await parts.rebuilder.rebuild(sale.id, SEGMENT)
            seconds.append(round(time.perf_counter() - began_s, 3))
        entries = (await parts.gate.status(sale.id, SEGMENT)).entries
    return {"claims": entries, "seconds": seconds}


async def memory(side: MillpondSide, buyers: Buyers, stack: Stack) -> dict[str, Any]:
    """The API's resident memory after every step of orders, in kB; the first steps are warm-up."""
    api, resident_kb = psutil.Process(stack.roots["api"]), []
    for step in range(STEPS):
        sale = await side.open_sale(stack, ORDERS_PER_STEP)
        wishes = buyers.wishes(stack.target, sale, ORDERS_PER_STEP)
        result = await rush(
            stack.target, wishes, connections=CONNECTIONS, deadline_s=DEADLINE_S, on_progress=lambda _: None
        )
        assert len(result.accepted) == ORDERS_PER_STEP, result.by_kind()
        resident_kb.append(api.memory_info().rss // 1024)
        say(f"memory: {(step + 1) * ORDERS_PER_STEP} orders, {resident_kb[-1]} kB")
    orders = (STEPS - WARM_UP_STEPS) * ORDERS_PER_STEP
    return {
        "orders": orders,
        "resident_kb": resident_kb,
        "bytes_per_order": round(1024 * (resident_kb[-1] - resident_kb[WARM_UP_STEPS - 1]) / orders, 1),
    }


def measure(folder: Path) -> dict[str, Any]:
    """All three."""
    buyers = Buyers(Ids(FollowingClock()).new(), secrets.token_urlsafe(32))
    side = MillpondSide(buyers)
    document: dict[str, Any] = {"about": about(folder)}
    with (
        running(folder / "alone", without_worker(side.plan())) as stack,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        sale, opened_s = runner.run(opening(side, stack))
        say(f"a sale of {UNITS} units opened in {opened_s:.3f} s")
        rebuilt = runner.run(rebuilding(buyers, stack, sale))
        say(f"{rebuilt['claims']} claims rebuilt in {rebuilt['seconds']} s")
    with running(folder / "whole", side.plan()) as stack:
        document["memory"] = uvloop.run(memory(side, buyers, stack))
    document |= {"open": {"units": UNITS, "seconds": round(opened_s, 3)}, "rebuild": rebuilt}
    return document | {"budgets": budgets_of(document)}


def budgets_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the project promises, and whether this run kept it."""
    figures = {
        "open_s": (document["open"]["seconds"], OPEN_S_MAX),
        "rebuild_s": (sorted(document["rebuild"]["seconds"])[1], REBUILD_S_MAX),
        "bytes_per_order": (document["memory"]["bytes_per_order"], BYTES_PER_ORDER_MAX),
    }
    return {name: {"figure": had, "at_most": most, "met": had <= most} for name, (had, most) in figures.items()}


def main() -> int:
    """Measure and print."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with data_folder() as folder:
        document = measure(folder)
    text = json.dumps(document, indent=2)
    (BUILD / "growth.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
