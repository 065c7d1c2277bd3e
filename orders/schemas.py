"""The wire of placement: what a buyer sends and what he gets."""

import hashlib
from functools import cached_property, lru_cache
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from inventory.model import LINES_MAX, UNITS_PER_LINE_MAX
from keel.errors import Malformed
from keel.ids import ID_SHAPE

_ID_PATTERN: Final = rf"^{ID_SHAPE}\Z"  # msgspec goes by Python, whose $ also stands before a last newline
_PRINTABLE: Final = r"^[\x20-\x7e]*\Z"
_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]*\Z"

BODY_BYTES_MAX: Final = 16_384
REMEMBERED_LINES_MAX: Final = 4
REMEMBERED_BYTES_MAX: Final = 512  # a body with so many lines
REMEMBERED_MAX: Final = 1_024
TOTAL_MAX: Final = 2**63 - 1  # minor units, as wide as the ledger's column


class LineRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Units of one item."""

    item_id: Annotated[str, Meta(pattern=_ID_PATTERN)]
    quantity: Annotated[int, Meta(ge=1, le=UNITS_PER_LINE_MAX)]


class Recipient(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whom to send it to. Personal data: kept in a table of its own."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=_NO_CONTROL)]
    phone: Annotated[str, Meta(min_length=1, max_length=32, pattern=_PRINTABLE)]
    address: Annotated[str, Meta(min_length=1, max_length=500, pattern=_NO_CONTROL)]


class OrderRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, dict=True):
    """A buyer's wish: 1 to 20 lines, all or nothing. What follows from it is worked out once.

    `expected_total` in minor units: another total is refused. `share_code`: who brought the buyer; a wrong one never
    stops an order. `ticket`: a purchase ticket, for sales that ask for one.
    """

    lines: Annotated[list[LineRequest], Meta(min_length=1, max_length=LINES_MAX)]
    expected_total: Annotated[int, Meta(ge=0, le=TOTAL_MAX)] | None = None
    share_code: Annotated[str, Meta(max_length=64, pattern=_PRINTABLE)] | None = None
    recipient: Recipient | None = None
    ticket: Annotated[str, Meta(max_length=512, pattern=_PRINTABLE)] | None = None

    @cached_property
    def units(self) -> dict[str, int]:
        """Quantities by item, lines of the same item added up. Raises Malformed when they add up to too many."""
        units: dict[str, int] = {}
        for line in self.lines:
            units[line.item_id] = units.get(line.item_id, 0) + line.quantity
        if max(units.values()) > UNITS_PER_LINE_MAX:
            raise Malformed(detail=f"more than {UNITS_PER_LINE_MAX} units of one item")
        return units

    @cached_property
    def wish(self) -> bytes:
        """What makes two bodies the same wish. The ticket is left out: a retry may bring a newer one."""
        return _canonical((sorted(self.units.items()), self.expected_total, self.share_code, self.recipient))


class ReceiptLine(msgspec.Struct, frozen=True):
    """A line as it was sold; prices in minor units of the order's currency."""

    item_id: str
    quantity: int
    unit_price: int
    amount: int


class Receipt(msgspec.Struct, frozen=True):
    """The place in the queue: the gate's verdict number, the units on sale, the gate's time (RFC 3339)."""

    no: int
    of: int
    served_at: str


class OrderDocument(msgspec.Struct, frozen=True):
    """An order as its buyer sees it."""

    id: str
    number: str
    sale_id: str
    state: str
    currency: str
    total: int
    lines: list[ReceiptLine]
    placed_at: str
    expires_at: str
    receipt: Receipt


class OwnOrder(OrderDocument, frozen=True, omit_defaults=True):
    """The same with what its buyer may still see to: whom it goes to, and what is `missing` (`recipient`)."""

    recipient: Recipient | None = None
    missing: list[str] = []


_decode = msgspec.json.Decoder(OrderRequest).decode
_canonical = msgspec.json.Encoder(order="deterministic").encode
_encode = msgspec.json.Encoder().encode


def encode(document: object) -> bytes:
    """A document as JSON."""
    body: bytes = _encode(document)
    return body


def read_order(body: bytes) -> OrderRequest:
    """Parse and check a body. Raises Malformed with the place of the fault.

    In a rush nearly all bodies are the same few bytes, so short ones are remembered; what tells of a person never is.
    """
    if len(body) > REMEMBERED_BYTES_MAX or b"recipient" in body or b"\\" in body:
        return _read(body)
    return _remembered(body)


def _read(body: bytes) -> OrderRequest:
    try:
        return _decode(body)
    except UnicodeDecodeError as error:
        raise Malformed(detail="the body is not UTF-8") from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Malformed(detail=str(error)[:300]) from error


_remembered = lru_cache(maxsize=REMEMBERED_MAX)(_read)


def known(request: OrderRequest) -> OrderRequest:
    """The request that is remembered for the same wish, with all that follows from it; this one where none may be."""
    if request.recipient is not None or request.ticket is not None or len(request.lines) > REMEMBERED_LINES_MAX:
        return request
    return _remembered(_encode(request))


def fingerprint_of(request: OrderRequest, *, salt: str) -> str:
    """What makes two bodies the same wish: 128 bits, hexadecimal.

    `salt` (the customer's id) keeps equal recipients from having equal fingerprints.
    """
    return hashlib.blake2b(request.wish, digest_size=16, key=salt.encode()).hexdigest()
