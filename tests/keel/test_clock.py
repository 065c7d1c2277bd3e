"""Time is aware UTC, follows a reference, and stands still in tests."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.clock import OFFSET_READY_MAX_MS, TRIP_MS_MAX, TRIPS, FakeClock, FollowingClock, from_ms, rfc3339, to_ms

MS = st.integers(min_value=0, max_value=4_102_444_800_000)  # 1970 to 2100


async def test_a_clock_without_a_reference_is_this_machines():
    clock = FollowingClock()
    before = clock.ms()
    await clock.follow()
    assert clock.ms() >= before
    assert clock.offset_ms == 0


@pytest.mark.parametrize("ahead_ms", [-90_000, -OFFSET_READY_MAX_MS - 50, 0, 300, OFFSET_READY_MAX_MS + 50, 90_000])
async def test_a_clock_follows_its_reference_and_says_when_the_machine_is_too_far_off(ahead_ms: int):
    machine = FollowingClock()

    async def reference() -> int:
        return machine.ms() + ahead_ms

    clock = FollowingClock(reference)
    await clock.follow()
    assert clock.offset_ms == pytest.approx(ahead_ms, abs=40)
    assert clock.ms() - machine.ms() == pytest.approx(ahead_ms, abs=40)
    assert clock.ready is (abs(ahead_ms) <= OFFSET_READY_MAX_MS)


async def test_a_reference_that_fails_leaves_the_offset_as_it_was():
    answers = iter([7_000] * TRIPS)
    machine = FollowingClock()

    async def reference() -> int:
        try:
            return machine.ms() + next(answers)
        except StopIteration:
            raise OSError("gone") from None

    clock = FollowingClock(reference)
    await clock.follow()
    with pytest.raises(OSError, match="gone"):
        await clock.follow()
    assert clock.offset_ms == pytest.approx(7_000, abs=40)


async def test_a_trip_that_takes_long_says_nothing_and_leaves_the_offset_as_it_was(monkeypatch):
    now_ns, trips_ms = 10**18, iter([300, 20, 400, 201, 300, 500])

    async def reference() -> int:
        nonlocal now_ns
        now_ns += (trip_ms := next(trips_ms)) * 1_000_000
        return (now_ns - trip_ms * 500_000) // 1_000_000 + trip_ms

    monkeypatch.setattr("keel.clock.time.time_ns", lambda: now_ns)
    clock = FollowingClock(reference)
    assert not clock.ready
    await clock.follow()
    assert clock.offset_ms == 20
    await clock.follow()
    assert clock.offset_ms == 20, f"none of the three was shorter than {TRIP_MS_MAX} ms"
    assert clock.ready


def test_now_is_aware_utc():
    now = FollowingClock().now()
    assert now.tzinfo is UTC


@given(MS)
def test_milliseconds_and_moments_are_the_same_thing(ms):
    assert to_ms(from_ms(ms)) == ms


@given(MS, st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_a_moment_means_the_same_in_every_zone(ms, minutes):
    there = from_ms(ms).astimezone(timezone(timedelta(minutes=minutes)))
    assert to_ms(there) == ms


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        to_ms(datetime(2027, 1, 15, 8))  # noqa: DTZ001 - the point


@given(MS)
def test_rfc3339_reads_back_as_the_same_moment(ms):
    text = rfc3339(ms)
    assert len(text) == 24
    assert to_ms(datetime.fromisoformat(text)) == ms


@given(MS, MS)
def test_rfc3339_texts_sort_by_time(one, other):
    assert (rfc3339(one) < rfc3339(other)) is (one < other)


def test_rfc3339_by_example():
    assert rfc3339(1_800_000_000_000) == "2027-01-15T08:00:00.000Z"


def test_a_fake_clock_moves_only_when_told():
    clock = FakeClock()
    began = clock.ms()
    assert clock.ms() == began
    clock.advance(ms=5)
    clock.advance(s=1.5)
    assert clock.ms() == began + 1_505
    assert clock.now() == from_ms(began + 1_505)
    assert FakeClock(from_ms(began)).ms() == began
