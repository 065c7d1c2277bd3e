"""What the settings name is there after a start, once."""

from accounts.providers import DEMO
from accounts.service import seed_demo_app, seed_merchant


async def test_a_start_creates_the_merchant_and_its_demo_app_once(shop):
    merchant_id = shop.people.ids.new()
    for _ in range(2):
        await seed_merchant(shop.pool, shop.clock, merchant_id)
        await seed_demo_app(shop.pool, shop.clock, shop.people.ids, merchant_id)
    found = await shop.rows("SELECT provider, app_id FROM app WHERE merchant_id = :id", id=merchant_id)
    assert found == [{"provider": DEMO, "app_id": DEMO}]
