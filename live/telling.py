"""What is told to a room's screens: a fact in the transaction of what it tells of, then the same event in the log.

A writer does three things, in this order:

    fact = fact_of(place, kind, body, fact_id=…, at=clock.now())   # above the place's last, with its order locked
    outbox.write(session, fact, heard_by)                          # in the transaction
    await tell(log, fact)                                          # after the commit, for speed

What `tell` does not get through, the relay repeats; the log takes an event id once. Ids of a place grow as the commits
do (live.studio), and the log leaves out what is older than what it has told of the same thing.
"""

import logging
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from keel.outbox import Fact
from live.roomlog import LogSilent
from live.scene import KINDS

log = logging.getLogger(__name__)

ROOM_EVENT: Final = "room.event"

_encode = msgspec.json.Encoder().encode


class RoomLog(Protocol):
    """What writers need of the log; see live.roomlog."""

    async def publish(self, place: str, event_id: str, kind: str, body: bytes) -> object:
        """Number an event and tell it, once per event id."""
        ...

    async def put(self, place: str, kind: str, body: bytes) -> object:
        """Tell a value of the state lane."""
        ...


def fact_of(
    place: str, kind: str, body: dict[str, Any], *, fact_id: str, at: datetime, event_id: str | None = None
) -> Fact:
    """A change of a room that its screens must hear of. `body` is JSON data, absolute values; see live.scene.

    `event_id`: the event's, where it is not the fact's.
    """
    assert kind in KINDS, f"what a scene does not take, snapshots and events could not agree on: {kind}"
    payload = {"place": place, "kind": kind, "body": body}
    if event_id is not None:
        payload["event_id"] = event_id
    return Fact(id=fact_id, topic=ROOM_EVENT, aggregate=place, payload=payload, at=at, attempts=0)


async def publish(room_log: RoomLog, fact: Fact) -> None:
    """Put a fact into its place's log. Raises LogSilent."""
    payload = fact.payload
    event_id = payload.get("event_id", fact.id)
    await room_log.publish(payload["place"], event_id, payload["kind"], _encode(payload["body"]))


async def show(room_log: RoomLog, place: str, kind: str, body: bytes) -> None:
    """Put what is committed on the state lane. A silent Redis is logged: the command itself has succeeded."""
    try:
        await room_log.put(place, kind, body)
    except LogSilent as silence:
        log.warning("room %s: %s was not shown: %s", place, kind, silence)


async def tell(room_log: RoomLog, fact: Fact) -> None:
    """Publish what is committed. A silent Redis is logged and left to the relay: the command itself has succeeded."""
    try:
        await publish(room_log, fact)
    except LogSilent as silence:
        log.warning("room %s: %s is left to the relay: %s", fact.aggregate, fact.id, silence)
