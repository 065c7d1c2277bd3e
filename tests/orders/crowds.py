"""A crowd before one sale, served by several processes; and what is exactly right afterwards."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from inventory.errors import SoldOut
from inventory.model import lines_of
from keel.clock import Clock, FakeClock
from keel.errors import Refusal
from millpond.api import upkeep_of
from millpond.wiring import parts_of
from orders.attempt import Answer, Placed, Standing
from orders.placement import Buyer, Placement
from orders.schemas import LineRequest, OrderRequest
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, Shop

BUYERS: Final = 200
TURNS_APART: Final = 3  # of the loop, between two buyers of a process
KINDS: Final = ((10,), (6, 4), (5, 3, 2))  # units of each item of a sale, ten together


@dataclass(frozen=True)
class Want:
    """One buyer's units of a sale's items."""

    customer_id: str
    units: tuple[int, ...]


def crowd(sale: Sale, seed: int, shop: Shop) -> list[Want]:
    """200 buyers: of a single item one unit each, else of one or two lines."""
    dice, kinds = random.Random(seed), len(sale.item_ids)
    wants = []
    for _ in range(BUYERS):
        units = [0] * kinds
        for no in dice.sample(range(kinds), k=min(kinds, dice.choice([1, 1, 2]))):
            units[no] = 1 if kinds == 1 else dice.choice([1, 1, 1, 2])
        wants.append(Want(shop.ids.new(), tuple(units)))
    return wants


@asynccontextmanager
async def open_door(database_url: str, redis_url: str, *, connections: int, clock: Clock) -> AsyncIterator[Placement]:
    """The door of one process, whose lease on saying no is renewed beside the rush."""
    async with parts_of(database_url, redis_url, connections=connections, clock=clock) as parts, upkeep_of(parts):
        yield Placement(gate=parts.gate, ledger=parts.ledger, book=parts.book, ids=parts.ids, clock=parts.clock)


async def rush(placement: Placement, merchant_id: str, sale: Sale, wants: Sequence[Want]) -> dict[str, str]:
    """Everybody within some milliseconds; per customer the order's id, or the refusal's name.

    Not within one turn of the loop: a lane would take them all to the gate in a single call, and what other processes
    do then comes before it or after it, never in between.
    """

    async def one(number: int, want: Want) -> tuple[str, str]:
        for _ in range(number * TURNS_APART):
            await asyncio.sleep(0)
        lines = [LineRequest(item, n) for item, n in zip(sale.item_ids, want.units, strict=True) if n]
        buyer, wish = Buyer(merchant_id, want.customer_id), OrderRequest(lines=lines)
        match await insist(placement, sale, buyer, wish):
            case Placed(attempt):
                return want.customer_id, attempt.claim_id
            case Standing(order_id):  # placed, and its buyer was told to try again
                return want.customer_id, order_id
            case refusal:
                return want.customer_id, type(refusal).__name__

    answers = dict(await asyncio.gather(*(one(number, want) for number, want in enumerate(wants))))
    await placement.drained()
    return answers


async def insist(placement: Placement, sale: Sale, buyer: Buyer, wish: OrderRequest) -> Answer:
    """What a buyer is told in the end: a 503 says to come again with the same key, and buyers do."""

    async def told() -> Answer | None:
        try:
            answer = await placement.place(sale.id, buyer, "once", wish)
        except Refusal as refusal:
            answer = refusal
        return None if isinstance(answer, Refusal) and answer.status == 503 else answer

    answer = await eventually_async(told)
    assert answer is not None
    return answer


async def judge(shop: Shop, sale: Sale, wants: Sequence[Want], answers: dict[str, str]) -> list[str]:
    """What is not exactly right."""
    claims = await shop.pool.fetch("SELECT * FROM claim WHERE sale_id = $1", sale.id)
    config = await shop.ledger.sale(sale.id)
    assert config is not None
    left = [item.allocated for item in sorted(config.items, key=lambda item: item.no)]
    for claim in claims:
        for no, units in lines_of(claim["lines"]).items():
            left[no - 1] -= units
    placed = {str(claim["customer_id"]): str(claim["id"]) for claim in claims}
    said = [f"oversold: {left}"] if min(left) < 0 else []
    said += [f"{sum(left)} of one item left over"] if len(left) == 1 and left != [0] else []
    for want in wants:
        answer = answers[want.customer_id]
        if want.customer_id in placed:
            said += [] if answer == placed[want.customer_id] else [f"placed, but told {answer}"]
        elif answer != SoldOut.__name__:
            said.append(f"not placed, and told {answer}")
        elif all(n <= left[no] for no, n in enumerate(want.units)):
            said.append(f"refused {want.units}, and {left} are left")
    status = await shop.gate.status(sale.id, 0)
    gate = [(item.free, item.held) for item in sorted(status.items, key=lambda item: item.no)]
    return said + ([f"gate {gate}, ledger {left}"] if gate != [(n, 0) for n in left] else [])


async def serve(database_url: str, redis_url: str) -> None:
    """A process of its own: a rush per line of its input, its answers as a line of its output."""
    async with open_door(database_url, redis_url, connections=4, clock=FakeClock()) as placement:
        while line := await asyncio.to_thread(sys.stdin.readline):
            merchant_id, sale_id, item_ids, wants = json.loads(line)
            sale = Sale(sale_id, tuple(item_ids), ())
            told = await rush(placement, merchant_id, sale, [Want(who, tuple(units)) for who, units in wants])
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
