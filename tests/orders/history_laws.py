"""What holds in a history: after every single step, when all has come to rest, and for whoever asks again then."""

from collections import Counter
from typing import Final

from inventory.model import lines_of
from tests.inventory.gates import customer_of
from tests.orders import history_upkeep as upkeep
from tests.orders.histories import LIMIT, ORDERS, History

ROUNDS_MAX: Final = 12
STEPS_MAX: Final = 100


async def check(history: History) -> None:
    """What holds after every single step."""
    claims = await history.shop.pool.fetch("SELECT * FROM claim WHERE sale_id = $1", history.sale.id)
    units: Counter[int] = Counter()
    per_customer: Counter[str] = Counter()
    for claim in claims:
        if claim["state"] == "placed":
            units.update(lines_of(claim["lines"]))
            per_customer[str(claim["customer_id"])] += claim["units"]
    counts = await history.shop.ledger.counts(*history.where)
    for count in counts:
        assert count.sold == units[count.no] <= count.allocated
    assert not [n for n in per_customer.values() if n > LIMIT], "more than one buyer may have"
    standing = {str(claim["id"]): claim["fingerprint"] for claim in claims if claim["state"] != "void"}
    for order, claim_id in history.acknowledged.values():
        assert claim_id in standing, "an acknowledged order is not in the ledger"
        assert standing[claim_id] == history.fingerprint(order), "an acknowledged order has another body"
    status = await history.status()
    if status.loaded and status.epoch == max(count.epoch for count in counts):
        unsold = {count.no: count.allocated - count.sold for count in counts}
        for item in status.items:
            assert item.allocated == item.free + item.held + item.confirmed
            assert 0 <= item.free <= unsold[item.no], "the gate offers a unit twice"


async def _let_all_arrive(history: History) -> None:
    for call in [*history.late]:
        await history.arrive(call)
    for _ in range(STEPS_MAX):  # without a pause: a sweeper that knows no age would void each fresh id anew
        if not history.calls:
            return
        await history.go_on(history.calls[0])
    raise AssertionError(f"these never end: {history.calls}")


async def come_to_rest(history: History) -> None:
    """Everything under way arrives; then the gate is the ledger's image."""
    for _ in range(ROUNDS_MAX):
        await _let_all_arrive(history)
        await upkeep.rebuild_where_needed(history)
        await upkeep.look(history)
        for begun in [*history.sweeps, *history.sweeps]:
            if begun in history.sweeps:
                await upkeep.sweep(history, begun)
        await upkeep.relay_all(history)
        await check(history)
        if not (history.late or history.calls or history.sweeps or history.facts or (await history.status()).held):
            return await _equal(history)
    raise AssertionError(f"no rest: {history} {await history.status()}")


async def _equal(history: History) -> None:
    status, counts = await history.status(), await history.shop.ledger.counts(*history.where)
    free = {item.no: item.free for item in status.items}
    assert (status.loaded, status.epoch) == (True, counts[0].epoch)
    assert free == {count.no: count.allocated - count.sold for count in counts}


async def retry(history: History, order: int) -> None:
    """Whoever asks again at rest is told what is exactly right: his order, or a refusal that the books bear out."""
    customer, key, wanted = ORDERS[order]
    free = {item.no: item.free for item in (await history.status()).items}
    claims = await history.shop.pool.fetch(
        "SELECT * FROM claim WHERE sale_id = $1 AND customer_id = $2", history.sale.id, customer_of(customer)
    )
    match await history.ask(order):
        case "under way":
            while history.calls:
                await history.go_on(history.calls[0])
            assert history.acknowledged[history.name(order)][0] == order
        case "reused":
            prints = {claim["fingerprint"] for claim in claims if claim["key"] == key and claim["state"] != "void"}
            assert prints, "the key was not used"
            assert history.fingerprint(order) not in prints, "not with another body"
        case "sold out":
            assert any(n > free[no] for no, n in enumerate(wanted, 1)), f"{free} are left"
        case "over limit":
            has = sum(claim["units"] for claim in claims if claim["state"] == "placed")
            assert has + sum(wanted) > LIMIT, f"has {has} units"
        case other:
            raise AssertionError(other)
