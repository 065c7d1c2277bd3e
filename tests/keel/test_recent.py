"""What a process remembers is bounded, and what is used up first is what nobody renewed."""

from keel.recent import Recent


def test_of_too_many_things_the_one_that_was_put_in_longest_ago_is_forgotten():
    recent: Recent[str, int] = Recent(2)
    recent["mug"], recent["pot"], recent["cup"] = 1, 2, 3
    assert recent == {"pot": 2, "cup": 3}


def test_what_is_put_in_again_is_new_and_what_is_only_looked_at_is_not():
    recent: Recent[str, int] = Recent(2)
    recent["mug"], recent["pot"] = 1, 2
    recent["mug"] = 3
    assert recent["pot"] == 2
    recent["cup"] = 4
    assert recent == {"mug": 3, "cup": 4}
