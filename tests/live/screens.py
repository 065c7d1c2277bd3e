"""Screens: clients that hear of one room over a real socket and fold it, as docs/protocol.md tells them to.

async with screen_in(pond.port, room) as screen:
    answer = await screen.ask(type="like", place=room, count=1)
    screen.scene, screen.state, screen.events
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from live.scene import EMPTY, Scene, fold
from tests.eventually import eventually_async
from tests.live.watching import Watcher, url_of


@dataclass
class Screen:
    """What one viewer's client knows of a room. `events` are all that it folded, in their order; `unasked` is what came
    beside that and answers nothing; `snapshots` counts how often it was shown the room anew since it joined."""

    socket: ClientConnection
    place: str
    epoch: int = 0
    seq: int = 0
    scene: Scene = field(default_factory=lambda: EMPTY)
    state: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[str, dict[str, Any]] = field(default_factory=dict)
    unasked: list[dict[str, Any]] = field(default_factory=list)
    snapshots: int = 0
    _answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    _refs: Iterator[int] = field(default_factory=itertools.count)

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed the socket."""
        return self.socket.close_code is None

    @property
    def since(self) -> dict[str, int]:
        """Where it is, for whoever comes back."""
        return {"epoch": self.epoch, "seq": self.seq}

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Say something; the answer, whatever it is."""
        ref = str(next(self._refs))
        await self.socket.send(json.dumps(message | {"ref": ref}))

        async def answered() -> bool:
            return ref in self._answers or not self.is_open

        await eventually_async(answered)
        return {name: value for name, value in self._answers[ref].items() if name != "ref"}

    async def join(self, **members: Any) -> dict[str, Any]:
        """Come in, or again; what was joined to. With `since`, what is known of the room is kept."""
        joined = await self.ask(type="join", place=self.place, **members)
        assert joined["type"] == "joined", joined
        return joined

    async def listen(self) -> None:
        """Hear until the socket is closed."""
        try:
            async for text in self.socket:
                self._hear(json.loads(text))
        except ConnectionClosed:
            return  # the code is the socket's

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "tick":
            for room in message["rooms"]:
                self.snapshots += "snapshot" in room
                self._fold(room)
        elif "ref" in message:
            self._answers[message["ref"]] = message
            if message["type"] == "joined":
                self._fold(message)
        else:
            self.unasked.append(message)

    def _fold(self, room: dict[str, Any]) -> None:
        """A share of a room. A client has to trust the numbers: none may be left out without a snapshot."""
        if room["place"] != self.place:
            return
        if "snapshot" in room:
            self.scene, self.epoch, self.seq = room["snapshot"], room["epoch"], room["seq"]
        assert room["epoch"] == self.epoch, "the log began anew, and nobody showed the room"
        for event in room.get("events", []):
            if event["seq"] > self.seq:
                assert event["seq"] == self.seq + 1, "events were left out"
                self.scene, self.seq = fold(self.scene, event["kind"], event["body"]), event["seq"]
                self.events.append(event)
        assert room["seq"] <= self.seq, "told of a position without what leads there"
        self.state |= room.get("state", {})
        self.comments |= {comment["id"]: comment for comment in room.get("comments", [])}


@asynccontextmanager
async def screen_in(port: int, place: str, *, before: Screen | None = None, **hello: Any) -> AsyncIterator[Screen]:
    """A screen in a room of the gateway at this port until the block ends, a guest's where nobody is named. `before`:
    what its client knew when it lost another socket, and goes on from."""
    async with connect(url_of(port), compression=None, ping_interval=None) as socket:
        await Watcher(socket).hello(**hello)
        screen = Screen(socket, place)
        listening = asyncio.create_task(screen.listen())
        try:
            if before is not None:
                screen.scene, screen.epoch, screen.seq = before.scene, before.epoch, before.seq
            await screen.join(**({} if before is None else {"since": before.since}))
            yield screen
        finally:
            await socket.close()
            await listening
