"""Token buckets: a burst, then a steady rate, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.buckets import TokenBuckets, address_key, spend
from keel.errors import TooManyRequests
from tests.stopwatch import Stopwatch


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "20010db800000000::/64"),
        ("2001:db8:0:0:ffff::9", "20010db800000000::/64"),
        ("2001:DB8:0:1::9", "20010db800000001::/64"),
        ("fe80::1%eth0", "fe80000000000000::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_client_is_his_network(host, key):
    assert address_key(host) == key


def test_a_burst_passes_and_the_next_is_told_when_to_come_back():
    watch = Stopwatch()
    buckets = TokenBuckets(per_s=2, burst=3, clock_s=watch)
    assert [buckets.take("hua") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("hua") == 0.5
    watch.s += 0.5
    assert buckets.take("hua") == 0
    assert buckets.take("hua") > 0


def test_one_client_never_takes_from_another():
    buckets = TokenBuckets(per_s=1, burst=1, clock_s=Stopwatch())
    assert buckets.take("hua") == 0
    assert buckets.take("hua") > 0
    assert buckets.take("ming") == 0


def test_asking_too_often_does_not_push_the_wait_out():
    watch = Stopwatch()
    buckets = TokenBuckets(per_s=1, burst=1, clock_s=watch)
    buckets.take("hua")
    for _ in range(100):
        watch.s += 0.005
        buckets.take("hua")
    watch.s += 0.501
    assert buckets.take("hua") == 0


def test_an_idle_bucket_fills_to_the_burst_and_no_further():
    watch = Stopwatch()
    buckets = TokenBuckets(per_s=10, burst=2, clock_s=watch)
    buckets.take("hua")
    watch.s += 3_600
    assert [buckets.take("hua") == 0 for _ in range(3)] == [True, True, False]


def test_memory_is_bounded_and_the_longest_unused_is_forgotten():
    buckets = TokenBuckets(per_s=1, burst=1, buckets_max=2, clock_s=Stopwatch())
    buckets.take("hua")
    buckets.take("ming")
    buckets.take("hua")
    buckets.take("lan")  # forgets ming, for hua came back in between
    assert buckets.take("hua") > 0
    assert buckets.take("ming") == 0


def test_buckets_that_are_full_again_are_forgotten():
    watch = Stopwatch()
    buckets = TokenBuckets(per_s=1, burst=2, clock_s=watch)
    for buyer in range(1_000):
        buckets.take(buyer)
        watch.s += 0.01
    assert len(buckets) <= 101  # those of the last second


@given(
    st.lists(st.floats(min_value=0, max_value=2), min_size=1, max_size=100),
    st.integers(min_value=1, max_value=5),
    st.integers(min_value=1, max_value=20),
)
def test_no_more_pass_than_the_burst_and_the_rate_allow(pauses, burst, per_s):
    watch = Stopwatch()
    buckets = TokenBuckets(per_s=per_s, burst=burst, clock_s=watch)
    passed = 0
    for pause_s in pauses:
        watch.s += pause_s
        passed += buckets.take("hua") == 0
    assert passed <= burst + (watch.s - 1_000) * per_s + 1e-6


def test_whoever_has_spent_all_is_told_how_long_to_wait():
    watch = Stopwatch()
    buckets = TokenBuckets(per_s=3.0, burst=1, clock_s=watch)
    spend(buckets, "hua")
    with pytest.raises(TooManyRequests) as refusal:
        spend(buckets, "hua")
    assert refusal.value.retry_after_s == 0.333
    spend(buckets, "mei")
    watch.s += 1 / 3
    spend(buckets, "hua")


def test_looking_takes_no_token():
    now_s = [0.0]
    buckets = TokenBuckets(per_s=2, burst=1, clock_s=lambda: now_s[0])
    assert [buckets.wait_s("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == 0
    assert buckets.wait_s("a") == pytest.approx(0.5)
    assert buckets.wait_s("b") == 0
    now_s[0] = 0.5
    assert buckets.wait_s("a") == 0
