"""SQL of the rules of credit: versions, written once."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from keel.database import Connection, Row, newest_first
from keel.errors import Conflict, NotFound
from referrals.rule import Model, Rule, SelfPurchase, Version
from referrals.tables import CampaignRow
from referrals.tables_attribution import RuleRow


async def versions(connection: Connection, merchant_id: str) -> list[Version]:
    """Every rule that a merchant ever had."""
    return [_version_of(row) for row in await connection.fetch(_VERSIONS, merchant_id)]


async def add_version(
    session: AsyncSession,
    merchant_id: str,
    campaign: str | None,
    *,
    known: int | None,
    versions_max: int,
    **values: Any,
) -> RuleRow:
    """The next version of a rule. Raises NotFound for a campaign that there is not, and Conflict where another version
    stands than the `known` one, where somebody else writes one now, and where there are `versions_max`."""
    if campaign is not None:
        there = select(CampaignRow.id).where(CampaignRow.merchant_id == merchant_id, CampaignRow.name == campaign)
        if await session.scalar(there) is None:
            raise NotFound(what="campaign")
    mine = RuleRow.merchant_id == merchant_id, RuleRow.campaign.is_not_distinct_from(campaign)
    stands = await session.scalar(select(func.coalesce(func.max(RuleRow.version), 0)).where(*mine)) or 0
    if known not in (None, stands):
        raise Conflict(detail=f"version {stands} of this rule stands")
    if stands >= versions_max:
        raise Conflict(detail=f"a rule has {versions_max} versions at most")
    new = insert(RuleRow).values(merchant_id=merchant_id, campaign=campaign, version=stands + 1, **values)
    row: RuleRow | None = await session.scalar(new.on_conflict_do_nothing().returning(RuleRow))
    if row is None:
        raise Conflict(detail="somebody else is changing this rule right now")
    return row


async def list_versions(session: AsyncSession, merchant_id: str, *, below: str | None, count: int) -> Sequence[RuleRow]:
    """A page of all versions of all rules, newest first, below an id."""
    page = select(RuleRow).where(RuleRow.merchant_id == merchant_id)
    return (await session.scalars(newest_first(page, RuleRow.id, below=below, count=count))).all()


def _version_of(row: Row) -> Version:
    rule = Rule(
        Model(row["model"]),
        row["valid_for_s"],
        row["protected_for_s"],
        SelfPurchase(row["self_purchase"]),
        row["campaign"],
        row["version"],
        str(row["id"]),
    )
    return Version(rule, row["in_force_at"])


_VERSIONS: Final = """
    SELECT id, campaign, version, model, valid_for_s, protected_for_s, self_purchase, in_force_at
    FROM attribution_rule WHERE merchant_id = $1
"""
