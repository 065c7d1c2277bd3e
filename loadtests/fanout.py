"""`python -m loadtests.fanout`: what telling a room costs, beside plain `broadcast()` and a FastAPI websocket.

The sides take turns, `--rounds` times, in an order that changes; medians go to build/bench/fanout.json. Server and
viewers are processes apart. CPU is the server process's alone: what Redis adds for one message to a whole room is
nothing beside 8,000 sockets. A missed budget is said and is no error: machines differ.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import psutil

from keel.clock import Clock, FollowingClock
from keel.database import Pool, create_pool
from keel.ids import Ids
from keel.lua import connect
from live.roomlog import RoomLog
from loadtests.budgets import fanout_budgets_of
from loadtests.fanout_servers import FRAME_BYTES, SIDES, STALLS, TICK_S, WRITTEN_EVERY_S
from loadtests.machine import about
from loadtests.progress import say
from loadtests.report import missed_or_loud
from loadtests.stack import FD, Plan, Stack, running
from migrations import upgrade
from millpond.engines import Engines

OUTPUT: Final = Path("build/bench/fanout.json")
FIGURES: Final = ("cpu_us_per_message", "kb_per_connection", "loop_stall_ms_max", "handshake_p99_ms")
STALL_FIGURES: Final = ("loop_stall_ms_max", "loop_stall_knocking_ms_max")
SETTLE_S: Final = 2.0
KNOCKS: Final = 200
AROUND: Final = 127  # bytes of a tick around the body of one value, with a room of this length of names


class Crowd:
    """The process of viewers, by its commands."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, command: str, number: int | float) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command} {number}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def measure(side: str, *, viewers: int, seconds: float, folder: Path) -> dict[str, float]:
    """One round of one side."""
    stalls, room = folder / "stalls", Ids(FollowingClock()).new()
    plan = plan_of(side, stalls, viewers)
    with running(folder, plan) as stack, _speaking(side, stack, room), crowd_at(stack, room) as crowd:
        server = psutil.Process(stack.roots["gateway"])
        before_kb = server.memory_info().rss / 1024
        crowd.do("open", viewers)
        time.sleep(SETTLE_S)
        kb_each = (server.memory_info().rss / 1024 - before_kb) / viewers
        began_s, cpu_s = time.monotonic(), cpu_s_of(server)
        watched = crowd.do("watch", seconds)
        cpu_us, knocking_s = (cpu_s_of(server) - cpu_s) * 1e6, time.monotonic()
        knocked = crowd.do("knock", KNOCKS if viewers > KNOCKS else 20)
        ended_s = time.monotonic()
        time.sleep(2 * WRITTEN_EVERY_S)
        stall_ms = {
            "watching": worst_ms(stalls, began_s, knocking_s)["wall"],
            "knocking": worst_ms(stalls, knocking_s, ended_s)["wall"],
        }
    say(f"{side}: {watched}, {cpu_us / max(1, watched['frames']):.2f} µs")
    return {
        "cpu_us_per_message": round(cpu_us / max(1, watched["frames"]), 3),
        "kb_per_connection": round(kb_each, 2),
        "loop_stall_ms_max": max(stall_ms.values()),
        "loop_stall_knocking_ms_max": stall_ms["knocking"],
        "handshake_p99_ms": knocked["handshake_p99_ms"],
        "frames_per_viewer_s": round(watched["frames"] / viewers / seconds, 2),
        "frame_bytes": watched["frame_bytes"],
    }


def bench(*, viewers: int, rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    """The whole document: the sides in turn, so that a busy moment meets them alike."""
    taken: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in turns_of(number):
            place = folder / f"{number}-{side}"
            place.mkdir()
            taken[side].append(measure(side, viewers=viewers, seconds=seconds, folder=place))
    sides = {side: _medians(figures) for side, figures in taken.items()}
    budgets = fanout_budgets_of(sides["millpond"], sides["broadcast"], seconds=seconds)
    return {
        "machine": about(folder),
        "viewers": viewers,
        "seconds": seconds,
        **sides,
        "millpond_to_broadcast": budgets["millpond_to_broadcast"].figure,
        "budgets": {name: budget.document() for name, budget in budgets.items()},
        "rounds": taken,
    }


def turns_of(number: int) -> Sequence[str]:
    """The sides in the order of a round: now this way, now that, so that none always meets the machine first."""
    return list(SIDES) if number % 2 == 0 else list(reversed(SIDES))


def _medians(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each figure; of the stalls the worst, for that is what the promise is about."""
    middle = {name: statistics.median(one[name] for one in figures) for name in figures[0]}
    return {name: max(one[name] for one in figures) if name in STALL_FIGURES else middle[name] for name in middle}


def plan_of(side: str, stalls: Path, viewers: int) -> Plan:
    """How a side is run for so many viewers, who all come from one address."""

    def environment(engines: Engines) -> Mapping[str, str]:
        merchant_id = Ids(FollowingClock()).new()
        secret = "a secret of the fan-out measurement"
        return {
            "DATABASE_URL": engines.database_url,
            "REDIS_URL": engines.redis_url,
            "MILLPOND_TOKEN_KEYS": json.dumps({"bench": secret}),
            "MILLPOND_STAFF_TOKENS": json.dumps([{"token": secret, "merchant_id": merchant_id}]),
            "MILLPOND_GATEWAY_SOCKETS_PER_ADDRESS": str(viewers + 1_000),
            "MILLPOND_GATEWAY_ADDRESS_MESSAGES_BURST": str(10 * viewers + 30_000),
            "MILLPOND_LOG_LEVEL": "warning",
            STALLS: str(stalls),
        }

    command = [sys.executable, "-m", "loadtests.fanout_servers", side, "--fd", FD]
    return Plan(upgrade, {"gateway": command}, environment)


@contextmanager
def crowd_at(stack: Stack, room: str, module: str = "loadtests.fanout_viewers") -> Iterator[Crowd]:
    """A process of viewers."""
    command = [sys.executable, "-m", module, str(stack.target.port), room]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Crowd(process)
        finally:
            process.kill()


@contextmanager
def _speaking(side: str, stack: Stack, room: str) -> Iterator[None]:
    """Something for every tick of the gateway's room; the others speak by themselves."""
    if side != "millpond":
        yield
        return
    urls = stack.engines.database_url, stack.engines.redis_url
    command = [sys.executable, "-m", "loadtests.fanout", "--speak", room, *urls]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # the room is there
            yield
        finally:
            process.kill()


async def speak(room: str, database_url: str, redis_url: str) -> None:
    """Make the room, and say a new value on its state lane for every tick."""
    clock = FollowingClock()
    async with create_pool(database_url) as pool, connect(redis_url) as redis:
        await make_room(pool, clock, room)
        print("speaking", flush=True)
        log = RoomLog(redis, clock)
        for number in count(1):
            text = f"{number:0{FRAME_BYTES - AROUND - 11}}"
            await log.put(room, "bench", json.dumps({"text": text}).encode())
            await asyncio.sleep(TICK_S / 2)


async def make_room(pool: Pool, clock: Clock, room: str) -> str:
    """A merchant's id, and a room of his."""
    merchant_id, now = Ids(clock).new(), clock.now()
    merchant = "INSERT INTO merchant (id, name, created_at) VALUES ($1, 'Bench', $2)"
    await pool.execute(merchant, merchant_id, now)
    of_merchant = "INSERT INTO room (id, merchant_id, title, created_at) VALUES ($1, $2, 'Bench', $3)"
    await pool.execute(of_merchant, room, merchant_id, now)
    return merchant_id


def cpu_s_of(process: psutil.Process) -> float:
    """CPU seconds of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def worst_ms(stalls: Path, since_s: float, until_s: float) -> dict[str, float]:
    """The longest stall between two moments, in ms: by the clock, and of the loop's own work."""
    lines = [[float(word) for word in line.split()] for line in stalls.read_text().splitlines()]
    between = [(wall, own) for at_s, wall, own in lines if since_s <= at_s <= until_s]
    return {
        "wall": max((wall for wall, _ in between), default=0.0),
        "own": max((own for _, own in between), default=0.0),
    }


def main() -> None:
    """Measure and write the document."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.fanout", description="What telling a room costs.")
    parser.add_argument("--viewers", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--speak", nargs=3, metavar=("ROOM", "DATABASE_URL", "REDIS_URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.speak:
        asyncio.run(speak(*arguments.speak))
        return
    with tempfile.TemporaryDirectory(prefix="millpond-fanout-") as folder:
        document = bench(
            viewers=arguments.viewers, rounds=arguments.rounds, seconds=arguments.seconds, folder=Path(folder)
        )
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps({name: value for name, value in document.items() if name != "rounds"}, indent=2))
    for line in missed_or_loud(document["budgets"]):
        say(line)


if __name__ == "__main__":
    main()
