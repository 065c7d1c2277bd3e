"""Requests of other packages: who may send them, what their faults come to, and how many wait at once."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from accounts.tokens import Claims
from keel.buckets import Bucket, Rate
from keel.errors import NotFound
from keel.identity import MANAGERS, Principal, Role
from live.answering import IN_FLIGHT_MAX, Answering
from live.conversation import Limits
from live.messages import Answer, Comment, Like, Request
from live.registry import Registry
from live.viewers import Caller, Viewer

CUSTOMER = Viewer("a customer", Claims("a customer", "a merchant", 10**10))
HOST = Viewer("a host", principal=Principal("a merchant", "a host", Role.HOST))
OPERATOR = Viewer("an operator", principal=Principal("a merchant", "an operator", Role.OPERATOR))


class Shout(Request, tag="shout", frozen=True, kw_only=True):
    """A request of the tests."""


class Echo(Answer, tag="echo", frozen=True, kw_only=True):
    """Its answer."""

    said: str


class Line:
    """Stands for a connection: what is said to it is kept."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.said, self.in_flight = viewer, list[Any](), 0
        self.address, self.seats, self.is_open, self.ended = "10.0.0.1", dict[str, Any](), True, list[int]()
        self.conversation: Any = None
        self.address_messages = Bucket(Rate(per_s=10, burst=1_000))

    def say(self, message: Any) -> None:
        self.said.append(message)

    def end(self, code: int, reason: str = "") -> None:
        self.ended.append(code)
        self.is_open = False


def begun(registry: Registry, viewer: Viewer, group: asyncio.TaskGroup, *, good: bool = True) -> tuple[Any, Answering]:
    reception = SimpleNamespace(still_good=lambda _: good)
    seating: Any = SimpleNamespace(reception=reception)
    answering = Answering(registry=registry, seating=seating, limits=Limits(Rate(per_s=10, burst=1_000)), group=group)
    line: Any = Line(viewer)
    answering.begin(line)
    line.conversation.greeted = True
    return line, answering


async def ask(registry: Registry, viewer: Viewer = CUSTOMER, *, good: bool = True) -> Any:
    async with asyncio.TaskGroup() as group:
        line, answering = begun(registry, viewer, group, good=good)
        answering.hear(line, b'{"type":"shout","ref":"r"}')
    assert line.in_flight == 0
    (answer,) = line.said
    return answer


def anybody(result: Any) -> Registry:
    async def work(caller: Caller, message: Shout) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    registry = Registry()
    registry.anybody(Shout, work)
    return registry


async def test_a_message_is_the_answer_and_anything_else_its_result():
    assert (await ask(anybody(Echo(said="hi")))).said == "hi"
    done = await ask(anybody({"so": "it is"}))
    assert (done.ref, done.result) == ("r", {"so": "it is"})
    assert (await ask(anybody(None))).result is None


async def test_a_refusal_is_its_document_and_a_fault_says_nothing(caplog):
    refused = await ask(anybody(NotFound(what="shout")))
    assert (refused.ref, refused.problem["what"]) == ("r", "shout")
    fault = await ask(anybody(RuntimeError("a secret")))
    assert fault.problem["type"] == "urn:millpond:problem:internal"
    assert "a secret" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("at once"), NotFound(what="shout")])
async def test_what_is_raised_at_once_is_answered_too(error):
    def direct(caller: Caller, message: Shout, reply: Any) -> None:
        raise error

    registry = Registry()
    registry.customers(Shout, direct)
    assert (await ask(registry)).problem["status"] in {404, 500}


async def test_commands_are_for_roles():
    async def work(caller: Caller, message: Shout) -> str:
        return caller.principal.subject

    registry = Registry()
    registry.staff(Shout, MANAGERS, work)
    assert (await ask(registry, OPERATOR)).result == "an operator"
    assert (await ask(registry, HOST)).problem["type"] == "urn:millpond:problem:forbidden"
    assert (await ask(registry, CUSTOMER)).problem["type"] == "urn:millpond:problem:not-signed-in"
    assert (await ask(registry, OPERATOR, good=False)).problem["type"] == "urn:millpond:problem:not-signed-in"


async def test_only_so_many_requests_wait_and_the_rest_are_told():
    go = asyncio.Event()

    async def work(caller: Caller, message: Shout) -> None:
        await go.wait()

    registry = Registry()
    registry.anybody(Shout, work)
    async with asyncio.TaskGroup() as group:
        line, answering = begun(registry, CUSTOMER, group)
        for _ in range(IN_FLIGHT_MAX + 1):
            answering.hear(line, b'{"type":"shout"}')
        (refused,) = line.said
        assert refused.problem["status"] == 429
        go.set()
    assert len(line.said) == IN_FLIGHT_MAX + 1


async def test_a_fault_in_front_of_everything_ends_that_socket_alone():
    async with asyncio.TaskGroup() as group:
        line, answering = begun(anybody(None), CUSTOMER, group)
        line.conversation = None
        answering.hear(line, b"{}")
    assert line.ended == [4004]


def test_a_type_has_one_owner():
    registry = anybody(None)
    with pytest.raises(AssertionError):
        registry.anybody(Shout, registry.of)  # type: ignore[arg-type]
    assert [entry.name for entry in registry] == ["shout"]
    assert {Comment, Like}.isdisjoint(entry.message for entry in registry)
