"""Use cases of a merchant's campaigns: what people may share for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keel.audit import Audited
from keel.database import edge
from keel.identity import Principal
from referrals import store_campaigns as store
from referrals.tables import CampaignRow


@dataclass(frozen=True, slots=True)
class Campaigns(Audited):
    """What the use cases need."""


async def add_campaign(
    here: Campaigns, by: Principal, *, name: str, title: str, ends_at: datetime | None
) -> CampaignRow:
    """A new campaign. Raises Conflict where there is, or was, one of this name."""
    async with edge(here.sessions) as session:
        values = {"name": name, "title": title, "ends_at": ends_at, "merchant_id": by.merchant_id}
        row = await store.add_campaign(session, id=here.ids.new(), created_at=here.clock.now(), **values)
        here.audit(session, by, "campaign.add", row.id, name=name)
    return row


async def page(here: Campaigns, by: Principal, *, below: str | None, count: int) -> Sequence[CampaignRow]:
    """A page of the merchant's campaigns, newest first."""
    async with edge(here.sessions) as session:
        return await store.list_campaigns(session, by.merchant_id, below=below, count=count)


async def archive_campaign(here: Campaigns, by: Principal, campaign_id: str) -> None:
    """Let nobody share for a campaign any more; what was shared stays. Safe to repeat. Raises NotFound."""
    async with edge(here.sessions) as session:
        await store.archive_campaign(session, by.merchant_id, campaign_id, here.clock.now())
        here.audit(session, by, "campaign.archive", campaign_id)
