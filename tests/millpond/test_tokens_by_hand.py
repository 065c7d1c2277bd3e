"""Tokens by hand are those of customers, each of another one."""

import json

from accounts.tokens import Tokens
from keel.clock import FollowingClock
from keel.ids import Ids
from tests.millpond.commands import run

SECRET = "a secret that only the tests know, 32 b"


def settings(merchant_id: str) -> dict[str, str]:
    return {
        "MILLPOND_TOKEN_KEYS": json.dumps({"first": SECRET}),
        "MILLPOND_STAFF_TOKENS": json.dumps([{"token": SECRET, "merchant_id": merchant_id}]),
    }


def test_a_crowd_gets_a_token_each_of_the_merchant_that_was_named():
    clock = FollowingClock()
    tokens, (ours, other) = Tokens({"first": SECRET}, clock), (Ids(clock).new() for _ in range(2))
    for arguments, merchant_id in (((), ours), (("--merchant", other), other)):
        done = run("token", "--count", "50", *arguments, environment=settings(ours))
        claims = [tokens.check(b"Bearer " + line.encode()) for line in done.stdout.split()]
        assert len({one.sub for one in claims}) == 50
        assert {one.mid for one in claims} == {merchant_id}


def test_a_merchant_that_is_none_is_refused():
    assert run("token", "--merchant", "pond", environment=settings(Ids(FollowingClock()).new())).returncode == 1
