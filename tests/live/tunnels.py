"""A tunnel to a gateway whose line can go dead: nothing passes any more in either direction, and no end either.

async with tunnel_to(pond.port) as tunnel, screen_in(tunnel.port, room) as screen:
    tunnel.is_dead = True
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536


@dataclass
class Tunnel:
    """`port`: where clients connect to. `let_go` is set once the gateway has ended its side of one. `swallowed`: bytes,
    since the line is dead, of the client and of the gateway."""

    target: int
    port: int = 0
    is_dead: bool = False
    swallowed: list[int] = field(default_factory=lambda: [0, 0])
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the tunnel is closed."""
        from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(0, reader, to_gateway))
                await self._pass(1, from_gateway, writer)
                self.let_go.set()
        finally:
            writer.transport.abort()
            to_gateway.transport.abort()

    async def _pass(self, side: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self.is_dead:
                    self.swallowed[side] += len(data)
                else:
                    writer.write(data)
        if not self.is_dead:
            writer.close()


@asynccontextmanager
async def tunnel_to(port: int) -> AsyncIterator[Tunnel]:
    """A tunnel until the block ends; then all of its connections break."""
    tunnel, carried = Tunnel(port), list[asyncio.Task[None]]()
    async with asyncio.TaskGroup() as group:
        server = await asyncio.start_server(
            lambda *ends: carried.append(group.create_task(tunnel.carry(*ends))), "127.0.0.1", 0
        )
        tunnel.port = server.sockets[0].getsockname()[1]
        try:
            yield tunnel
        finally:
            server.close()
            for task in carried:
                task.cancel()
