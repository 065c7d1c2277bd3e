"""What media servers say, in their own words, and what it means; over HTTP with their secret."""

import json
from contextlib import suppress
from typing import Final
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis.strategies import binary

from keel import http
from keel.errors import Malformed
from live.hooks import Said, Step, of_mediamtx, of_mediamtx_path, of_nginx, of_srs
from live.ingest import Report
from live.routes_hooks import router
from tests.live.ponds import Pond

PLACE: Final = "01a3185c-5000-7009-8e45-b0f67c226c88"
SECRET: Final = "the hooks' secret"
# As the servers send it: nginx-rtmp 1.2.2, SRS 6, MediaMTX 1.
NGINX: Final = (
    "call={call}&addr=127.0.0.1&clientid=4&app=live&flashver=FMLE/3.0&swfurl=&tcurl=rtmp%3A%2F%2F127.0.0.1%2Flive"
    "&pageurl=&name={place}&type=live&key={key}"
)
SRS: Final = {
    "server_id": "vid-0xk989d", "action": "on_publish", "client_id": "9308h583", "ip": "192.168.1.10", "vhost": "v",
    "app": "live", "tcUrl": "rtmp://127.0.0.1/live", "stream": PLACE, "param": "?key=k.s", "stream_url": "v/live/x",
}  # fmt: skip
MEDIAMTX: Final = {
    "user": "", "password": "", "token": "", "ip": "127.0.0.1", "action": "publish", "path": f"live/{PLACE}",
    "protocol": "rtmp", "id": "3f0c", "query": "key=k.s",
}  # fmt: skip


def nginx(call: str, *, place: str = PLACE, key: str = "k.s") -> bytes:
    return NGINX.format(call=call, place=place, key=key).encode()


@pytest.mark.parametrize(
    ("call", "step"),
    [
        ("publish", Step.PUBLISHED),
        ("publish_done", Step.UNPUBLISHED),
        ("update_publish", Step.ALIVE),
        ("play", Step.OTHER),
        ("connect", Step.OTHER),
    ],
)
def test_nginx_says_it_in_a_form(call, step):
    assert of_nginx(nginx(call)) == Said(step, Report(PLACE, "nginx:4", "k.s"))


@pytest.mark.parametrize(
    ("action", "step"),
    [
        ("on_publish", Step.PUBLISHED),
        ("on_unpublish", Step.UNPUBLISHED),
        ("on_hls", Step.ALIVE),
        ("on_play", Step.OTHER),
    ],
)
def test_srs_says_it_in_json(action, step):
    said = of_srs(json.dumps(SRS | {"action": action}).encode())
    assert said == Said(step, Report(PLACE, "srs:vid-0xk989d:9308h583", "k.s"))


def test_an_older_srs_counts_its_clients():
    assert of_srs(json.dumps(SRS | {"client_id": 1985, "server_id": ""}).encode()).report.client == "srs:1985"


def test_mediamtx_asks_first_and_reports_then():
    assert of_mediamtx(json.dumps(MEDIAMTX).encode()) == Said(Step.ADMIT, Report(PLACE, "mediamtx:3f0c", "k.s"))
    assert of_mediamtx(json.dumps(MEDIAMTX | {"action": "read", "id": None}).encode()).step is Step.OTHER
    form = f"path=live%2F{PLACE}&id=3f0c&query=key%3Dk.s".encode()
    assert of_mediamtx_path(Step.PUBLISHED, form) == Said(Step.PUBLISHED, Report(PLACE, "mediamtx:3f0c", "k.s"))


def test_what_somebody_puts_into_the_url_of_a_stream_does_not_stand_before_what_the_server_says():
    forged = nginx("publish") + b"&name=other&clientid=9&call=publish_done&key=other"
    assert of_nginx(forged) == of_nginx(nginx("publish"))


@given(binary(max_size=300))
def test_whatever_is_sent_is_read_or_refused(body):
    for read in (of_nginx, of_srs, of_mediamtx, lambda body: of_mediamtx_path(Step.PUBLISHED, body)):
        with suppress(Malformed):
            assert isinstance(read(body), Said)


def test_a_form_of_many_fields_is_refused():
    with pytest.raises(Malformed):
        of_nginx(b"&".join(b"a=b" for _ in range(1_000)))


# Over HTTP ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def server(pond: Pond):
    app = FastAPI()
    http.install(app)
    app.include_router(router)
    app.state.ingest, app.state.hook_secret = pond.ingest, SECRET
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pond/v1/hooks") as client:
        yield client


def url(path: str, secret: str = SECRET) -> str:
    return f"/{path}?secret={quote(secret)}"


async def test_a_broadcast_by_nginx(pond, server):
    session = await pond.session(await pond.room())
    key = await pond.key(session)
    for call, state in (
        ("publish", "live"),
        ("update_publish", "live"),
        ("publish_done", "interrupted"),
        ("play", "interrupted"),
    ):
        answer = await server.post(url("nginx-rtmp"), content=nginx(call, place=session.place, key=key))
        assert (answer.status_code, await pond.state(session)) == (200, state)
    refused = await server.post(url("nginx-rtmp"), content=nginx("publish", place=session.place, key="forged"))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:millpond:problem:publish-refused")


async def test_two_media_servers_that_count_alike_are_told_apart_by_their_names(pond, server):
    session = await pond.session(await pond.room())
    key = await pond.key(session)
    for name, call in (("a", "publish"), ("b", "publish"), ("a", "publish_done")):
        body = nginx(call, place=session.place, key=key)
        answer = await server.post(f"{url('nginx-rtmp')}&server={name}", content=body)
        assert (answer.status_code, await pond.state(session)) == (200, "live")
    await server.post(f"{url('nginx-rtmp')}&server=b", content=nginx("publish_done", place=session.place, key=key))
    assert await pond.state(session) == "interrupted"


async def test_a_broadcast_by_srs(pond, server):
    session = await pond.session(await pond.room())
    call = SRS | {"stream": session.place, "param": f"?key={await pond.key(session)}"}
    for action, state in (("on_publish", "live"), ("on_unpublish", "interrupted")):
        answer = await server.post(url("srs"), json=call | {"action": action})
        assert (answer.status_code, answer.json(), await pond.state(session)) == (200, {"code": 0}, state)
    assert (await server.post(url("srs"), json=call | {"param": ""})).status_code == 403


async def test_a_broadcast_by_mediamtx(pond, server):
    session = await pond.session(await pond.room())
    query = f"key={await pond.key(session)}"
    asked = MEDIAMTX | {"path": f"live/{session.place}", "query": query}
    assert (await server.post(url("mediamtx/auth"), json=asked)).status_code == 200
    assert await pond.state(session) == "scheduled", "it has not begun yet"
    assert (await server.post(url("mediamtx/auth"), json=asked | {"query": ""})).status_code == 403
    assert (await server.post(url("mediamtx/auth"), json=asked | {"action": "read"})).status_code == 200
    form = {"path": f"live/{session.place}", "id": "3f0c", "query": query}
    for path, state in (("ready", "live"), ("not-ready", "interrupted"), ("not-ready", "interrupted")):
        answer = await server.post(url(f"mediamtx/{path}"), data=form)
        assert (answer.status_code, await pond.state(session)) == (200, state)


@pytest.mark.parametrize("path", ["nginx-rtmp", "srs", "mediamtx/auth", "mediamtx/ready", "mediamtx/not-ready"])
async def test_who_does_not_know_the_secret_is_not_heard(pond, server, path):
    session = await pond.session(await pond.room())
    body = nginx("publish", place=session.place, key=await pond.key(session))
    for wrong in (f"/{path}", url(path, ""), url(path, "wrong"), url(path, "é")):
        assert (await server.post(wrong, content=body)).status_code == 401
    server._transport.app.state.hook_secret = None
    for head in ({}, {"authorization": "Bearer "}, {"authorization": f"Bearer {SECRET}"}):
        assert (await server.post(url(path, ""), content=body, headers=head)).status_code == 401
    assert await pond.state(session) == "scheduled"


async def test_the_secret_may_come_as_a_bearer_token(pond, server):
    session = await pond.session(await pond.room())
    body = nginx("publish", place=session.place, key=await pond.key(session))
    head = {"authorization": f"Bearer {SECRET}"}
    assert (await server.post("/nginx-rtmp", content=body, headers=head)).status_code == 200
    assert await pond.state(session) == "live"
