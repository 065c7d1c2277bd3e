"""Guessing codes is slow, and ends for a while; people who share are not in each other's way."""

import pytest

from keel.errors import TooManyRequests
from referrals.limits import MISSES_BURST, PERSON_BURST, ShareLimits


def test_who_guesses_too_often_may_ask_for_nothing_for_a_while_and_others_may():
    now_s = [0.0]
    limits = ShareLimits(clock_s=lambda: now_s[0])
    for _ in range(MISSES_BURST):
        limits.may_look_up("192.0.2.7")
        limits.missed("192.0.2.7")
    with pytest.raises(TooManyRequests):
        limits.may_look_up("192.0.2.7")
    limits.may_look_up("192.0.2.8")
    now_s[0] = 1.0
    limits.may_look_up("192.0.2.7")


def test_whoever_finds_what_he_asks_for_is_never_stopped():
    limits = ShareLimits(clock_s=lambda: 0.0)
    for _ in range(10 * MISSES_BURST):
        limits.may_look_up("192.0.2.7")


def test_a_household_counts_as_one():
    limits = ShareLimits(clock_s=lambda: 0.0)
    for number in range(MISSES_BURST):
        limits.missed(f"2001:db8::{number + 1:x}")
    with pytest.raises(TooManyRequests):
        limits.may_look_up("2001:db8::ffff")


def test_each_person_has_a_limit_of_his_own():
    limits = ShareLimits(clock_s=lambda: 0.0)
    for _ in range(PERSON_BURST):
        limits.person("lan")
    with pytest.raises(TooManyRequests):
        limits.person("lan")
    limits.person("mei")
