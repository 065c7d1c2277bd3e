"""Who sends the picture of a place, and who did: pure values, so that any order of calls can be tried.

Media servers repeat calls, lose them, and bring them late or in another order. So every client of one has an id, and a
call is about that client alone: the newest that published is the picture; one that left says nothing about another.
A media server may ask about a second client and then turn it away itself: the one before is the picture again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Self

GONE_MAX: Final = 16
GONE_FOR_MS: Final = 60_000  # nginx counts its clients anew after a restart: an id is shut out no longer than needed
TURNED_AWAY_WITHIN_MS: Final = 10_000  # who is asked about, let in by us and not by the media server, leaves at once
THERE_FOR_MS: Final = 45_000  # after a sign of life


class Change(Enum):
    """What a call came to. BACK: the picture left, and the one before it is the picture again. SHUT_OUT: the client
    left before; where it is a new one with the same id, it tries again."""

    NOTHING = "nothing"
    CAME = "came"
    LEFT = "left"
    BACK = "back"
    SHUT_OUT = "shut_out"


@dataclass(frozen=True, slots=True)
class Publishers:
    """The client that publishes, if any; (client, when in ms) of the last few that left; and (client, until when it is
    taken as still there, in ms) of the one that was the picture before, where it has not left."""

    client: str | None = None
    gone: tuple[tuple[str, int], ...] = ()
    before: tuple[str, int] | None = None

    @classmethod
    def read(cls, client: str | None, others: Sequence[Sequence[Any]]) -> Self:
        """As they are kept."""
        gone = tuple((entry[0], entry[1]) for entry in others if len(entry) == 2)
        before = next(((entry[0], entry[1]) for entry in others if len(entry) > 2), None)
        return cls(client, gone, before)

    @property
    def others(self) -> list[list[Any]]:
        """All but the client, as they are kept: [client, when it left], and [client, until when it is there, true]."""
        before = [] if self.before is None else [[*self.before, True]]
        return [*(list(entry) for entry in self.gone), *before]

    def came(self, client: str, now_ms: int) -> tuple[Change, Self]:
        """A client begins. The newest is the picture, whatever became of the one before; one whose leaving was heard
        already is none."""
        if client == self.client:
            return Change.NOTHING, self
        if self._has_left(client, now_ms):
            return Change.SHUT_OUT, self
        before = None if self.client is None else (self.client, now_ms + TURNED_AWAY_WITHIN_MS)
        return Change.CAME, replace(self, client=client, before=before)

    def left(self, client: str, now_ms: int) -> tuple[Change, Self]:
        """A client ends. Only the picture's own end is one, and none where the one before is still there."""
        others = [entry for entry in self.gone if entry[0] != client and now_ms - entry[1] <= GONE_FOR_MS]
        rest = replace(self, gone=(*others, (client, now_ms))[-GONE_MAX:])
        if client != self.client:
            return Change.NOTHING, replace(rest, before=None) if self._is_before(client) else rest
        if self.before is not None and now_ms <= self.before[1]:
            return Change.BACK, replace(rest, client=self.before[0], before=None)
        return Change.LEFT, replace(rest, client=None, before=None)

    def lives(self, client: str, now_ms: int) -> tuple[Change, Self]:
        """A client says that it is still there. Where nobody publishes it is the picture, unless it just left: its
        coming was lost."""
        if self.client is None and not self._has_left(client, now_ms):
            return Change.CAME, replace(self, client=client)
        if self._is_before(client):
            return Change.NOTHING, replace(self, before=(client, now_ms + THERE_FOR_MS))
        return Change.NOTHING, self

    def fell_silent(self) -> Self:
        """Nothing is heard of the client any more. It may speak up again."""
        return replace(self, client=None, before=None)

    def _is_before(self, client: str) -> bool:
        return self.before is not None and self.before[0] == client

    def _has_left(self, client: str, now_ms: int) -> bool:
        return any(entry[0] == client and now_ms - entry[1] <= GONE_FOR_MS for entry in self.gone)
