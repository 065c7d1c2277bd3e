"""Codes that nobody guesses, visits that are one, and trees that only grow downwards: pure values."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, text, uuids

from keel.ids import is_id, tick_of
from referrals.model import (
    ALPHABET,
    CODE_CHARS,
    CODE_SHAPE,
    DEPTH_MAX,
    ONE_VISIT_S,
    Channel,
    Node,
    Visit,
    channel_of,
    is_code,
    is_community,
    new_code,
    path_under,
    place_under,
    touch_id,
)

SCENE = re.compile(r"^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}$")
SLOT_MS = ONE_VISIT_S * 1000


def test_codes_use_every_sign_about_equally_often():
    codes = [new_code() for _ in range(20_000)]
    assert len(set(codes)) == len(codes)
    seen = Counter("".join(codes))
    expected = len(codes) * CODE_CHARS / len(ALPHABET)
    assert set(seen) == set(ALPHABET)
    # 20 standard deviations: no chance of a false alarm, and a sign that is a third too frequent is found.
    assert all(abs(count - expected) < 20 * expected**0.5 for count in seen.values()), seen


def test_codes_fit_a_mini_programs_scene_and_are_long_enough():
    for code in (new_code() for _ in range(100)):
        assert SCENE.match(code)
        assert re.match(CODE_SHAPE, code)
        assert is_code(code)
    assert len(ALPHABET) ** CODE_CHARS > 2**50
    assert not set("0O1Il") & set(ALPHABET)


@given(text())
def test_what_could_be_a_code_is_what_the_database_takes(some: str):
    assert is_code(some) == bool(re.fullmatch(CODE_SHAPE[1:-1], some))


@pytest.mark.parametrize("name", ["", "GROUP", "tiktok", "group ", None])
def test_a_channel_nobody_knows_is_unknown(name: str | None):
    assert channel_of(name) is Channel.UNKNOWN


def test_channels_go_by_their_names():
    assert [channel_of(channel.value) for channel in Channel] == list(Channel)


@pytest.mark.parametrize("some", ["", "x" * 129, "two words", "群", "a\x00", "a\nb"])
def test_a_community_is_a_short_word(some: str):
    assert not is_community(some)
    assert is_community("tGyP6s5yDHZ7x")


@given(uuids(version=4).map(str), integers(0, 2**44), integers(0, SLOT_MS - 1), integers(0, SLOT_MS - 1))
def test_visits_of_the_same_minute_are_one_touch(visitor: str, slot: int, early: int, late: int):
    begun = slot * SLOT_MS % 2**47 // SLOT_MS * SLOT_MS
    first = touch_id(visitor, "abcdefghj", begun + early)
    assert first == touch_id(visitor, "abcdefghj", begun + late)
    assert first != touch_id(visitor, "abcdefghj", begun + SLOT_MS)
    assert first != touch_id(visitor, "abcdefghk", begun + early)
    assert is_id(first)
    assert first[14] == "7"
    assert first[19] in "89ab"
    assert tick_of(first) // 4096 == begun, "it grows with time"


def test_what_only_the_later_visit_knew_is_added_to_the_first():
    first = Visit("m", "abcdefghj", "v", 5)
    later = Visit("m", "abcdefghj", "v", 9, Channel.GROUP, "tG1", "s")
    both = first.and_again(later)
    assert (both.at_ms, both.channel, both.community, both.session_id) == (5, Channel.GROUP, "tG1", "s")
    assert later.and_again(first) == both, "whichever is heard first"


@given(lists(sampled_from("abcdef"), min_size=1, max_size=3 * DEPTH_MAX))
def test_a_tree_keeps_its_laws_whoever_shares_in_whatever_order(sharers: list[str]):
    """Everybody comes through the share that was made last."""
    nodes: dict[str, Node] = {}
    line: list[Node] = []
    for number, sharer in enumerate(sharers):
        parent = place_under([sharer], line)
        share_id = f"{number:04}"
        node = Node(share_id, sharer, share_id if parent is None else parent.root_id, path_under(parent))
        nodes[share_id] = node
        above = [nodes[each] for each in node.path]
        assert node.depth <= DEPTH_MAX
        assert all(each.id < node.id for each in above)
        assert sharer not in {each.sharer_id for each in above}, "nobody is above himself"
        assert node.parent_id == (above[-1].id if above else None)
        assert node.root_id == (above[0].id if above else node.id)
        line = [*above, node]
