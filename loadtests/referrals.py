"""`python -m loadtests.referrals`: trees, a sharer's page and the board over 1,000,000 shares and 5,000,000 touches.

Fills the database (see loadtests.referrals_fill), then reads over the whole application, without the socket, and the
board as a worker does. Prints a JSON document, also in build/bench/referrals.json. `--engines DATABASE_URL REDIS_URL`
reads from a database that is filled already; `--part 10` fills a tenth.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

from loadtests.machine import about
from loadtests.orders_list import named
from loadtests.progress import say
from loadtests.referrals_fill import MERCHANT, Size, fill
from loadtests.rush import BUILD, data_folder
from migrations import upgrade
from millpond.api import build
from millpond.engines import Engines
from millpond.heap import settle
from millpond.settings import Settings, StaffToken
from millpond.wiring import Parts, parts_of, tokens_of
from referrals import leading, tallying

READS, BOARDS = 60, 600
LARGEST: Final = named("session1")
TOKEN: Final = "a staff token that only this run knows"
BUDGETS_MS: Final = {
    "tree of the largest session": 300.0,
    "tree of a median session": 300.0,
    "a sharer's page": 50.0,
    "the board of the largest session": 5.0,
}
_SIZES: Final = """
    SELECT target_id, count(*) AS shares FROM share WHERE merchant_id = $1 GROUP BY target_id ORDER BY count(*) DESC
"""
# The touches of one session are made due again, as if all of them had just come.
_AGAIN: Final = """
    INSERT INTO tree_due (kind, merchant_id, share_id, session_id, who)
    SELECT 'visitor', merchant_id, share_id, session_id, visitor_id FROM touch
    WHERE merchant_id = $1 AND session_id = $2
"""
_FORGET: Final = "DELETE FROM tree_visitor WHERE scope_id = $1"
_COUNTED: Final = """
    SELECT share_id, visitors, viewers, within_visitors FROM tree_node WHERE scope_id = $1 ORDER BY share_id
"""
_NONE: Final = """
    UPDATE tree_node SET visitors = 0, viewers = 0, within_visitors = 0, within_viewers = 0 WHERE scope_id = $1
"""


async def measure(url: str, redis_url: str) -> dict[str, Any]:
    """Every reading, its milliseconds; and what the worker counts in a second."""
    staff = StaffToken(token=SecretStr(TOKEN), merchant_id=MERCHANT)
    settings = Settings(token_keys={"run": SecretStr(TOKEN)}, staff_tokens=[staff], rate_address_burst=10**6)
    async with parts_of(url, redis_url, connections=2) as parts:
        sizes = await parts.pool.fetch(_SIZES, MERCHANT)
        median = sizes[len(sizes) // 2]
        door: Any = {"transport": httpx.ASGITransport(build(parts, settings).asgi), "base_url": "http://pond"}
        async with httpx.AsyncClient(**door) as client:
            reads = _reads(client, parts, settings, str(median["target_id"]))
            settle()
            read: dict[str, dict[str, float]] = {}
            for name, ask in reads.items():
                read[name] = await _timed(ask, BOARDS if "board" in name else READS)
                say(f"{name:36}" + "  ".join(f"{figure} {value:>8}" for figure, value in read[name].items()))
        shares = {"largest session": sizes[0]["shares"], "median session": median["shares"]}
        return {"shares": shares, "reads": read, "tallied": await _tallied(parts, str(median["target_id"]))}


def _reads(
    client: httpx.AsyncClient, parts: Parts, settings: Settings, median: str
) -> dict[str, Callable[[int], Awaitable[object]]]:
    staff = {"authorization": f"Bearer {TOKEN}"}

    async def get(path: str, header: dict[str, str], **query: Any) -> None:
        answer = await client.get(path, headers=header, params=query)
        assert answer.status_code == 200, answer.text

    def of(session_id: str, rest: str = "") -> str:
        return f"/v1/staff/sessions/{session_id}/dissemination{rest}"

    def sharer(number: int) -> dict[str, str]:
        customer_id = named(f"c{number * 7919}")
        token = tokens_of(settings, parts.clock).sign(customer_id=customer_id, merchant_id=MERCHANT, ttl_s=3_600)
        return {"authorization": f"Bearer {token}"}

    return {
        "tree of the largest session": lambda _: get(of(LARGEST), staff),
        "tree of a median session": lambda _: get(of(median), staff),
        "a sharer's page": lambda number: get("/v1/shares/mine", sharer(number)),
        "the board of the largest session": lambda _: leading.leaders(parts.pool, MERCHANT, LARGEST),
        "sharers of the largest session": lambda _: get(of(LARGEST, "/sharers"), staff, by="within_viewers"),
        "sharers of its room": lambda _: get(
            f"/v1/staff/rooms/{named('room1')}/dissemination/sharers", staff, by="within_viewers"
        ),
        "sharers by money": lambda _: get(of(LARGEST, "/sharers"), staff, by="within_placed"),
        "communities of the largest session": lambda _: get(of(LARGEST, "/communities"), staff),
        "tree of a room of ten sessions": lambda _: get(f"/v1/staff/rooms/{named('room7')}/dissemination", staff),
        "funnel of a median session": lambda _: get(f"/v1/staff/sessions/{median}/funnel", staff, parted="channel"),
    }


async def _timed(ask: Callable[[int], Awaitable[object]], times: int) -> dict[str, float]:
    taken_ms: list[float] = []
    for number in range(-5, times):  # the first ones prepare statements and warm the memory
        began_s = time.perf_counter()
        await ask(abs(number))
        if number >= 0:
            taken_ms.append(1e3 * (time.perf_counter() - began_s))
    p50_ms, p99_ms = statistics.median(taken_ms), sorted(taken_ms)[round(0.99 * (len(taken_ms) - 1))]
    return {"p50_ms": round(p50_ms, 2), "p99_ms": round(p99_ms, 2)}


async def _tallied(parts: Parts, session_id: str) -> dict[str, Any]:
    """The worker counts a session's visitors again from nothing: how fast, and whether to the same figures."""
    pool = parts.pool
    before = await pool.fetch(_COUNTED, session_id)
    for statement, *rest in ((_FORGET, session_id), (_NONE, session_id), (_AGAIN, MERCHANT, session_id)):
        await pool.execute(statement, *rest)
    began_s = time.perf_counter()
    counted = await tallying.Tallying(pool, parts.clock).tick()
    took_s = time.perf_counter() - began_s
    same = await pool.fetch(_COUNTED, session_id) == before
    return {"touches": counted, "per_s": round(counted / took_s), "same_figures": same}


def whole(engines: Engines | None, urls: tuple[str, str], folder: Path, size: Size) -> dict[str, Any]:
    """Fill where that is to be done, and read."""
    began_s = time.perf_counter()
    if engines is not None:
        upgrade(engines.database_url)
        asyncio.run(fill(engines.database_url, say, size))
    filled_s = round(time.perf_counter() - began_s)
    found = asyncio.run(measure(*urls))
    say(str(found["tallied"]))
    met = all(found["reads"][name]["p99_ms"] <= budget for name, budget in BUDGETS_MS.items())
    return {
        "about": about(folder),
        "size": {**asdict(size), "filled_s": filled_s},
        **found,
        "budgets_p99_ms": BUDGETS_MS,
        "met": met,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs=2, metavar=("DATABASE_URL", "REDIS_URL"))
    parser.add_argument("--part", type=int, default=1, metavar="N", help="so many times less of everything")
    given = parser.parse_args()
    size = Size().part(given.part)
    BUILD.mkdir(parents=True, exist_ok=True)
    with data_folder() as folder:
        if given.engines:
            document = whole(None, tuple(given.engines), folder, size)
        else:
            with Engines.open(folder) as engines:
                document = whole(engines, (engines.database_url, engines.redis_url), folder, size)
    text = json.dumps(document, indent=2)
    (BUILD / "referrals.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
