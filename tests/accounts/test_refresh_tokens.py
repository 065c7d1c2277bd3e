"""A refresh token says nothing to anybody, and only the sign-in it is of can tell it from a made-up one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.refresh_tokens import (
    TOKEN_CHARS,
    digest,
    first_token,
    new_invitation,
    new_salt,
    read_token,
)
from keel.clock import FakeClock
from keel.ids import Ids, is_id

SIGN_IN = Ids(FakeClock()).new()


def test_what_was_written_is_read_again():
    token = first_token(SIGN_IN)
    assert len(token.text()) == TOKEN_CHARS
    assert read_token(token.text()) == token


def test_no_two_are_the_same():
    tokens = [first_token(SIGN_IN) for _ in range(100)]
    assert len({token.secret for token in tokens}) == len({token.family for token in tokens}) == 100
    assert len({new_invitation() for _ in range(100)}) == 100


def test_the_next_one_needs_both_the_token_and_the_salt():
    token, salt = first_token(SIGN_IN), new_salt()
    following = token.next(salt)
    assert following == token.next(salt)
    assert (following.sign_in_id, following.family) == (token.sign_in_id, token.family)
    assert following.secret not in {token.secret, token.next(new_salt()).secret, first_token(SIGN_IN).next(salt).secret}


def test_what_is_stored_is_not_the_token_and_a_log_line_does_not_show_it():
    token = first_token(SIGN_IN)
    assert digest(token.secret) != token.secret
    assert repr(token.secret) not in repr(token)


@pytest.mark.parametrize(
    "text",
    ["", "x", "A" * (TOKEN_CHARS - 1), "A" * (TOKEN_CHARS + 1), "é" * TOKEN_CHARS, "A" * 85 + " ", "A" * 100_000],
)
def test_anything_else_is_no_token(text):
    assert read_token(text) is None


@given(st.text(max_size=200))
def test_whatever_is_sent_nothing_breaks(text):
    token = read_token(text)
    assert token is None or is_id(token.sign_in_id)
