"""Push keys open one place until they expire or are taken back, and nothing else."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis.strategies import text

from keel.errors import Forbidden
from keel.identity import Role
from live import pushing
from live.push_keys import PushKeys, Validity
from live.pushing import room_key, session_key
from tests.live.ponds import SECRET, as_role

PLACE: Final = "01a3185c-5000-7009-8e45-b0f67c226c88"
KEYS: Final = PushKeys([SECRET])
KEY: Final = KEYS.sign(place=PLACE, key_no=1, expires_s=2_000)


def worth(key: str, *, keys: PushKeys = KEYS, place: str = PLACE, key_no: int = 1, now_s: int = 1_999) -> Validity:
    return keys.check(key, place=place, key_no=key_no, now_s=now_s)


def test_a_key_is_good_until_it_expires_at_its_place_under_its_number():
    assert worth(KEY) is Validity.GOOD
    assert worth(KEY, now_s=2_000) is Validity.EXPIRED
    assert worth(KEY, key_no=2) is Validity.NONE
    assert worth(KEY, place=PLACE[::-1]) is Validity.NONE
    assert worth(KEY, keys=PushKeys(["another secret"])) is Validity.NONE


def test_keys_of_an_older_secret_are_accepted_while_it_is_there():
    assert worth(KEY, keys=PushKeys(["a new one", SECRET])) is Validity.GOOD
    assert worth(PushKeys(["a new one", SECRET]).sign(place=PLACE, key_no=1, expires_s=2_000)) is Validity.NONE


@given(text(max_size=200))
def test_nothing_made_up_is_a_key(made_up):
    assert worth(made_up) is Validity.NONE or made_up == KEY
    assert worth(f"{made_up}.{KEY.partition('.')[2]}") is (Validity.GOOD if made_up == "7d0" else Validity.NONE)


def test_a_key_passes_through_the_url_of_a_stream():
    assert set(KEY) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


async def test_obs_is_given_a_server_and_a_stream_key_and_the_hand_out_is_noted(pond):
    room = await pond.room()
    handed = await room_key(pond.studio, pond.by, room.id, ttl_s=60)
    target = handed.target
    assert target.server == "rtmp://push.example.com/live"
    assert target.stream_key.startswith(f"{room.id}?key=")
    assert target.url == f"{target.server}/{target.stream_key}"
    assert (handed.expires_at - pond.shop.clock.now()).total_seconds() == 60
    (row,) = await pond.run("SELECT subject_id::text, detail FROM staff_audit WHERE command = 'push_key.hand'")
    assert (row["subject_id"], row["detail"]) == (room.id, {"key_no": 1})


async def test_a_rehearsal_is_pushed_to_a_place_of_its_own(pond):
    room = await pond.room()
    real, rehearsal = await pond.session(room), await pond.session(room, rehearsal=True)
    places = [(await session_key(pond.studio, pond.by, row.id, ttl_s=60)).target for row in (real, rehearsal)]
    assert [place.stream_key.partition("?")[0] for place in places] == [room.id, rehearsal.id]
    key = await pond.key(rehearsal)
    await pushing.revoke_session_keys(pond.studio, pond.by, rehearsal.id)
    (row,) = await pond.run("SELECT key_no FROM ingest WHERE place = :place", place=rehearsal.id)
    assert (row["key_no"], PushKeys([SECRET]).check(key, place=rehearsal.id, key_no=2, now_s=0)) == (2, Validity.NONE)


async def test_who_only_looks_gets_no_key(pond):
    room = await pond.room()
    with pytest.raises(Forbidden):
        await room_key(pond.studio, as_role(pond.by, Role.ANALYST), room.id, ttl_s=60)
