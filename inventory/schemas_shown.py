"""What staff and viewers are shown. Money in minor units, times in RFC 3339."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from inventory.model import SaleKind, SaleState


class Created(BaseModel):
    """The id of what was made."""

    id: str


class OnHand(BaseModel):
    """Units of a SKU that no sale has."""

    on_hand: int


class SaleBrief(BaseModel):
    """A sale without its items."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    kind: SaleKind
    state: SaleState
    currency: str
    opens_at: datetime | None
    closes_at: datetime | None
    hold_ttl_s: int
    limit_per_customer: int | None
    rehearsal: bool
    version: int


class ItemOut(BaseModel):
    """An item for staff. `free` is what the ledger has not sold; `held` (of these) and `refused` (customers told
    "sold out", an estimate) come from the gate and are null where it does not answer."""

    id: str
    no: int
    sku_id: str
    version_id: str
    title: str
    price: int
    limit_per_customer: int | None
    planned: int
    allocated: int
    sold: int
    free: int
    held: int | None
    refused: int | None


class SaleOut(SaleBrief):
    """A sale for staff."""

    items: list[ItemOut]


class PublicItem(BaseModel):
    """An item as viewers see it."""

    id: str
    no: int
    title: str
    price: int
    limit_per_customer: int | None
    allocated: int


class PublicSale(BaseModel):
    """A sale as viewers see it, with the server's time for a countdown."""

    id: str
    title: str
    kind: SaleKind
    state: SaleState
    currency: str
    opens_at: datetime | None
    closes_at: datetime | None
    hold_ttl_s: int
    limit_per_customer: int | None
    version: int
    server_time: datetime
    items: list[PublicItem]


class SalePage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    sales: list[SaleBrief]
    next: str | None
