"""How many units of what is on the shelf can still be bought: the gate's word, for the state lane.

The gate is for those who buy, so it is asked at most once a second for each sale, however many rooms show it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from inventory.book import SaleBook
from inventory.faults import GateSilent, LedgerFault
from inventory.gate import Gate
from inventory.ledger import Ledger
from live import store_parts
from live.audience import Audience
from live.feed import StateItem

FRESH_S: Final = 1.0
SALES_MAX: Final = 1_000
TELL_EVERY_S: Final = 1.0
STOCK: Final = "stock"

_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class _Reading:
    left: dict[str, int]
    read_at_s: float


class StockLeft:
    """Stock left, with a bounded memory of the last second. `clock_s` is monotonic, in seconds."""

    def __init__(
        self, *, gate: Gate, book: SaleBook, reader: Ledger, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._gate, self._book, self._reader, self._clock_s = gate, book, reader, clock_s
        self._readings: OrderedDict[str, _Reading] = OrderedDict()

    async def left(self, merchant_id: str, place: str) -> dict[str, int]:
        """Units left by item, of all that the place's shelf shows. What nobody knows just now is left out.

        Raises LedgerFault.
        """
        shown = [slot for slot in await store_parts.shelf(self._reader, merchant_id, place) if not slot.hidden]
        by_sale = {sale_id: await self._of_sale(sale_id) for sale_id in sorted({slot.sale_id for slot in shown})}
        return {
            slot.item_id: by_sale[slot.sale_id][slot.item_id] for slot in shown if slot.item_id in by_sale[slot.sale_id]
        }

    async def _of_sale(self, sale_id: str) -> dict[str, int]:
        known = self._readings.get(sale_id)
        if known is not None and self._clock_s() - known.read_at_s < FRESH_S:
            return known.left
        asked_at_s = self._clock_s()
        try:
            left = await self._asked(sale_id)
        except GateSilent:
            return {}
        self._readings[sale_id] = _Reading(left, asked_at_s)
        self._readings.move_to_end(sale_id)
        if len(self._readings) > SALES_MAX:
            self._readings.popitem(last=False)
        return left

    async def _asked(self, sale_id: str) -> dict[str, int]:
        config = await self._book.get(sale_id)
        if config is None:
            return {}
        ids, left = {item.no: str(item.id) for item in config.items}, dict[str, int]()
        for segment in range(config.segments):
            status = await self._gate.status(sale_id, segment)
            if not status.loaded:
                return {}
            for item in status.items:
                if item.no in ids:
                    left[ids[item.no]] = left.get(ids[item.no], 0) + item.free
        return left


class StockTold:
    """What the rooms of one gateway were told of their stock. Each gateway asks the gate, so nobody is told twice."""

    def __init__(self, stock: StockLeft, rooms: Callable[[], Iterable[Audience[Any]]]) -> None:
        self._stock, self._rooms = stock, rooms
        self._told: dict[Audience[Any], bytes] = {}

    async def tick(self) -> None:
        """Tell every room with a broadcast what has changed. Call it every TELL_EVERY_S."""
        told: dict[Audience[Any], bytes] = {}
        for room in list(self._rooms()):
            before = self._told.get(room)
            told_now = await self._body(room) if room.viewers and room.session_id is not None else before
            if told_now is not None and told_now != before:
                room.hear(StateItem(room.place, STOCK, told_now))
            if told_now is not None:
                told[room] = told_now
        self._told = told

    async def _body(self, room: Audience[Any]) -> bytes | None:
        """What is left; None while nobody knows."""
        try:
            return _encode(await self._stock.left(room.merchant_id, room.place))
        except LedgerFault:
            return self._told.get(room)
