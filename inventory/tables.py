"""Mapped classes of catalogue and sales. No relationships: what belongs together is read together by the stores.

The migrations define the schema; a test holds these columns against the migrated database.
"""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import CHAR, DateTime, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Big, Count, Flag, Id, Key, Moment, Small, Word

Currency = Annotated[str, mapped_column(CHAR(3))]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]


class ProductRow(Table):
    """What a merchant sells, under one title."""

    __tablename__ = "product"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    title: Mapped[Word]
    created_at: Mapped[Moment]
    archived_at: Mapped[Moment | None]
    version: Mapped[Big]


class SkuRow(Table):
    """One variant of a product; `code` is the merchant's own name of it."""

    __tablename__ = "sku"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    product_id: Mapped[Id]
    code: Mapped[Word]
    specification: Mapped[Json]
    picture_url: Mapped[Word | None]
    needs_recipient: Mapped[Flag]
    created_at: Mapped[Moment]
    archived_at: Mapped[Moment | None]
    version: Mapped[Big]
    low_stock: Mapped[Big | None]


class SkuPriceRow(Table):
    """List price since a moment, in minor units; append-only."""

    __tablename__ = "sku_price"

    merchant_id: Mapped[Id]
    sku_id: Mapped[Key]
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    price: Mapped[Big]


class ItemVersionRow(Table):
    """What was shown on air; never changed."""

    __tablename__ = "item_version"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    sku_id: Mapped[Id]
    title: Mapped[Word]
    specification: Mapped[Json]
    picture_url: Mapped[Word | None]
    needs_recipient: Mapped[Flag]
    price: Mapped[Big]
    currency: Mapped[Currency]
    created_at: Mapped[Moment]


class BaseStockRow(Table):
    """Units of a SKU that no sale has."""

    __tablename__ = "base_stock"

    sku_id: Mapped[Key]
    merchant_id: Mapped[Id]
    on_hand: Mapped[Big]


class SaleRow(Table):
    """A sale; `version` counts the changes of what the gate knows."""

    __tablename__ = "sale"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    title: Mapped[Word]
    kind: Mapped[Word]
    state: Mapped[Word]
    currency: Mapped[Currency]
    opens_at: Mapped[Moment | None]
    closes_at: Mapped[Moment | None]
    hold_ttl_s: Mapped[Count]
    limit_per_customer: Mapped[Count | None]
    segments: Mapped[Small]
    needs_ticket: Mapped[Flag]
    ticket_after_s: Mapped[Count | None]
    rehearsal: Mapped[Flag]
    context: Mapped[Json | None]
    version: Mapped[Big]
    created_at: Mapped[Moment]
    settled_at: Mapped[Moment | None]
    archived_at: Mapped[Moment | None]


class SaleItemRow(Table):
    """A SKU in a sale, at one version. `planned` units matter in a draft only; afterwards `stock` has them."""

    __tablename__ = "sale_item"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    sale_id: Mapped[Id]
    no: Mapped[Small]
    sku_id: Mapped[Id]
    item_version_id: Mapped[Id]
    limit_per_customer: Mapped[Count | None]
    planned: Mapped[Big]
    turned_away: Mapped[Big | None]


class SaleTemplateRow(Table):
    """A sale to be made again: its settings, and the SKUs it sells."""

    __tablename__ = "sale_template"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    title: Mapped[Word]
    kind: Mapped[Word]
    currency: Mapped[Currency]
    hold_ttl_s: Mapped[Count]
    limit_per_customer: Mapped[Count | None]
    needs_ticket: Mapped[Flag]
    ticket_after_s: Mapped[Count | None]
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_at: Mapped[Moment]
    archived_at: Mapped[Moment | None]


class StockRow(Table):
    """An item's units in one segment of its sale."""

    __tablename__ = "stock"

    item_id: Mapped[Key]
    segment: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    merchant_id: Mapped[Id]
    sale_id: Mapped[Id]
    allocated: Mapped[Big]
    sold: Mapped[Big]
    epoch: Mapped[Big]


class StockMovementRow(Table):
    """Append-only: base -> allocation -> sold -> returned."""

    __tablename__ = "stock_movement"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    sku_id: Mapped[Id]
    item_id: Mapped[Id | None]
    segment: Mapped[Small | None]
    kind: Mapped[Word]
    units: Mapped[Big]
    actor: Mapped[Word]
    reason: Mapped[Word | None]
    at: Mapped[Moment]
    key: Mapped[Word | None]
    on_hand: Mapped[Big | None]
