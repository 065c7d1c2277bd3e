"""The crowd of a fan-out measurement, in a process of its own: connects, joins, and counts the frames that come.

Commands are lines on stdin, answers lines of JSON on stdout: `open N` connects N viewers; `watch S` counts for S
seconds; `knock N` opens N more one after the other, and closes them.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import uvloop

from loadtests.socket_wire import HANDSHAKE, masked

AT_ONCE: Final = 200


class Viewer(asyncio.Protocol):
    """Counts data frames by walking over their headers."""

    frames = 0
    bytes_ = 0

    def __init__(self, says: bytes) -> None:
        self._says, self._rest = says, b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self.opened.done():
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            assert data.startswith(b"HTTP/1.1 101"), data[:200]
            self.opened.set_result(None)
            self.transport.write(self._says)
            data = data[end + 4 :]
        self._rest = self._count(data)

    def heard(self, data: bytes, start: int, length: int) -> None:
        """A text frame has come, whose payload lies there."""
        Viewer.frames += 1
        Viewer.bytes_ += length

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("closed"))

    def _count(self, data: bytes) -> bytes:
        """What is left of a frame that is not whole yet."""
        at = 0
        while len(data) - at >= 2:
            length, head = data[at + 1] & 0x7F, 2
            if length == 126:
                if len(data) - at < 4:
                    break
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            if len(data) - at < head + length:
                break
            if data[at] == 0x81:
                self.heard(data, at + head, length)
            elif data[at] == 0x89:
                self.transport.write(b"\x8a\x80" + bytes(4))  # pings are empty
            at += head + length
        return data[at:]


class Crowd:
    """All viewers of this process."""

    def __init__(self, port: int, room: str) -> None:
        self._port = port
        self._says = masked('{"type":"hello"}') + masked(json.dumps({"type": "join", "place": room}))
        self._viewers: list[Viewer] = []

    async def open(self, count: int) -> dict[str, Any]:
        """Connect, some at a time."""
        while count > 0:
            some = await asyncio.gather(*(self._one() for _ in range(min(AT_ONCE, count))))
            self._viewers += some
            count -= len(some)
        return {"viewers": len(self._viewers)}

    async def watch(self, seconds: float) -> dict[str, Any]:
        """Frames that came meanwhile, and their mean size."""
        frames, bytes_ = Viewer.frames, Viewer.bytes_
        await asyncio.sleep(seconds)
        frames, bytes_ = Viewer.frames - frames, Viewer.bytes_ - bytes_
        return {"frames": frames, "frame_bytes": round(bytes_ / max(1, frames), 1)}

    async def knock(self, count: int) -> dict[str, Any]:
        """The p99 of opening a socket, in ms."""
        took_ms = []
        for _ in range(count):
            began_s = time.perf_counter()
            viewer = await self._one()
            took_ms.append((time.perf_counter() - began_s) * 1000)
            viewer.transport.close()
        return {"handshake_p99_ms": round(sorted(took_ms)[max(0, int(count * 0.99) - 1)], 3)}

    async def _one(self) -> Viewer:
        viewer = Viewer(self._says)
        await asyncio.get_running_loop().create_connection(lambda: viewer, "127.0.0.1", self._port)
        await viewer.opened
        return viewer


async def obey(crowd: object) -> None:
    """Do what stdin says until it ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, number = line.split()
        answer = await getattr(crowd, command)(float(number) if "." in number else int(number))
        print(json.dumps(answer), flush=True)


def serve(crowd_of: Callable[[int, str], object]) -> None:
    """The process's whole life; `crowd_of` is given the port and the room, in the loop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("room")
    arguments = parser.parse_args()

    async def run() -> None:
        await obey(crowd_of(arguments.port, arguments.room))

    uvloop.run(run())


if __name__ == "__main__":
    serve(Crowd)
