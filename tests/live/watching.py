"""A gateway as it is served, on a port of this machine in the test's own loop, over real engines; and viewers at it.

async with gateway(database_url, redis_url) as pond:
    room = await pond.make_room()
    async with pond.viewer() as viewer:
        joined = await viewer.join(room)
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from accounts.tokens import Tokens
from keel.database import transaction
from live.handshake import PATH
from live.roomlog import RoomLog
from millpond.api import upkeep_of
from millpond.gateway import serve_until
from millpond.settings import Settings, StaffToken
from millpond.wiring import Parts, parts_of
from tests.inventory.selling import Shop, open_shop

SECRET: Final = "a secret that only the tests know, 32 b"
STAFF: Final = "a staff token that only the tests know"
WAIT_MAX_S: Final = 10.0


def url_of(port: int) -> str:
    """Where the gateway that listens there is found."""
    return f"ws://127.0.0.1:{port}{PATH}"


@dataclass
class Watcher:
    """A client of the gateway. What comes is kept until it is asked for by its type."""

    socket: ClientConnection
    kept: list[dict[str, Any]] = field(default_factory=list)

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of this type; those of other types wait."""
        for message in self.kept:
            if message["type"] == kind:
                self.kept.remove(message)
                return message
        while True:
            message = await self.hear_any()
            if message["type"] == kind:
                return message
            self.kept.append(message)

    async def hear_any(self) -> dict[str, Any]:
        """The next message that comes."""
        return dict(json.loads(await asyncio.wait_for(self.socket.recv(), WAIT_MAX_S)))

    async def ask(self, kind: str, /, **message: Any) -> dict[str, Any]:
        await self.say(**message)
        return await self.hear(kind)

    async def hello(self, **members: Any) -> dict[str, Any]:
        return await self.ask("welcome", type="hello", **members)

    async def join(self, place: str, **members: Any) -> dict[str, Any]:
        return await self.ask("joined", type="join", place=place, **members)

    async def refused(self, **message: Any) -> dict[str, Any]:
        """Say something that is refused: the problem's document."""
        answer = await self.ask("problem", **message)
        assert answer["problem"]["title"]
        problem: dict[str, Any] = answer["problem"]
        return problem

    async def closed(self) -> int:
        """The code with which the gateway closes."""
        try:
            while True:
                self.kept.append(await self.hear_any())
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 1006

    async def tick_with(self, seq: int) -> list[dict[str, Any]]:
        """Every tick until the room's log is told up to `seq`."""
        ticks: list[dict[str, Any]] = []
        while not ticks or ticks[-1]["rooms"][0]["seq"] < seq:
            ticks.append(await self.hear("tick"))
        return ticks


@dataclass(frozen=True)
class Pond:
    """A shop and a gateway for its viewers; one clock for both."""

    shop: Shop
    parts: Parts
    log: RoomLog
    tokens: Tokens
    port: int
    stop: asyncio.Event

    @property
    def url(self) -> str:
        return url_of(self.port)

    def token(self, customer_id: str = "", *, merchant_id: str = "", ttl_s: int = 3_600) -> str:
        """A customer's access token."""
        return self.tokens.sign(
            customer_id=customer_id or self.shop.ids.new(),
            merchant_id=merchant_id or self.shop.staff.merchant_id,
            ttl_s=ttl_s,
        )

    async def make_room(self, merchant_id: str = "") -> str:
        """A room of this shop, or of another merchant."""
        values = {
            "id": self.shop.ids.new(),
            "merchant": merchant_id or self.shop.staff.merchant_id,
            "now": self.shop.clock.now(),
        }
        await self.write(
            "INSERT INTO room (id, merchant_id, title, created_at) VALUES (:id, :merchant, 'Pond', :now)", **values
        )
        return str(values["id"])

    async def write(self, statement: str, **values: Any) -> None:
        async with transaction(self.shop.selling.sessions) as session:
            await session.execute(text(statement), values)

    async def publish(self, place: str, text_: str = "hello") -> int:
        """An announcement in a room; its seq."""
        event_id = self.shop.ids.new()
        body = json.dumps({"id": event_id, "text": text_, "at": "2027-01-15T08:00:00.000Z"}).encode()
        return (await self.log.publish(place, event_id, "announced", body)).seq

    @asynccontextmanager
    async def bare(self, headers: Mapping[str, str] = {}, **options: Any) -> AsyncIterator[Watcher]:
        """A socket that has said nothing yet."""
        async with connect(self.url, additional_headers=headers, compression=None, **options) as opened:
            yield Watcher(opened)

    @asynccontextmanager
    async def viewer(self, **hello: Any) -> AsyncIterator[Watcher]:
        """A guest who said hello, or whoever the members of hello say."""
        async with self.bare() as watcher:
            await watcher.hello(**hello)
            yield watcher


@asynccontextmanager
async def gateway(database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[Pond]:
    """A shop and its gateway, served until the block ends. `settings` over the usual ones."""
    async with (
        open_shop(database_url, redis_url) as shop,
        gateway_of(shop, database_url, redis_url, **settings) as pond,
    ):
        yield pond


@asynccontextmanager
async def gateway_of(shop: Shop, database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[Pond]:
    """A gateway for the viewers of this shop, beside those that it has."""
    staff = StaffToken(token=SecretStr(STAFF), merchant_id=shop.staff.merchant_id)
    keys: Any = {"test": SECRET}
    known = Settings(token_keys=keys, staff_tokens=[staff], **settings)
    async with parts_of(database_url, redis_url, connections=4, clock=shop.clock) as parts, upkeep_of(parts):
        with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
            stop = asyncio.Event()
            port = listener.getsockname()[1]
            pond = Pond(shop, parts, RoomLog(parts.redis, shop.clock), Tokens(keys, shop.clock), port, stop)
            async with asyncio.TaskGroup() as group:
                group.create_task(serve_until(stop, listener, parts, known))
                try:
                    yield pond
                finally:
                    stop.set()
