"""The law of the room: an old snapshot and the events after it make the scene that a fresh snapshot gives.

Real commands, real readers, the scene and the log as they are; told at once, late, overtaken, twice, or by the relay.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live.parts import parts_of
from live.scene import EMPTY, KINDS
from live.snapshots import Readers, snapshot
from tests.live.deeds import DEEDS
from tests.live.histories import MOMENTS, REHEARSAL, WAYS, History, Taken, comparable, open_history

PLANNED: Final = REHEARSAL + 1  # the first that is planned
# One evening: what is done, where, and what the screens of that place are told at least.
EVENING: Final[Sequence[tuple[str, int, set[str]]]] = (
    ("rename_room", 0, {"room.changed"}),
    ("begin", 1, {"session.moved", "shelf.changed", "sale.moved"}),
    ("end", 1, {"session.moved", "sale.moved"}),
    ("plan", 0, {"session.moved"}),
    ("begin", PLANNED, {"session.moved", "shelf.changed"}),
    (
        "end",
        PLANNED,
        {"session.moved", "sale.moved"},
    ),  # what was planned first is on stage again, and its sales with it
    ("begin", 0, {"session.moved", "shelf.changed"}),
    ("say_to_all", 0, {"announced"}),
    ("take_off_a_comment", 0, {"comment.removed"}),
    ("rename_room", REHEARSAL, {"room.changed"}),
    ("rename_session", 0, {"session.moved"}),
    ("hold_up", 0, {"pin.set"}),
    ("arrange_shelf", 0, {"shelf.changed", "pin.cleared"}),
    ("reprice", 0, {"shelf.changed"}),
    ("pause_or_resume", 0, {"sale.moved"}),
    ("rule_talk", REHEARSAL, {"talk.ruled"}),
    ("hold_up", 0, {"pin.set"}),
    ("take_down", 0, {"pin.cleared"}),
    ("hide_or_show", 0, {"shelf.changed"}),
    ("take_sale_out", 0, {"sale.left"}),
    ("take_sale_in", 0, {"sale.moved"}),
    ("lose_picture", 0, {"session.moved"}),
    ("bring_picture", 0, {"session.moved"}),
    ("hold_up", 0, {"pin.set"}),
    ("end", 0, {"session.moved", "pin.cleared", "announcement.cleared"}),
    ("begin", REHEARSAL, {"session.moved", "shelf.changed"}),
    ("end", REHEARSAL, {"session.moved"}),
    ("rule_talk", REHEARSAL, {"talk.ruled"}),  # whoever is still there sees what whoever comes sees
    ("rename_room", REHEARSAL, {"room.changed"}),
)
# What is told late is overtaken: by its contrary where it has one, else by the same once more.
CONTRARY: Final = {"take_down": "hold_up", "take_sale_out": "take_sale_in", "lose_picture": "bring_picture"}
MEANWHILE: Final = (
    ("rename_room", 0), ("take_off_a_comment", 0), ("end", 0), ("begin", 1), ("hold_up", 1), ("say_to_all", 1),
    ("rule_talk", 1), ("take_sale_out", 1),
)  # fmt: skip


@pytest.fixture
async def history(database_url: str, redis_url: str) -> AsyncIterator[History]:
    async with open_history(database_url, redis_url) as history:
        yield history


async def on_air(history: History) -> None:
    """The first session is on air, something is pinned and something announced."""
    await history.begin()
    for deed in ("begin", "hold_up", "say_to_all"):
        await history.do(deed, 0, "at once")


def test_no_deed_and_no_kind_of_event_escapes_the_law():
    assert {deed for deed, _, _ in EVENING} == DEEDS.keys()
    assert set().union(*(kinds for _, _, kinds in EVENING)) == KINDS


@pytest.mark.parametrize("told", WAYS)
async def test_whatever_is_done_and_however_it_is_told_every_screen_is_right_in_the_end(history: History, told: str):
    await history.begin()
    taken = list[Taken]()
    for deed, at, kinds in EVENING:
        taken.append(before := await history.take(history.sessions[at].place))
        await history.do(deed, at, told)
        if told == "late":
            await history.do(CONTRARY.get(deed, deed), at, "at once")
        await history.settle()
        fresh = await history.shown(before.place)
        assert await history.replayed(before) == fresh, deed
        assert told == "late" or kinds <= {kind for kind, _ in await history.told(before)}, deed
        assert told == "late" or fresh != comparable(before.scene), deed
    for one in taken:
        assert await history.replayed(one) == await history.shown(one.place)


async def test_what_happens_while_a_snapshot_is_read_comes_again_with_the_log(history: History):
    async def meanwhile() -> None:
        for deed, at in MEANWHILE:
            await history.do(deed, at, "at once")

    for moment in MOMENTS:
        await on_air(history)
        taken = await history.take(history.room.id, moment=moment, meanwhile=meanwhile)
        await history.settle()
        assert await history.replayed(taken) == await history.shown(history.room.id), moment


async def test_of_commands_at_one_moment_every_screen_ends_with_what_is_committed(history: History):
    for _ in range(3):
        await on_air(history)
        taken = [await history.take(place) for place in history.places]
        deeds = [history.do(deed, at, "at once") for deed in sorted(DEEDS) for at in (0, REHEARSAL)]
        await asyncio.gather(*deeds)
        await history.settle()
        for one in taken:
            assert await history.replayed(one) == await history.shown(one.place)


STEP = st.tuples(
    st.sampled_from(sorted(DEEDS)),
    st.integers(0, REHEARSAL),
    st.sampled_from(WAYS),
    st.sampled_from(["", "after", *MOMENTS]),  # when somebody comes, and takes a snapshot
    st.booleans(),  # whether a worker looks before
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, min_size=1, max_size=8))
async def test_an_old_snapshot_and_the_events_after_it_make_the_fresh_scene(history: History, steps: list[Any]):
    await history.begin()
    taken = [await history.take(place) for place in history.places]
    for deed, at, told, coming, looked in steps:
        if looked:
            await history.look()
        done, place = partial(history.do, deed, at, told), history.sessions[at].place
        if coming in MOMENTS:
            taken.append(await history.take(place, moment=coming, meanwhile=done))
        else:
            await done()
        if coming == "after":
            taken.append(await history.take(place))
    await history.settle()
    fresh = {place: await history.shown(place) for place in history.places}
    for one in taken:
        assert await history.replayed(one) == fresh[one.place]


async def read(history: History, merchant_id: str, place: str) -> tuple[int, Any]:
    ledger = history.pond.shop.ledger
    position, scene = await snapshot(Readers(history.log, ledger, parts_of(ledger)), merchant_id, place)
    return position.seq, scene


async def test_a_place_that_is_not_there_has_an_empty_scene(history: History):
    usual = {"slow_mode_s": 0, "review": False, "muted_all": False}
    assert await read(history, history.by.merchant_id, history.pond.shop.ids.new()) == (0, {**EMPTY, "talk": usual})


async def test_another_merchants_place_shows_nothing(history: History):
    await on_air(history)
    await history.settle()
    place, stranger = history.room.id, history.pond.shop.ids.new()
    assert (await read(history, stranger, place))[1] == (await read(history, stranger, stranger))[1]
    assert (await read(history, history.by.merchant_id, place))[1]["pin"] is not None


async def test_a_rehearsal_is_a_place_of_its_own(history: History):
    await history.begin()
    rehearsal = history.sessions[REHEARSAL]
    await history.do("begin", REHEARSAL, "at once")
    scene = (await history.take(rehearsal.id)).scene
    assert (scene["session"]["session_id"], scene["room"]["title"]) == (rehearsal.id, history.room.title)
    assert scene["sales"].keys() == {sale.id for sale in history.stock[True]}
    assert [slot["item_id"] for slot in scene["shelf"]["slots"]] == [*history.shelved(rehearsal).item_ids]
    there = (await history.take(history.room.id)).scene
    assert there["sessions"].keys() == {session.id for session in history.sessions if not session.rehearsal}
    assert there["shelf"] == EMPTY["shelf"]
