"""Whose orders there are, among customers of one merchant."""

import pytest

from keel.database import transaction
from orders import store_own
from tests.inventory.selling import make_merchant
from tests.orders.rows import stocked
from tests.orders.serving import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_ordered_here_and_nobody_else(served: Served):
    stock, looker = await stocked(served.shop, count=12), served.shop.ids.new()
    buyers = {order.customer_id for order in stock.orders}
    stranger = await make_merchant(served.shop.selling, "A fifth pond")
    async with transaction(served.shop.selling.sessions) as session:
        asked = [*stock.customers, looker]
        assert await store_own.who_ordered(session, served.shop.staff.merchant_id, asked) == buyers
        assert await store_own.who_ordered(session, stranger.merchant_id, asked) == frozenset()
