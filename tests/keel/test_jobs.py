"""A job outlives the process that took it in, is done once however often it is begun, and shows how far it is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keel import jobs as jobs_module
from keel import store_jobs
from keel.database import edge
from keel.errors import IdempotencyKeyReused, NotFound, TooManyRequests, Unavailable
from keel.jobs import ATTEMPTS_MAX, OPEN_MAX, PIECE_MAX, SILENT_AFTER, JobLost, JobRunner, Jobs, Run
from keel.tables import JobRow
from tests.eventually import eventually_async
from tests.inventory.selling import Shop, make_merchant, open_shop

LATER_S = SILENT_AFTER.total_seconds() + 1


class Workshop:
    """Jobs of the kind `boil`, each done by whatever `hands` says."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.stop, self.boiled = shop, asyncio.Event(), list[bytes]()
        self.jobs = Jobs(shop.selling.sessions, shop.ids, shop.clock)

    async def ask(self, body: bytes = b"tea", *, key: str = "k", **options: Any) -> JobRow:
        return await self.jobs.ask(self.shop.staff, "boil", key=key, options=options, body=body)

    async def read(self, job: JobRow) -> JobRow:
        return await self.jobs.read(self.shop.staff, job.id)

    async def boil(self, run: Run) -> None:
        body = await run.body()
        await run.tell("boiling", done=1, total=2)
        async with edge(run.sessions) as session:
            await run.end(session, state="done", result={"litres": 1})
        self.boiled.append(body)

    def runner(self, hands: Any = None, **kinds: Any) -> JobRunner:
        handlers = kinds or {"boil": hands or self.boil}
        return JobRunner(self.shop.selling.sessions, self.shop.clock, handlers, self.stop)


@pytest.fixture
async def workshop(database_url: str, redis_url: str) -> AsyncIterator[Workshop]:
    async with open_shop(database_url, redis_url) as shop:
        yield Workshop(shop)


async def test_a_job_is_done_once_and_lets_go_of_its_input(workshop):
    job = await workshop.ask()
    assert (job.state, job.actor) == ("waiting", "hua")
    assert await workshop.runner().tick()
    done = await workshop.read(job)
    assert (done.state, done.result, done.ended_at) == ("done", {"litres": 1}, workshop.shop.clock.now())
    assert (done.step, done.done, done.total) == ("boiling", 1, 2)
    assert not await workshop.runner().tick()
    assert workshop.boiled == [b"tea"]
    assert await workshop.shop.rows("SELECT * FROM job_piece") == []
    (audited,) = await workshop.shop.rows("SELECT command, detail FROM staff_audit")
    assert audited == {"command": "boil.ask", "detail": {"bytes": 3}}


async def test_the_same_key_is_the_same_job_and_another_wish_under_it_is_refused(workshop):
    job = await workshop.ask(b"tea", milk=True)
    assert (await workshop.ask(b"tea", milk=True)).id == job.id
    await workshop.runner().tick()
    again = await workshop.ask(b"tea", milk=True)
    assert (again.id, again.state) == (job.id, "done")
    for body, options in ((b"coffee", {"milk": True}), (b"tea", {"milk": False})):
        with pytest.raises(IdempotencyKeyReused):
            await workshop.ask(body, **options)
    assert (await workshop.ask(b"coffee", key="other")).id != job.id
    assert len(await workshop.shop.rows("SELECT * FROM staff_audit")) == 2


async def test_the_same_key_at_the_same_moment_is_one_job(workshop):
    jobs = await asyncio.gather(*(workshop.ask() for _ in range(4)))
    assert len({job.id for job in jobs}) == 1


async def test_another_merchants_job_looks_like_none(workshop):
    job = await workshop.ask()
    stranger = await make_merchant(workshop.shop.selling, "Another pond")
    with pytest.raises(NotFound):
        await workshop.jobs.read(stranger, job.id)
    theirs = await workshop.jobs.ask(stranger, "boil", key="k", options={}, body=b"water")
    assert theirs.id != job.id, "keys are a merchant's own"


async def test_a_job_whose_worker_was_killed_is_begun_anew_once_it_is_silent(workshop):
    job = await workshop.ask()

    async def killed(run: Run) -> None:
        await run.tell("boiling", done=1, total=2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await workshop.runner(killed).tick()
    assert not await workshop.runner().tick(), "it may still be alive"
    workshop.shop.clock.advance(s=LATER_S)
    assert await workshop.runner().tick()
    assert (await workshop.read(job)).state == "done"
    assert workshop.boiled == [b"tea"]


async def test_one_long_piece_is_no_silence_until_it_takes_longer_than_any_may(workshop, monkeypatch):
    monkeypatch.setattr(jobs_module, "BEAT_EVERY_S", 0.02)
    job, clock = await workshop.ask(), workshop.shop.clock
    stood_still = asyncio.Event()

    async def heard() -> bool:
        return bool((await workshop.read(job)).alive_at == clock.now())

    async def slow(run: Run) -> None:
        await run.tell("boiling", done=1, total=2)
        while clock.now() - run.told_at < PIECE_MAX - 2 * SILENT_AFTER:
            clock.advance(s=LATER_S)
            await eventually_async(heard)
            assert not await workshop.runner().tick(), "it is alive"
        clock.advance(s=PIECE_MAX.total_seconds() + LATER_S)
        assert await workshop.runner().tick(), "nobody waits for what hangs"
        with pytest.raises(JobLost):
            await run.tell("boiling", done=2, total=2)
        stood_still.set()

    await workshop.runner(slow).tick()
    assert stood_still.is_set()
    assert ((await workshop.read(job)).state, workshop.boiled) == ("done", [b"tea"])


async def test_a_job_that_never_ends_well_is_given_up_and_says_so(workshop):
    job = await workshop.ask()

    async def silent(_: Run) -> None:
        raise Unavailable(detail="no water")

    for _ in range(ATTEMPTS_MAX):
        assert await workshop.runner(silent).tick()
        workshop.shop.clock.advance(s=LATER_S)
    assert (await workshop.read(job)).state == "running"
    assert await workshop.runner().tick()
    given_up = await workshop.read(job)
    assert (given_up.state, given_up.result, given_up.attempts) == ("failed", None, ATTEMPTS_MAX)
    assert workshop.boiled == []


async def test_a_worker_that_froze_stores_nothing_once_another_has_begun(workshop):
    await workshop.ask()
    refused = list[str]()

    async def frozen(run: Run) -> None:
        workshop.shop.clock.advance(s=LATER_S)
        await workshop.runner().tick()
        with pytest.raises(JobLost):
            await run.tell("boiling", done=2, total=2)
        async with edge(run.sessions) as session:
            with pytest.raises(JobLost):
                await run.end(session, state="done", result={"litres": 2})
        refused.append("both")
        raise JobLost

    await workshop.runner(frozen).tick()
    assert (workshop.boiled, refused) == ([b"tea"], ["both"])
    (row,) = await workshop.shop.rows("SELECT state, result FROM job")
    assert row == {"state": "done", "result": {"litres": 1}}


async def test_a_worker_that_stops_gives_its_job_back_at_once(workshop):
    job = await workshop.ask()

    async def stopping(run: Run) -> None:
        workshop.stop.set()
        await run.tell("boiling", done=1, total=2)

    await workshop.runner(stopping).tick()
    back = await workshop.read(job)
    assert (back.state, back.attempts) == ("waiting", 0)


async def test_a_kind_that_this_worker_does_not_know_waits(workshop):
    await workshop.ask()
    assert not await workshop.runner(fry=workshop.boil).tick()
    assert await workshop.runner().tick()


async def test_of_two_workers_one_takes_the_job(workshop):
    await workshop.ask()
    took = await asyncio.gather(*(workshop.runner().tick() for _ in range(2)))
    assert sorted(took) == [False, True]
    assert workshop.boiled == [b"tea"]


async def test_a_merchant_has_a_few_jobs_open_and_the_next_has_to_wait(workshop):
    for n in range(OPEN_MAX):
        await workshop.ask(key=str(n))
    with pytest.raises(TooManyRequests):
        await workshop.ask(key="one more")
    assert (await workshop.ask(key="3")).state == "waiting", "a job that is there already is no new one"
    stranger = await make_merchant(workshop.shop.selling, "Another pond")
    await workshop.jobs.ask(stranger, "boil", key="k", options={}, body=b"water")
    await workshop.runner().tick()
    await workshop.ask(key="one more")


async def test_no_race_opens_more_than_a_few(workshop):
    asked = [workshop.ask(key=str(n)) for n in range(OPEN_MAX + 4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, TooManyRequests) for answer in answers) == 4, answers
    (row,) = await workshop.shop.rows("SELECT count(*)::int AS n FROM job")
    assert row["n"] == OPEN_MAX


async def test_jobs_are_taken_in_the_order_in_which_they_came(workshop):
    for n in range(3):
        await workshop.ask(str(n).encode(), key=str(n))
    while await workshop.runner().tick():
        pass
    assert workshop.boiled == [b"0", b"1", b"2"]
    async with edge(workshop.shop.selling.sessions) as session:
        assert await store_jobs.by_key(session, workshop.shop.staff.merchant_id, "boil", "absent") is None
