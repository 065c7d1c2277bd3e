"""A guest pass is kept by the client, and nobody can make one up or hold on to one for ever."""

import pytest

from keel.clock import FakeClock
from keel.errors import NotSignedIn
from keel.ids import Ids
from live.guests import GOOD_FOR_S, GuestPasses

KEY = "a secret of thirty-two bytes, or more"


def passes(clock: FakeClock, **keys: str) -> GuestPasses:
    return GuestPasses(keys or {"one": KEY}, clock, Ids(clock))


def test_a_pass_is_the_same_viewer_until_it_lapses_and_each_hello_renews_it():
    clock = FakeClock()
    guests = passes(clock)
    text = guests.new()
    viewer_id = guests.read(text)
    clock.advance(s=GOOD_FOR_S)
    renewed = guests.renewed(guests.read(text))
    clock.advance(s=1)
    with pytest.raises(NotSignedIn):
        guests.read(text)
    assert guests.read(renewed) == viewer_id


def test_a_spare_pass_says_so_until_a_guest_has_it():
    clock = FakeClock()
    guests = passes(clock)
    spare = guests.spare()
    clock.advance(s=GOOD_FOR_S)
    kept = guests.spare(spare)
    clock.advance(s=1)
    assert guests.is_spare(kept)
    used = guests.renewed(guests.read(kept))
    assert not guests.is_spare(used)
    assert guests.read(kept) == guests.read(used)
    for nothing in (spare, kept[:-1], used.replace("guest", "spare")):
        with pytest.raises(NotSignedIn):
            guests.is_spare(nothing)


def test_a_new_key_signs_and_the_old_one_still_counts():
    clock = FakeClock()
    text = passes(clock).new()
    assert passes(clock, two="another secret of thirty-two bytes", one=KEY).read(text)
    with pytest.raises(NotSignedIn):
        passes(clock, two="another secret of thirty-two bytes").read(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:0],
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.replace("guest", "staff"),
        lambda text: text.replace("0", "1", 1),
        str.upper,
        lambda text: "é" + text,
        lambda text: "." * len(text),
        lambda text: "guest.." + text,
        lambda text: text * 10,
    ],
)
def test_a_changed_pass_is_none(change):
    guests = passes(FakeClock())
    with pytest.raises(NotSignedIn):
        guests.read(change(guests.new()))
