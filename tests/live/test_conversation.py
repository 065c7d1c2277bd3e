"""What may be said when: the protocol by itself, without a socket."""

import json
from typing import Any

import pytest

from keel.buckets import Bucket, Rate
from keel.errors import Malformed, TooManyRequests
from live.close_codes import CloseCode
from live.conversation import FAULTS_MAX, FLOOD_MAX, HELLO_WITHIN_S, Conversation, Goodbye, Limits, Refused
from live.messages import Comment, Hello, Join, Leave, Like
from live.registry import Registry
from live.socket_errors import NotJoined, TooManyRooms

PLACE = "01a3185c-5000-7009-8e45-b0f67c226c88"
OTHER = "01a3185c-5000-7009-8e45-b0f67c226c89"
LIMITS = Limits(Rate(per_s=10, burst=20), rooms_max=1)


async def nothing(*_: Any) -> None:
    return None


def begun() -> Conversation:
    registry = Registry()
    registry.anybody(Comment, nothing)
    registry.anybody(Like, nothing)
    return Conversation(registry.decoder().decode, LIMITS, now_s=100.0)


@pytest.fixture
def talk() -> Conversation:
    return begun()


def say(talk: Conversation, text: Any, *, now_s: float = 100.0, address: Bucket | None = None) -> Any:
    message = text if isinstance(text, bytes) else json.dumps(text).encode()
    return talk.receive(message, now_s=now_s, address=address or Bucket(LIMITS.messages))


def refusal(talk: Conversation, text: Any, **how: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        say(talk, text, **how)
    return caught.value


def test_before_hello_there_is_nothing_else(talk):
    assert isinstance(say(talk, {"type": "hello"}), Hello)
    with pytest.raises(Goodbye) as caught:
        say(talk, {"type": "join", "place": PLACE})
    assert caught.value.code is CloseCode.HELLO_FIRST


def test_hello_is_overdue_after_a_while(talk):
    assert not talk.is_late(100 + HELLO_WITHIN_S)
    assert talk.is_late(100.1 + HELLO_WITHIN_S)
    talk.greeted = True
    assert not talk.is_late(1_000)


def test_who_has_not_joined_has_nothing_to_say_there(talk):
    talk.greeted = True
    refused = refusal(talk, {"type": "comment", "place": PLACE, "text": "hi", "ref": "7"})
    assert (type(refused.refusal), refused.ref) == (NotJoined, "7")
    assert isinstance(refusal(talk, {"type": "leave", "place": PLACE}).refusal, NotJoined)
    talk.places.add(PLACE)
    assert isinstance(say(talk, {"type": "comment", "place": PLACE, "text": "hi"}), Comment)
    assert isinstance(say(talk, {"type": "leave", "place": PLACE}), Leave)


def test_a_socket_is_in_so_many_rooms_and_may_join_each_again(talk):
    talk.greeted = True
    talk.places.add(PLACE)
    assert isinstance(say(talk, {"type": "join", "place": PLACE}), Join)
    assert isinstance(refusal(talk, {"type": "join", "place": OTHER}).refusal, TooManyRooms)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b"null",
        b'{"type":"shout"}',
        b'{"type":7}',
        b'{"type":"hello","colour":"red"}',
        b'{"type":"hello","token":7}',
        b'{"type":"join"}',
        b'{"type":"join","place":"PLACE"}',
        b'{"type":"join","place":"' + PLACE.encode() + b'\\n"}',
        b'{"type":"like","place":"' + PLACE.encode() + b'","count":0}',
        b'{"type":"like","place":"' + PLACE.encode() + b'","count":1e400}',
        b'{"type":"comment","place":"' + PLACE.encode() + b'","text":""}',
        b'{"type":"hello"} {"type":"hello"}',
        b'{"type":"hello","ref":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"[" * 10_000,
        b'{"ref":' * 3_000,
    ],
)
def test_what_cannot_be_understood_is_refused_and_the_talk_goes_on(talk, text):
    refused = refusal(talk, text)
    assert isinstance(refused.refusal, Malformed)
    assert refused.refusal.detail
    assert isinstance(say(talk, {"type": "hello"}), Hello)


def test_a_refusal_repeats_the_ref_where_there_is_a_fit_one(talk):
    assert refusal(talk, {"type": "shout", "ref": "7"}).ref == "7"
    assert refusal(talk, {"type": "shout", "ref": "7" * 65}).ref is None
    assert refusal(talk, {"type": "shout", "ref": "\u0007"}).ref is None
    assert refusal(talk, {"type": "shout", "ref": 7}).ref is None


def test_nonsense_ends_the_talk_at_last(talk):
    for _ in range(FAULTS_MAX):
        refusal(talk, b"nonsense")
    with pytest.raises(Goodbye) as caught:
        say(talk, b"nonsense")
    assert caught.value.code is CloseCode.UNREADABLE


def test_messages_above_the_rate_are_refused_with_the_wait_and_do_not_lengthen_it(talk):
    for _ in range(LIMITS.messages.burst):
        say(talk, {"type": "hello"})
    refused = refusal(talk, {"type": "hello", "ref": "late"})
    assert isinstance(refused.refusal, TooManyRequests)
    assert (refused.refusal.retry_after_s, refused.ref) == (0.1, "late")
    refusal(talk, {"type": "hello"})
    assert isinstance(say(talk, {"type": "hello"}, now_s=100.11), Hello)
    refusal(talk, {"type": "hello"}, now_s=100.11)
    for _ in range(LIMITS.messages.burst):
        say(talk, {"type": "hello"}, now_s=200.0)


def test_the_sockets_of_an_address_share_what_they_may_say_and_a_flood_of_one_takes_no_more_than_its_own():
    flooding, quiet, address = begun(), begun(), Bucket(Rate(per_s=10, burst=LIMITS.messages.burst + 1))
    for _ in range(LIMITS.messages.burst):
        say(flooding, {"type": "hello"}, address=address)
    for _ in range(10):
        refusal(flooding, {"type": "hello"}, address=address)
    say(quiet, {"type": "hello"}, address=address)
    refused = refusal(quiet, {"type": "hello", "ref": "crowded"}, address=address)
    assert isinstance(refused.refusal, TooManyRequests)
    assert (refused.refusal.retry_after_s, refused.ref) == (0.1, "crowded")
    say(quiet, {"type": "hello"}, address=address, now_s=100.1)


def test_nobody_is_closed_for_the_flood_of_his_neighbours(talk):
    address = Bucket(Rate(per_s=0.001, burst=1))
    say(talk, {"type": "hello"}, address=address)
    for number in range(2 * FLOOD_MAX):
        refused = refusal(talk, {"type": "hello"}, address=address, now_s=100 + number / 10)
        assert isinstance(refused.refusal, TooManyRequests)


def test_whoever_does_not_listen_is_closed(talk):
    for _ in range(LIMITS.messages.burst):
        say(talk, {"type": "hello"})
    for _ in range(FLOOD_MAX):
        refusal(talk, {"type": "hello"})
    with pytest.raises(Goodbye) as caught:
        say(talk, {"type": "hello"})
    assert caught.value.code is CloseCode.FLOOD


def test_a_pause_forgives_a_flood(talk):
    for moment in (100.0, 200.0):
        for _ in range(LIMITS.messages.burst):
            say(talk, {"type": "hello"}, now_s=moment)
        for _ in range(FLOOD_MAX):
            refusal(talk, {"type": "hello"}, now_s=moment)
