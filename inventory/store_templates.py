"""SQL of sale templates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.tables import SaleTemplateRow
from keel.database import newest_first
from keel.errors import NotFound


async def add_template(session: AsyncSession, **values: Any) -> SaleTemplateRow:
    """A new template."""
    row: SaleTemplateRow | None = await session.scalar(
        insert(SaleTemplateRow).values(**values).returning(SaleTemplateRow)
    )
    assert row is not None
    return row


async def find_template(session: AsyncSession, merchant_id: str, template_id: str) -> SaleTemplateRow:
    """A template. Raises NotFound, for another merchant's and for one that is archived as well."""
    mine = SaleTemplateRow.merchant_id == merchant_id, SaleTemplateRow.id == template_id
    row = await session.scalar(select(SaleTemplateRow).where(*mine, SaleTemplateRow.archived_at.is_(None)))
    if row is None:
        raise NotFound(what="template")
    return row


async def archive_template(session: AsyncSession, template_id: str, at: datetime) -> None:
    """Put a template away."""
    await session.execute(update(SaleTemplateRow).where(SaleTemplateRow.id == template_id).values(archived_at=at))


async def list_templates(
    session: AsyncSession, merchant_id: str, *, below: str | None, count: int
) -> Sequence[SaleTemplateRow]:
    """A page of a merchant's templates, newest first, below an id."""
    page = select(SaleTemplateRow).where(
        SaleTemplateRow.merchant_id == merchant_id, SaleTemplateRow.archived_at.is_(None)
    )
    return (await session.scalars(newest_first(page, SaleTemplateRow.id, below=below, count=count))).all()
