"""A TCP proxy that knows which call passes, and can cut it, stall it, lose its answer, or say it twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

from tests.chaos.wire import Wire

CHUNK_BYTES = 65_536
LAST_WORDS_S = 5.0  # for a server to do what a client that is gone has sent


class Effect(Enum):
    """What becomes of a call."""

    CUT = "the connection breaks before the server sees the call"
    LOSE = "the server does it, and the connection breaks before the answer"
    MUTE = "the server does it, and the answer never comes"
    PASS = "nothing: only the strike matters"
    STALL = "the call waits on its way until it is let go, perhaps long after its caller gave up"
    TWICE = "the server has done it already, by another connection, when it gets the call"
    TWIN = "the server gets it by two connections at the same moment"
    AGAIN = "the server does it, and once more when it is let go, long after everybody has his answer"


REPEATS = {Effect.TWICE, Effect.TWIN, Effect.AGAIN}


async def _nothing() -> None:
    """What strikes when nothing else is to."""


@dataclass(eq=False)
class Trap:
    """Waits for one call, after letting `skip` of its name pass. `strike` runs when it arrives, before the effect; if
    `late`, when the server has done it."""

    call: str
    effect: Effect
    strike: Callable[[], Awaitable[None]] = _nothing
    skip: int = 0
    late: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    _striking: "asyncio.Task[None] | None" = None

    def begin(self) -> "asyncio.Task[None]":
        """Strike, in a task of its own."""

        async def strike() -> None:
            try:
                await self.strike()
            finally:
                self.struck.set()

        self._striking = asyncio.create_task(strike())
        return self._striking


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The next bytes, none at the end; a connection that was reset has ended too."""
    with suppress(OSError):
        return await reader.read(CHUNK_BYTES)
    return b""


class Link:
    """One client's connection through the proxy."""

    def __init__(self, proxy: "Proxy", client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._wire = proxy.wire()
        self._losing: Trap | None = None
        self._repeating: Trap | None = None
        self._held_back = b""
        self._broken = False

    async def run(self, from_client: asyncio.StreamReader, from_server: asyncio.StreamReader) -> None:
        """Pump until one side is done; what a client sent before it left still arrives."""
        up, down = asyncio.create_task(self._up(from_client)), asyncio.create_task(self._down(from_server))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not self._broken and self._server.can_write_eof():
                self._server.write_eof()
                await asyncio.wait({down}, timeout=LAST_WORDS_S)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self.abort()

    async def _up(self, reader: asyncio.StreamReader) -> None:
        """Client to server."""
        while data := await _read(reader):
            for frame, name in self._wire.frames(data):
                trap = self._proxy.sprung_by(name)
                if trap is not None and not await self._spring(trap):
                    self._broken = True
                    return
                if self._repeating is None:
                    self._server.write(frame)
                else:
                    await self._hold_back(frame, self._repeating)

    async def _hold_back(self, frame: bytes, trap: Trap) -> None:
        """A call is repeated as a whole: some come in several frames."""
        self._held_back += frame
        if not self._wire.ends_a_call(frame):
            return
        call, self._held_back, self._repeating = self._held_back, b"", None
        once_more = self._proxy.repeat(trap, self._wire.elsewhere(call))
        if trap.effect is Effect.TWICE:
            await once_more
        self._server.write(call)

    async def _down(self, reader: asyncio.StreamReader) -> None:
        """Server to client."""
        while data := await _read(reader):
            if self._losing is None:
                if not self._client.is_closing():
                    self._client.write(data)
            elif self._wire.answered(data):
                self._losing.answered.set()
                if self._losing.late:
                    await asyncio.shield(self._losing.begin())
                if self._losing.effect is Effect.LOSE:
                    return

    async def _spring(self, trap: Trap) -> bool:
        """Whether the call goes on to the server."""
        trap.reached.set()
        if not trap.late:
            await asyncio.shield(trap.begin())  # what is struck may break this very connection
        if trap.effect is Effect.CUT:
            return False
        if trap.effect is Effect.STALL:
            await trap.let_go.wait()
        elif trap.effect in REPEATS:
            self._repeating = trap
        elif trap.effect is not Effect.PASS:
            self._losing = trap
        return True

    def orphan(self) -> None:
        """Break the client's side; the server gets what was sent, and then the end."""
        self._client.transport.abort()

    def abort(self) -> None:
        """Break both sides at once."""
        self._client.transport.abort()
        self._server.transport.abort()


class Proxy:
    """Listens on a port of its own and passes everything on to `target_url`."""

    def __init__(self, target_url: str, wire: Callable[[], Wire]) -> None:
        self._target_url, self._target = target_url, urlsplit(target_url)
        self.wire = wire
        self._port = 0
        self._isolated = False
        self._links: set[Link] = set()
        self._traps: list[Trap] = []
        self._repeats: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients connect to instead."""
        user = self._target.netloc.rpartition("@")[0]
        return self._target._replace(netloc=f"{user}@127.0.0.1:{self._port}").geturl()

    def arm(self, trap: Trap) -> Trap:
        """The next call of that name falls into this trap; traps for one name spring in turn."""
        self._traps.append(trap)
        return trap

    def repeat(self, trap: Trap, say: Callable[[str], Awaitable[None]]) -> "asyncio.Task[None]":
        """Say a call once more over a connection of its own, now or when the trap is let go."""

        async def once_more() -> None:
            if trap.effect is Effect.AGAIN:
                await trap.let_go.wait()
            with suppress(OSError):
                await say(self._target_url)
            trap.answered.set()

        task = asyncio.create_task(once_more())
        self._repeats.add(task)
        return task

    def disarm(self) -> None:
        """Remove the traps that did not spring."""
        self._traps.clear()

    def sprung_by(self, name: str | None) -> Trap | None:
        """The trap for this call, which it leaves."""
        trap = next((trap for trap in self._traps if trap.call == name), None)
        if trap is None:
            return None
        if trap.skip:
            trap.skip -= 1
            return None
        self._traps.remove(trap)
        return trap

    def cut(self) -> None:
        """Break every connection; new ones may come."""
        for link in list(self._links):
            link.abort()

    def orphan(self) -> None:
        """The client is gone, as after SIGKILL: what it has sent still arrives, and nobody hears the answer."""
        self._isolated = True
        for link in list(self._links):
            link.orphan()

    def isolate(self) -> None:
        """Break every connection for good: for the other side this client is dead."""
        self._isolated = True
        self.cut()

    def heal(self) -> None:
        """Let connections through again."""
        self._isolated = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        if self._isolated:
            return writer.transport.abort()
        try:
            to_reader, to_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            return writer.transport.abort()
        link = Link(self, writer, to_writer)
        self._links.add(link)
        try:
            await link.run(reader, to_reader)
        finally:
            self._links.discard(link)
        return None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Proxy"]:
        """Serve until the block ends."""
        handlers: set[asyncio.Task[None]] = set()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            handlers.add(task)
            with suppress(asyncio.CancelledError):
                await self.serve(reader, writer)
            handlers.discard(task)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.isolate()
            for trap in self._traps:
                trap.let_go.set()
            for task in [*handlers, *self._repeats]:
                task.cancel()
            await asyncio.gather(*handlers, *self._repeats, return_exceptions=True)
