"""Connections that have not said yet what they want: counted before a byte of theirs is read.

They cost a descriptor each, and nobody knows yet who they are: of one address there are no more than it may have
sockets, and of all no more than the gateway has room for. A proxy that is trusted stands for many.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from keel.buckets import address_key
from live.connection import ViewerConnection
from live.handshake import SocketLimits

SPARE: Final = 200  # so that whoever comes when all sockets are taken is told so, and others are asked how it is


class Porch:
    """Who is there, since when, and how many there are of each address."""

    def __init__(self, limits: SocketLimits, is_proxy: Callable[[str], bool]) -> None:
        self._limits, self._is_proxy = limits, is_proxy
        self._there: dict[ViewerConnection, tuple[str, float]] = {}  # from where, and since when in monotonic seconds
        self._by_address: Counter[str] = Counter()

    def __iter__(self) -> Iterator[ViewerConnection]:
        return iter(list(self._there))

    def __contains__(self, connection: ViewerConnection) -> bool:
        return connection in self._there

    def come(self, connection: ViewerConnection, *, inside: int) -> bool:
        """Whether there is room for one more, with so many sockets `inside`."""
        peer = connection.remote_address
        host = str(peer[0]) if peer else ""
        address = address_key(host)
        if inside + len(self._there) >= self._limits.sockets_max + SPARE:
            return False
        if self._by_address[address] >= self._limits.per_address_max and not self._is_proxy(host):
            return False
        self._there[connection] = address, time.monotonic()
        self._by_address[address] += 1
        return True

    def go(self, connection: ViewerConnection) -> None:
        """It came in, or is lost. Safe to repeat."""
        address, _ = self._there.pop(connection, (None, 0.0))
        if address is None:
            return
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def since(self, before_s: float) -> list[ViewerConnection]:
        """Who came before that moment."""
        return [connection for connection, (_, since_s) in self._there.items() if since_s < before_s]
