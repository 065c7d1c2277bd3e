"""The rehearsal sale of a drill: a rehearsal in every row, put away or said not to be."""

import asyncio

from accounts.tokens import Tokens
from inventory import views
from millpond import drill_sale
from millpond.crowd import Target
from millpond.drill_sale import open_rehearsal, put_away, wishes
from tests.eventually import eventually_async
from tests.inventory.selling import Shop, open_shop

SECONDS = 15


async def test_a_rehearsal_is_open_and_marked(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        rehearsal = await open_rehearsal(shop.selling, shop.staff, units=2, seconds=SECONDS)
        config = await shop.ledger.sale(rehearsal.sale_id)
        assert config is not None
        assert config.rehearsal
        assert config.state == "open"
        assert config.allocated == 2
        assert config.hold_ttl_s > SECONDS, "no order lapses while the drill runs"


async def test_every_wish_is_of_another_buyer_who_is_signed_in(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        rehearsal = await open_rehearsal(shop.selling, shop.staff, units=2, seconds=SECONDS)
        tokens = Tokens({"k": "a secret of the tests, of enough bytes"}, shop.clock)
        target = Target("127.0.0.1", 1)
        made = wishes(shop.selling, shop.staff, tokens, target=target, rehearsal=rehearsal, count=3)
        assert len({wish.buyer for wish in made}) == len({wish.key for wish in made}) == 3
        token = made[0].request.partition(b"authorization: ")[2].partition(b"\r\n")[0]
        assert tokens.check(token).sub == made[0].buyer


async def test_it_is_put_away_once_its_leftovers_are_back(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        rehearsal = await open_rehearsal(shop.selling, shop.staff, units=2, seconds=SECONDS)
        trouble, _ = await asyncio.gather(
            put_away(shop.selling, shop.staff, rehearsal), settle(shop, rehearsal.sale_id)
        )
        assert trouble == ""
        assert (await views.sale_page(shop.selling, shop.staff, below=None, count=9)).sales == []


async def settle(shop: Shop, sale_id: str) -> None:
    """What the worker does with a closed sale."""
    await eventually_async(lambda: shop.ledger.settle(sale_id, 0, shop.clock.now()))


async def test_without_a_worker_it_says_what_is_left_to_do(database_url, redis_url, monkeypatch):
    monkeypatch.setattr(drill_sale, "PUT_AWAY_MAX_S", 0.0)
    async with open_shop(database_url, redis_url) as shop:
        rehearsal = await open_rehearsal(shop.selling, shop.staff, units=2, seconds=SECONDS)
        assert "not back in base stock" in await put_away(shop.selling, shop.staff, rehearsal)
