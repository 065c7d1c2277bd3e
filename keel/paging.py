"""Where a page of a list ends, and the next one begins (`keel.database.newest_first` reads them)."""

from collections.abc import Sequence
from typing import Protocol


class Named(Protocol):
    """Something with an id."""

    @property
    def id(self) -> str: ...


def next_of(page: Sequence[Named], count: int) -> str | None:
    """The `below` of the page after this one, which was asked for with `count`; None where it was the last."""
    return page[-1].id if len(page) == count else None
