"""A loop is interrupted in its pause, never in its tick, and outlives a tick that fails."""

import asyncio

import asyncpg
import pytest

from keel import loops
from keel.errors import Unavailable
from keel.loops import at_start, every, few_at_once, run_every
from keel.metrics import LOOP_FAILURES

LONG_S = 3_600.0


async def test_a_tick_is_never_cut_short():
    stop, began, finish = asyncio.Event(), asyncio.Event(), asyncio.Event()
    done = []

    async def tick() -> None:
        began.set()
        await finish.wait()
        done.append("whole")

    loop = asyncio.create_task(run_every("whole", LONG_S, stop, tick))
    await began.wait()
    stop.set()
    await asyncio.sleep(0)
    assert not loop.done()
    finish.set()
    await asyncio.wait_for(loop, 5)
    assert done == ["whole"]


async def test_stop_ends_a_pause_at_once():
    stop, ticked = asyncio.Event(), asyncio.Event()

    async def tick() -> None:
        ticked.set()

    loop = asyncio.create_task(run_every("pause", LONG_S, stop, tick))
    await ticked.wait()
    stop.set()
    await asyncio.wait_for(loop, 5)


async def test_a_tick_that_fails_is_counted_and_the_next_one_comes(caplog):
    stop = asyncio.Event()
    ticks: list[int] = []
    failures = LOOP_FAILURES.labels(loop="stumbling")

    async def tick() -> None:
        ticks.append(len(ticks))
        if len(ticks) == 3:
            stop.set()
        else:
            raise OSError("for now")

    await asyncio.wait_for(run_every("stumbling", 0.001, stop, tick), 5)
    assert ticks == [0, 1, 2]
    assert failures._value.get() == 2
    assert caplog.text.count("loop stumbling: tick failed") == 2
    assert caplog.text.count("\n") == 2, "what is away is said in a line"


async def test_a_fault_of_ours_is_logged_with_where_it_was_met(caplog):
    stop = asyncio.Event()

    async def tick() -> None:
        stop.set()
        raise KeyError("of ours")

    await asyncio.wait_for(run_every("faulty", 0.001, stop, tick), 5)
    assert "loop faulty: tick failed\nTraceback" in caplog.text


async def test_a_loop_that_is_cancelled_ends():
    async def tick() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run_every("cancelled", LONG_S, asyncio.Event(), tick)


async def test_stopped_before_it_began_it_never_ticks():
    stop = asyncio.Event()
    stop.set()
    assert [tick async for tick in every(LONG_S, stop)] == []


async def test_many_calls_are_all_made_a_few_at_a_time():
    under_way, most, made = 0, 0, []

    async def call(number: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(number % 3):
            await asyncio.sleep(0)
        under_way -= 1
        made.append(number)

    await few_at_once(4, (call(number) for number in range(50)))
    assert (sorted(made), most) == (list(range(50)), 4)


async def test_a_start_outlives_an_answer_that_does_not_come_in_time():
    tries: list[int] = []

    async def ask() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise TimeoutError

    await at_start(ask)
    assert tries == [0, 1, 2]


REFUSED: tuple[tuple[Exception, float, str], ...] = (
    (TimeoutError(), 0.0, "no answer"),
    (ConnectionRefusedError("Connection refused"), LONG_S, "Connection refused"),
    (asyncpg.InvalidPasswordError("password authentication failed"), LONG_S, "password authentication failed"),
    (asyncpg.UndefinedTableError("relation is missing"), LONG_S, "millpond migrate"),
)


@pytest.mark.parametrize(("error", "start_max_s", "said"), REFUSED)
async def test_a_start_that_cannot_come_about_says_why(monkeypatch, error: Exception, start_max_s: float, said: str):
    async def ask() -> None:
        raise error

    monkeypatch.setattr(loops, "START_MAX_S", start_max_s)
    with pytest.raises(Unavailable) as refused:
        await at_start(ask)
    assert said in str(refused.value.detail)
