"""`python -m loadtests.orders_list`: the list of staff over 1,000,000 orders, and what its indexes cost an order.

Fills a year of orders with SQL, then reads pages over the whole application (without the socket): the first ones, and
those from the middle of the year on. Prints a JSON document, also in build/bench/orders_list.json.
"""

import asyncio
import hashlib
import json
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
from pydantic import SecretStr

from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.machine import about
from loadtests.progress import say
from loadtests.rush import BUILD, data_folder
from migrations import upgrade
from millpond.api import build
from millpond.engines import Engines
from millpond.heap import settle
from millpond.settings import Settings, StaffToken
from millpond.wiring import parts_of

ORDERS: Final = 1_000_000
PAGES: Final = 25  # of each filter, from each of two places
COUNT: Final = 50
PAGE_MS_MAX: Final = 50.0
BATCH: Final = 64
BATCHES, ROUNDS = 100, 5
MERCHANT: Final = "01900000-0000-7000-8000-000000000001"
MIDDLE: Final = "019b8000-0000-7000-8000-000000000000"  # an id of January 2026
TOKEN: Final = "a staff token that only this run knows"


def named(name: str) -> str:
    """The id that `md5(name)::uuid` gives in SQL."""
    return str(UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()))


FILTERS: Final[dict[str, dict[str, Any]]] = {
    "none": {},
    "state: cancelled (5 %)": {"state": "cancelled"},
    "state: awaiting payment (0.2 %)": {"state": "awaiting_payment"},
    "sale of 200,000": {"sale_id": named("sale70")},
    "sale of 200,000, cancelled": {"sale_id": named("sale70"), "state": "cancelled"},
    "sale of 200,000, awaiting (none)": {"sale_id": named("sale70"), "state": "awaiting_payment"},
    "customer of 5,000": {"customer_id": named("c0")},
    "customer of 5": {"customer_id": named("c17")},
    "SKU (in 7 sales)": {"sku_id": named("s17")},
    "item, one in 100 of its sale": {"item_id": named("i70-9")},
    "total: 20 of a million": {"total_min": 90_000_000},
    "total: 1 %": {"total_min": 3_000, "total_max": 3_200},
    "total: half": {"total_min": 10_000},
    "total: none": {"total_min": 7, "total_max": 7},
    "share code (100 orders)": {"share_code": "SH77"},
    "share code, in a sale": {"share_code": "SH77", "sale_id": named("sale70")},
    "with recipient": {"has_recipient": "true"},
    "without recipient": {"has_recipient": "false"},
    "one day": {"placed_from": "2026-03-01T00:00:00Z", "placed_to": "2026-03-02T00:00:00Z"},
    "rehearsals": {"rehearsals": "only"},
    "paid, shared, no recipient": {"state": "paid", "has_recipient": "false", "share_code": "SH5"},
}

_FILL: Final[tuple[str, ...]] = (
    f"INSERT INTO merchant (id, name, created_at) VALUES ('{MERCHANT}', 'Pond', '2025-01-01')",
    f"""INSERT INTO product (id, merchant_id, title, created_at)
    SELECT md5('p' || n)::uuid, '{MERCHANT}', 'Product ' || n, '2025-01-01' FROM generate_series(1, 300) n""",
    f"""INSERT INTO sku (id, merchant_id, product_id, code, created_at)
    SELECT md5('s' || n)::uuid, '{MERCHANT}', md5('p' || n)::uuid, 'SKU-' || n, '2025-01-01'
    FROM generate_series(1, 300) n""",
    f"""INSERT INTO item_version
        (id, merchant_id, sku_id, title, specification, needs_recipient, price, currency, created_at)
    SELECT md5('v' || n)::uuid, '{MERCHANT}', md5('s' || n)::uuid, 'Product ' || n, '{{}}', n % 3 <> 0,
           1000 + n * 37 % 20000, 'CNY', '2025-01-01' FROM generate_series(1, 300) n""",
    f"""INSERT INTO sale (id, merchant_id, title, kind, state, currency, hold_ttl_s, rehearsal, created_at)
    SELECT md5('sale' || n)::uuid, '{MERCHANT}', 'Sale ' || n, 'flash', 'closed', 'CNY', 900, n = 199, '2025-01-01'
    FROM generate_series(0, 201) n""",
    f"""INSERT INTO sale_item (id, merchant_id, sale_id, no, sku_id, item_version_id)
    SELECT md5('i' || s || '-' || k)::uuid, '{MERCHANT}', md5('sale' || s)::uuid, k + 1,
           md5('s' || ((s * 10 + k) % 300 + 1))::uuid, md5('v' || ((s * 10 + k) % 300 + 1))::uuid
    FROM generate_series(0, 201) s, generate_series(0, 9) k""",
    f"""INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total,
                        total, share_code, rehearsal, placed_at, expires_at)
    SELECT '{MERCHANT}', row_id(at), md5('sale' || sale)::uuid, 0,
           md5('c' || CASE WHEN n % 200 = 0 THEN 0 ELSE abs(hashint4(n)::bigint) % 200000 END)::uuid, 'k' || n,
           CASE WHEN n > {ORDERS} - 2000 THEN 'awaiting_payment' WHEN h % 100 < 70 THEN 'paid'
                WHEN h % 100 < 95 THEN 'expired' ELSE 'cancelled' END, 'CNY', total, total,
           CASE WHEN h % 5 = 0 THEN 'SH' || h / 5 % 2000 END, sale = 199, at, at + interval '15 min'
    FROM (SELECT n, timestamptz '2025-11-01 00:00Z' + n * interval '31 s' AS at,
                 abs(hashint4(n + 7777777)::bigint) AS h,
                 CASE WHEN n % 5 = 0 THEN 200 + n / 5 % 2 WHEN n BETWEEN 300000 AND 550000 THEN 70
                      WHEN n BETWEEN 965000 AND 980000 THEN 199 ELSE n / 5100 END AS sale,
                 CASE WHEN n % 50000 = 0 THEN 99999900
                      ELSE (1000 + abs(hashint4(n + 99)::bigint) % 300 * 37 % 20000) * (1 + n % 3) END AS total
          FROM generate_series(1, {ORDERS}) n) o""",
    """INSERT INTO order_line (merchant_id, order_id, no, item_id, item_version_id, quantity, unit_price, amount)
    SELECT o.merchant_id, o.id, i.no, i.id, i.item_version_id, 1, o.total, o.total FROM orders o JOIN sale_item i
    ON i.sale_id = o.sale_id AND (i.no = 1 + abs(hashtext(o.claim_key)::bigint) % 9
                                  OR i.no = 10 AND right(o.claim_key, 2) = '77') ORDER BY o.id""",
    """INSERT INTO order_recipient (merchant_id, order_id, name, phone, address)
    SELECT merchant_id, id, '张三', '13800001234', '北京' FROM orders WHERE right(claim_key, 1) < '6' ORDER BY id""",
    "VACUUM ANALYZE",
)  # fmt: skip
_INDEXES: Final = ("orders_of_sale", "orders_by_total", "orders_by_state", "orders_of_share")


async def fill(url: str) -> float:
    """A year of orders, as they are without this list's indexes; seconds it took."""
    began_s = time.perf_counter()
    connection = await asyncpg.connect(url)
    for statement in _FILL:
        await connection.execute(statement)
    await connection.close()
    return time.perf_counter() - began_s


async def pages(url: str, redis_url: str) -> dict[str, dict[str, float]]:
    """Milliseconds per page by filter."""
    staff = StaffToken(token=SecretStr(TOKEN), merchant_id=MERCHANT)
    settings = Settings(token_keys={"run": SecretStr(TOKEN)}, staff_tokens=[staff], rate_address_burst=10**6)
    async with parts_of(url, redis_url, connections=2) as parts:
        door: Any = {"transport": httpx.ASGITransport(build(parts, settings).asgi), "base_url": "http://pond"}
        async with httpx.AsyncClient(**door, headers={"authorization": f"Bearer {TOKEN}"}) as client:
            for given in FILTERS.values():  # statements are prepared, pages are in memory
                await _read(client, given, None)
            settle()  # as `millpond api` does, or one page of one filter pays for looking through all of it
            return {name: await _of_filter(client, given) for name, given in FILTERS.items()}


async def _of_filter(client: httpx.AsyncClient, given: dict[str, Any]) -> dict[str, float]:
    taken_ms, rows, short = list[float](), 0, 0
    for start in (None, MIDDLE):
        below = start
        for _ in range(PAGES):
            began_s = time.perf_counter()
            page = await _read(client, given, below)
            taken_ms.append(1e3 * (time.perf_counter() - began_s))
            rows, below = rows + len(page["orders"]), page["next"]
            short += below is not None and len(page["orders"]) < COUNT
            if below is None:
                break
    p50_ms, p99_ms = statistics.median(taken_ms), sorted(taken_ms)[round(0.99 * (len(taken_ms) - 1))]
    times = {"p50_ms": round(p50_ms, 1), "p99_ms": round(p99_ms, 1)}
    return {"pages": len(taken_ms), "rows": rows, "short": short} | times


async def _read(client: httpx.AsyncClient, given: dict[str, Any], below: str | None) -> dict[str, Any]:
    place = {"below": below} if below else {}
    answer = await client.get("/v1/staff/orders", params={"count": COUNT} | given | place)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def insert_cost(url: str) -> dict[str, float]:
    """CPU microseconds of PostgreSQL for one placed order, without this list's indexes and with each of them alone."""
    connection, ids, dice = await asyncpg.connect(url), Ids(FollowingClock()), random.Random(1)
    rows = await connection.fetch("SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY ($1)", _INDEXES)
    definitions = {row["indexname"]: row["indexdef"] for row in rows}
    await connection.execute(_STOCK, MERCHANT, named("sale150"))
    cost: dict[str, list[float]] = {name: [] for name in ("none", *_INDEXES, "all four")}
    for _ in range(ROUNDS):
        for name in dice.sample(list(cost), len(cost)):
            for index in _INDEXES:
                await connection.execute(f"DROP INDEX IF EXISTS {index}")
                if name in (index, "all four"):
                    await connection.execute(definitions[index])
            cost[name].append(await _placing_us(connection, ids, dice))
    await connection.close()
    return {name: round(statistics.median(taken), 1) for name, taken in cost.items()}


async def _placing_us(connection: asyncpg.Connection, ids: Ids, dice: random.Random) -> float:
    began_ns = 0
    for batch in range(BATCHES + 10):
        if batch == 10:  # the first ones are warm-up
            began_ns = _ran_ns(connection)
        await connection.fetch(_PLACE, *_batch(ids, dice))
    return (_ran_ns(connection) - began_ns) / 1e3 / BATCHES / BATCH


def _ran_ns(connection: asyncpg.Connection) -> int:
    """Nanoseconds that its server process spent on a core."""
    return int(Path(f"/proc/{connection.get_server_pid()}/schedstat").read_text(encoding="ascii").split()[0])


def _batch(ids: Ids, dice: random.Random) -> Iterator[Any]:
    """merchant, sale, ids, customers, items, totals, share codes of one batch: one order in five was shared."""
    yield from (MERCHANT, named("sale150"), FollowingClock().now())
    yield [ids.new() for _ in range(BATCH)]
    yield [ids.new() for _ in range(BATCH)]
    yield [named(f"i150-{dice.randrange(10)}") for _ in range(BATCH)]
    yield [1_000 * dice.randrange(1, 10) for _ in range(BATCH)]
    yield [f"SH{dice.randrange(2_000)}" if n % 5 == 0 else None for n in range(BATCH)]


_STOCK: Final = """
    INSERT INTO stock (item_id, merchant_id, sale_id, allocated)
    SELECT id, $1, $2, 1000000000 FROM sale_item WHERE sale_id = $2
"""
_PLACE: Final = """
    SELECT orders_place($1::uuid, $2::uuid, 0::smallint, 0, false, 'CNY', $3::timestamptz, $3::timestamptz, NULL, '{}',
        $4::uuid[], $5::uuid[], array_fill('k'::text, ARRAY[n]), array_fill('f'::text, ARRAY[n]),
        array_fill('1:1'::text, ARRAY[n]), ones, array_fill(1::bigint, ARRAY[n]), array_fill(0::bigint, ARRAY[n]),
        $7::bigint[], $8::text[], $4::uuid[], ones::smallint[], $6::uuid[], $6::uuid[], ones, $7::bigint[],
        '{}', '{}', '{}', '{}')
    FROM (SELECT cardinality($4::uuid[]) AS n, array_fill(1, ARRAY[cardinality($4::uuid[])]) AS ones) sizes
"""


def measure(folder: Path) -> dict[str, Any]:
    """Fill, migrate as a filled database is migrated, read, place."""
    with Engines.open(folder) as engines:
        upgrade(engines.database_url, "0001")
        filled_s = asyncio.run(fill(engines.database_url))
        say(f"{ORDERS} orders in {filled_s:.0f} s")
        began_s = time.perf_counter()
        upgrade(engines.database_url)
        say(f"migrated in {time.perf_counter() - began_s:.0f} s")
        read = asyncio.run(pages(engines.database_url, engines.redis_url))
        for name, of in read.items():
            say(f"{name:34}" + "  ".join(f"{figure} {value:>6}" for figure, value in of.items()))
        cost = asyncio.run(insert_cost(engines.database_url))
        say("  ".join(f"{name} {us} µs" for name, us in cost.items()))
    met = all(of["p99_ms"] <= PAGE_MS_MAX for of in read.values())
    return {"about": about(folder), "orders": ORDERS, "filled_s": round(filled_s), "pages": read,
            "budget": {"p99_ms": PAGE_MS_MAX, "met": met}, "placing_us": cost}  # fmt: skip


def main() -> None:
    """Measure and print."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with data_folder() as folder:
        text = json.dumps(measure(folder), indent=2)
    (BUILD / "orders_list.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
