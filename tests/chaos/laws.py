"""The laws of the order path, held against both engines when everything has come to rest."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import asyncpg

from inventory.gate import Gate
from inventory.model import lines_of

SEGMENT = 0


@dataclass
class Buyer:
    """One customer with one key, the order ids that were ever acknowledged to him, also as cancelled."""

    customer_id: str
    key: str
    lines: dict[str, int]
    acknowledged: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)


async def broken_laws(
    pool: asyncpg.Pool, gate: Gate, sale_id: str, buyers: Iterable[Buyer], *, limit: int | None = None
) -> list[str]:
    """Every law that does not hold, in words; none when all is well."""
    claims = await pool.fetch("SELECT * FROM claim WHERE sale_id = $1", sale_id)
    closed = await pool.fetchval("SELECT state = 'closed' FROM sale WHERE id = $1", sale_id)
    return [
        *await _stock(pool, sale_id, claims),
        *await _orders(pool, sale_id, claims),
        *_promises(claims, buyers, limit),
        *(await _settled(pool, sale_id) if closed else await _gate(pool, gate, sale_id, claims)),
        *await _cancelled(pool, buyers),
        *await _outbox(pool, sale_id),
    ]


async def _stock(pool: asyncpg.Pool, sale_id: str, claims: list[asyncpg.Record]) -> list[str]:
    placed = _units(claim["lines"] for claim in claims if claim["state"] == "placed")
    said = []
    for row in await pool.fetch(_STOCK, sale_id):
        if not 0 <= row["sold"] <= row["allocated"]:
            said.append(f"oversold: item {row['no']} sold {row['sold']} of {row['allocated']}")
        if row["sold"] != placed[row["no"]]:
            said.append(f"item {row['no']}: sold {row['sold']}, placed claims have {placed[row['no']]}")
        if row["sold"] != row["moved"]:
            said.append(f"item {row['no']}: sold {row['sold']}, movements say {row['moved']}")
    return said


async def _orders(pool: asyncpg.Pool, sale_id: str, claims: list[asyncpg.Record]) -> list[str]:
    orders = {row["id"]: row for row in await pool.fetch(_ORDERS, sale_id)}
    said = []
    for claim in claims:
        order = orders.pop(claim["id"], None)
        if claim["state"] == "void":
            said += [f"a void claim has the order {claim['id']}"] if order else []
        elif order is None:
            said.append(f"claim {claim['id']} is {claim['state']} and has no order")
        elif (order["state"] in {"awaiting_payment", "paid"}) != (claim["state"] == "placed"):
            said.append(f"claim {claim['id']} is {claim['state']}, its order {order['state']}")
        elif order["lines"] != claim["lines"]:
            said.append(f"claim {claim['id']} has {claim['lines']}, its order {order['lines']}")
    said += [f"order {order_id} has no claim" for order_id in orders]
    numbers = sorted((c["verdict_no"], c["served_at"], c["id"]) for c in claims if c["state"] != "void")
    for one, two in itertools.pairwise(numbers):
        if one[0] == two[0] or one[1] > two[1]:
            said.append(f"no. {one[0]} and no. {two[0]} are not in the order of service")
    return said


def _promises(claims: list[asyncpg.Record], buyers: Iterable[Buyer], limit: int | None) -> list[str]:
    by_key = {(str(claim["customer_id"]), claim["key"]): claim for claim in claims}
    said = []
    for buyer in buyers:
        if len(buyer.acknowledged) > 1:
            said.append(f"two orders for one key: {buyer.acknowledged}")
        claim = by_key.get((buyer.customer_id, buyer.key))
        standing = None if claim is None or claim["state"] == "void" else str(claim["id"])
        said += [f"order {order} was acknowledged and is lost: {claim}" for order in buyer.acknowledged - {standing}]
    units: Counter[str] = Counter()
    for claim in claims:
        units[str(claim["customer_id"])] += claim["units"] if claim["state"] == "placed" else 0
    beyond = {name: n for name, n in units.items() if limit is not None and n > limit}
    return said + [f"customer {name} has {n} units, {limit} at most" for name, n in beyond.items()]


async def _cancelled(pool: asyncpg.Pool, buyers: Iterable[Buyer]) -> list[str]:
    ids = [order_id for buyer in buyers for order_id in buyer.cancelled]
    rows = await pool.fetch("SELECT id, state FROM orders WHERE id = ANY ($1::uuid[]) AND state <> 'cancelled'", ids)
    return [f"order {row['id']} was told to be cancelled, and is {row['state']}" for row in rows]


async def _gate(pool: asyncpg.Pool, gate: Gate, sale_id: str, claims: list[asyncpg.Record]) -> list[str]:
    """At rest the gate knows exactly what the ledger knows."""
    status = await gate.status(sale_id, SEGMENT)
    rows = await pool.fetch(_STOCK, sale_id)
    said = []
    if not status.loaded or status.epoch != max(row["epoch"] for row in rows):
        return [f"gate loaded {status.loaded}, epoch {status.epoch}; ledger {[row['epoch'] for row in rows]}"]
    items = {item.no: item for item in status.items}
    for row in rows:
        item = items[row["no"]]
        if (item.allocated, item.confirmed, item.held) != (row["allocated"], row["sold"], 0):
            said.append(f"gate {item}, ledger allocated {row['allocated']} sold {row['sold']}")
        if item.free != row["allocated"] - row["sold"]:
            said.append(f"item {row['no']}: {item.free} free, {row['allocated'] - row['sold']} unsold")
    keys = sum(claim["state"] != "void" for claim in claims)
    if status.entries != keys or status.held:
        said.append(f"gate has {status.entries} keys, {status.held} held; the ledger has {keys} claims")
    return said


async def _settled(pool: asyncpg.Pool, sale_id: str) -> list[str]:
    """A closed sale has given back what is left."""
    rows = await pool.fetch(_STOCK, sale_id)
    return [f"item {r['no']}: {r['allocated'] - r['sold']} units left" for r in rows if r["allocated"] != r["sold"]]


async def _outbox(pool: asyncpg.Pool, sale_id: str) -> list[str]:
    rows = await pool.fetch(_OPEN, sale_id)
    return [f"outbox: {row['subscriber']} {row['state']} for {row['aggregate']}: {row['error']}" for row in rows]


def _units(texts: Iterable[str]) -> Counter[int]:
    total: Counter[int] = Counter()
    for text in texts:
        total.update(lines_of(text))
    return total


_STOCK = """
    SELECT i.no, k.allocated, k.sold, k.epoch, coalesce((
        SELECT sum(CASE m.kind WHEN 'sold' THEN m.units WHEN 'released' THEN -m.units ELSE 0 END)
        FROM stock_movement m WHERE m.item_id = k.item_id AND m.segment = k.segment), 0) AS moved
    FROM stock k JOIN sale_item i ON i.id = k.item_id WHERE k.sale_id = $1 ORDER BY i.no
"""
_ORDERS = """
    SELECT o.id, o.state, string_agg(l.no || ':' || l.quantity, ',' ORDER BY l.no) AS lines
    FROM orders o JOIN order_line l ON l.merchant_id = o.merchant_id AND l.order_id = o.id
    WHERE o.sale_id = $1 GROUP BY o.id, o.state
"""
_OPEN = """
    SELECT d.subscriber, d.state, d.aggregate, d.error FROM outbox_delivery d JOIN outbox_event e ON e.id = d.event_id
    WHERE d.state <> 'done' AND e.payload->>'sale_id' = $1
"""
