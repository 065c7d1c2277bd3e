"""Under a flood viewers get what they can read, and everybody gets a turn."""

from hypothesis import given
from hypothesis import strategies as st

from live.sampling import PER_AUTHOR_MAX, WAITING_MAX, Comment, Sampler


def said(no: int, author: str, *, first: bool = False) -> Comment:
    return Comment(f"{no:06}", author, None, f"comment {no}", no, first=first)


def test_what_can_be_read_is_shown_whole_and_in_order():
    sampler = Sampler()
    for no, author in enumerate("abc"):
        assert sampler.offer(said(no, author))
    assert [comment.at_ms for comment in sampler.take()] == [0, 1, 2]
    assert (sampler.take(), len(sampler)) == ([], 0)


def test_whoever_says_the_most_does_not_drown_the_others():
    sampler = Sampler()
    for no in range(PER_AUTHOR_MAX):
        sampler.offer(said(no, "loud"))
    for no in range(3):
        sampler.offer(said(100 + no, f"quiet {no}"))
    shown = sampler.take(4)
    assert {comment.author_id for comment in shown} == {"loud", "quiet 0", "quiet 1", "quiet 2"}


def test_everybody_gets_a_turn_before_anybody_gets_a_second_one():
    sampler, seen = Sampler(), list[str]()
    for tick in range(10):
        for author in range(40):
            sampler.offer(said(tick * 100 + author, str(author)))
        seen.extend(comment.author_id for comment in sampler.take(4))
    assert len(set(seen)) == 40


def test_moderators_are_always_shown():
    sampler = Sampler()
    for no in range(WAITING_MAX * 3):
        sampler.offer(said(no, str(no)))
    assert sampler.offer(said(9_999_999, "moderator", first=True))
    assert "moderator" in {comment.author_id for comment in sampler.take(2)}


@given(offers=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=100), shown_max=st.integers(1, 10))
def test_a_sample_is_never_too_long_never_made_up_and_as_fair_as_it_can_be(offers, shown_max):
    sampler, offered = Sampler(), list[Comment]()
    for no, (author, first) in enumerate(offers):
        comment = said(no, author, first=first)
        if sampler.offer(comment):
            offered.append(comment)
    shown = sampler.take(shown_max)
    assert len(shown) == min(shown_max, len(offered))
    assert set(shown) <= set(offered)
    assert shown == sorted(shown, key=lambda comment: comment.at_ms)
    plain = [comment for comment in offered if not comment.first]
    counts = {a: sum(not c.first and c.author_id == a for c in shown) for a in {c.author_id for c in plain}}
    for author, count in counts.items():
        had = sum(comment.author_id == author for comment in plain)
        assert count == had or count >= max(counts.values()) - 1


def test_a_flood_is_not_remembered_without_end():
    sampler = Sampler()
    for no in range(WAITING_MAX * 4):
        sampler.offer(said(no, str(no)))
    assert len(sampler) <= 2 * WAITING_MAX
