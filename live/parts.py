"""The parts of a room's scene that shelf, pins and talk give to a snapshot, by their names in the scene."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from inventory.ledger import Ledger
from live import store_parts
from live.shelf import shelf_body

Part = Callable[[str, str], Awaitable[Any]]  # merchant, place


def parts_of(reader: Ledger) -> Mapping[str, Part]:
    """What a snapshot reads with these; each raises LedgerFault."""

    async def shelf(merchant_id: str, place: str) -> dict[str, Any]:
        return shelf_body(await store_parts.shelf(reader, merchant_id, place))

    async def pin(merchant_id: str, place: str) -> dict[str, Any] | None:
        return await store_parts.pin(reader, merchant_id, place)

    async def talk(merchant_id: str, place: str) -> dict[str, Any]:
        return (await store_parts.rules(reader, merchant_id, place)).body()

    async def announcement(merchant_id: str, place: str) -> dict[str, Any] | None:
        return await store_parts.announcement(reader, merchant_id, place)

    async def removed(merchant_id: str, place: str) -> list[str]:
        return await store_parts.removed(reader, merchant_id, place)

    return {"shelf": shelf, "pin": pin, "talk": talk, "announcement": announcement, "removed": removed}
