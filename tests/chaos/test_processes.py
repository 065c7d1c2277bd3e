"""Real `millpond api` and `millpond worker`, killed and frozen in the middle of a rush."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from accounts.tokens import Tokens
from keel.clock import FakeClock, FollowingClock
from keel.ids import Ids
from millpond.crowd import Progress, Retry, Target, post, rush
from millpond.crowd_answers import Wish
from tests.eventually import eventually, eventually_async
from tests.inventory.selling import Sale, Shop, open_sale, open_shop
from tests.millpond.stacks import START_MAX_S, STOP_MAX_S, Stack, planned_stack

BUYERS, UNITS, CONNECTIONS = 400, 250, 40
STRIKE_AFTER = 60  # accepted orders
FROZEN_S = 1.5  # longer than the gate's timeout


class Fleet:
    """The processes of a stack, by name; the API keeps its port when it is started again."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str) -> None:
        self.processes[name] = self.stack.start(name, heard=False)

    def kill(self, name: str) -> None:
        """SIGKILL, and a new process in its place, as the supervisor does."""
        self.processes[name].kill()
        self.processes[name].wait(STOP_MAX_S)
        self.start(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        asyncio.get_running_loop().call_later(FROZEN_S, process.send_signal, signal.SIGCONT)

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            process.wait(STOP_MAX_S)


@pytest.fixture
def fleet(database_url: str, redis_url: str) -> Iterator[Fleet]:
    fleet = Fleet(planned_stack(database_url, redis_url))
    for name in ("api", "worker"):
        fleet.start(name)
    try:
        eventually(fleet.stack.answers, within_s=START_MAX_S)
        yield fleet
    finally:
        fleet.stop()


def wishes_of(stack: Stack, shop: Shop, sale: Sale) -> tuple[Target, list[Wish]]:
    """Distinct buyers who want one unit each."""
    clock, target = FollowingClock(), Target("127.0.0.1", stack.port)
    tokens, ids = Tokens(json.loads(stack.environment["MILLPOND_TOKEN_KEYS"]), clock), Ids(clock)
    body = json.dumps({"lines": [{"item_id": sale.item_ids[0], "quantity": 1}]}).encode()
    wishes = []
    for _ in range(BUYERS):
        buyer, key = ids.new(), ids.new()
        token = tokens.sign(customer_id=buyer, merchant_id=shop.staff.merchant_id, ttl_s=600)
        wishes.append(Wish(buyer, key, post(target, f"/v1/sales/{sale.id}/orders", token=token, key=key, body=body)))
    return target, wishes


@pytest.mark.parametrize(
    "strike",
    [
        lambda fleet: fleet.kill("api"),
        lambda fleet: fleet.freeze("api"),
        lambda fleet: fleet.kill("worker"),
        lambda fleet: fleet.freeze("worker"),
        lambda fleet: (fleet.kill("worker"), fleet.kill("api")),
    ],
    ids=["api killed", "api frozen", "worker killed", "worker frozen", "both killed"],
)
async def test_nothing_acknowledged_is_lost_and_nothing_leaks(
    database_url: str, redis_url: str, fleet: Fleet, strike: Callable[[Fleet], object]
):
    async with open_shop(database_url, redis_url, FakeClock(FollowingClock().ms())) as shop:
        sale = await open_sale(shop, units=[UNITS])
        target, wishes = wishes_of(fleet.stack, shop, sale)
        struck = asyncio.Event()

        def watch(progress: Progress) -> None:
            if progress.accepted >= STRIKE_AFTER and not struck.is_set():
                struck.set()
                strike(fleet)

        retry = Retry(tries_max=200, pause_min_s=0.05, pause_max_s=0.5)
        first = await rush(target, wishes, connections=CONNECTIONS, retry=retry, deadline_s=60, on_progress=watch)
        assert struck.is_set()

        async def all_units_are_sold() -> bool:
            """What died with its process is back on sale within seconds, and somebody who asks again gets it."""
            await rush(target, wishes, connections=CONNECTIONS, retry=retry, deadline_s=60)
            return (await shop.ledger.counts(sale.id, 0))[0].sold == UNITS

        await eventually_async(all_units_are_sold, within_s=20)
        again = await rush(target, wishes, connections=CONNECTIONS, retry=retry, deadline_s=60)

    told = {answer.wish.key: answer.order_id for answer in again.accepted}
    assert len(set(told.values())) == len(told) == UNITS
    assert {answer.wish.key: answer.order_id for answer in first.accepted}.items() <= told.items()
    audit = fleet.stack.run("audit", sale.id)
    assert audit.returncode == 0, audit.stdout + audit.stderr
