"""A rebuild reads one moment: what is committed beside it is in none of its parts."""

from inventory.store_snapshot import snapshot_of
from tests.inventory.selling import Shop, open_sale, open_shop

_CLAIM = """
    INSERT INTO claim (sale_id, customer_id, key, id, merchant_id, segment, fingerprint, lines, units, epoch, state,
                       verdict_no, served_at)
    VALUES (:sale, :customer, :key, :id, :merchant, 0, :print, :lines, 1, 1, :state, :no, :at)
"""


async def add_claim(shop: Shop, sale_id: str, *, key: str, state: str, no: int, lines: str = "1:1", buyer: str) -> str:
    claim_id = shop.ids.new()
    values = {"customer": buyer, "merchant": shop.staff.merchant_id, "print": "f" * 32, "at": shop.clock.now()}
    await shop.rows(
        f"{_CLAIM} RETURNING id", sale=sale_id, key=key, id=claim_id, lines=lines, state=state, no=no, **values
    )
    return claim_id


async def test_placed_and_released_claims_are_keys_and_only_placed_ones_count_for_limits(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        sale, buyer = await open_sale(shop, units=[10, 10]), shop.ids.new()
        placed = await add_claim(shop, sale.id, key="a:b", state="placed", no=1, lines="1:2", buyer=buyer)
        released = await add_claim(shop, sale.id, key="c", state="released", no=7, buyer=buyer)
        await add_claim(shop, sale.id, key="d", state="void", no=9, buyer=buyer)
        await add_claim(shop, sale.id, key="e", state="placed", no=3, lines="1:1,2:1", buyer=buyer)
        async with snapshot_of(shop.pool, sale.id, 0) as snapshot:
            await add_claim(shop, sale.id, key="late", state="placed", no=99, buyer=buyer)
            entries = [part async for piece in snapshot.entries(1) for part in piece]
            buyers = [part async for piece in snapshot.buyers(10) for part in piece]
            last = snapshot.last_no, snapshot.last_at_ms, snapshot.config.id
    found = dict(zip(entries[::2], entries[1::2], strict=True))
    at_ms = shop.clock.ms()
    assert found[f"{buyer}:a:b"] == f"C0{placed}{'f' * 32}1;{at_ms};1:2"
    assert found[f"{buyer}:c"] == f"R0{released}{'f' * 32}7;{at_ms};1:1"
    assert {field.removeprefix(f"{buyer}:") for field in found} == {"a:b", "c", "e"}
    assert (buyers[0], sorted(buyers[1].split(","))) == (buyer, ["1:1", "1:2", "2:1"])
    assert last == (9, at_ms, sale.id)
