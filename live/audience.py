"""Everybody in one room at this gateway, and what they have been told: pure bookkeeping over what the feed says.

The audience keeps the scene, folded event by event, and the last events themselves, so a crowd that comes back at once
is answered from here: no question to Redis or PostgreSQL per viewer.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from live import messages
from live.feed import FeedItem, LogItem, Resync, StateItem
from live.messages import Joined, RoomTick, Since, encode_json
from live.roomlog import Event, Position
from live.sampling import COMMENTS
from live.scene import Scene, fold

RECENT_MAX: Final = 400  # below what the log keeps, so that a room that opens finds as many there
COMMENTS_MAX: Final = 10  # of a tick, which makes 50 a second: more than anybody reads
ANSWERS_MAX: Final = 50
SAID_MAX: Final = 20  # of the last comments: what fills a screen of whoever comes in
ON_AIR: Final = ("live", "interrupted")

V = TypeVar("V")


class _Sample(msgspec.Struct):
    """What one gateway tells of what was said there."""

    comments: list[msgspec.Raw]


class _Said(msgspec.Struct):
    """What is looked at of a comment."""

    id: str
    first: bool = False


_said: Final = msgspec.json.Decoder(_Said).decode
_comments: Final = msgspec.json.Decoder(_Sample).decode
_body: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Audience(Generic[V]):
    """The viewers of a place. `is_current` is false from a gap on until `open` is called with a snapshot."""

    def __init__(self, place: str, merchant_id: str, room_id: str = "") -> None:
        self.place, self.merchant_id, self.room_id = place, merchant_id, room_id or place
        self.viewers: dict[V, None] = {}
        self.is_current = False
        self._told = Position(0, 0)  # what every viewer has been sent; the scene is of this position
        self._scene: Scene = {}
        self._recent: deque[Event] = deque(maxlen=RECENT_MAX)
        self._fresh: list[Event] = []
        self._held: list[LogItem] = []
        self._state: dict[str, bytes] = {}
        self._changed: dict[str, bytes] = {}
        self._comments: list[msgspec.Raw] = []
        self._said: dict[str, msgspec.Raw] = {}  # by id, the oldest first
        self._must_show = False
        self._answers: dict[Position | None, bytes] = {}  # to those who come now, by where they were

    @property
    def position(self) -> Position:
        """What the viewers have been told."""
        return self._told

    @property
    def session_id(self) -> str | None:
        """The broadcast that is on air, by what the viewers have been told."""
        session = self._scene.get("session")
        return str(session["session_id"]) if session is not None and session["state"] in ON_AIR else None

    @property
    def sale_ids(self) -> Collection[str]:
        """The sales of the session on stage, by what the viewers have been told."""
        sales: Mapping[str, Any] = self._scene.get("sales", {})
        return sales.keys()

    @property
    def shelf(self) -> Sequence[Mapping[str, Any]]:
        """The slots of the shelf, by what the viewers have been told."""
        slots: Sequence[Mapping[str, Any]] = self._scene.get("shelf", {}).get("slots", ())
        return slots

    def open(self, position: Position, scene: Scene, before: Iterable[Event] = (), said: Iterable[bytes] = ()) -> None:
        """Begin from a snapshot, or go on from one after a gap: then the next tick shows it to everybody.

        `before` are the events up to the snapshot, for those who come back, and `said` the last comments, read after
        it; both the oldest first, and both may be left out.
        """
        self._answers.clear()
        self._must_show = bool(self.viewers)
        self._told, self._scene, self.is_current = position, scene, True
        self._recent.clear()
        self._recent.extend(event for event in before if event.seq <= position.seq)
        self._fresh.clear()
        heard, self._said = self._said, {}
        self._remember([*map(msgspec.Raw, said), *heard.values()])
        held, self._held = self._held, []
        for item in held:
            self._log(item)

    def hear(self, item: FeedItem) -> None:
        """Take what the feed says."""
        self._answers.clear()
        match item:
            case LogItem():
                self._log(item)
            case StateItem(kind=kind, body=body) if kind == COMMENTS:
                comments = _comments(body).comments
                self._comments = _fitting([*self._comments, *comments])
                self._remember(comments)
            case StateItem(kind=kind, body=body):
                self._take_state(kind, body)
            case Resync():
                self.lose()

    def forget(self, kind: str) -> None:
        """A value of the state lane is true no more: whoever comes from now on is not told."""
        if self._state.pop(kind, None) is not None:
            self._answers.clear()
            self._changed.pop(kind, None)

    def lose(self) -> None:
        """Something is missing: nothing more is told until somebody calls `open`."""
        self.is_current = False
        self._held.clear()
        self._fresh.clear()

    def take_tick(self) -> bytes | None:
        """What is new since the last tick, as a RoomTick, or None. From here on it counts as told."""
        if not (self._fresh or self._changed or self._comments or self._must_show):
            return None
        self._answers.clear()
        self._tell()
        tick = RoomTick(
            place=self.place,
            epoch=self._told.epoch,
            seq=self._told.seq,
            snapshot=dict(self._scene) if self._must_show else None,
            events=[] if self._must_show else _wire(self._fresh),
            state=_raw(self._changed),
            comments=list(self._comments),
        )
        self._must_show = False
        self._fresh.clear()
        self._changed.clear()
        self._comments.clear()
        return encode_json(tick)

    def welcome(self, since: Since | None, ref: str | None) -> bytes:
        """`joined`, encoded. A crowd that was lost at once comes back from one place: the same is encoded once."""
        before = None if since is None else Position(since.epoch, since.seq)
        answer = self._answers.get(before)
        if answer is None and before is not None and self._missed(before) is None:
            before = None  # whoever is shown the room as it is, is shown the same wherever he was
            answer = self._answers.get(None)
        if answer is None:
            if len(self._answers) >= ANSWERS_MAX:
                self._answers.clear()
            answer = self._answers[before] = encode_json(self.joined(before))
        return answer if ref is None else answer[:-1] + b',"ref":' + encode_json(ref) + b"}"

    def joined(self, since: Position | None) -> Joined:
        """The answer to a viewer who comes, or comes back: the gap where it is known whole, else the scene."""
        missed = None if since is None else self._missed(since)
        return Joined(
            place=self.place,
            epoch=self._told.epoch,
            seq=self._told.seq,
            snapshot=dict(self._scene) if missed is None else None,
            events=_wire(missed or []),
            state=_raw(self._state),
            comments=list(self._said.values()),
        )

    def _missed(self, since: Position) -> list[Event] | None:
        """Events after `since` up to what was told; None where some of them are not here any more."""
        told = self._told
        if since == told:
            return []
        # Who is ahead was told by a faster gateway; he passes over what he knows.
        if since.epoch != told.epoch or since.seq > told.seq + RECENT_MAX:
            return None
        if since.seq > told.seq:
            return []
        events = [event for event in self._recent if since.seq < event.seq <= told.seq]
        return events if len(events) == told.seq - since.seq else None

    def _take_state(self, kind: str, body: bytes) -> None:
        """A value that everybody has already is nothing new: counts come every second, and mostly stand still."""
        if self._state.get(kind) != body:
            self._state[kind] = self._changed[kind] = body

    def _log(self, item: LogItem) -> None:
        if not self.is_current:
            self._held.append(item)
            return
        last = self._fresh[-1].seq if self._fresh else self._told.seq
        events = [event for event in item.events if event.seq > last]
        if item.position.epoch != self._told.epoch or (events and events[0].seq != last + 1):
            self.lose()
            return
        self._fresh.extend(events)
        self._recent.extend(events)

    def _remember(self, comments: Iterable[msgspec.Raw]) -> None:
        """Keep the last comments, but for those that were removed; ids grow with the time at which they were made."""
        known = self._said | {_said(comment).id: comment for comment in comments}
        shown = sorted(known.keys() - set(self._scene.get("removed", ())))
        self._said = {comment_id: known[comment_id] for comment_id in shown[-SAID_MAX:]}

    def _tell(self) -> None:
        for event in self._fresh:
            self._scene = fold(self._scene, event.kind, _body(event.body))
            self._told = Position(self._told.epoch, event.seq)
        for comment_id in self._scene.get("removed", ()):
            self._said.pop(comment_id, None)


def _fitting(comments: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The last COMMENTS_MAX, in their order; those of moderators, and approved by one, before any others."""
    if len(comments) <= COMMENTS_MAX:
        return comments
    newest = sorted(range(len(comments)), key=lambda number: (_said(comments[number]).first, number))
    return [comments[number] for number in sorted(newest[-COMMENTS_MAX:])]


def _wire(events: Iterable[Event]) -> list[messages.Event]:
    return [messages.Event(event.seq, event.id, event.kind, msgspec.Raw(event.body)) for event in events]


def _raw(bodies: dict[str, bytes]) -> dict[str, msgspec.Raw]:
    return {kind: msgspec.Raw(body) for kind, body in bodies.items()}
