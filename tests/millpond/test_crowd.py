"""A crowd sends every wish once, keeps its count, and with patience gets an answer from a server that stumbles."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from millpond.crowd import Progress, Retry, Target, post, rush
from millpond.crowd_answers import Wish, percentile, read_answer
from millpond.crowd_wire import content_length, retry_after_s

Say = Callable[[bytes, int], bytes | None]  # a request and its number in, an answer out; None hangs up


def told(status: int, document: dict[str, object], *more: str) -> bytes:
    body = json.dumps(document).encode()
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *more])
    return head.encode() + b"\r\n\r\n" + body


def order(number: int) -> bytes:
    return told(201, {"id": f"order-{number}", "receipt": {"no": number, "of": 9}})


@asynccontextmanager
async def server(say: Say, *, pieces: int = 1) -> AsyncIterator[Target]:
    """Answers as `say` does, each answer cut into pieces."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request = head + await reader.readexactly(content_length(head))
                count += 1
                answer = say(request, count)
                if answer is None:
                    break
                size = -(-len(answer) // pieces)
                for at in range(0, len(answer), size):
                    writer.write(answer[at : at + size])
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield Target("127.0.0.1", listening.sockets[0].getsockname()[1])


def wishes(target: Target, count: int) -> list[Wish]:
    return [
        Wish(f"buyer-{n}", f"key-{n}", post(target, "/orders", token="t", key=f"key-{n}", body=b"{}"))
        for n in range(count)
    ]


@pytest.mark.parametrize("pieces", [1, 3])
async def test_every_wish_is_sent_once_and_answered(pieces):
    async with server(lambda _, number: order(number), pieces=pieces) as target:
        result = await rush(target, wishes(target, 50), connections=7)
    assert result.by_kind() == {"accepted": 50}
    assert {answer.order_id for answer in result.answers} == {f"order-{n}" for n in range(1, 51)}
    assert {answer.no for answer in result.answers} == set(range(1, 51))
    assert [answer.wish.key for answer in result.answers] == [f"key-{n}" for n in range(50)]


async def test_refusals_are_counted_by_their_problem():
    refused = told(409, {"type": "urn:millpond:problem:sold-out", "title": "Not enough stock left"})
    async with server(lambda _, number: order(number) if number <= 2 else refused) as target:
        result = await rush(target, wishes(target, 10), connections=2)
    assert result.by_kind() == {"accepted": 2, "sold_out": 8}


async def test_with_patience_the_same_bytes_are_sent_again_until_they_are_answered():
    seen: list[bytes] = []

    def stumble(request: bytes, number: int) -> bytes | None:
        seen.append(request)
        match number:
            case 1:
                return told(503, {}, "Retry-After: 0")
            case 2:
                return None
            case 3:
                return told(503, {}, "Connection: close", "connection: close")
        return order(number)

    async with server(stumble) as target:
        result = await rush(target, wishes(target, 1), connections=3, retry=Retry())
    (answer,) = result.answers
    assert (answer.order_id, answer.tries, result.retries) == ("order-4", 4, 3)
    assert len(set(seen)) == 1


async def test_without_patience_a_lost_connection_is_no_answer_and_the_rest_goes_on():
    async with server(lambda _, number: None if number == 3 else order(number)) as target:
        result = await rush(target, wishes(target, 20), connections=2)
    assert result.by_kind() == {"accepted": 19, "no_answer": 1}


async def test_tries_end():
    async with server(lambda _, __: told(503, {"type": "urn:millpond:problem:gate-rebuilding"})) as target:
        result = await rush(target, wishes(target, 1), retry=Retry(tries_max=3, pause_min_s=0.001))
    assert result.by_kind() == {"gate_rebuilding": 1}
    assert result.answers[0].tries == 3


async def test_a_rush_ends_at_its_deadline():
    silent = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        silent.set()

    listening = await asyncio.start_server(never, "127.0.0.1", 0)
    async with listening:
        target = Target("127.0.0.1", listening.sockets[0].getsockname()[1])
        result = await rush(target, wishes(target, 3), connections=1, deadline_s=0.1)
        await silent.wait()
    assert result.by_kind() == {"no_answer": 3}


async def test_nobody_listens_and_nothing_is_raised(unused_tcp_port):
    target = Target("127.0.0.1", unused_tcp_port)
    result = await rush(target, wishes(target, 2), connections=1, deadline_s=0.2, retry=Retry())
    assert result.by_kind() == {"no_answer": 2}


async def test_progress_ends_at_the_whole():
    heard: list[Progress] = []
    async with server(lambda _, number: order(number)) as target:
        await rush(target, wishes(target, 30), connections=4, on_progress=heard.append)
    assert (heard[-1].answered, heard[-1].accepted) == (30, 30)


async def test_no_wishes_are_answered_at_once():
    async with server(lambda _, number: order(number)) as target:
        assert (await rush(target, [], connections=2)).by_kind() == {}


def test_a_target_is_an_http_url():
    assert Target.of("http://127.0.0.1:8000/x") == Target("127.0.0.1", 8000)
    assert Target.of("https://shop.example").port == 443
    with pytest.raises(ValueError, match="not an http"):
        Target.of("redis://127.0.0.1")


def test_heads_are_read_in_any_case():
    head = b"HTTP/1.1 503 X\r\nContent-Length: 12\r\nRETRY-AFTER: 2\r\n\r\n"
    assert (content_length(head), retry_after_s(head)) == (12, 2.0)
    assert (content_length(b"HTTP/1.1 204 X\r\n\r\n"), retry_after_s(b"HTTP/1.1 204 X\r\n\r\n")) == (0, 0.0)


def test_a_body_that_is_no_document_says_nothing():
    wish = Wish("b", "k", b"")
    assert read_answer(wish, 502, 0.1, 1, b"<html>").kind == "http_502"
    assert read_answer(wish, 201, 0.1, 1, b"[]").accepted


def test_percentiles_are_values_that_were_measured():
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([], 0.5) == 0.0
