"""Builders for tests of talk: a gateway process's talk in a room, over the engines of a studio.

async with open_talk(database_url, redis_url) as room:
    await room.say(room.viewer(), "how much?")
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from live.gate_talk import TalkGate
from live.store_comments import Venue
from live.talk_book import TalkBook
from live.talk_rules import Speaker
from live.talking import Said, Talk
from tests.live.studios import Air, Place, on_air, open_studio


@dataclass(frozen=True)
class Room:
    """A room on air, and one process that serves it."""

    place: Place
    air: Air
    talk: Talk
    venue: Venue

    def viewer(self, name: str = "Hua") -> Speaker:
        """Somebody new."""
        return Speaker(self.place.shop.ids.new(), name)

    async def say(self, speaker: Speaker, text: str) -> Said:
        return await self.talk.say(self.venue, speaker, text)

    async def comments(self) -> list[dict[str, Any]]:
        """The record, in the order in which it was said."""
        return await self.place.shop.rows("SELECT id::text, author_id::text, text, state FROM comment ORDER BY id")

    def shown(self) -> list[dict[str, Any]]:
        """What the screens of the room were told so far."""
        return [
            comment
            for place, kind, body in self.place.heard.values
            if (place, kind) == (self.venue.place, "comments")
            for comment in body["comments"]
        ]


def another_process(place: Place) -> Talk:
    """The talk of one more gateway."""
    shop = place.shop
    return Talk(
        book=TalkBook(shop.pool, shop.clock, lambda: shop.clock.ms() / 1_000),
        gate=TalkGate(shop.redis),
        pool=shop.pool,
        lane=place.heard,
        ids=shop.ids,
        clock=shop.clock,
    )


@asynccontextmanager
async def open_talk(database_url: str, redis_url: str) -> AsyncIterator[Room]:
    """A room on air whose talk one process serves."""
    async with open_studio(database_url, redis_url) as place:
        air = await on_air(place, units=[3])
        talk = another_process(place)
        venue = Venue(place.merchant_id, air.room_id, air.room_id, air.session_id)
        yield Room(place, air, talk, venue)
        await talk.drained()
