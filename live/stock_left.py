"""How many units of what is on the shelf can still be bought: the gate's word, for the state lane.

The gate is for those who buy, so it is asked at most once a second for each sale, however many rooms show it.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from inventory.book import SaleBook
from inventory.faults import GateSilent, LedgerFault
from inventory.gate import Gate
from keel.loops import few_at_once
from keel.recent import Recent
from live.audience import Audience
from live.feed import StateItem

FRESH_S: Final = 1.0
SALES_MAX: Final = 1_000
ROOMS_AT_ONCE: Final = 8
TELL_EVERY_S: Final = 1.0
STOCK: Final = "stock"

_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class _Reading:
    left: dict[str, int]
    read_at_s: float


class StockLeft:
    """Stock left, with a bounded memory of the last second. `clock_s` is monotonic, in seconds."""

    def __init__(self, *, gate: Gate, book: SaleBook, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._gate, self._book, self._clock_s = gate, book, clock_s
        self._readings: Recent[str, _Reading] = Recent(SALES_MAX)

    async def left(self, shelf: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Units left by item, of all that a shelf shows, by its slots in the scene. What nobody knows just now is left
        out. Raises LedgerFault."""
        shown = [(slot["sale_id"], slot["item_id"]) for slot in shelf if not slot["hidden"]]
        by_sale = {sale_id: await self._of_sale(sale_id) for sale_id in sorted({sale_id for sale_id, _ in shown})}
        return {item_id: by_sale[sale_id][item_id] for sale_id, item_id in shown if item_id in by_sale[sale_id]}

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
    """What the rooms of one gateway were told of their stock. Each gateway asks the gate, so nobody is told twice.

    What a room's shelf shows is known from its scene, so a room costs PostgreSQL nothing. Between broadcasts nothing is
    told: what was left when one ended is not what a shelf sells on.
    """

    def __init__(self, stock: StockLeft, rooms: Callable[[], Iterable[Audience[Any]]]) -> None:
        self._stock, self._rooms = stock, rooms
        self._told: dict[Audience[Any], bytes] = {}

    async def tick(self) -> None:
        """Tell every room with a broadcast what has changed. Call it every TELL_EVERY_S."""
        rooms = list(self._rooms())
        for room in rooms:
            if room.session_id is None:
                room.forget(STOCK)
        on_air = [room for room in rooms if room.session_id is not None]
        self._told = {room: body for room, body in self._told.items() if room in on_air}
        await few_at_once(ROOMS_AT_ONCE, (self._tell(room) for room in on_air if room.viewers))

    async def _tell(self, room: Audience[Any]) -> None:
        try:
            told = _encode(await self._stock.left(room.shelf))
        except LedgerFault:
            return  # nobody knows
        if told != self._told.get(room) and room.session_id is not None:
            self._told[room] = told
            room.hear(StateItem(room.place, STOCK, told))
