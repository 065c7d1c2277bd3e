"""The funnel over HTTP, for the merchant's own staff."""

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
