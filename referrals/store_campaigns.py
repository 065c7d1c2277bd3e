"""SQL of campaigns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from keel.database import newest_first
from keel.errors import Conflict, NotFound
from referrals.tables import CampaignRow


async def add_campaign(session: AsyncSession, **values: Any) -> CampaignRow:
    """A new campaign. Raises Conflict where the merchant has one of this name, put away or not."""
    new = insert(CampaignRow).values(**values).on_conflict_do_nothing(index_elements=["merchant_id", "name"])
    row: CampaignRow | None = await session.scalar(new.returning(CampaignRow))
    if row is None:
        raise Conflict(detail="there is, or was, a campaign of this name")
    return row


async def list_campaigns(
    session: AsyncSession, merchant_id: str, *, below: str | None, count: int
) -> Sequence[CampaignRow]:
    """A page of a merchant's campaigns, newest first, below an id."""
    page = select(CampaignRow).where(CampaignRow.merchant_id == merchant_id)
    return (await session.scalars(newest_first(page, CampaignRow.id, below=below, count=count))).all()


async def archive_campaign(session: AsyncSession, merchant_id: str, campaign_id: str, at: datetime) -> None:
    """Let nobody share for it any more. Safe to repeat. Raises NotFound."""
    mine = CampaignRow.merchant_id == merchant_id, CampaignRow.id == campaign_id
    if await session.scalar(select(CampaignRow.id).where(*mine)) is None:
        raise NotFound(what="campaign")
    await session.execute(update(CampaignRow).where(*mine, CampaignRow.archived_at.is_(None)).values(archived_at=at))
