"""Facts reach every subscriber at least once, in order within their aggregate, and a bad one stops nobody else."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from keel.clock import FakeClock
from keel.database import create_pool
from keel.ids import Ids
from keel.metrics import OUTBOX_DEAD
from keel.outbox import _DUE, ATTEMPTS_MAX, BATCH_MAX, KEEP_DONE_DAYS, LATER_S, RETRY_MAX_S, Fact, Handled, Relay
from tests.plans import explained, rows_touched

EVENT = "INSERT INTO outbox_event (id, topic, aggregate, payload, at) VALUES ($1, $2, $3, '{\"n\": 1}', $4)"
DELIVERY = """
    INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at)
    SELECT $1, name, coalesce($4, outbox_lane($2)), $2, $3 FROM unnest($5::text[]) AS name
"""


class Post:
    """Writes facts as the ledger does, and hears them as a subscriber."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool, self.clock = pool, FakeClock()
        self.ids = Ids(self.clock)
        self.heard: list[Fact] = []

    async def write(
        self, aggregate: str, *to: str, topic: str = "tea.poured", lane: int | None = None, over: Any = None
    ) -> str:
        """One fact for the subscribers `to`; its id. `over`: a connection with a transaction of its own."""
        fact_id, now = self.ids.new(), self.clock.now()
        connection = over or self.pool
        await connection.execute(EVENT, fact_id, topic, aggregate, now)
        await connection.execute(DELIVERY, fact_id, aggregate, now, lane, list(to) or ["ear"])
        return fact_id

    async def hear(self, facts: Sequence[Fact]) -> list[Handled]:
        self.heard += facts
        return [Handled.DONE] * len(facts)

    def relay(self, **subscribers: Any) -> Relay:
        return Relay(self.pool, subscribers or {"ear": self.hear}, self.clock)

    async def states(self, subscriber: str = "ear") -> dict[str, str]:
        rows = await self.pool.fetch("SELECT event_id, state FROM outbox_delivery WHERE subscriber = $1", subscriber)
        return {str(row["event_id"]): row["state"] for row in rows}

    async def only_row(self) -> asyncpg.Record:
        (row,) = await self.pool.fetch("SELECT * FROM outbox_delivery")
        return row


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    async with create_pool(database_url) as pool:
        yield Post(pool)


def ids_of(facts: Sequence[Fact]) -> list[str]:
    return [fact.id for fact in facts]


async def test_a_fact_arrives_as_it_was_written_and_once_it_is_done_no_more(post: Post):
    aggregate = post.ids.new()
    fact_id = await post.write(aggregate)
    relay = post.relay()
    assert [await relay.tick(), await relay.tick()] == [1, 0]
    assert post.heard == [Fact(fact_id, "tea.poured", aggregate, {"n": 1}, post.clock.now(), 0)]
    assert await post.states() == {fact_id: "done"}


async def test_a_relay_that_dies_before_its_commit_delivers_again(post: Post):
    fact_id = await post.write(post.ids.new())
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND state = 'idle in transaction'"
    )

    async def hear_and_die(facts: Sequence[Fact]) -> list[Handled]:
        await post.pool.execute(cut)
        return await post.hear(facts)

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await post.relay(ear=hear_and_die).tick()
    assert await post.states() == {fact_id: "waiting"}
    assert await post.relay().tick() == 1
    assert ids_of(post.heard) == [fact_id, fact_id]


async def test_two_relays_at_once_never_do_the_same_work(post: Post):
    wrote = [await post.write(post.ids.new()) for _ in range(300)]
    one, other = post.relay(), post.relay()
    done = await asyncio.gather(*(relay.tick() for relay in (one, other, one, other)))
    done.append(await one.tick())
    assert sum(done) == 300
    assert sorted(ids_of(post.heard)) == wrote


async def test_a_lane_that_another_relay_works_on_is_left_alone_and_the_others_are_not(post: Post):
    busy = await post.write(post.ids.new(), lane=7)
    free = await post.write(post.ids.new(), lane=8)
    began, go_on = asyncio.Event(), asyncio.Event()

    async def hear_slowly(facts: Sequence[Fact]) -> list[Handled]:
        began.set()
        await go_on.wait()
        return await post.hear(facts)

    slow = asyncio.create_task(post.relay(ear=hear_slowly).tick())
    await began.wait()
    assert await post.relay().tick() == 1
    assert ids_of(post.heard) == [free]
    go_on.set()
    assert await slow == 1
    assert ids_of(post.heard) == [free, busy]


async def test_within_an_aggregate_facts_come_in_order_whatever_a_subscriber_says(post: Post):
    aggregates = [post.ids.new() for _ in range(4)]
    wrote = {aggregate: [await post.write(aggregate, lane=1) for _ in range(5)] for aggregate in aggregates}
    moods = itertools.cycle([Handled.DONE, Handled.LATER, OSError, Handled.LATER, Handled.DONE, OSError, Handled.DONE])

    async def hear_by_mood(facts: Sequence[Fact]) -> list[Handled]:
        answers: list[Any] = [next(moods) for _ in facts]
        if OSError in answers:
            raise OSError("in no mood")
        post.heard += [fact for fact, answer in zip(facts, answers, strict=True) if answer is Handled.DONE]
        return answers

    relay = post.relay(ear=hear_by_mood)
    while "waiting" in (await post.states()).values():
        await relay.tick()
        post.clock.advance(s=1)
    assert set((await post.states()).values()) == {"done"}
    heard = {aggregate: [fact.id for fact in post.heard if fact.aggregate == aggregate] for aggregate in aggregates}
    assert heard == wrote


async def test_later_is_asked_again_for_ever_and_never_counted_to_death(post: Post):
    fact_id = await post.write(post.ids.new())
    answers = [Handled.LATER] * (3 * ATTEMPTS_MAX) + [Handled.DONE]
    asked: list[Fact] = []

    async def hear_later(facts: Sequence[Fact]) -> list[Handled]:
        asked.extend(facts)
        return [answers[len(asked) - 1]]

    relay = post.relay(ear=hear_later)
    for _ in answers:
        assert await relay.tick() == (len(asked) == len(answers))
        assert await relay.tick() == 0, "and not again within the wait"
        post.clock.advance(s=LATER_S)
    assert {fact.attempts for fact in asked} == {0}
    assert await post.states() == {fact_id: "done"}


async def test_a_poisoned_fact_parks_its_own_aggregate_for_its_own_subscriber_only(post: Post):
    sick, well = post.ids.new(), post.ids.new()
    poison = await post.write(sick, "ear", "log", topic="poison", lane=3)
    behind = await post.write(sick, "ear", "log", lane=3)
    beside = await post.write(well, "ear", "log", lane=3)
    logged: list[Fact] = []
    before = OUTBOX_DEAD.labels(subscriber="ear")._value.get()

    async def hear(facts: Sequence[Fact]) -> list[Handled]:
        if any(fact.topic == "poison" for fact in facts):
            raise ValueError("cannot swallow this")
        return await post.hear(facts)

    async def note(facts: Sequence[Fact]) -> list[Handled]:
        logged.extend(facts)
        return [Handled.DONE] * len(facts)

    relay = post.relay(ear=hear, log=note)
    for _ in range(ATTEMPTS_MAX + 3):
        await relay.tick()
        post.clock.advance(s=RETRY_MAX_S)
    assert await post.states("ear") == {poison: "dead", behind: "waiting", beside: "done"}
    assert set((await post.states("log")).values()) == {"done"}
    assert ids_of(post.heard) == [beside]
    assert sorted(ids_of(logged)) == [poison, behind, beside]
    (row,) = await post.pool.fetch("SELECT * FROM outbox_delivery WHERE state = 'dead'")
    assert (row["attempts"], row["error"]) == (ATTEMPTS_MAX, "ValueError: cannot swallow this")
    assert OUTBOX_DEAD.labels(subscriber="ear")._value.get() == before + 1


async def test_the_pause_between_tries_grows_and_has_a_limit(post: Post):
    await post.write(post.ids.new())

    async def fail(facts: Sequence[Fact]) -> list[Handled]:
        raise ValueError("x" * 10_000)

    pauses = []
    for _ in range(ATTEMPTS_MAX - 1):
        await post.relay(ear=fail).tick()
        row = await post.only_row()
        pauses.append((row["due_at"] - post.clock.now()).total_seconds())
        post.clock.advance(s=pauses[-1])
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == RETRY_MAX_S
    assert len((await post.only_row())["error"]) == 500


async def test_an_answer_of_the_wrong_length_is_a_fault_of_the_subscriber_and_the_other_lanes_go_on(post: Post):
    await post.write(post.ids.new(), "mute", lane=0)
    await post.write(post.ids.new(), "ear", lane=63)

    async def say_nothing(facts: Sequence[Fact]) -> list[Handled]:
        return []

    assert await post.relay(mute=say_nothing, ear=post.hear).tick() == 1
    assert len(post.heard) == 1


async def test_rows_that_are_committed_out_of_order_are_not_lost(post: Post):
    async with post.pool.acquire() as late:
        transaction = late.transaction()
        await transaction.start()
        lower = await post.write(post.ids.new(), over=late)
        higher = await post.write(post.ids.new())
        relay = post.relay()
        assert await relay.tick() == 1
        await transaction.commit()
    assert await relay.tick() == 1
    assert ids_of(post.heard) == [higher, lower]


async def test_a_fact_is_not_delivered_before_it_is_due(post: Post):
    fact_id = await post.write(post.ids.new())
    early = replace(post.relay(), clock=FakeClock(post.clock.now() - timedelta(seconds=1)))
    assert await early.tick() == 0
    assert await post.relay().tick() == 1
    assert ids_of(post.heard) == [fact_id]


async def test_a_name_that_this_relay_does_not_know_waits_for_one_that_does(post: Post):
    fact_id = await post.write(post.ids.new(), "newcomer")
    assert await post.relay().tick() == 0
    assert await post.states("newcomer") == {fact_id: "waiting"}
    assert await post.relay(newcomer=post.hear).tick() == 1


async def test_a_round_takes_a_bounded_batch_from_a_lane(post: Post):
    wrote = [await post.write(post.ids.new(), lane=5) for _ in range(BATCH_MAX + 10)]
    relay = post.relay()
    assert [await relay.tick(), await relay.tick()] == [BATCH_MAX, 10]
    assert ids_of(post.heard) == wrote


async def test_purge_forgets_what_is_done_and_old_and_nothing_else(post: Post):
    old_done = await post.write(post.ids.new())
    await post.relay().tick()
    old_waiting = await post.write(post.ids.new(), "nobody")
    half_done = await post.write(post.ids.new(), "ear", "nobody")
    await post.relay().tick()
    post.clock.advance(s=KEEP_DONE_DAYS * 86_400 + 1)
    recent = await post.write(post.ids.new())
    await post.relay().tick()
    await post.relay().purge()
    events = [str(row["id"]) for row in await post.pool.fetch("SELECT id FROM outbox_event ORDER BY id")]
    assert events == [old_waiting, half_done, recent]
    assert old_done not in await post.states()
    assert await post.pool.fetchval("SELECT count(*) FROM outbox_delivery") == 4


async def test_a_lane_that_fails_does_not_end_the_round_of_the_later_ones(post: Post):
    bad = await post.write(post.ids.new(), lane=3)
    good = await post.write(post.ids.new(), lane=5)
    await post.pool.execute("UPDATE outbox_event SET payload = '[]' WHERE id = $1", bad)  # no fact can be read from it
    with pytest.raises(msgspec.ValidationError):
        await post.relay().tick()
    assert ids_of(post.heard) == [good]
    assert await post.states() == {bad: "waiting", good: "done"}


async def test_what_an_outage_left_is_not_compared_with_itself(post: Post):
    now = post.clock.now()
    await post.pool.execute(BACKLOG, now)
    async with post.pool.acquire() as connection:
        plan = await explained(connection, _DUE, 7, now, ["ear"], BATCH_MAX)
    assert rows_touched(plan) < 20 * 1_000


BACKLOG = """
    WITH n AS (SELECT gen_random_uuid() AS id FROM generate_series(1, 1000)),
    event AS (INSERT INTO outbox_event (id, topic, aggregate, payload, at) SELECT id, 't', id, '{}', $1 FROM n)
    INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at) SELECT id, 'ear', 7, id, $1 FROM n
"""
