"""SQL of imports: the catalogue in large pieces. Locks go by code, then base stock by SKU id."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.csv_lines import OPTIONAL
from inventory.import_plan import Known, Plan
from inventory.store_catalogue import list_prices
from inventory.store_products import count_skus
from inventory.store_stock import lock_base
from inventory.tables import BaseStockRow, ProductRow, SkuPriceRow, SkuRow, StockMovementRow
from keel.errors import Unavailable

PIECE: Final = 1_000
MANY: Final = 500  # rows of one kind, from which on a plan for few rows hurts
T = TypeVar("T")


async def known(session: AsyncSession, merchant_id: str, now: datetime, codes: Sequence[str]) -> dict[str, Known]:
    """SKUs with these codes, archived ones too, locked with their products until the commit."""
    found: dict[str, Known] = {}
    for piece in _pieces(sorted(codes)):
        mine = SkuRow.merchant_id == merchant_id, SkuRow.code.in_(piece)
        page = select(SkuRow, ProductRow).join(ProductRow, ProductRow.id == SkuRow.product_id).where(*mine)
        rows = (await session.execute(page.order_by(SkuRow.code).with_for_update(key_share=True))).all()
        prices = await list_prices(session, [sku.id for sku, _ in rows], now)
        counts = await count_skus(session, merchant_id, {product.id for _, product in rows})  # they are locked by now
        for sku, product in rows:
            found[sku.code] = Known(
                id=sku.id,
                version=sku.version,
                product_id=product.id,
                product_version=product.version,
                title=product.title,
                archived=sku.archived_at is not None,
                fields={name: getattr(sku, name) for name in OPTIONAL},
                prices={price.currency: price.price for price in prices.get(sku.id, [])},
                product_skus=counts[product.id],
            )
        session.expunge_all()  # nothing is changed through these objects, and there may be many
    return found


async def lock_shelves(session: AsyncSession, merchant_id: str, sku_ids: Sequence[str]) -> dict[str, int]:
    """Units on hand of SKUs, locked in the order of their ids."""
    on_hand: dict[str, int] = {}
    for piece in _pieces(sorted(sku_ids)):
        on_hand |= await lock_base(session, merchant_id, piece)
    return on_hand


async def store_plan(
    session: AsyncSession, merchant_id: str, now: datetime, plan: Plan, on_hand: dict[str, int]
) -> AsyncIterator[int]:
    """Write a plan, piece by piece; yields how many rows are written. `on_hand` has the known SKUs that get units.

    Raises Unavailable where somebody entered the same code or price meanwhile.
    """
    try:
        for statement, rows in _writes(merchant_id, now, plan, on_hand):
            for piece in _pieces(rows):
                await session.execute(statement, piece)
                yield len(piece)
            if len(rows) >= MANY:
                await _count_anew(session)
    except IntegrityError as error:
        raise Unavailable(detail="the catalogue was changed meanwhile") from error


async def add_movements(session: AsyncSession, movements: list[dict[str, Any]]) -> AsyncIterator[int]:
    """Note movements, piece by piece; yields how many."""
    for piece in _pieces(movements):
        await session.execute(insert(StockMovementRow), piece)
        yield len(piece)


async def _count_anew(session: AsyncSession) -> None:
    """Tell PostgreSQL how large the tables have become inside this transaction.

    Otherwise it checks foreign keys by a plan that is right for a handful of rows, by reading a table whole or by the
    wrong one of two indexes, and keeps it while they grow: 20,000 lines took two minutes in place of five seconds.
    Where somebody else counts at the moment, that will do.
    """
    await session.execute(text("ANALYZE (SKIP_LOCKED) product, sku"))


def _writes(
    merchant_id: str, now: datetime, plan: Plan, on_hand: dict[str, int]
) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    born = {"merchant_id": merchant_id, "created_at": now}
    yield insert(ProductRow), [{"id": id_, "title": title} | born for id_, title in plan.products.items()]
    yield (
        update(ProductRow),
        [{"id": id_, "title": title, "version": version} for id_, (title, version) in plan.titles.items()],
    )
    yield insert(SkuRow), [{"id": id_} | sku | born for id_, sku in plan.skus.items()]
    yield update(SkuRow), [{"id": id_} | changes for id_, changes in plan.changes.items()]
    yield (
        insert(SkuPriceRow),
        [
            {"merchant_id": merchant_id, "sku_id": id_, "currency": currency, "price": price, "since": now}
            for id_, currency, price in plan.prices
        ],
    )
    yield (
        insert(BaseStockRow),
        [{"merchant_id": merchant_id, "sku_id": id_, "on_hand": plan.receipts[id_]} for id_ in plan.skus],
    )
    yield update(BaseStockRow), [{"sku_id": id_, "on_hand": n + plan.receipts[id_]} for id_, n in on_hand.items()]


def _pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + PIECE] for start in range(0, len(rows), PIECE))
