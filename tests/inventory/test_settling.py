"""A closed sale comes to its end: units go back, keys lapse, it is noted; what lapses later goes back as well."""

from datetime import timedelta

from inventory import store
from inventory.archiving import archive_sale
from inventory.faults import GateSilent
from inventory.gate import Gate
from inventory.running import close_sale
from inventory.sweeper import LOOK_AFTER_MS
from tests.inventory.mills import Mill, held
from tests.inventory.selling import Sale, check_books, open_sale

LAPSE = "SELECT orders_lapse($1, ARRAY[$2]::uuid[], 'expired', NULL, $3, 'worker', NULL, '{}')"


async def close(mill: Mill, sale: Sale) -> None:
    """Close a sale and let every hold that is left be looked at."""
    await close_sale(mill.shop.selling, mill.shop.staff, sale.id)
    mill.shop.clock.advance(ms=LOOK_AFTER_MS + 1)
    await mill.upkeep.sweep_all()


async def settled(mill: Mill, sale: Sale) -> bool:
    [row] = await mill.shop.rows("SELECT settled_at FROM sale WHERE id = :id", id=sale.id)
    return row["settled_at"] is not None


async def test_a_sale_that_is_sold_out_is_settled_too_and_its_keys_lapse(mill: Mill):
    shop = mill.shop
    sale = await open_sale(shop, units=[1])
    await mill.place(sale, await held(mill, sale))
    assert not (await mill.config(sale)).settled
    await close(mill, sale)
    await mill.reconcile()
    assert await settled(mill, sale)
    assert await shop.redis.pttl(f"{shop.gate.base(sale.id, 0)}:1:entries") <= 86_400_000
    assert await shop.ledger.running() == []
    await mill.book.tick()
    config = await mill.book.get(sale.id)
    assert config is not None
    assert config.settled, "the processes that know the sale look again"


async def test_a_sale_is_not_noted_as_settled_before_its_keys_are_sure_to_lapse(mill: Mill, monkeypatch):
    sale = await open_sale(mill.shop)
    await close(mill, sale)

    async def silent(*_: object, **__: object) -> None:
        raise GateSilent("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(Gate, "retire", silent)
        await mill.reconcile()
    assert not await settled(mill, sale)
    assert await mill.shop.ledger.running() == [sale.id]
    await mill.reconcile()
    assert await settled(mill, sale)
    assert 0 < await mill.shop.redis.pttl(f"{mill.shop.gate.base(sale.id, 0)}:meta") <= 86_400_000


async def test_what_lapses_after_the_settlement_and_the_archive_goes_back_to_base_stock(mill: Mill):
    shop = mill.shop
    sale = await open_sale(shop, units=[3])
    customer, key, claim_id = await held(mill, sale)
    await mill.place(sale, (customer, key, claim_id))
    await close(mill, sale)
    await mill.reconcile()
    await archive_sale(shop.selling, shop.staff, sale.id)
    async with store.edge(shop.selling.sessions) as session:
        assert await store.list_sales(session, shop.staff.merchant_id, below=None, count=10) == []
    assert await shop.ledger.running() == []
    await mill.book.tick()
    assert await mill.book.fresher(sale.id) is not None, "a retry of its order has its answer still"
    assert (await shop.ledger.claims(sale.id, [(customer, key)]))[customer, key].id == claim_id

    shop.clock.advance(s=900)
    await shop.pool.execute(LAPSE, shop.staff.merchant_id, claim_id, shop.clock.now() + timedelta(seconds=1))
    assert await shop.ledger.running() == [sale.id]
    await mill.reconcile()
    assert await shop.ledger.running() == []
    [stock] = await shop.rows("SELECT allocated, sold FROM stock WHERE sale_id = :id", id=sale.id)
    assert (stock["allocated"], stock["sold"]) == (0, 0)
    await check_books(shop)
