"""The funnel over HTTP, for the merchant's own staff."""

from contextlib import AsyncExitStack
from typing import Any, cast

import pytest

from console.routes_funnel import READINGS_MAX, LongReadings
from keel.errors import Unavailable
from tests.console.test_funnel import lived
from tests.orders.serving import STAFF, serve
from tests.referrals.groves import Grove
from tests.referrals.spread import Spread, open_spread


async def test_staff_read_the_funnel_of_their_own_sessions_only(database_url, redis_url):
    async with serve(database_url, redis_url) as served, open_spread(database_url, redis_url) as others:
        grove = Grove(served.shop, served.parts.touches)
        spread = Spread(grove, (await grove.target("room")).target_id)
        session, theirs, header = await lived(spread), await others.session(), {"authorization": f"Bearer {STAFF}"}
        path = f"/v1/staff/sessions/{session}/funnel"
        told_here = (await served.client.get(path, params={"parted": "channel"}, headers=header)).json()
        assert [step["count"] for step in told_here["whole"]["steps"]] == [1, 5, 4, 3, 2, 1]
        assert set(told_here["definitions"]) == {step["name"] for step in told_here["whole"]["steps"]}
        missing = await served.client.get(f"/v1/staff/sessions/{theirs}/funnel", headers=header)
        assert missing.status_code == 404


async def test_a_few_read_at_a_time_and_the_next_is_told_to_come_again():
    readings: LongReadings = LongReadings(cast(Any, None))
    async with AsyncExitStack() as others:
        for _ in range(READINGS_MAX):
            _ = await others.enter_async_context(readings.one())
        with pytest.raises(Unavailable):
            _ = await others.enter_async_context(readings.one())
    async with readings.one():
        pass
