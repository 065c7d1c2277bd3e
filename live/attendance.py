"""Who is in which room at this gateway, and what of it is still to be told. Pure bookkeeping.

A viewer may have several sockets: he comes with the first and goes with the last. While the place is about a session,
his stay is an interval of that session.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from keel.clock import from_ms
from keel.ids import Ids


@dataclass(slots=True)
class Interval:
    """Somebody watched a session, at one gateway, from then until then."""

    id: str
    session_id: str
    viewer_id: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(slots=True)
class Turn:
    """From then on a place was about this session, or about none."""

    session_id: str | None
    at: datetime


@dataclass(slots=True)
class Here:
    """One place. `sockets` and `intervals` by viewer; `dirty`: whose coming or going the headcount has not heard;
    `is_told` is false until the headcount knows the whole list; `online`: what it last said, where this gateway is to
    tell it.

    `turns` that the stays of some do not follow yet, and of those `behind`, by viewer, the first that is not followed.
    """

    session_id: str | None = None
    sockets: dict[str, int] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    is_told: bool = False
    online: int | None = None
    turns: list[Turn] = field(default_factory=list)
    behind: dict[str, int] = field(default_factory=dict)


def together_ms(stays: Iterable[tuple[int, int]]) -> int:
    """How long stays, each from then until then in ms, are in all; a moment that several have counts once."""
    total = until = 0
    for began, ended in sorted(stays):
        total += max(0, ended - max(began, until))
        until = max(until, ended)
    return total


class Attendance:
    """All places of a gateway. `opened` and `closed` wait to be stored."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self.places: dict[str, Here] = {}
        self.opened: list[Interval] = []
        self.closed: list[Interval] = []

    def joined(self, place: str, session_id: str | None, viewer_id: str, at_ms: int) -> None:
        """One more socket of a viewer. `session_id`: what the place is about now, if anything is on air."""
        here = self.places.setdefault(place, Here(session_id))
        if here.session_id != session_id:
            self.turned(place, session_id, at_ms)
        here.sockets[viewer_id] = here.sockets.get(viewer_id, 0) + 1
        if here.sockets[viewer_id] == 1:
            here.dirty.add(viewer_id)
            self._open(here, session_id, viewer_id, from_ms(at_ms))

    def left(self, place: str, viewer_id: str, at_ms: int) -> None:
        """One socket less."""
        here = self.places.get(place)
        if here is None or viewer_id not in here.sockets:
            return
        here.sockets[viewer_id] -= 1
        if here.sockets[viewer_id] == 0:
            del here.sockets[viewer_id]
            here.dirty.add(viewer_id)
            self._follow(here, viewer_id)
            self._close(here, viewer_id, from_ms(at_ms))

    def turned(self, place: str, session_id: str | None, at_ms: int) -> None:
        """The place is about another session from now on, or about none: whoever is there watches that.

        Their stays follow in `follow`, for there may be thousands.
        """
        here = self.places.get(place)
        if here is None or here.session_id == session_id:
            return
        here.session_id = session_id
        if here.sockets:
            here.behind = dict.fromkeys(here.sockets, len(here.turns)) | here.behind
            here.turns.append(Turn(session_id, from_ms(at_ms)))

    def follow(self) -> Iterator[None]:
        """Let the stays of all follow the turns of their places, one viewer with each step."""
        for here in list(self.places.values()):
            for viewer_id in list(here.behind):
                self._follow(here, viewer_id)
                yield

    def begin_again(self, at: datetime) -> Iterator[None]:
        """The open intervals that were stored have been ended at that moment: go on with others from there, one with
        each step. Nothing is stored meanwhile; an interval that is left, or made, between two steps stays as it is."""
        waiting, places = list(self.opened), [(here, list(here.intervals.items())) for here in self.places.values()]
        unstored = set[str]()
        for interval in waiting:
            unstored.add(interval.id)
            yield
        for here, intervals in places:
            for viewer_id, interval in intervals:
                if interval.id not in unstored and here.intervals.get(viewer_id) is interval:
                    self._open(here, interval.session_id, viewer_id, max(at, interval.started_at))
                yield

    def forget_empty(self) -> None:
        """Let go of places where nobody is and nothing is left to tell."""
        for place in [name for name, here in self.places.items() if not here.sockets and not here.dirty]:
            del self.places[place]

    def _follow(self, here: Here, viewer_id: str) -> None:
        first = here.behind.pop(viewer_id, None)
        if first is None:
            return
        for turn in here.turns[first:]:
            self._close(here, viewer_id, turn.at)
            self._open(here, turn.session_id, viewer_id, turn.at)
        if not here.behind:
            here.turns.clear()

    def _open(self, here: Here, session_id: str | None, viewer_id: str, at: datetime) -> None:
        if session_id is not None:
            interval = Interval(self._ids.new(), session_id, viewer_id, at)
            here.intervals[viewer_id] = interval
            self.opened.append(interval)

    def _close(self, here: Here, viewer_id: str, at: datetime) -> None:
        interval = here.intervals.pop(viewer_id, None)
        if interval is not None:
            interval.ended_at = max(at, interval.started_at)
            self.closed.append(interval)
