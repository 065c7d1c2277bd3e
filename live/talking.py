"""What viewers say: judged, paced, put on record, and shown as a sample that can be read.

    say ──► rules, silences, words (memory) ──► pace (Redis, all gateways) ──► record (PostgreSQL) ──► answered
                                                                                  └──► sampler ──tick──► state lane

Everybody gets an answer, and nothing is shown that is not on record: a moderator can remove whatever viewers read. Both
engines are asked in batches: while one is in flight the next one gathers.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from inventory.faults import LedgerFault
from keel.batching import Batcher
from keel.clock import Clock
from keel.database import Pool
from keel.errors import Refusal, Unavailable
from keel.ids import Ids
from live.audience import SAID_MAX
from live.errors_talk import CommentRepeated, TalkTooFast
from live.gate_talk import SPEAKERS_MAX, TalkGate, TalkSilent, Verdict
from live.sampling import COMMENTS, Comment, Sampler, body_of
from live.store_comments import Entry, Venue, recent, record
from live.store_places import Place
from live.talk_book import TalkBook
from live.talk_rules import CommentState, RoomTalk, Speaker, judge, seems, tidy
from live.viewers import Seat
from live.word_filter import fold

TICK_S: Final = 0.2
RECORDS_MAX: Final = 64
WAITING_MAX: Final = 4_096

_encode = msgspec.json.Encoder().encode
A = TypeVar("A")


class StateLane(Protocol):
    """Where a place's values are told that nobody keeps."""

    async def put(self, place: str, kind: str, body: bytes) -> object:
        """Tell a value to whoever listens."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """A comment that was taken, as it is kept. `waits`: a moderator reads it first."""

    id: str
    text: str
    at_ms: int
    waits: bool


@dataclass(eq=False, slots=True)
class _Asked(Generic[A]):
    """Something that is asked of an engine in a batch, and who waits for it."""

    what: A
    answer: "asyncio.Future[Any]"


class Talk:
    """The talk of the rooms that one process serves."""

    def __init__(self, *, book: TalkBook, gate: TalkGate, pool: Pool, lane: StateLane, ids: Ids, clock: Clock) -> None:
        self.book = book
        self._gate, self._pool, self._lane, self._ids, self._clock = gate, pool, lane, ids, clock
        self._samplers: dict[str, Sampler] = {}
        self._paces: dict[str, Batcher[_Asked[tuple[str, str]]]] = {}
        self._records = _batcher("comments", self._record, items_max=RECORDS_MAX)

    async def say(self, venue: Venue, speaker: Speaker, text: str) -> Said:
        """Take a comment. Raises Malformed, the refusals of live.errors_talk, NotFound and Unavailable."""
        text = tidy(text)
        talk = await self._talk_of(venue)
        state = judge(talk, speaker, text, self._clock.ms())
        if isinstance(state, Refusal):
            raise state
        if not speaker.moderates:
            await self._paced(talk, speaker, text)
        comment = Comment(
            self._ids.new(), speaker.viewer_id, speaker.name, text, self._clock.ms(), first=speaker.moderates
        )
        comment = await self._recorded(Entry(venue, comment, state))
        if state is CommentState.SHOWN:
            self._samplers.setdefault(venue.place, Sampler()).offer(comment)
        return Said(comment.id, text, comment.at_ms, waits=seems(talk, speaker, text) is CommentState.WAITING)

    async def tick(self) -> None:
        """Tell every place its sample. Call it every TICK_S. A lane that raises loses this tick's, for that place."""
        samplers, due = self._samplers, [place for place, sampler in self._samplers.items() if len(sampler)]
        for place in [place for place, sampler in samplers.items() if not len(sampler)]:
            del samplers[place]
        self._paces = {room_id: pace for room_id, pace in self._paces.items() if pace.busy}
        for place in due:
            await self._lane.put(place, COMMENTS, body_of(samplers[place].take()))

    async def drained(self) -> None:
        """Return once everybody who spoke is answered."""
        for pace in list(self._paces.values()):
            await pace.drained()
        await self._records.drained()

    async def _talk_of(self, venue: Venue) -> RoomTalk:
        try:
            return await self.book.get(venue.merchant_id, venue.room_id)
        except LedgerFault as fault:
            raise Unavailable from fault

    async def _paced(self, talk: RoomTalk, speaker: Speaker, text: str) -> None:
        pace = self._paces.get(talk.room_id)
        if pace is None:
            pace = self._paces[talk.room_id] = _batcher("pace", self._pace_of(talk.room_id, talk.merchant_id))
        verdict, wait_ms = await _asked(pace, (speaker.viewer_id, digest_of(text)))
        if verdict == "repeated":
            raise CommentRepeated(retry_after_ms=wait_ms)
        if verdict != "ok":
            raise TalkTooFast(retry_after_ms=wait_ms, slow_mode_s=talk.rules.slow_mode_s if verdict == "slow" else None)

    def _pace_of(self, room_id: str, merchant_id: str) -> "Callable[[list[_Asked[tuple[str, str]]]], Awaitable[None]]":
        async def ask(batch: list[_Asked[tuple[str, str]]]) -> None:
            try:
                rules = (await self.book.get(merchant_id, room_id)).rules
                verdicts: Sequence[Verdict] = await self._gate.pace(
                    room_id, [asked.what for asked in batch], now_ms=self._clock.ms(), slow_mode_s=rules.slow_mode_s
                )
            except (TalkSilent, LedgerFault) as silence:
                _fail_all(batch, silence)
                return
            for asked, verdict in zip(batch, verdicts, strict=True):
                _settle(asked, verdict)

        return ask

    async def _recorded(self, entry: Entry) -> Comment:
        """The comment with its author's name."""
        recorded: Comment = await _asked(self._records, entry)
        return recorded

    async def _record(self, batch: list[_Asked[Entry]]) -> None:
        entries = [asked.what for asked in batch]
        try:
            names = await record(self._pool, entries)
        except LedgerFault as fault:
            await self._unsay(entries)
            _fail_all(batch, fault)
            return
        for asked in batch:
            comment = asked.what.comment
            _settle(asked, replace(comment, author_name=names.get(comment.id, comment.author_name)))

    async def _unsay(self, entries: Sequence[Entry]) -> None:
        """Nobody read it, so whoever tries again as he is told does not repeat himself."""
        for room_id in {entry.venue.room_id for entry in entries}:
            mine = [entry.comment for entry in entries if entry.venue.room_id == room_id]
            with suppress(TalkSilent):
                await self._gate.unsay(room_id, [(comment.author_id, digest_of(comment.text)) for comment in mine])


def venue_at(seat: Seat, session_id: str | None) -> Venue:
    """Where somebody speaks who sits there; `session_id`: what is on air."""
    return Venue(seat.merchant_id, seat.room_id, seat.place, session_id)


async def said_at(pool: Pool, place: Place) -> list[bytes]:
    """The last comments of a place, each as the screens are told of it, the oldest first. Raises LedgerFault."""
    comments = await recent(pool, place.merchant_id, place.room_id, place.id, count=SAID_MAX)
    return [_encode(comment.body()) for comment in comments]


def digest_of(text: str) -> str:
    """What makes two comments the same, however they are spelled; signs alone are taken as they are."""
    return hashlib.blake2b((fold(text).text or text).encode(), digest_size=9).hexdigest()


async def _asked(batcher: "Batcher[_Asked[A]]", what: A) -> Any:
    if len(batcher) >= WAITING_MAX:
        raise Unavailable(detail="too many comments are waiting")
    asked = _Asked(what, asyncio.get_running_loop().create_future())
    batcher.add(asked)
    return await asked.answer


def _settle(asked: _Asked[Any], answer: object) -> None:
    if not asked.answer.done():
        asked.answer.set_result(answer)


def _fail_all(batch: Sequence[_Asked[Any]], error: Exception) -> None:
    for asked in batch:
        _fail(asked, error)


def _fail(asked: _Asked[Any], _: Exception) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(Unavailable())


def _batcher(
    name: str, flush: "Callable[[list[_Asked[A]]], Awaitable[None]]", *, items_max: int = SPEAKERS_MAX
) -> "Batcher[_Asked[A]]":
    return Batcher(name, flush, _fail, items_max=items_max, weight_max=items_max, weigh=lambda _: 1)
