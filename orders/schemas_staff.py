"""What staff send and read about orders. Amounts in minor units of the order's currency, times in RFC 3339."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from keel.ids import ID_PATTERN
from keel.texts import printable_lines
from orders.filters import OrderFilter, Rehearsals
from orders.model import OrderState

PAGE_MAX: Final = 100
TOTAL_MAX: Final = 2**63 - 1
REASON_CHARS_MAX: Final = 200
NOTE_CHARS_MAX: Final = 1_000
_YEARS: Final = range(2000, 2200)


def _on_one_line(value: str) -> str:
    if "\n" in value:
        raise ValueError("holds a line break")
    return value


def _with_zone(value: object) -> object:
    if (
        not isinstance(value, str) or "T" not in value.upper()
    ):  # a number would be taken for seconds, a date for midnight
        raise ValueError("is not an RFC 3339 time with its zone")
    return value


def _in_calendar(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError("is out of range")
    return moment.astimezone(UTC)


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_calendar), BeforeValidator(_with_zone)]
ShareCode = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,64}$")]
Amount = Annotated[int, Field(ge=0, le=TOTAL_MAX)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(printable_lines)]
OneLine = Annotated[Line, AfterValidator(_on_one_line)]


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Wanted(_Wish):
    """What to look for; everything that is given must be true of an order.

    `total_min` and `total_max` are included; so is `placed_from`, while `placed_to` is not. Rehearsals are left out
    unless `rehearsals` says otherwise.
    """

    state: OrderState | None = None
    sale_id: Id | None = None
    customer_id: Id | None = None
    item_id: Id | None = None
    sku_id: Id | None = None
    share_code: ShareCode | None = None
    placed_from: Moment | None = None
    placed_to: Moment | None = None
    total_min: Amount | None = None
    total_max: Amount | None = None
    has_recipient: bool | None = None
    rehearsals: Rehearsals = Rehearsals.EXCLUDED

    def filter(self) -> OrderFilter:
        """The same as a value."""
        return OrderFilter(**{name: getattr(self, name) for name in Wanted.model_fields})


class PageWanted(Wanted):
    """…and which page of it: `below` goes on to older orders, `above` back to newer ones; newest first either way.

    `recipients=plain` shows them unmasked to those who may see them, and leaves a row in the audit.
    """

    below: Id | None = None
    above: Id | None = None
    count: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 20
    recipients: Literal["masked", "plain"] = "masked"


class CancelWish(_Wish):
    """Why an order is cancelled; the history shows it."""

    reason: Annotated[OneLine, Field(max_length=REASON_CHARS_MAX)]


class NoteWish(_Wish):
    """What is worth knowing about an order. Notes cannot be changed or taken back."""

    text: Annotated[Line, Field(max_length=NOTE_CHARS_MAX)]


class RecipientWish(_Wish):
    """Whom to send it to."""

    name: Annotated[OneLine, Field(max_length=100)]
    phone: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[\x20-\x7e]{1,32}$")]
    address: Annotated[OneLine, Field(max_length=500)]


class _Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RecipientOut(_Shown):
    """Whom it goes to; with `masked`, only as much as tells two recipients apart."""

    name: str
    phone: str
    address: str
    masked: bool


class LineOut(BaseModel):
    """A line as it was sold: what was shown on air, at the price of that moment."""

    no: int
    item_id: str
    sku_id: str
    sku_code: str
    title: str
    quantity: int
    unit_price: int
    amount: int
    needs_recipient: bool


class OrderBrief(BaseModel):
    """An order in a list. `missing` names what is still needed: `recipient`."""

    id: str
    number: str
    state: OrderState
    sale_id: str
    sale_title: str
    customer_id: str
    currency: str
    total: int
    placed_at: datetime
    expires_at: datetime
    share_code: str | None
    rehearsal: bool
    recipient: RecipientOut | None
    missing: list[str]
    lines: list[LineOut]


class OrderPage(BaseModel):
    """A page, newest first.

    `next` is the `below` of the page of older orders, `previous` the `above` of that of newer ones; null where there
    are none. A page may hold fewer orders than asked for and still have a `next`: a search that finds little stops in
    time, and the next page goes on.
    """

    orders: list[OrderBrief]
    next: str | None
    previous: str | None


class NoteOut(_Shown):
    """A note."""

    id: str
    author: str
    text: str
    at: datetime


class StepOut(_Shown):
    """A state that was entered: when, by whom, why."""

    state: str
    at: datetime
    actor: str
    reason: str | None


class OrderOut(OrderBrief):
    """An order with all that is known of it. `receipt_no` is its place in the sale's queue."""

    lines_total: int
    adjustment_total: int
    shipping_total: int
    refunded_total: int
    room_id: str | None
    session_id: str | None
    pin_id: str | None
    broadcast_offset_ms: int | None
    receipt_no: int | None
    history: list[StepOut]
    notes: list[NoteOut]
