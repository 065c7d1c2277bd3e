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
    needs_ticket: bool
    ticket_after_s: int | None
    rehearsal: bool
    version: int
    created_at: datetime
    settled_at: datetime | None
    archived_at: datetime | None


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
    """An item as viewers see it. `left` is at most a second behind, and null where it is not known just now."""

    id: str
    no: int
    title: str
    price: int
    limit_per_customer: int | None
    allocated: int
    specification: dict[str, str]
    picture_url: str | None
    needs_recipient: bool
    left: int | None
    sold_out: bool


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
    needs_ticket: bool
    version: int
    server_time: datetime
    items: list[PublicItem]


class ItemDemand(BaseModel):
    """What a restock of an item would sell: `turned_away` are distinct buyers told "sold out", an estimate within 1 %,
    null where nobody knows; `on_hand` are the units that a restock could take."""

    item_id: str
    no: int
    sku_id: str
    title: str
    price: int
    free: int
    turned_away: int | None
    on_hand: int


class SaleDemand(BaseModel):
    """Per item; `counted` says whether it is counted `now`, was noted `at_close`, or is `unknown`."""

    counted: str
    items: list[ItemDemand]


class TemplateItem(BaseModel):
    """A SKU of a template. Prices in minor units."""

    sku_id: str
    price: int
    units: int
    limit_per_customer: int | None


class TemplateOut(BaseModel):
    """A sale to be made again."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    kind: SaleKind
    currency: str
    hold_ttl_s: int
    limit_per_customer: int | None
    needs_ticket: bool
    ticket_after_s: int | None
    items: list[TemplateItem]
    created_at: datetime


class TemplatePage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    templates: list[TemplateOut]
    next: str | None


class Copied(BaseModel):
    """A draft that was made from a sale or template; SKUs that are archived meanwhile were left out."""

    sale: SaleBrief
    left_out: list[str]


class SalePage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    sales: list[SaleBrief]
    next: str | None
