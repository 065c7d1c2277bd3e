"""Ids are UUIDv7 (RFC 9562), canonical text, and each is above the last of its maker."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from keel.clock import FakeClock
from keel.ids import Ids, is_id, tick_of

MS = st.integers(min_value=0, max_value=(1 << 48) - 2)
NOT_CANONICAL = [
    "",
    "0197A6E0-0000-7000-8000-000000000000",
    "0197a6e0000070008000000000000000",
    "{0197a6e0-0000-7000-8000-000000000000}",
    "urn:uuid:0197a6e0-0000-7000-8000-000000000000",
    "0197a6e0-0000-7000-8000-000000000000\n",
    " 0197a6e0-0000-7000-8000-000000000000",
    "0197a6e0-0000-7000-8000-00000000000g",
    "0197a6e0-0000-7000-8000-00000000000",
    "0197a6e0-0000-7000-8000-00000000000٣",
    None,
    7,
    b"0197a6e0-0000-7000-8000-000000000000",
]


@given(MS)
def test_an_id_has_the_bits_of_rfc_9562(ms):
    text = Ids(FakeClock(ms)).new()
    parsed = UUID(text)
    assert str(parsed) == text
    assert is_id(text)
    assert (parsed.version, parsed.variant) == (7, RFC_4122)
    assert parsed.int >> 80 == ms


@given(st.lists(st.integers(min_value=-5_000, max_value=5_000), min_size=2, max_size=200))
def test_each_id_is_above_the_last_even_when_the_clock_goes_back(steps):
    clock = FakeClock()
    ids = Ids(clock)
    made = []
    for step in steps:
        made.append(ids.new())
        clock.advance(ms=step)
    assert all(lower < higher for lower, higher in pairwise(made))
    assert [UUID(text).int for text in made] == sorted(UUID(text).int for text in made)


def test_more_ids_in_a_millisecond_than_it_has_ticks():
    ids = Ids(FakeClock())
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(set(made))


@given(MS, MS)
def test_a_fresh_id_is_above_one_from_a_faster_clock(here_ms, there_ms):
    other = Ids(FakeClock(there_ms)).new()
    ids = Ids(FakeClock(here_ms))
    first = ids.new(above=other)
    assert first > other
    assert ids.new() > first
    assert tick_of(first) > tick_of(other)


@given(MS, MS)
def test_text_order_is_time_order(one_ms, other_ms):
    one, other = Ids(FakeClock(one_ms)).new(), Ids(FakeClock(other_ms)).new()
    if one_ms != other_ms:
        assert (one < other) is (one_ms < other_ms)
        assert (one < other) is (tick_of(one) < tick_of(other))


def test_threads_share_a_maker_without_ever_getting_the_same_id():
    ids = Ids(FakeClock())
    with ThreadPoolExecutor(max_workers=8) as threads:
        series = list(threads.map(lambda _: [ids.new() for _ in range(2_000)], range(8)))
    everything = [text for one in series for text in one]
    assert len(set(everything)) == len(everything)
    assert all(one == sorted(one) for one in series)
    assert len({tick_of(text) for text in everything}) == len(everything), "not even the tick is given twice"


def test_makers_of_two_processes_with_one_clock_differ_in_their_random_part():
    clock = FakeClock()
    assert len({Ids(clock).new() for _ in range(1_000)}) == 1_000


def test_only_the_canonical_text_is_an_id():
    for text in NOT_CANONICAL:
        assert not is_id(text), text
    assert is_id("0197a6e0-0000-4000-8000-000000000000"), "of any version"
