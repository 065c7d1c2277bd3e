"""A merchant's campaigns: each name once, and put away for good."""

import pytest

from keel.database import transaction
from keel.errors import Conflict, NotFound
from referrals.store_campaigns import add_campaign, archive_campaign, list_campaigns
from tests.referrals.groves import Grove, another_merchant


async def test_a_name_is_given_once_for_each_merchant(grove: Grove):
    other_id = await another_merchant(grove)
    async with transaction(grove.shop.selling.sessions) as session:
        values = {"name": "spring", "title": "Spring", "created_at": grove.shop.clock.now()}
        mine = await add_campaign(session, id=grove.shop.ids.new(), merchant_id=grove.merchant_id, **values)
        await add_campaign(session, id=grove.shop.ids.new(), merchant_id=other_id, **values)
        with pytest.raises(Conflict):
            await add_campaign(session, id=grove.shop.ids.new(), merchant_id=grove.merchant_id, **values)
        with pytest.raises(NotFound):
            await archive_campaign(session, other_id, mine.id, grove.shop.clock.now())
        listed = await list_campaigns(session, grove.merchant_id, below=None, count=10)
        assert [row.id for row in listed] == [mine.id]
