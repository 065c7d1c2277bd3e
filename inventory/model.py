"""Pure values of stock and sales: states, configuration, the text form of lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NewType

SaleId = NewType("SaleId", str)
ItemId = NewType("ItemId", str)

LINES_MAX: Final = 20
UNITS_PER_LINE_MAX: Final = 10_000
ITEMS_PER_SALE_MAX: Final = 200
SKUS_PER_PRODUCT_MAX: Final = 200
ALLOCATION_MAX: Final = 1_000_000_000
PRICE_MAX: Final = 1_000_000_000_00  # minor units
HOLD_TTL_S_MAX: Final = 604_800
TICKET_AFTER_S: Final = 30  # where a sale that asks for tickets does not say
TICKET_AFTER_S_MAX: Final = 3_600


class SaleKind(StrEnum):
    """Flash: a drop, in its window. Shelf: ordinary stock sold through the same gate, until a hand closes it."""

    FLASH = "flash"
    SHELF = "shelf"


HOLD_TTL_S: Final = {SaleKind.FLASH: 900, SaleKind.SHELF: 1_800}  # where a sale does not say
assert HOLD_TTL_S.keys() == set(SaleKind), "every kind says how long it waits for payment"


class SaleState(StrEnum):
    """Where a sale stands. A scheduled sale with a window opens by the clock, one without waits for a hand."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


NEXT: Final = {
    SaleState.DRAFT: {SaleState.SCHEDULED},
    SaleState.SCHEDULED: {SaleState.OPEN, SaleState.CLOSED},
    SaleState.OPEN: {SaleState.PAUSED, SaleState.CLOSED},
    SaleState.PAUSED: {SaleState.OPEN, SaleState.CLOSED},
    SaleState.CLOSED: set[SaleState](),
}
assert NEXT.keys() == set(SaleState), "every state says where it may go"

RUNNING: Final = (SaleState.SCHEDULED, SaleState.OPEN, SaleState.PAUSED)


@dataclass(frozen=True, slots=True)
class ItemConfig:
    """One item of a sale as the order path needs it. `price` in minor units; `limit` 0 means none."""

    id: ItemId
    no: int
    version_id: str
    sku_id: str
    title: str
    price: int
    limit: int
    allocated: int


@dataclass(frozen=True)
class SaleConfig:
    """A sale as of one `version`. Immutable: a change makes another one."""

    id: SaleId
    merchant_id: str
    title: str
    kind: SaleKind
    state: SaleState
    currency: str
    opens_at: datetime | None
    closes_at: datetime | None
    hold_ttl_s: int
    limit: int
    segments: int
    needs_ticket: bool
    ticket_after_s: int | None
    rehearsal: bool
    context: str | None
    version: int
    settled: bool
    archived: bool
    items: tuple[ItemConfig, ...]

    @cached_property
    def by_item(self) -> dict[str, ItemConfig]:
        """Items by their id."""
        return {item.id: item for item in self.items}

    @property
    def ticket_wait_s(self) -> int:
        """How long a viewer has to be in the room before he gets a ticket."""
        return TICKET_AFTER_S if self.ticket_after_s is None else self.ticket_after_s

    @cached_property
    def allocated(self) -> int:
        """Units of all items together."""
        return sum(item.allocated for item in self.items)


@dataclass(frozen=True, slots=True)
class SkuFilter:
    """Which SKUs of a catalogue are meant; what is None does not matter. `low` means at or below their mark."""

    code: str | None = None  # the beginning of it
    title: str | None = None  # a part of it, in capitals or not
    product_id: str | None = None
    archived: bool = False
    low: bool = False


@dataclass(frozen=True, slots=True)
class SaleFilter:
    """Which sales of a merchant are meant; what is None does not matter. A sale without `opens_at` matches no time."""

    states: tuple[SaleState, ...] = ()
    kind: SaleKind | None = None
    opens_from: datetime | None = None
    opens_before: datetime | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class ItemCount:
    """One item's counters in the ledger."""

    item_id: str
    no: int
    allocated: int
    sold: int
    epoch: int


def lines_text(units_by_no: Mapping[int, int]) -> str:
    """The text form of an order's lines, ascending by item number: {3: 1, 1: 2} -> '1:2,3:1'."""
    return ",".join([f"{no}:{units}" for no, units in sorted(units_by_no.items())])


def lines_of(text: str) -> dict[int, int]:
    """The reverse of `lines_text`."""
    pairs = (part.split(":") for part in text.split(",") if part)
    return {int(no): int(units) for no, units in pairs}


def rebuild_guard(sale_id: str, segment: int) -> str:
    """What is locked while a segment is rebuilt, or an item enters its stock."""
    return f"rebuild {sale_id} {segment}"


def gate_fields(config: SaleConfig, ms_of: Any) -> dict[str, str | int]:
    """What the gate keeps of a sale besides its items; absent values are empty text. `ms_of` turns a moment into ms."""
    return {
        "state": config.state.value,
        "opens_ms": ms_of(config.opens_at) if config.opens_at else "",
        "closes_ms": ms_of(config.closes_at) if config.closes_at else "",
        "limit": config.limit,
        "context": config.context or "",
    }
