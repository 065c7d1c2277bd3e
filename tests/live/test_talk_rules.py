"""Who may say what: every rule by itself, and moderators above all of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.errors import Malformed
from live.errors_talk import Banned, CommentRefused, Muted, TalkClosed, TalkTooFast
from live.messages import COMMENT_CHARS_MAX
from live.talk_rules import (
    ACCENTS_MAX,
    CommentState,
    RoomTalk,
    Rules,
    Silence,
    Speaker,
    judge,
    seems,
    tidy,
)
from live.word_filter import Action, Word, WordFilter

NOW_MS = 1_800_000_000_000
HUA, MODERATOR = Speaker("hua", "Hua"), Speaker("mo", "Mo", moderates=True)
WORDS = WordFilter([Word("scam", Action.REFUSE), Word("vx", Action.REVIEW)])


USUAL = Rules()


def room(rules: Rules = USUAL, **silences: int) -> RoomTalk:
    return RoomTalk("room", "merchant", rules, {("hua", Silence(k)): until for k, until in silences.items()}, WORDS)


@pytest.mark.parametrize(
    ("talk", "text", "expected"),
    [
        (room(), "how much?", CommentState.SHOWN),
        (room(), "a scam", CommentRefused),
        (room(), "my vx", CommentState.WAITING),
        (room(Rules(review=True)), "how much?", CommentState.WAITING),
        (room(Rules(muted_all=True)), "how much?", TalkClosed),
        (room(mute=NOW_MS + 1), "how much?", Muted),
        (room(mute=NOW_MS), "how much?", CommentState.SHOWN),
        (room(ban=NOW_MS + 1, mute=NOW_MS + 1), "how much?", Banned),
        (room(shadow=NOW_MS + 1), "how much?", CommentState.SHADOWED),
        (room(shadow=NOW_MS + 1), "a scam", CommentRefused),
        (room(Rules(review=True), shadow=NOW_MS + 1), "how much?", CommentState.SHADOWED),
    ],
)
def test_a_comment_gets_what_the_rules_say(talk: RoomTalk, text: str, expected: Any):
    verdict = judge(talk, HUA, text, NOW_MS)
    assert verdict is expected or isinstance(verdict, expected if isinstance(expected, type) else ())
    assert judge(talk, MODERATOR, text, NOW_MS) is CommentState.SHOWN, "moderators are exempt"


def test_who_is_shadowed_cannot_tell():
    for rules in (Rules(), Rules(review=True)):
        for text in ("how much?", "my vx"):
            plain, shadowed = room(rules), room(rules, shadow=NOW_MS + 1)
            assert seems(shadowed, HUA, text) is seems(plain, HUA, text) is judge(plain, HUA, text, NOW_MS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u200b\u200b",
        "\u3000",
        "a\x00b",
        "\x1b[31m",
        "\ud800",
        "x" * (COMMENT_CHARS_MAX + 1),
        "\ue000",
        " " * 900 + "x",
    ],
)
def test_what_is_no_comment_is_refused(text):
    with pytest.raises(Malformed):
        tidy(text)


def test_a_comment_is_kept_in_one_line_with_few_accents():
    assert tidy("  how\n much\tis  it?\u3000") == "how much is it?"
    assert tidy("🙂") == "🙂"
    assert len(tidy("Z" + "\u0301" * 100)) == 1 + ACCENTS_MAX


@given(st.text(max_size=260))
def test_any_text_is_a_comment_or_refused(text):
    try:
        tidied = tidy(text)
    except Malformed:
        return
    assert 1 <= len(tidied) <= COMMENT_CHARS_MAX
    assert tidy(tidied) == tidied
    assert "\n" not in tidied


def test_the_wait_is_told_in_ms_and_over_http_in_whole_seconds():
    refusal = TalkTooFast(retry_after_ms=1_200, slow_mode_s=5)
    assert refusal.document()["retry_after_ms"] == 1_200
    assert refusal.headers() == {"Retry-After": "2"}


def test_only_who_is_banned_is_looked_for():
    assert room().banned_people == ()
    assert room(mute=2_000).banned_people == ()
    assert len(room(mute=2_000, ban=1_000).banned_people) == 1
