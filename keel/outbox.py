"""The outbox: facts written with what they tell of, relayed at least once to named subscribers.

64 lanes by hash of the aggregate; a worker locks a lane for the length of one transaction. Each subscriber has a
delivery row of its own, so there is no cursor over a sequence (rows commit out of order). Within an aggregate the facts
come one per round, in the order of their event ids: one that is not done holds back the later ones of its aggregate,
for its subscriber only. An event id begins with the time of the process that wrote it. Two processes that write of one
aggregate within the difference of their clocks may so be heard in the other order, and a fact may commit after a later
one was heard: a subscriber that minds compares what the facts say.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

import asyncpg
import msgspec
from sqlalchemy import Uuid, cast, func
from sqlalchemy.ext.asyncio import AsyncSession

from keel.clock import Clock
from keel.database import Connection
from keel.metrics import OUTBOX_DEAD
from keel.tables import OutboxDeliveryRow, OutboxEventRow

log = logging.getLogger(__name__)

BATCH_MAX: Final = 256
ATTEMPTS_MAX: Final = 20
RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 300.0
LATER_S: Final = 0.5
KEEP_DONE_DAYS: Final = 7
PURGE_MAX: Final = 5_000
ERROR_CHARS_MAX: Final = 500


class Handled(Enum):
    """What a subscriber says of one fact. LATER: not yet possible, and no fault; it is never counted to death."""

    DONE = "done"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened. `payload` is JSON data; ids are canonical text."""

    id: str
    topic: str
    aggregate: str
    payload: dict[str, Any]
    at: datetime
    attempts: int


Subscriber = Callable[[Sequence[Fact]], Awaitable[list[Handled]]]

_payload = msgspec.json.Decoder(dict[str, Any]).decode


def write(session: AsyncSession, fact: Fact, heard_by: Sequence[str]) -> None:
    """Put a fact into the transaction that it tells of, with a delivery for each subscriber."""
    session.add(
        OutboxEventRow(id=fact.id, topic=fact.topic, aggregate=fact.aggregate, payload=fact.payload, at=fact.at)
    )
    lane = func.outbox_lane(cast(fact.aggregate, Uuid(as_uuid=False)))
    for name in heard_by:
        session.add(
            OutboxDeliveryRow(event_id=fact.id, subscriber=name, lane=lane, aggregate=fact.aggregate, due_at=fact.at)
        )


@dataclass(frozen=True)
class Relay:
    """Delivers what is due. `subscribers` by name; a delivery for any other name waits for a relay that knows it."""

    pool: asyncpg.Pool
    subscribers: Mapping[str, Subscriber]
    clock: Clock

    def __post_init__(self) -> None:
        for name in self.subscribers:
            OUTBOX_DEAD.labels(subscriber=name)  # shown as 0 from the start

    async def tick(self) -> int:
        """One round over all lanes with something due; how many deliveries were done.

        Raises the first fault of a lane, once all lanes had their turn.
        """
        now = self.clock.now()
        done, faults = 0, list[Exception]()
        for row in await self.pool.fetch(_LANES, now, list(self.subscribers)):
            try:
                done += await self._lane(row["lane"])
            except OSError:
                raise  # no connection can be had: that is every lane's fault
            except Exception as error:  # house: broad-except because one lane's fault is raised after the others' turn
                log.warning("outbox: lane %d failed: %s", row["lane"], type(error).__name__)
                faults.append(error)
        if faults:
            raise faults[0]
        return done

    async def purge(self) -> None:
        """Forget deliveries done long ago, and events that nobody waits for any more."""
        await self.pool.execute(_PURGE, self.clock.now() - timedelta(days=KEEP_DONE_DAYS), PURGE_MAX)

    async def _lane(self, lane: int) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(_LOCK, lane):
                return 0
            rows = await connection.fetch(_DUE, lane, self.clock.now(), list(self.subscribers), BATCH_MAX)
            by_subscriber: dict[str, list[Fact]] = {}
            for row in rows:
                by_subscriber.setdefault(row["subscriber"], []).append(_fact_of(row))
            return sum([await self._deliver(connection, name, facts) for name, facts in by_subscriber.items()])

    async def _deliver(self, connection: Connection, name: str, facts: list[Fact]) -> int:
        try:
            handled = list(zip(facts, await self.subscribers[name](facts), strict=True))
        except Exception as error:  # house: broad-except because a subscriber's fault parks its facts, not the lane
            if len(facts) > 1:  # nobody knows whose fault it was: each by itself, so that only the guilty waits
                return sum([await self._deliver(connection, name, [fact]) for fact in facts])
            log.exception("outbox: %s failed on %s %s", name, facts[0].topic, facts[0].id)
            await self._failed(connection, name, facts[0], error)
            return 0
        done = [fact.id for fact, result in handled if result is Handled.DONE]
        later = [fact.id for fact, result in handled if result is Handled.LATER]
        now = self.clock.now()
        await connection.execute(_DONE, name, done, now)
        await connection.execute(_LATER, name, later, now + timedelta(seconds=LATER_S))
        return len(done)

    async def _failed(self, connection: Connection, name: str, fact: Fact, error: Exception) -> None:
        dead = fact.attempts + 1 >= ATTEMPTS_MAX
        due_at = self.clock.now() + timedelta(seconds=min(RETRY_MAX_S, RETRY_FIRST_S * 2**fact.attempts))
        text = f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX]
        await connection.execute(_FAILED, name, fact.id, "dead" if dead else "waiting", due_at, text)
        if dead:
            OUTBOX_DEAD.labels(subscriber=name).inc()


def _fact_of(row: asyncpg.Record) -> Fact:
    payload = _payload(row["payload"])
    return Fact(str(row["id"]), row["topic"], str(row["aggregate"]), payload, row["at"], row["attempts"])


_LANES: Final = """
    SELECT DISTINCT lane FROM outbox_delivery
    WHERE state = 'waiting' AND due_at <= $1 AND subscriber = ANY ($2) ORDER BY lane
"""
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('outbox lane', 0) # $1::smallint)"
# The first of each aggregate is found in one pass over the lane: to look for an earlier one for each would compare all
# that waits with all that waits, and an outage leaves much. Events are asked of their index: OFFSET keeps that from
# becoming a join, which is planned for a row or two where nobody counted the table since it grew.
_DUE: Final = """
    WITH due AS (
        SELECT w.event_id, w.subscriber, w.attempts FROM (
            SELECT d.*, row_number() OVER (PARTITION BY d.subscriber, d.aggregate ORDER BY d.event_id) AS place
            FROM outbox_delivery d WHERE d.lane = $1 AND d.state <> 'done' AND d.subscriber = ANY ($3)) w
        WHERE w.place = 1 AND w.state = 'waiting' AND w.due_at <= $2
        ORDER BY w.event_id LIMIT $4)
    SELECT e.*, d.subscriber, d.attempts FROM due d CROSS JOIN LATERAL (
        SELECT e.id, e.topic, e.aggregate, e.payload::text AS payload, e.at FROM outbox_event e
        WHERE e.id = d.event_id OFFSET 0) e
    ORDER BY d.event_id
"""
_DONE: Final = """
    UPDATE outbox_delivery SET state = 'done', done_at = $3 WHERE subscriber = $1 AND event_id = ANY ($2::uuid[])
"""
_LATER: Final = "UPDATE outbox_delivery SET due_at = $3 WHERE subscriber = $1 AND event_id = ANY ($2::uuid[])"
_FAILED: Final = """
    UPDATE outbox_delivery SET state = $3, due_at = $4, error = $5, attempts = attempts + 1
    WHERE subscriber = $1 AND event_id = $2
"""
_PURGE: Final = """
    WITH old AS (
        SELECT id FROM outbox_event e
        WHERE at < $1 AND NOT EXISTS (SELECT FROM outbox_delivery d WHERE d.event_id = e.id AND d.state <> 'done')
        ORDER BY id LIMIT $2),
    gone AS (DELETE FROM outbox_delivery d USING old WHERE d.event_id = old.id)
    DELETE FROM outbox_event e USING old WHERE e.id = old.id
"""
