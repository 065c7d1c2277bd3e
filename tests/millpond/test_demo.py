"""`millpond demo`: as many buyers as were asked for, at an even pace, on a sale that leaves nothing behind."""

import io
import signal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from millpond.audit import HOLDS
from millpond.crowd import Target
from millpond.crowd_answers import Answer, Wish
from millpond.demo import story_of
from millpond.demo_plan import DemoPlan, Pace, Picture
from millpond.demo_screen import demo_screen, money
from millpond.drill_plan import Scene
from millpond.stage import INTERRUPTED
from tests.databases import fetched
from tests.eventually import eventually_async
from tests.millpond.stacks import COMMAND_MAX_S, Stack

HERE = Target("127.0.0.1", 8000)
MILLION = DemoPlan(buyers=20_000, units=6_711, seconds=30, address_per_s=200)


async def test_a_demo_sells_what_there_is_and_every_promise_holds(stack: Stack, database_url: str):
    demo = stack.run("demo", "--buyers", "600", "--units", "200", "--seconds", "3")
    assert demo.returncode == HOLDS, demo.stdout + demo.stderr
    assert "200 acknowledged, 0 lost, 0 doubled, 0 oversold" in demo.stdout
    assert "sold out 400, accepted 200" in demo.stdout
    assert "Numbers of the queue: 1 to 200, each once." in demo.stdout
    assert "¥29,800.00" in demo.stdout
    assert "Every promise was kept." in demo.stdout
    assert "\x1b" not in demo.stdout, "plain lines where there is no terminal"
    assert await fetched(database_url, "SELECT count(*) FROM orders WHERE NOT rehearsal") == 0
    assert await fetched(database_url, "SELECT count(*) FROM sale WHERE archived_at IS NULL") == 0


async def test_a_demo_that_is_stopped_puts_its_sale_away(stack: Stack, database_url: str):
    demo = stack.start("demo", "--buyers", "3000", "--units", "1000")

    async def selling() -> object:
        return await fetched(database_url, "SELECT count(*) FROM orders")

    await eventually_async(selling, within_s=30)
    demo.send_signal(signal.SIGINT)
    output, errors = demo.communicate(timeout=COMMAND_MAX_S)
    assert demo.returncode == INTERRUPTED, output + errors
    assert "closed and archived" in output
    assert "Traceback" not in errors
    assert await fetched(database_url, "SELECT count(*) FROM sale WHERE archived_at IS NULL") == 0


# Of its own ---------------------------------------------------------------------------------------------------------


@given(
    buyers=st.integers(1, 100_000),
    seconds=st.integers(1, 600),
    per_s=st.floats(0.1, 10_000),
    sources=st.integers(0, 1_000),
)
def test_every_buyer_comes_once_and_at_an_even_pace(buyers, seconds, per_s, sources):
    plan = DemoPlan(buyers, 10, seconds, per_s)
    waves = list(plan.waves(0.5, sources=sources))
    assert [n for wave in waves for n in wave] == list(range(plan.coming(sources)))
    assert max(map(len, waves)) - min(map(len, waves)) <= 1 + plan.coming(sources) // len(waves)
    assert len(waves) <= 2 * seconds


def test_a_crowd_stays_below_what_the_api_takes_from_one_address():
    sources = MILLION.sources_for(HERE)
    if not sources:
        pytest.skip("this system has one loopback address")
    assert len(set(sources)) == len(sources)
    assert MILLION.coming(len(sources)) == MILLION.buyers
    assert MILLION.buyers / MILLION.seconds / len(sources) < MILLION.address_per_s / 2


def test_from_one_address_only_so_many_come():
    assert MILLION.sources_for(Target("192.0.2.7", 80)) == ()
    assert MILLION.sources_for(Target("shop.example", 443)) == ()
    assert MILLION.coming(0) == 3_000


def test_the_pace_is_that_of_the_last_second():
    pace, seen = Pace(), []
    readings = [(n / 4, 100 * n) for n in range(9)] + [(n / 4, 800) for n in range(9, 17)]
    for elapsed_s, orders in readings:
        pace.read(elapsed_s, orders)
        seen.append(pace.now_per_s)
    assert seen[8] == pytest.approx(400)
    assert seen[-1] == 0
    assert pace.best_per_s == pytest.approx(400)
    assert all(before >= after for before, after in pairwise(seen[8:]))


@pytest.mark.parametrize("terminal", [False, True])
def test_the_screen_shows_stock_pace_and_the_queue(terminal: bool):
    written = io.StringIO()
    scene = Scene(6_711, 30, elapsed_s=9.0, left=2_498, acknowledged=4_213, refused=12, served=4_213)
    with demo_screen(Console(file=written, force_terminal=terminal, width=300)) as shown:
        shown.show(Picture(scene, 20_000, Pace(best_per_s=933.0, now_per_s=224.0), p99_s=0.012))
    for text in ("2,498 of 6,711", money(4_213), "224/s now, 933/s at best", "no. 4,213 of 6,711", "12 ms"):
        assert text in written.getvalue()


def test_a_number_that_was_given_twice_is_said():
    def answers(*numbers: int) -> list[Answer]:
        return [Answer(Wish("b", "k", b""), 201, 0.1, 1, f"order {n}", no) for n, no in enumerate(numbers)]

    assert "each once" in str(story_of(answers(1, 2))[1])
    assert "SOME TWICE" in str(story_of(answers(1, 1))[1])
    assert len(story_of([])) == 1
