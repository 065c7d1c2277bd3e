"""Millpond under test: `millpond api` and `millpond worker`, sales opened over HTTP as by staff, its own audit."""

import http.client
import json
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from console.audit import audit
from inventory.gate import Gate
from keel.ids import is_id
from keel.lua import connect
from loadtests.http_crowd import crowd_over_http
from loadtests.sides import PRICE, UNITS_PER_CUSTOMER, Buyers, Crowd, Faults, Sale, booked
from loadtests.stack import FD, Plan, Stack, StackFailed
from migrations import upgrade
from millpond.crowd_answers import Answer
from millpond.engines import Engines
from millpond.wiring import Parts, parts_of

PROGRAM: Final = (sys.executable, "-m", "millpond")
SEGMENT: Final = 0
# All buyers come from one address here. Everything else is as it is in production.
SETTINGS: Final = {
    "MILLPOND_RATE_ADDRESS_PER_S": "1000000",
    "MILLPOND_RATE_ADDRESS_BURST": "1000000",
    "MILLPOND_GATEWAY_SOCKETS_PER_ADDRESS": "15000",
    "MILLPOND_GATEWAY_ADDRESS_MESSAGES_PER_S": "1000000",
    "MILLPOND_GATEWAY_ADDRESS_MESSAGES_BURST": "1000000",
}


class MillpondSide:
    """See `loadtests.sides.Side`."""

    name = "millpond"

    def __init__(self, buyers: Buyers) -> None:
        self._buyers = buyers
        self._staff_token = secrets.token_urlsafe(32)

    def plan(self) -> Plan:
        """One API process and one worker."""
        commands = {"api": [*PROGRAM, "api", "--fd", FD], "worker": [*PROGRAM, "worker"]}
        return Plan(upgrade, commands, self._environment)

    def crowd(self, stack: Stack, *, wishes_max: int) -> AbstractAsyncContextManager[Crowd]:
        """Distinct buyers, over HTTP."""
        return crowd_over_http(stack.target, self._buyers)

    def _environment(self, engines: Engines) -> Mapping[str, str]:
        merchant_id = self._buyers.merchant_id
        return SETTINGS | {
            "DATABASE_URL": engines.database_url,
            "REDIS_URL": engines.redis_url,
            "MILLPOND_TOKEN_KEYS": json.dumps({"bench": self._buyers.secret}),
            "MILLPOND_STAFF_TOKENS": json.dumps([{"token": self._staff_token, "merchant_id": merchant_id}]),
            "MILLPOND_SEED_MERCHANT_ID": merchant_id,
            "MILLPOND_LOG_LEVEL": "warning",
        }

    async def open_sale(self, stack: Stack, units: int) -> Sale:
        """As staff would: a SKU with units, a sale, its item, armed and opened."""
        code = secrets.token_hex(8)
        sku = self._ask(stack, "skus", title="Brush", code=code, price=PRICE, currency="CNY", units=units)
        sale = self._ask(stack, "sales", title="Rush", currency="CNY", limit_per_customer=UNITS_PER_CUSTOMER)
        wish = {"sku_id": sku["id"], "price": PRICE, "units": units}
        item = self._ask(stack, f"sales/{sale['id']}/items", **wish)
        self._ask(stack, f"sales/{sale['id']}/schedule")
        self._ask(stack, f"sales/{sale['id']}/open")
        return Sale(sale["id"], item["id"], units)

    def _ask(self, stack: Stack, path: str, **wish: Any) -> dict[str, Any]:
        connection = http.client.HTTPConnection(stack.target.host, stack.target.port, timeout=10.0)
        headers = {"authorization": f"Bearer {self._staff_token}", "content-type": "application/json"}
        try:
            connection.request("POST", f"/v1/staff/{path}", json.dumps(wish), headers)
            answer = connection.getresponse()
            document: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= http.HTTPStatus.BAD_REQUEST or not is_id(document.get("id")):
            raise StackFailed(f"{path}: {answer.status} {document}")
        return document

    async def settled(self, stack: Stack, sale: Sale) -> bool:
        """Whether every hold is confirmed."""
        async with connect(stack.engines.redis_url) as redis:
            return (await Gate(redis).status(sale.id, SEGMENT)).held == 0

    async def judged(self, stack: Stack, sale: Sale) -> bool:
        """Whether the worker has looked at each."""
        async with _parts(stack) as parts:
            return not await parts.pool.fetchval(_WAITING, self._buyers.merchant_id, sale.id)

    async def faults(self, stack: Stack, sale: Sale, answers: Sequence[Answer]) -> Faults:
        """From the tables and the gate, and once more by the audit."""
        async with _parts(stack) as parts:
            async with parts.pool.acquire() as connection:
                found = await booked(connection, sale, answers)
            (count,) = await parts.ledger.counts(sale.id, SEGMENT)
            (item,) = (await parts.gate.status(sale.id, SEGMENT)).items
            report = await audit(parts.pool, parts.gate, sale.id)
        return Faults(
            oversold=max(0, max(found.units, count.sold) - count.allocated),
            lost=found.lost,
            doubled=found.doubled,
            leaked=abs(count.allocated - count.sold - item.free),
            audit=len(report.breaches),
        )


@asynccontextmanager
async def _parts(stack: Stack) -> AsyncIterator[Parts]:
    async with parts_of(stack.engines.database_url, stack.engines.redis_url, connections=1) as parts:
        yield parts


# Orders are judged by their ids, so the newest is the last: only then all are counted, for this is paid for, too.
_WAITING: Final = """
    WITH newest AS (SELECT id FROM orders WHERE merchant_id = $1 AND sale_id = $2 ORDER BY id DESC LIMIT 1)
    SELECT CASE WHEN EXISTS (SELECT FROM newest n JOIN attribution a ON a.order_id = n.id)
        THEN (SELECT count(*) FROM orders WHERE merchant_id = $1 AND sale_id = $2)
            > (SELECT count(*) FROM attribution WHERE merchant_id = $1 AND sale_id = $2)
        ELSE EXISTS (SELECT FROM newest) END
"""
