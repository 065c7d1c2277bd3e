"""The entrance: sockets come in through the HTTP handshake, and are seen off when they are lost.

The library's own server has a task for each socket and three timers for its handshake; with thousands who come back at
once that is most of the work. Here a handshake is one call, and those who are lost together are seen off in slices.
"""

import asyncio
import inspect
import logging
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from live.connection import FRAME_BYTES_MAX, ViewerConnection
from live.fanout import SLICE_MAX_S
from live.gateway_metrics import SOCKETS, TURNED_AWAY
from live.handshake import Handshake
from live.porch import Porch

# The library tells of every scanner that knocks; what matters is logged here.
silent_log: Final = logging.getLogger("millpond.sockets")
silent_log.setLevel(logging.CRITICAL + 1)

SYSTEM_BUFFER_BYTES: Final = 131_072
BACKLOG: Final = 4_096
OPEN_WITHIN_S: Final = 10.0

OnConnection = Callable[[ViewerConnection], None]


class Entrance:
    """Every socket of this gateway. `begin` is called when one comes, `gone` some time after it was lost."""

    def __init__(self, handshake: Handshake, *, begin: OnConnection, gone: OnConnection) -> None:
        self._handshake, self._begin, self._gone = handshake, begin, gone
        self.connections: dict[ViewerConnection, None] = {}
        self._porch = Porch(handshake.limits, handshake.is_proxy)
        self._lost: deque[ViewerConnection] = deque()
        self._is_seeing_off = self._is_closed = False
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    async def open(self, listener: socket.socket, group: asyncio.TaskGroup) -> asyncio.Server:
        """Take sockets until the server is closed."""
        self._group = group
        # Inherited by every socket: left alone, the system keeps megabytes for each viewer who does not read.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BUFFER_BYTES)
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._connection, sock=listener, backlog=BACKLOG)

    def close(self) -> None:
        """Whoever knocks from here on is sent away."""
        self._is_closed = True

    def cut_late(self) -> None:
        """End handshakes that nobody goes on with."""
        before_s = time.monotonic() - OPEN_WITHIN_S
        for connection in self._porch.since(before_s):
            connection.transport.abort()

    def abort(self) -> None:
        """Cut off whoever is left."""
        for connection in [*self._porch, *self.connections]:
            connection.transport.abort()

    async def empty(self) -> None:
        """Return once every socket that was open is seen off."""
        await self._is_empty.wait()

    # What a connection tells -----------------------------------------------------------------------------------------

    def came(self, connection: ViewerConnection) -> None:
        """A socket is there, and has said nothing."""
        if not self._porch.come(connection, inside=len(self.connections)):
            TURNED_AWAY.labels(status="none").inc()
            connection.transport.abort()

    def knocked(self, connection: ViewerConnection, request: Request) -> None:
        """Its request is there."""
        response = self._handshake.look(connection, request)
        if inspect.isawaitable(response):
            self._group.create_task(self._answer_later(connection, request, response))
        else:
            self._answer(connection, request, response)

    def went(self, connection: ViewerConnection) -> None:
        """A socket is lost."""
        self._lost.append(connection)
        if not self._is_seeing_off:
            self._is_seeing_off = True
            connection.loop.call_soon(self._see_off)

    def _connection(self) -> ViewerConnection:
        connection = ViewerConnection(ServerProtocol(max_size=FRAME_BYTES_MAX, logger=silent_log), self)
        self._begin(connection)
        return connection

    async def _answer_later(
        self, connection: ViewerConnection, request: Request, response: Awaitable[Response]
    ) -> None:
        self._answer(connection, request, await response)

    def _answer(self, connection: ViewerConnection, request: Request, response: Response | None) -> None:
        protocol = connection.protocol
        if connection not in self._porch:
            return  # it did not wait
        if response is None and self._is_closed:
            response = protocol.reject(503, "The gateway is about to stop.\n")
        protocol.send_response(protocol.accept(request) if response is None else response)
        connection.send_data()
        if not connection.is_open:
            connection.transport.close()
            return
        self._porch.go(connection)
        self.connections[connection] = None
        self._is_empty.clear()
        connection.conversation.since_s = time.monotonic()
        SOCKETS.inc()

    def _see_off(self) -> None:
        """Forget who was lost; others have their turn between two slices, and a fault with one keeps nobody else."""
        until_s = time.perf_counter() + SLICE_MAX_S
        try:
            while self._lost and time.perf_counter() < until_s:
                self._forget(self._lost.popleft())
        finally:
            self._is_seeing_off = bool(self._lost)
            if self._lost:
                asyncio.get_running_loop().call_soon(self._see_off)

    def _forget(self, connection: ViewerConnection) -> None:
        connection.bury()
        self._handshake.release(connection)
        self._porch.go(connection)
        if connection not in self.connections:
            return
        del self.connections[connection]
        if not self.connections:
            self._is_empty.set()
        SOCKETS.dec()
        self._gone(connection)
