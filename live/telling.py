"""What is told to a room's screens: a fact in the transaction of what it tells of, then the same event in its log.

A writer does three things, in this order:

    fact = fact_of(place, kind, body, fact_id=ids.new(), at=clock.now())   # with the row that it changes locked
    outbox.write(session, fact, heard_by)                                  # in the transaction
    await tell(log, fact)                                                  # after the commit, for speed

What `tell` does not get through, the relay repeats; the log takes an event id once.
"""

from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from keel.outbox import Fact

ROOM_EVENT: Final = "room.event"

_encode = msgspec.json.Encoder().encode


class RoomLog(Protocol):
    """The log of every place."""

    async def publish(self, place: str, event_id: str, kind: str, body: bytes) -> object:
        """Number an event and put it down, once for each id."""
        ...

    async def put(self, place: str, kind: str, body: bytes) -> object:
        """Tell a value that nobody keeps."""
        ...


def fact_of(place: str, kind: str, body: dict[str, Any], *, fact_id: str, at: datetime) -> Fact:
    """A change of a room that its screens must hear of. `body` is JSON data, absolute values."""
    payload = {"place": place, "kind": kind, "body": body}
    return Fact(id=fact_id, topic=ROOM_EVENT, aggregate=place, payload=payload, at=at, attempts=0)


async def tell(room_log: RoomLog, fact: Fact) -> None:
    """Publish what is committed."""
    payload = fact.payload
    await room_log.publish(payload["place"], fact.id, payload["kind"], _encode(payload["body"]))
