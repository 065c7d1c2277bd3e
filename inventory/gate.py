"""The gate: all of the order path's Redis. Fast, and free to forget; the ledger has the last word.

Every call raises `GateSilent` when no answer came (it may have run all the same) and `GateFull` when the engine surely
ran nothing because its memory is full.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.msgpack import Decoder
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from inventory.faults import GateFull, GateSilent
from inventory.replies import (
    Ask,
    GateStatus,
    HoldAt,
    HoldRef,
    Incomplete,
    NotEnoughFree,
    NotLoaded,
    Ok,
    Older,
    OtherEngine,
    Outcomes,
    Page,
    StaleHolds,
)
from inventory.verdicts import Verdicts
from keel.lua import Script

_LUA: Final = Path(__file__).parent / "lua"
LOAD_PIECE_MAX: Final = 2_000  # entries; a script of this size keeps the engine busy for some 2 ms
PAGE_FIELDS: Final = 1_000  # about 1 ms of the engine

_pack = msgspec.msgpack.Encoder().encode


def _script(name: str, flags: str = "") -> Script:
    return Script(_LUA / f"{name}.lua", prelude=_LUA / "prelude.lua", flags=flags)


class Gate:
    """One engine's view of all sales. Stateless: everything lives in the engine."""

    _hold = _script("hold")
    _release = _script("release", "allow-oom")
    _confirm = _script("confirm", "allow-oom")
    _stale = _script("stale", "no-writes")
    _configure = _script("configure")
    _load = _script("load")
    _flip = _script("flip")
    _status = _script("status", "allow-oom")
    _retire = _script("retire", "allow-oom")
    _page = _script("page", "no-writes")

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @staticmethod
    def base(sale_id: str, segment: int) -> str:
        """The name that all keys of a segment begin with; the braces keep them in one slot of a cluster."""
        return f"gate:{{sale:{sale_id}:{segment}}}"

    async def _call(self, script: Script, sale_id: str, segment: int, *args: str | bytes | int) -> bytes:
        try:
            reply: bytes = await script(self._redis, self.base(sale_id, segment), *args)
        except OutOfMemoryError as error:
            raise GateFull("out of memory") from error
        except (RedisError, OSError, TimeoutError) as error:
            raise GateSilent(type(error).__name__) from error
        return reply

    async def hold(
        self, sale_id: str, segment: int, *, now_ms: int, version: int, confirms: Sequence[HoldRef], asks: Sequence[Ask]
    ) -> Verdicts | NotLoaded:
        """A verdict for each ask, in order. See lua/hold.lua."""
        reply = await self._call(self._hold, sale_id, segment, _pack((now_ms, version, confirms, asks)))
        return _VERDICTS.decode(reply)

    async def release(self, sale_id: str, segment: int, mode: str, holds: Sequence[HoldAt]) -> Outcomes | NotLoaded:
        """Give units back; `mode` is not_sent, voided or lapsed. See lua/release.lua."""
        return _OUTCOMES.decode(await self._call(self._release, sale_id, segment, _pack((mode, holds))))

    async def confirm(self, sale_id: str, segment: int, holds: Sequence[HoldRef]) -> Ok | NotLoaded:
        """Held -> confirmed, for confirmations that got lost."""
        return _DONE.decode(await self._call(self._confirm, sale_id, segment, _pack(holds)))

    async def stale(self, sale_id: str, segment: int, *, before_ms: int, count: int) -> StaleHolds | NotLoaded:
        """Holds given before a moment, oldest first."""
        return _STALE.decode(await self._call(self._stale, sale_id, segment, before_ms, count))

    async def configure(
        self,
        sale_id: str,
        segment: int,
        *,
        epoch: int,
        version: int,
        fields: dict[str, str | int],
        items: Sequence[tuple[int, int, int]],
    ) -> Ok | NotLoaded | Older | NotEnoughFree:
        """Push absolute values with a version; items are (no, allocated, limit)."""
        flat = [part for pair in fields.items() for part in pair]
        packed = _pack((epoch, version, flat, items))
        return _CONFIGURED.decode(await self._call(self._configure, sale_id, segment, packed))

    async def load(
        self, sale_id: str, segment: int, *, run_id: str, epoch: int, name: str, pairs: Sequence[str]
    ) -> Ok | OtherEngine | Older:
        """Load a piece of `entries` or `buyers` for a coming epoch: flat field, value …"""
        return _LOADED.decode(await self._call(self._load, sale_id, segment, _pack((run_id, epoch, name, pairs))))

    async def flip(
        self,
        sale_id: str,
        segment: int,
        *,
        run_id: str,
        epoch: int,
        version: int,
        fields: dict[str, str | int],
        items: Sequence[tuple[int, int, int, int]],
        loaded: int,
    ) -> Ok | OtherEngine | Older | Incomplete:
        """Let a loaded epoch answer; items are (no, allocated, sold, limit)."""
        flat = [part for pair in fields.items() for part in pair]
        packed = _pack((run_id, epoch, version, flat, items, loaded))
        return _FLIPPED.decode(await self._call(self._flip, sale_id, segment, packed))

    async def status(self, sale_id: str, segment: int) -> GateStatus:
        """One consistent reading."""
        return _STATUS.decode(await self._call(self._status, sale_id, segment))

    async def retire(self, sale_id: str, segment: int, *, ttl_ms: int) -> None:
        """Let the keys of a finished sale lapse."""
        await self._call(self._retire, sale_id, segment, ttl_ms)

    async def page(self, sale_id: str, segment: int, name: str, cursor: str) -> Page | NotLoaded:
        """Some of the `entries` or `buyers`, from the cursor "0" on. Fields may come twice while the hash changes."""
        return _PAGE.decode(await self._call(self._page, sale_id, segment, name, cursor, PAGE_FIELDS))


_VERDICTS: Final[Decoder[Verdicts | NotLoaded]] = Decoder(Verdicts | NotLoaded)
_OUTCOMES: Final[Decoder[Outcomes | NotLoaded]] = Decoder(Outcomes | NotLoaded)
_DONE: Final[Decoder[Ok | NotLoaded]] = Decoder(Ok | NotLoaded)
_STALE: Final[Decoder[StaleHolds | NotLoaded]] = Decoder(StaleHolds | NotLoaded)
_CONFIGURED: Final[Decoder[Ok | NotLoaded | Older | NotEnoughFree]] = Decoder(Ok | NotLoaded | Older | NotEnoughFree)
_LOADED: Final[Decoder[Ok | OtherEngine | Older]] = Decoder(Ok | OtherEngine | Older)
_FLIPPED: Final[Decoder[Ok | OtherEngine | Older | Incomplete]] = Decoder(Ok | OtherEngine | Older | Incomplete)
_STATUS: Final[Decoder[GateStatus]] = Decoder(GateStatus)
_PAGE: Final[Decoder[Page | NotLoaded]] = Decoder(Page | NotLoaded)
