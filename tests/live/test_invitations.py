"""An invitation opens one rehearsal until it expires, and nobody can make one up."""

import pytest

from keel.clock import FakeClock
from keel.ids import Ids
from live.guests import GuestPasses
from live.invitations import Invitations

KEYS = {"one": "a secret of thirty-two bytes, or more"}
SESSION = "01a3185c-5000-7009-8e45-b0f67c226c88"
OTHER = "01a3185c-5000-7009-8e45-b0f67c226c77"


def test_an_invitation_is_good_for_its_session_and_its_time():
    clock = FakeClock()
    invitations = Invitations(KEYS, clock)
    text = invitations.sign(SESSION, expires_s=clock.ms() // 1000 + 60)
    assert invitations.admits(text, SESSION)
    assert not invitations.admits(text, OTHER)
    assert not invitations.admits(None, SESSION)
    clock.advance(s=60)
    assert not invitations.admits(text, SESSION)


def test_a_new_key_signs_and_the_old_one_still_counts():
    clock = FakeClock()
    text = Invitations(KEYS, clock).sign(SESSION, expires_s=clock.ms() // 1000 + 60)
    assert Invitations({"two": "another secret of thirty-two bytes", **KEYS}, clock).admits(text, SESSION)
    assert not Invitations({"two": "another secret of thirty-two bytes"}, clock).admits(text, SESSION)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:0],
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.replace(SESSION, OTHER),
        lambda text: text.replace("rehearsal", "guest"),
        lambda text: text.replace(".1", ".9", 1),
        lambda text: text.replace(".", ".é", 1),
        lambda text: "." * len(text),
        lambda text: text * 10,
    ],
)
def test_a_changed_invitation_is_none(change):
    clock = FakeClock()
    invitations = Invitations(KEYS, clock)
    changed = change(invitations.sign(SESSION, expires_s=clock.ms() // 1000 + 60))
    assert not any(invitations.admits(changed, session_id) for session_id in (SESSION, OTHER))


def test_what_else_is_signed_with_the_same_keys_is_no_invitation():
    clock = FakeClock()
    assert not Invitations(KEYS, clock).admits(GuestPasses(KEYS, clock, Ids(clock)).new(), SESSION)
