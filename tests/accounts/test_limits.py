"""Guessing is slow: by address and by e-mail, and the wait is said."""

from contextlib import suppress

import pytest

from accounts.limits import ADDRESS_BURST, EMAIL_BURST, EMAIL_PER_S, EVERYWHERE_BURST, VISITORS_BURST, SignInLimits
from keel.errors import TooManyRequests
from tests.stopwatch import Stopwatch

GUESSER = "203.0.113.7"


def test_an_e_mail_is_guessed_at_slowly_from_one_address():
    clock = Stopwatch()
    limits = SignInLimits(clock)
    for _ in range(EMAIL_BURST):
        limits.email("hua@pond.cn", GUESSER)
    with pytest.raises(TooManyRequests) as refusal:
        limits.email("hua@pond.cn", GUESSER)
    limits.email("mei@pond.cn", GUESSER)
    clock.s += refusal.value.retry_after_s
    limits.email("hua@pond.cn", GUESSER)
    assert refusal.value.retry_after_s == pytest.approx(1 / EMAIL_PER_S)


def test_five_addresses_that_never_stop_keep_nobody_out_who_comes_from_another():
    clock = Stopwatch()
    limits = SignInLimits(clock)
    for _ in range(3_600):
        clock.s += 1
        for n in range(5):
            with suppress(TooManyRequests):
                limits.email("hua@pond.cn", f"203.0.113.{n}")
    for _ in range(EMAIL_BURST):
        limits.email("hua@pond.cn", "198.51.100.1")


def test_an_e_mail_is_guessed_at_slowly_from_everywhere_together():
    limits = SignInLimits(Stopwatch())
    for n in range(EVERYWHERE_BURST):
        limits.email("hua@pond.cn", f"203.0.113.{n}")
    with pytest.raises(TooManyRequests):
        limits.email("hua@pond.cn", "198.51.100.1")


def test_an_address_tries_slowly_and_a_household_counts_as_one():
    limits = SignInLimits(Stopwatch())
    for n in range(ADDRESS_BURST):
        limits.password(f"2001:db8::{n:x}")
    with pytest.raises(TooManyRequests):
        limits.password("2001:db8::ffff")
    limits.password("2001:db8:1::1")


def test_guests_of_one_carrier_come_in_by_the_hundred_and_no_faster():
    limits = SignInLimits(Stopwatch())
    for _ in range(VISITORS_BURST):
        limits.visitor("203.0.113.7")
    with pytest.raises(TooManyRequests):
        limits.visitor("203.0.113.7")
    limits.password("203.0.113.7")
