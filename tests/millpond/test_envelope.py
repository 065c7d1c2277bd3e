"""An envelope goes around one JSON answer, whole or in pieces, and around nothing else."""

import json
from typing import Any

import pytest

from millpond.envelope import Envelope

JSON = (b"content-type", b"application/json")
PROBLEM = (b"Content-Type", b"application/problem+json")


async def sent(status: int, header: tuple[bytes, bytes], *pieces: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The head and the body that leave, when an application answers so."""
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    envelope = Envelope(send)
    headers = [header, (b"content-length", b"%d" % sum(map(len, pieces))), (b"x-other", b"kept")]
    await envelope({"type": "http.response.start", "status": status, "headers": headers})
    for number, piece in enumerate(pieces, start=1):
        await envelope({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})
    assert told[0]["status"] == status, "the status stays what it is"
    return dict(told[0]["headers"]), b"".join(message["body"] for message in told[1:])


@pytest.mark.parametrize("pieces", [(b'{"a": "\xe5\x8d\x8e"}',), (b'{"a": "\xe5', b'\x8d\x8e"}', b"")])
async def test_an_answer_is_the_data(pieces):
    head, body = await sent(201, JSON, *pieces)
    assert json.loads(body) == {"code": 0, "message": "ok", "data": {"a": "华"}}
    assert int(head[b"content-length"]) == len(body)
    assert head[b"x-other"] == b"kept"


async def test_a_refusal_is_its_status_its_title_and_the_whole_document():
    problem = {"type": "urn:x", "title": 'Not "now"', "status": 425}
    head, body = await sent(425, PROBLEM, json.dumps(problem).encode())
    assert json.loads(body) == {"code": 425, "message": 'Not "now"', "data": problem}
    assert head[b"content-type"] == b"application/json"


async def test_nothing_at_all_is_null():
    assert json.loads((await sent(200, JSON, b""))[1])["data"] is None


@pytest.mark.parametrize("media", [b"text/csv; charset=utf-8", b"text/html"])
async def test_what_is_no_json_passes(media):
    head, body = await sent(200, (b"content-type", media), b"a,b", b"\n1,2")
    assert (head[b"content-type"], body) == (media, b"a,b\n1,2")
