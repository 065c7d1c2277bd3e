"""A text holds what somebody can read."""

import pytest

from keel.texts import printable, printable_lines


@pytest.mark.parametrize("value", ["", "兔毛 Brush", "a'b\u200b\U0001f407"])
def test_what_can_be_read_is_taken_as_it_is(value):
    assert printable(value) == printable_lines(value) == value


@pytest.mark.parametrize("value", ["a\x00b", "\t", "a\rb", "\x7f", "\x9f", "\ud800"])
def test_what_nobody_can_read_is_refused(value):
    for check in (printable, printable_lines):
        with pytest.raises(ValueError, match="holds control characters"):
            check(value)


def test_a_line_break_is_for_texts_of_several_lines():
    assert printable_lines("one\ntwo\n") == "one\ntwo\n"
    with pytest.raises(ValueError, match="holds control characters"):
        printable("one\ntwo")
