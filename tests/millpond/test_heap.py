"""What start-up made is never looked at again while requests are served."""

import gc
from collections.abc import Iterator

import pytest

from millpond.heap import settle


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """This process has other things to do afterwards."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


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
