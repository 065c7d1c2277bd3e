"""Who asks for a code: one at a time, and whoever was too slow keeps nothing."""

from datetime import timedelta

from referrals import store_mini_codes as store
from referrals.store_mini_codes import Wanted
from tests.referrals.groves import Grove

A_WHILE = timedelta(seconds=10)


async def wanted_in(grove: Grove) -> Wanted:
    share = await grove.share(await grove.person(), await grove.target("room"))
    return Wanted(share.merchant_id, share.node.id, "wx1", "release pages/index")


async def claims(grove: Grove, wanted: Wanted, holder: str) -> bool:
    now = grove.shop.clock.now()
    return await store.claim(grove.shop.ledger, wanted, holder, now=now, until=now + A_WHILE)


async def test_one_at_a_time_asks_until_its_time_is_over(grove: Grove):
    wanted, (first, second) = await wanted_in(grove), (grove.shop.ids.new(), grove.shop.ids.new())
    assert await claims(grove, wanted, first)
    assert not await claims(grove, wanted, second)
    grove.shop.clock.advance(s=10)
    assert await claims(grove, wanted, second)
    await store.keep(grove.shop.ledger, wanted, first, b"too late")
    assert await store.find(grove.shop.ledger, wanted) is None
    await store.keep(grove.shop.ledger, wanted, second, b"an image")
    assert await store.find(grove.shop.ledger, wanted) == b"an image"
    grove.shop.clock.advance(s=10)
    assert not await claims(grove, wanted, first), "there is one"


async def test_whoever_got_nothing_lets_the_next_one_ask(grove: Grove):
    wanted, (first, second) = await wanted_in(grove), (grove.shop.ids.new(), grove.shop.ids.new())
    assert await claims(grove, wanted, first)
    await store.let_go(grove.shop.ledger, wanted, second, grove.shop.clock.now())
    assert not await claims(grove, wanted, second), "that was not the one who asks"
    await store.let_go(grove.shop.ledger, wanted, first, grove.shop.clock.now())
    assert await claims(grove, wanted, second)
