"""What start-up made is never looked at again while requests are served."""

import gc
import os
import signal
import weakref

import pytest

from millpond.heap import settle

pytestmark = pytest.mark.usefixtures("collector_given_back")


def test_a_collection_looks_only_at_what_came_later():
    before = len(gc.get_objects())
    settle()
    assert len(gc.get_objects()) < before / 10
    late: list[object] = []
    late.append(late)
    assert any(each is late for each in gc.get_objects())


def test_it_is_asked_for_less_often():
    settle()
    assert gc.get_threshold() > (700, 10, 10)


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_a_stop_in_the_middle_of_the_collection_is_heard_after_it():
    """Python passes over what is raised where a collection calls back: the stop would be lost."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    doomed = Cycle()
    watching = weakref.ref(doomed, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    del doomed
    try:
        with pytest.raises(KeyboardInterrupt):
            settle()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert watching() is None
