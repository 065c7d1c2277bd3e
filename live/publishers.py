"""Who sends the picture of a place, and who did: pure values, so that any order of calls can be tried.

Media servers repeat calls, lose them, and bring them late or in another order. So every client of one has an id, and a
call is about that client alone: the newest that published is the picture; one that left says nothing about another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Self

GONE_MAX: Final = 16
GONE_FOR_MS: Final = 60_000  # nginx counts its clients anew after a restart: an id is shut out no longer than needed


class Change(Enum):
    """What a call came to. SHUT_OUT: the client left before; where it is a new one with the same id, it tries again."""

    NOTHING = "nothing"
    CAME = "came"
    LEFT = "left"
    SHUT_OUT = "shut_out"


@dataclass(frozen=True, slots=True)
class Publishers:
    """The client that publishes, if any, and (client, when in ms) of the last few that left."""

    client: str | None = None
    gone: tuple[tuple[str, int], ...] = ()

    @classmethod
    def read(cls, client: str | None, gone: Sequence[Sequence[Any]]) -> Self:
        """As they are kept."""
        return cls(client, tuple((entry[0], entry[1]) for entry in gone))

    def came(self, client: str, now_ms: int) -> tuple[Change, Self]:
        """A client begins. The newest is the picture, whatever became of the one before; one whose leaving was heard
        already is none."""
        if client == self.client:
            return Change.NOTHING, self
        if self._has_left(client, now_ms):
            return Change.SHUT_OUT, self
        return Change.CAME, replace(self, client=client)

    def left(self, client: str, now_ms: int) -> tuple[Change, Self]:
        """A client ends. Only the picture's own end is one."""
        others = [entry for entry in self.gone if entry[0] != client and now_ms - entry[1] <= GONE_FOR_MS]
        gone = (*others, (client, now_ms))[-GONE_MAX:]
        if client == self.client:
            return Change.LEFT, replace(self, client=None, gone=gone)
        return Change.NOTHING, replace(self, gone=gone)

    def lives(self, client: str, now_ms: int) -> tuple[Change, Self]:
        """A client says that it is still there. Where nobody publishes it is the picture, unless it just left: its
        coming was lost, or another came and was turned away by the media server itself."""
        if self.client is None and not self._has_left(client, now_ms):
            return Change.CAME, replace(self, client=client)
        return Change.NOTHING, self

    def fell_silent(self) -> Self:
        """Nothing is heard of the client any more. It may speak up again."""
        return replace(self, client=None)

    def _has_left(self, client: str, now_ms: int) -> bool:
        return any(entry[0] == client and now_ms - entry[1] <= GONE_FOR_MS for entry in self.gone)
