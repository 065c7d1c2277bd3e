"""`python -m loadtests.comeback`: a whole room loses the network at once and comes back within five seconds.

Once because the viewers' connections are cut, once because the gateway is killed and started again on its port. Events
are appended to the room's log all the while. Whoever comes back says where it was, and is live once it is told what it
missed. The document goes to build/bench/comeback.json; the exit code is 1 where a promise was not kept.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from keel.clock import FollowingClock, rfc3339
from keel.database import create_pool
from keel.ids import Ids
from keel.lua import connect
from live.roomlog import RoomLog
from live.telling import fact_of, publish
from loadtests.fanout import Crowd, cpu_s_of, crowd_at, make_room, plan_of, worst_ms
from loadtests.machine import about
from loadtests.progress import say
from loadtests.stack import Stack, running

OUTPUT: Final = Path("build/bench/comeback.json")
EVENTS_PER_S: Final = 5.0
SETTLE_S: Final = 3.0
BACK_MAX_S: Final = 60.0
P99_MS_MAX: Final = 10_000.0


def _cut(_: Stack, crowd: Crowd) -> None:
    crowd.do("drop", 0)


def _kill(stack: Stack, _: Crowd) -> None:
    stack.kill("gateway")


LOSSES: Final[Mapping[str, Callable[[Stack, Crowd], None]]] = {"viewers_cut": _cut, "gateway_killed": _kill}


def measure(loss: str, *, viewers: int, folder: Path) -> dict[str, Any]:
    """One loss of everybody, with engines and a gateway of its own."""
    stalls, room = folder / "stalls", Ids(FollowingClock()).new()
    with (
        running(folder, plan_of("millpond", stalls, viewers)) as stack,
        _numbering(stack, room) as last_number,
        crowd_at(stack, room, "loadtests.comeback_viewers") as crowd,
    ):
        crowd.do("open", viewers)
        time.sleep(SETTLE_S)
        before = stack.roots["gateway"], cpu_s_of(psutil.Process(stack.roots["gateway"]))
        LOSSES[loss](stack, crowd)
        back = crowd.do("back", BACK_MAX_S)
        pid = stack.roots["gateway"]
        cpu_s = cpu_s_of(psutil.Process(pid)) - (before[1] if pid == before[0] else 0.0)
        held = worst_ms(stalls, back.pop("first_opened_s"), time.monotonic())
        time.sleep(1.0)
        figures = back | crowd.do("check", last_number())
    figures |= {"gateway_cpu_s": round(cpu_s, 2), "loop_held_ms_max": held["wall"], "loop_work_ms_max": held["own"]}
    say(f"{loss}: {figures}")
    return figures


def bench(*, viewers: int, folder: Path) -> dict[str, Any]:
    """The whole document."""
    document: dict[str, Any] = {"machine": about(folder), "viewers": viewers, "events_per_s": EVENTS_PER_S}
    for loss in LOSSES:
        place = folder / loss
        place.mkdir()
        document[loss] = measure(loss, viewers=viewers, folder=place)
    return document | {"kept": all(is_kept(document[loss], viewers) for loss in LOSSES)}


def is_kept(figures: Mapping[str, Any], viewers: int) -> bool:
    """Whether everybody was live again in time, and nobody missed an event or was told one twice."""
    all_there = figures["live"] == figures["still_live"] == viewers
    nothing_wrong = not (figures["events_missed"] or figures["events_doubled"] or figures["behind"])
    return all_there and nothing_wrong and figures["p99_ms"] <= P99_MS_MAX


@contextmanager
def _numbering(stack: Stack, room: str) -> Iterator[Callable[[], int]]:
    """Numbered events in the room; gives what ends them and tells the last number."""
    urls = stack.engines.database_url, stack.engines.redis_url
    command = [sys.executable, "-m", "loadtests.comeback", "--number", room, *urls]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def last_number() -> int:
            return int(process.communicate()[0])

        try:
            assert process.stdout is not None
            process.stdout.readline()  # the room is there
            yield last_number
        finally:
            process.kill()


async def number(room: str, database_url: str, redis_url: str) -> None:
    """Make the room, on air, and announce 1, 2, 3… there until stdin ends; then print the last."""
    clock, loop = FollowingClock(), asyncio.get_running_loop()
    ids, last = Ids(clock), 0
    async with create_pool(database_url) as pool, connect(redis_url) as redis:
        merchant_id, now = await make_room(pool, clock, room), clock.now()
        on_air = (
            "INSERT INTO session (id, merchant_id, room_id, created_at, started_at, state)"
            " VALUES ($1, $2, $3, $4, $4, 'live')"
        )
        await pool.execute(on_air, ids.new(), merchant_id, room, now)
        print("numbering", flush=True)
        log, asked = RoomLog(redis, clock), loop.run_in_executor(None, sys.stdin.read)
        while not asked.done():
            last += 1
            said_at, event_id = clock.now(), ids.new()
            body = {"id": event_id, "text": str(last), "at": rfc3339(clock.ms())}
            await publish(log, fact_of(room, "announced", body, fact_id=event_id, at=said_at))
            await asyncio.sleep(1 / EVENTS_PER_S)
        print(last, flush=True)


def main() -> int:
    """Measure and write the document."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.comeback", description="A room that all comes back.")
    parser.add_argument("--viewers", type=int, default=10_000)
    parser.add_argument("--number", nargs=3, metavar=("ROOM", "DATABASE_URL", "REDIS_URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.number:
        asyncio.run(number(*arguments.number))
        return 0
    with tempfile.TemporaryDirectory(prefix="millpond-comeback-") as folder:
        document = bench(viewers=arguments.viewers, folder=Path(folder))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document, indent=2))
    return 0 if document["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
