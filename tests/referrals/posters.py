"""Builders for tests of posters: a platform and a host of pictures that really listen, and pictures of every kind.

async with platform() as wechat:                 # speaks as WeChat's documents say; `wechat.url`
async with gallery() as host:                    # `host.url("/brush.jpg")` after `host.shows["/brush.jpg"] = picture()`
"""

import asyncio
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

APP_ID = "wx0123456789abcdef"
APP_SECRET = "an app's secret that nobody else may ever read"


def picture(kind: str = "JPEG", size: tuple[int, int] = (300, 200), **options: Any) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, "#3a6ea5").save(out, kind, **options)
    return out.getvalue()


def animated(kind: str) -> bytes:
    """Two pictures that take turns."""
    out, other = io.BytesIO(), Image.new("RGB", (64, 64), "#aa0000")
    Image.new("RGB", (64, 64), "#00aa00").save(out, kind, save_all=True, append_images=[other])
    return out.getvalue()


@dataclass
class Answer:
    """What a host answers to one path, and when. `length`: what it says of the body, -1 nothing."""

    body: bytes = b""
    status: str = "200 OK"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    after: asyncio.Event | None = None


@dataclass
class Host:
    """A small HTTP server, and what it was asked."""

    port: int = 0
    shows: dict[str, Answer | bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    heads: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.origin}{path}"

    async def answer(self, target: str, body: bytes) -> Answer:
        """What is answered to a request."""
        shown = self.shows.get(target, Answer(status="404 Not Found"))
        return Answer(shown) if isinstance(shown, bytes) else shown

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            sizes = [line.split(":")[1] for line in head.lower().split("\r\n") if line.startswith("content-length:")]
            body = await reader.readexactly(int(sizes[0])) if sizes else b""
            target = head.split(" ")[1]
            self.heads.append(head)
            self.asked[urlsplit(target).path] += 1
            answer = await self.answer(target, body)
            if answer.after is not None:
                await answer.after.wait()
            length = len(answer.body) if answer.length is None else answer.length
            said = {} if length < 0 else {"content-length": str(length)}
            lines = {"connection": "close"} | said | answer.headers
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"HTTP/1.1 {answer.status}\r\n{head}\r\n".encode() + answer.body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked went away, which is what some of them are tested for
        finally:
            writer.close()


@dataclass
class Wechat(Host):
    """The two calls as they are published: tokens end, and errors come as JSON under status 200."""

    secret: str = APP_SECRET
    errors: list[int] = field(default_factory=list)  # of the next calls for codes
    raw: bytes | None = None
    wishes: list[dict[str, Any]] = field(default_factory=list)
    token: int = 1
    expires_in: int = 7_200

    async def answer(self, target: str, body: bytes) -> Answer:
        parts, wish = urlsplit(target), json.loads(body)
        if parts.path == "/cgi-bin/stable_token":
            return _json(self._token(wish))
        assert parts.path == "/wxa/getwxacodeunlimit", target
        self.wishes.append(wish)
        await asyncio.sleep(0)
        if parse_qs(parts.query).get("access_token") != [f"token-{self.token}"]:
            return _json({"errcode": 42001, "errmsg": "access_token expired rid: 65a"})
        if self.errors:
            return _json({"errcode": self.errors.pop(0), "errmsg": "refused rid: 65b"})
        image = picture(size=(wish["width"], wish["width"])) if self.raw is None else self.raw
        return Answer(image, headers={"content-type": "image/jpeg"})

    def _token(self, wish: dict[str, Any]) -> dict[str, Any]:
        if wish.get("secret") != self.secret:
            return {"errcode": 40125, "errmsg": "invalid appsecret rid: 65c"}
        assert (wish["grant_type"], wish["appid"]) == ("client_credential", APP_ID)
        return {"access_token": f"token-{self.token}", "expires_in": self.expires_in}


def _json(value: dict[str, Any]) -> Answer:
    return Answer(json.dumps(value).encode(), headers={"content-type": "application/json; encoding=utf-8"})


@asynccontextmanager
async def gallery() -> AsyncIterator[Host]:
    """A host of pictures."""
    async with _listening(Host()) as host:
        yield host


@asynccontextmanager
async def platform() -> AsyncIterator[Wechat]:
    """WeChat, for one app."""
    wechat = Wechat()
    async with _listening(wechat):
        yield wechat


@asynccontextmanager
async def _listening(host: Host) -> AsyncIterator[Host]:
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        await server.wait_closed()
