"""Campaigns come and go by staff's word, which is written down."""

import pytest

from keel.errors import Conflict, NotFound
from referrals.campaigns import Campaigns, add_campaign, archive_campaign, page
from tests.referrals.groves import Grove


async def test_what_was_put_away_is_shared_no_more_and_its_name_is_not_free(grove: Grove):
    selling, by = grove.shop.selling, grove.shop.staff
    here = Campaigns(selling.sessions, selling.ids, selling.clock)
    made = await add_campaign(here, by, name="spring", title="Spring", ends_at=None)
    for _ in range(2):
        await archive_campaign(here, by, made.id)
    with pytest.raises(Conflict):
        await add_campaign(here, by, name="spring", title="Spring again", ends_at=None)
    with pytest.raises(NotFound):
        await archive_campaign(here, by, grove.shop.ids.new())
    (row,) = await page(here, by, below=None, count=10)
    assert row.archived_at == grove.shop.clock.now()
    commands = [row["command"] for row in await grove.run("SELECT command FROM staff_audit ORDER BY id")]
    assert commands == ["campaign.add", "campaign.archive", "campaign.archive"]
