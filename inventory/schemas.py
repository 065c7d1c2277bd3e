"""What staff send. Money in minor units, times in RFC 3339; numbers are numbers, and nothing unnamed is taken."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from inventory.model import (
    ALLOCATION_MAX,
    HOLD_TTL_S_MAX,
    PRICE_MAX,
    TICKET_AFTER_S_MAX,
    UNITS_PER_LINE_MAX,
    SaleKind,
)
from keel.ids import ID_PATTERN
from keel.texts import printable

SPECIFICATION_MAX: Final = 20
VARIANTS_AT_ONCE_MAX: Final = 50
VERSION_MAX: Final = 2**62
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_YEARS: Final = range(2000, 2200)  # beyond, a change of zone may leave the calendar


def _rfc_3339(value: object) -> object:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("is not an RFC 3339 time with its zone")
    return value


def _utc_ms(moment: datetime) -> datetime:
    """In UTC and whole milliseconds, as the gate keeps it, so that the two stores agree on the moment."""
    if moment.year not in _YEARS:
        raise ValueError("is out of range")
    moment = moment.astimezone(UTC)
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def _not_zero(units: int) -> int:
    if units == 0:
        raise ValueError("must not be 0")
    return units


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(printable)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(printable)
]
Code = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(printable)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]+$", max_length=2000)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Moment = Annotated[AwareDatetime, AfterValidator(_utc_ms), BeforeValidator(_rfc_3339)]
Price = Annotated[int, Field(strict=True, ge=0, le=PRICE_MAX)]
Units = Annotated[int, Field(strict=True, ge=1, le=ALLOCATION_MAX)]
UnitsOrNone = Annotated[int, Field(strict=True, ge=0, le=ALLOCATION_MAX)]
Adjustment = Annotated[int, Field(strict=True, ge=-ALLOCATION_MAX, le=ALLOCATION_MAX), AfterValidator(_not_zero)]
Limit = Annotated[int, Field(strict=True, ge=1, le=UNITS_PER_LINE_MAX)]
HoldTtl = Annotated[int, Field(strict=True, ge=1, le=HOLD_TTL_S_MAX)]
TicketAfter = Annotated[int, Field(strict=True, ge=0, le=TICKET_AFTER_S_MAX)]
Specification = Annotated[dict[Word, Word], Field(max_length=SPECIFICATION_MAX)]
Version = Annotated[int, Field(strict=True, ge=1, le=VERSION_MAX)]


class Wish(BaseModel):
    """What is sent: nothing but the fields named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Guarded(Wish):
    """A command; with `version`, refused when the sale (or SKU, or product) was changed since."""

    version: Version | None = None


class VariantWish(Wish):
    """A SKU of a product, its list price, and the units on the shelf; at or below `low_stock` of them it is low."""

    code: Code
    price: Price
    currency: Currency
    units: UnitsOrNone = 0
    specification: Specification = Field(default_factory=dict)
    picture_url: Url | None = None
    needs_recipient: StrictBool = True
    low_stock: UnitsOrNone | None = None


class SkuWish(VariantWish):
    """A product with one SKU."""

    title: Title


class ProductWish(Wish):
    """A product with its SKUs."""

    title: Title
    skus: Annotated[list[VariantWish], Field(min_length=1, max_length=VARIANTS_AT_ONCE_MAX)]


class ProductChange(Guarded):
    """The fields to change."""

    title: Title = ""


class SkuChange(Guarded):
    """The fields to change; null takes a picture or mark away."""

    specification: Specification = Field(default_factory=dict)
    picture_url: Url | None = None
    needs_recipient: StrictBool = True
    low_stock: UnitsOrNone | None = None


class PriceWish(Wish):
    """A list price from now on."""

    price: Price
    currency: Currency


class BaseStockWish(Wish):
    """Either goods came in, or a count found more or fewer (negative); a correction needs its reason."""

    receive: Units | None = None
    adjust: Adjustment | None = None
    reason: Reason | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.receive is None) == (self.adjust is None):
            raise ValueError("give either receive or adjust")
        if self.adjust is not None and self.reason is None:
            raise ValueError("an adjustment needs its reason")
        return self


class SaleWish(Wish):
    """A draft. Without `opens_at` a hand opens it, without `closes_at` a hand closes it; a shelf has no `closes_at`.

    Without `hold_ttl_s` unpaid orders lapse after 15 minutes, those of a shelf after 30. With `needs_ticket` only
    viewers who have been in the room for `ticket_after_s` seconds (30 where it is left out) may buy.
    """

    title: Title
    currency: Currency
    kind: SaleKind = SaleKind.FLASH
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    hold_ttl_s: HoldTtl | None = None
    limit_per_customer: Limit | None = None
    rehearsal: StrictBool = False
    needs_ticket: StrictBool = False
    ticket_after_s: TicketAfter | None = None


class SaleChange(Guarded):
    """The fields to change; null takes a time or limit away."""

    title: Title = ""
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    hold_ttl_s: HoldTtl = 1
    limit_per_customer: Limit | None = None
    needs_ticket: StrictBool = False
    ticket_after_s: TicketAfter | None = None


class ItemWish(Guarded):
    """A SKU to sell. In a draft the units are planned, in a running sale taken from base stock at once.

    Without a `price` it is today's list price in the sale's currency.
    """

    sku_id: Id
    price: Price | None = None
    units: UnitsOrNone
    limit_per_customer: Limit | None = None


class ItemChange(Guarded):
    """The fields to change; a new price is a new version of what is shown."""

    price: Price = 0
    limit_per_customer: Limit | None = None


class CopyWish(Wish):
    """What is different in a sale that is made again; a title that is left out stays."""

    title: Title | None = None
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    rehearsal: StrictBool = False


class TemplateWish(Wish):
    """A name for a sale to be made again; the sale's own where it is left out."""

    title: Title | None = None


class StockWish(Guarded):
    """Units from base stock into the sale, or back."""

    add: Units | None = None
    take: Units | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.add is None) == (self.take is None):
            raise ValueError("give either add or take")
        return self
