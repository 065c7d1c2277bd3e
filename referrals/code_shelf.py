"""Codes of mini-programs that were made: each is asked for once, by whatever process comes first, and kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from inventory.ledger import Ledger
from keel.clock import Clock
from keel.errors import Unavailable
from keel.ids import Ids
from referrals import store_mini_codes
from referrals.drawing_room import DrawingRoom
from referrals.errors import CodeNotMade
from referrals.mini_codes import CodeRefused, MiniApp, MiniCodes, PlatformSilent
from referrals.poster_codes import NoCodeImage, code_image
from referrals.store_mini_codes import Wanted
from referrals.store_shares import Share

ASK_MAX_S: Final = 8.0
LEASE: Final = timedelta(seconds=10)  # longer than anybody asks
LOOK_EVERY_S: Final = 0.2
LOOKS_MAX: Final = 50  # as long as a lease
ASKING_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is needed to keep codes and to have them made. `apps`: of all merchants; a merchant's first one is his."""

    ledger: Ledger
    ids: Ids
    clock: Clock
    room: DrawingRoom
    platform: MiniCodes
    apps: Sequence[MiniApp]


class CodeShelf:
    """Of one process."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._locks: WeakValueDictionary[Wanted, asyncio.Lock] = WeakValueDictionary()
        self._asking = 0

    def app_of(self, merchant_id: str) -> MiniApp:
        """The merchant's mini-program. Raises CodeNotMade where none is set up."""
        app = next((app for app in self._shelf.apps if app.merchant_id == merchant_id), None)
        if app is None:
            raise CodeNotMade(reason="no_app")
        return app

    async def get(self, app: MiniApp, share: Share) -> bytes:
        """The code that opens an app with a share. Raises CodeNotMade, Unavailable and LedgerFault."""
        page = app.page_for(share.kind)
        wanted = Wanted(share.merchant_id, share.node.id, app.app_id, f"{app.version} {page}")
        async with self._locks.setdefault(wanted, asyncio.Lock()):
            for _ in range(LOOKS_MAX):
                kept = await store_mini_codes.find(self._shelf.ledger, wanted)
                if kept is not None:
                    return kept
                made = await self._made_here(app, wanted, page, share.code)
                if made is not None:
                    return made
                await asyncio.sleep(LOOK_EVERY_S)
        raise Unavailable(retry_after_s=LEASE.total_seconds(), detail="another process asks for this code")

    async def _made_here(self, app: MiniApp, wanted: Wanted, page: str, scene: str) -> bytes | None:
        """What the platform gave us; None where somebody else asks it, or has just kept what it gave."""
        shelf, holder, now = self._shelf, self._shelf.ids.new(), self._shelf.clock.now()
        if not await store_mini_codes.claim(shelf.ledger, wanted, holder, now=now, until=now + LEASE):
            return None
        try:
            image = await self._asked(app, page, scene)
        except (CodeNotMade, Unavailable):
            await store_mini_codes.let_go(shelf.ledger, wanted, holder, shelf.clock.now())
            raise
        await store_mini_codes.keep(shelf.ledger, wanted, holder, image)
        return image

    async def _asked(self, app: MiniApp, page: str, scene: str) -> bytes:
        """An image, looked at. Raises CodeNotMade, and Unavailable: later it may be different."""
        if self._asking >= ASKING_MAX:
            raise Unavailable(retry_after_s=ASK_MAX_S, detail="too many codes are being asked for")
        self._asking += 1
        try:
            async with asyncio.timeout(ASK_MAX_S):
                image = await self._shelf.platform.make(app, page, scene)
            await self._shelf.room.run(code_image, image)
        except (CodeRefused, NoCodeImage) as refused:
            raise CodeNotMade(reason=getattr(refused, "reason", "other")) from None
        except (PlatformSilent, TimeoutError) as silent:
            wait_s = getattr(silent, "retry_after_s", 1.0)
            raise Unavailable(retry_after_s=wait_s, detail="the platform makes no codes right now") from None
        finally:
            self._asking -= 1
        return image
