"""Large pieces are stored at a cost that grows with the lines, whatever a connection did before."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from inventory import store, store_import
from inventory.csv_lines import Line
from inventory.import_plan import Plan, plan_of
from keel.database import sessions_of
from tests.inventory.selling import Shop, open_shop

LINES = 2_000
READ_WHOLE = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_xact_user_tables WHERE relname IN ('product', 'sku')"


def plan_for(shop: Shop, name: str, count: int) -> Plan:
    lines = [
        Line(no=n, code=f"{name}-{n}", title="Cup", variant_of=None, fields={}, receive=1, prices={"CNY": 1})
        for n in range(count)
    ]
    return plan_of(lines, {}, shop.ids.new)


async def test_a_connection_that_knew_small_tables_does_not_read_large_ones_whole(database_url, redis_url):
    """A plan that reads a table whole is right for eight rows; for thousands it made an import take minutes."""
    url = database_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, pool_size=1, max_overflow=0)
    async with open_shop(database_url, redis_url) as shop:
        sessions, merchant_id, now = sessions_of(engine), shop.staff.merchant_id, shop.clock.now()

        async def stored(plan: Plan) -> int:
            async with store.edge(sessions) as session:
                async for _ in store_import.store_plan(session, merchant_id, now, plan, {}):
                    pass
                return int(await session.scalar(text(READ_WHOLE)) or 0)

        await stored(plan_for(shop, "first", 1))
        await shop.pool.execute("VACUUM ANALYZE product, sku, sku_price, base_stock")
        for n in range(8):  # often enough for a connection to settle on its plans
            await stored(plan_for(shop, f"small{n}", 1))
        assert await stored(plan_for(shop, "large", LINES)) < LINES
    await engine.dispose()
