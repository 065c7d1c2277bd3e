"""What viewers do in a room over the socket beside watching and buying: they speak, like, and earn purchase tickets."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from keel.buckets import TokenBuckets, spend
from keel.clock import Clock
from keel.errors import Conflict
from keel.ids import is_id
from keel.loops import run_every
from live import likes as liking
from live import talk_book, talking
from live.gate_talk import TalkGate, TalkSilent
from live.likes import Likes
from live.messages import Answer, Comment, Id, Like, PlaceRequest
from live.registry import Registry, Reply
from live.socket_errors import CustomersOnly
from live.staging import moderates
from live.studio import Studio
from live.talk_book import TalkBook
from live.talk_rules import Speaker
from live.talking import Talk, venue_at
from live.ticketing import TicketDesk, Watching
from live.viewers import Caller, Seat
from millpond.settings import Settings
from millpond.wiring import Parts
from orders.tickets import Tickets

NOT_ON_AIR: Final = "nothing is on air in this room"

SessionAt = Callable[[str], str | None]  # place; the session that is on air there
SalesAt = Callable[[str], Collection[str]]  # place; the sales of that session


class TicketRequest(PlaceRequest, tag="ticket", frozen=True, kw_only=True):
    """Ask for a ticket for a sale of the session that is on air: who has been in the room long enough gets one."""

    sale_id: Id


class Said(Answer, tag="said", frozen=True, kw_only=True, omit_defaults=True):
    """A comment was taken. Show it to its author at once; in a tick the same `id` may come again, or never."""

    id: str
    author_id: str
    text: str
    at_ms: Annotated[int, Meta(description="Milliseconds since 1970.")]
    ref: str | None = None
    waits: Annotated[bool, Meta(description="A moderator reads it before the others do.")] = False


class Ticketed(Answer, tag="ticketed", frozen=True, kw_only=True, omit_defaults=True):
    """A purchase ticket: send it in `order.ticket`, here or over HTTP, within ten minutes."""

    sale_id: str
    ticket: str
    ref: str | None = None


class Liked(msgspec.Struct, frozen=True):
    """The result: how many of the likes were counted."""

    counted: int


@dataclass(frozen=True)
class Voices:
    """What is said, liked and earned at one gateway."""

    book: TalkBook
    talk: Talk
    likes: Likes
    desk: TicketDesk
    clock: Clock

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Begin the loops, until `stop`."""
        group.create_task(run_every("talk", talking.TICK_S, stop, self.talk.tick))
        group.create_task(run_every("talk book", talk_book.READ_EVERY_S, stop, self.book.tick))
        group.create_task(run_every("likes", liking.TICK_S, stop, self.likes.tick))

    async def close(self) -> None:
        """Everybody who spoke is answered, and every like is counted, where Redis still answers."""
        await self.talk.drained()
        with suppress(TalkSilent):
            await self.likes.tick()


def voices_of(parts: Parts, settings: Settings) -> Voices:
    """The voices of one gateway."""
    gate, book = TalkGate(parts.redis), TalkBook(parts.pool, parts.clock)
    talk = Talk(book=book, gate=gate, pool=parts.pool, lane=parts.room_log, ids=parts.ids, clock=parts.clock)
    desk = TicketDesk(Tickets(settings.token_secrets, parts.clock), parts.viewers_book, parts.reader)
    return Voices(book, talk, Likes(gate), desk, parts.clock)


class SocketTalk:
    """What `comment`, `like` and `ticket` do."""

    def __init__(
        self, voices: Voices, studio: Studio, session_at: SessionAt, sales_at: SalesAt, addresses: TokenBuckets
    ) -> None:
        self._voices, self._studio, self._session_at, self._sales_at = voices, studio, session_at, sales_at
        self._addresses = addresses

    def register(self, registry: Registry) -> None:
        """Make them known."""
        registry.anybody(Comment, self.say, answer=Said)
        registry.anybody(Like, self.like)
        registry.customers(TicketRequest, self.ticket, answer=Ticketed)

    async def say(self, caller: Caller, message: Comment) -> Said:
        """Take a comment. Raises CustomersOnly, and what live.talking raises."""
        seat = caller.seats[message.place]
        speaker = await self._speaker(caller, seat)
        venue = venue_at(seat, self._session_at(seat.place))
        said = await self._voices.talk.say(venue, speaker, message.text)
        return Said(
            id=said.id,
            author_id=speaker.viewer_id,
            text=said.text,
            at_ms=said.at_ms,
            ref=message.ref,
            waits=said.waits,
        )

    def like(self, caller: Caller, message: Like) -> Liked:
        """Count likes, where something is on air."""
        session_id = self._session_at(message.place)
        if session_id is None:
            return Liked(0)
        return Liked(self._voices.likes.like(session_id, caller.viewer.id, message.count))

    def ticket(self, caller: Caller, message: TicketRequest, reply: Reply) -> None:
        """Give a ticket to who has earned it. Raises Conflict, TooManyRequests and what live.ticketing raises."""
        spend(self._addresses, caller.address)
        seat, session_id = caller.seats[message.place], self._session_at(message.place)
        if session_id is None:
            raise Conflict(detail=NOT_ON_AIR)
        viewer, now_ms, sale_ids = caller.viewer, self._studio.clock.ms(), self._sales_at(seat.place)
        watching = Watching(seat.merchant_id, session_id, viewer.id, viewer.people, seat.since_ms, now_ms, sale_ids)
        reply(self._ticketed(watching, message))

    async def _ticketed(self, viewer: Watching, message: TicketRequest) -> Ticketed:
        ticket = await self._voices.desk.ticket(viewer, message.sale_id)
        return Ticketed(sale_id=message.sale_id, ticket=ticket, ref=message.ref)

    async def _speaker(self, caller: Caller, seat: Seat) -> Speaker:
        """Who speaks: a customer, or staff. A guest whom nobody knows could not be silenced."""
        by = caller.viewer.principal
        if by is not None:
            author_id = by.subject if is_id(by.subject) else by.merchant_id  # fixed tokens speak for the shop
            return Speaker(author_id, moderates=await moderates(self._studio, by, seat.room_id))
        if caller.viewer.is_guest:
            raise CustomersOnly
        return Speaker(caller.viewer.id, was=caller.claims.was)
