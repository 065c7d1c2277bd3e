"""What staff are shown of the catalogue. Money in minor units, times in RFC 3339."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Shown(BaseModel):
    """Something read from a row or a value with these attributes."""

    model_config = ConfigDict(from_attributes=True)


class ListPriceOut(Shown):
    """Minor units of a currency."""

    currency: str
    price: int


class SkuOut(BaseModel):
    """A SKU of the catalogue, with its product's title. `low`: on hand are no more than its mark."""

    id: str
    product_id: str
    title: str
    code: str
    specification: dict[str, str]
    picture_url: str | None
    needs_recipient: bool
    on_hand: int
    low_stock: int | None
    low: bool
    prices: list[ListPriceOut]
    version: int
    archived_at: datetime | None


class SkuPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    skus: list[SkuOut]
    next: str | None


class ProductOut(BaseModel):
    """A product with all its SKUs, the oldest first, archived ones too."""

    id: str
    title: str
    version: int
    created_at: datetime
    archived_at: datetime | None
    skus: list[SkuOut]


class ProductPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    products: list[ProductOut]
    next: str | None


class PastPrice(Shown):
    """A list price and the moment it began; it ended where the next one begins."""

    price: int
    since: datetime


class PriceHistory(BaseModel):
    """Newest first; `next` is the `before` of the page after this one."""

    currency: str
    prices: list[PastPrice]
    next: datetime | None


class MovementOut(Shown):
    """Units that moved: `received` and `adjusted` (by a count, may be negative) on the shelf, `allocated` to a sale's
    item, `returned` from it."""

    id: str
    kind: str
    units: int
    item_id: str | None
    actor: str
    reason: str | None
    at: datetime


class MovementPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    movements: list[MovementOut]
    next: str | None


class ItemVersionOut(Shown):
    """What was shown of a SKU in a sale, as it was then."""

    id: str
    title: str
    specification: dict[str, str]
    picture_url: str | None
    needs_recipient: bool
    price: int
    currency: str
    created_at: datetime


class ItemVersionPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    versions: list[ItemVersionOut]
    next: str | None
