"""Pictures fetched from wherever a merchant's catalogue says: for a while, a few bytes, and never from inside.

The name is looked up once, its addresses are checked, and the connection goes to a checked one; so a name that answers
something else a moment later leads nowhere. No redirect is followed, no proxy asked, no cookie kept.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial
from typing import Final
from weakref import WeakValueDictionary

import httpx

from keel.bodies import read_within
from keel.errors import Unavailable
from keel.recent import Recent
from referrals.drawing_room import DrawingRoom
from referrals.errors import BadPicture
from referrals.picture_addresses import Place, outside, place_of
from referrals.picture_reading import reduced

FETCH_MAX_S: Final = 5.0
BYTES_MAX: Final = 5_000_000
KEPT_MAX: Final = 64
KEPT_S: Final = 600.0
REFUSED_S: Final = 60.0
FETCHES_MAX: Final = 16

Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture as posters need it, or why there is none; good until a moment of the process's own clock."""

    data: bytes | None
    reason: str
    until_s: float


class Pictures:
    """Of one process: fetched once for all who want the same one at the same time, and kept for ten minutes."""

    def __init__(
        self,
        room: DrawingRoom,
        trusted_hosts: Collection[str] = (),
        *,
        resolve: Resolve | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._room, self._trusted_hosts = room, frozenset(trusted_hosts)
        self._resolve, self._clock_s = resolve or partial(addresses_of, room.lookups), clock_s
        self._kept: Recent[str, Kept] = Recent(KEPT_MAX)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._fetching = 0

    async def get(self, url: str) -> bytes:
        """The picture as `picture_reading.reduced` made it. Raises BadPicture, and Unavailable where too many
        are being fetched or read already."""
        async with self._locks.setdefault(url, asyncio.Lock()):  # the same picture, asked for by a crowd, comes once
            kept = self._kept.get(url)
            if kept is None or kept.until_s <= self._clock_s():
                kept = self._kept[url] = await self._fetched(url)
        if kept.data is None:
            raise BadPicture(kept.reason)
        return kept.data

    async def _fetched(self, url: str) -> Kept:
        now_s = self._clock_s()
        try:
            raw = await self._counted(place_of(url, self._trusted_hosts))
            return Kept(await self._room.run(reduced, raw), "", now_s + KEPT_S)
        except BadPicture as bad:
            return Kept(None, bad.reason, now_s + REFUSED_S)

    async def _counted(self, place: Place) -> bytes:
        if self._fetching >= FETCHES_MAX:
            raise Unavailable(retry_after_s=FETCH_MAX_S, detail="too many pictures are being fetched")
        self._fetching += 1
        try:
            return await self._downloaded(place)
        finally:
            self._fetching -= 1

    async def _downloaded(self, place: Place) -> bytes:
        try:
            async with asyncio.timeout(FETCH_MAX_S):
                addresses = await self._resolve(place.host, place.port)
                if not place.trusted:
                    outside(addresses)
                return await _read(place, addresses[0])
        except (TimeoutError, OSError, httpx.HTTPError, httpx.InvalidURL, IndexError) as error:
            raise BadPicture("unreachable") from error


async def addresses_of(threads: Executor, host: str, port: int) -> list[str]:
    """Every address of a host, by the system's own look-up. Raises OSError and BadPicture."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(threads, look_up)
    except UnicodeError as error:
        raise BadPicture("address") from error
    return [str(info[4][0]) for info in found]


async def _read(place: Place, address: str) -> bytes:
    """The body of a 200 from this very address; the certificate has to be the host's."""
    at = f"[{address}]" if ":" in address else address
    url = f"{place.scheme}://{at}:{place.port}{place.target}"
    headers = {"host": place.origin, "accept": "image/png, image/jpeg, image/webp", "accept-encoding": "identity"}
    async with (
        httpx.AsyncClient(verify=trust(), trust_env=False, timeout=FETCH_MAX_S, follow_redirects=False) as client,
        client.stream("GET", url, headers=headers, extensions={"sni_hostname": place.host}) as answer,
    ):
        if answer.status_code != httpx.codes.OK or "content-encoding" in answer.headers:
            raise BadPicture("answer")
        return await _limited(answer)


async def _limited(answer: httpx.Response) -> bytes:
    """The body as it came, as long as it is small enough; what a head says of its length is not believed alone."""
    declared = answer.headers.get("content-length", "0")
    if declared.isascii() and declared.isdecimal() and int(declared) > BYTES_MAX:
        raise BadPicture("too_large")
    data = await read_within(answer.aiter_raw(), bytes_max=BYTES_MAX)
    if data is None:
        raise BadPicture("too_large")
    return data


@cache
def trust() -> ssl.SSLContext:
    """Which certificates are good: read once, for that takes longer than a connection."""
    return httpx.create_ssl_context(trust_env=False)
