"""SQL of posters: merchants' templates, and what a poster shows."""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.ledger import Ledger
from keel.database import Row
from keel.errors import Conflict
from referrals.model import TargetKind
from referrals.poster_template import Prices, Subject, Template
from referrals.store_shares import Share, share_of
from referrals.tables_posters import PosterTemplateRow

_FIELDS: Final = tuple(asdict(Template()))


async def find_template(session: AsyncSession, merchant_id: str) -> tuple[Template, int]:
    """A merchant's template and its version; the house's own, at 0, where he has none."""
    mine = select(PosterTemplateRow.__table__).where(PosterTemplateRow.merchant_id == merchant_id)
    row = (await session.execute(mine)).mappings().one_or_none()
    return (Template(), 0) if row is None else (_template_of(row), row["version"])


async def put_template(
    session: AsyncSession, merchant_id: str, template: Template, *, version: int, at: datetime
) -> int:
    """Write a template over that of a version, 0 for none yet; the new version. Raises Conflict for another one."""
    values = asdict(template) | {"updated_at": at}
    mine = PosterTemplateRow.merchant_id == merchant_id
    if version:
        change = update(PosterTemplateRow).where(mine, PosterTemplateRow.version == version)
        change = change.values(**values, version=version + 1)
        written = await session.scalar(change.returning(PosterTemplateRow.version))
    else:
        new = insert(PosterTemplateRow).values(merchant_id=merchant_id, version=1, **values)
        new = new.on_conflict_do_nothing(index_elements=["merchant_id"])
        written = await session.scalar(new.returning(PosterTemplateRow.version))
    if written is None:
        standing = await session.scalar(select(PosterTemplateRow.version).where(mine))
        raise Conflict(detail=f"the poster template is at version {standing or 0}")
    return int(written)


async def poster(ledger: Ledger, merchant_id: str, code: str, now: datetime) -> tuple[Share, Subject, Template] | None:
    """A merchant's share by its code, with what its poster shows and how. Raises LedgerFault."""
    rows = await ledger.call(_POSTER, merchant_id, code, now)
    if not rows:
        return None
    template = Template() if rows[0]["template_version"] is None else _template_of(rows[0])
    return share_of(rows[0]), _subject_of(rows[0]), template


async def target(ledger: Ledger, merchant_id: str, kind: TargetKind, target_id: str, now: datetime) -> Subject | None:
    """The same of something that may be shared, for a preview. Raises LedgerFault."""
    rows = await ledger.call(_TARGET, merchant_id, kind, target_id, now)
    return _subject_of(rows[0]) if rows else None


def _subject_of(row: Row) -> Subject:
    prices = None if row["item_currency"] is None else Prices(row["item_currency"], row["item_low"], row["item_high"])
    return Subject(
        title=row["shown_title"] or "",
        item=row["item_title"],
        prices=prices,
        picture_url=row["item_picture_url"],
        sharer_name=row["display_name"],
    )


def _template_of(row: Row | RowMapping) -> Template:
    return Template(**{name: row[name] for name in _FIELDS})


_ITEM: Final = """
    i.title AS item_title, i.picture_url AS item_picture_url, i.currency AS item_currency, i.low AS item_low,
    i.high AS item_high
"""
_POSTER: Final = f"""
    SELECT s.*, g.title AS shown_title, p.display_name, {_ITEM},
           t.version AS template_version, {", ".join(f"t.{name}" for name in _FIELDS)}
    FROM share s
    LEFT JOIN share_target g ON g.merchant_id = s.merchant_id AND g.kind = s.target_kind AND g.id = s.target_id
    LEFT JOIN customer_profile p
        ON p.merchant_id = s.merchant_id AND p.customer_id = person_of(s.merchant_id, s.sharer_id)
    LEFT JOIN poster_template t ON t.merchant_id = s.merchant_id
    LEFT JOIN LATERAL poster_item(s.merchant_id, s.target_kind, s.target_id, $3) i ON true
    WHERE s.merchant_id = $1 AND s.code = $2
"""  # noqa: S608 - made of names of our own
_TARGET: Final = f"""
    SELECT g.title AS shown_title, NULL AS display_name, {_ITEM} FROM share_target g
    LEFT JOIN LATERAL poster_item(g.merchant_id, g.kind, g.id, $4) i ON true
    WHERE g.merchant_id = $1 AND g.kind = $2 AND g.id = $3
"""  # noqa: S608 - the same
