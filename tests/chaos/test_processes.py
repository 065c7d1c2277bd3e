"""Real `millpond api`, `millpond gateway` and `millpond worker`, killed and frozen in the middle of a rush in which
nobody pays: what they were about to do is done in time by those that come after them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pytest

from console.audit import audit
from inventory.replies import StaleHolds
from keel.clock import FakeClock, FollowingClock
from tests.chaos.crowds import Crowd, HttpCrowd, SocketCrowd, people
from tests.chaos.fleets import Fleet, Lateness, running_fleet
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, Shop, open_sale, open_shop

BUYERS, UNITS = 300, 200
HOLD_S: Final = 3
STRIKE_AFTER: Final = 60  # accepted orders
PROMISED_S: Final = 10.0
DONE_MAX_S: Final = 60.0

CROWDS: Final[dict[str, type[HttpCrowd] | type[SocketCrowd]]] = {"api": HttpCrowd, "gateway": SocketCrowd}


@dataclass
class Scene:
    """A sale, those who sell it, and the moment at which some of them are struck."""

    fleet: Fleet
    shop: Shop
    sale: Sale
    harm: Callable[[Fleet], None]
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    struck_at: datetime | None = None
    accepted_then: int = 0
    settled_s: float = 0.0

    def strike(self) -> None:
        """Once."""
        if not self.struck.is_set():
            self.struck.set()
            self.struck_at = FollowingClock().now()
            self.harm(self.fleet)

    async def strike_at_the_first_lapse(self) -> None:
        """When the worker has lapsed a first order, and the units of most are still on their way back."""

        async def one_has_lapsed() -> bool:
            return bool(await self.shop.pool.fetchval(_LAPSED, self.sale.id))

        await eventually_async(one_has_lapsed, within_s=DONE_MAX_S)
        self.strike()

    async def watch_the_holds(self) -> None:
        """Measure how long after the strike the last hold from before it was an order, or on sale again."""
        await self.struck.wait()
        began_s, before_ms = time.monotonic(), FollowingClock().ms()

        async def none_is_held() -> bool:
            stale = await self.shop.gate.stale(self.sale.id, 0, before_ms=before_ms, count=1)
            return isinstance(stale, StaleHolds) and not stale.holds

        await eventually_async(none_is_held, within_s=DONE_MAX_S)
        self.settled_s = time.monotonic() - began_s

    async def free(self) -> int:
        """Units that the gate would sell."""
        return sum(item.free for item in (await self.shop.gate.status(self.sale.id, 0)).items)

    async def at_rest(self) -> bool:
        """Whether every unit is on sale again."""
        (count,) = await self.shop.ledger.counts(self.sale.id, 0)
        return count.sold == 0 and await self.free() == UNITS

    async def late_release_s(self) -> float:
        """The longest that units of a lapsed order were not on sale, from its deadline or the strike on."""
        return float(await self.shop.pool.fetchval(_LATEST_RELEASE, self.sale.id, self.struck_at))


def killed(*names: str) -> Callable[[Fleet], None]:
    def kill(fleet: Fleet) -> None:
        for name in names:
            fleet.kill(name)

    return kill


def frozen(name: str) -> Callable[[Fleet], None]:
    return lambda fleet: fleet.freeze(name)


LONG: Final = pytest.mark.long


@pytest.mark.parametrize(
    ("door", "harm", "when"),
    [
        pytest.param("api", killed("api"), "buying", id="api killed"),
        pytest.param("api", frozen("api"), "buying", id="api frozen", marks=LONG),
        pytest.param("api", killed("worker"), "lapsing", id="worker killed"),
        pytest.param("api", frozen("worker"), "lapsing", id="worker frozen", marks=LONG),
        pytest.param("api", killed("worker", "api"), "buying", id="both killed", marks=LONG),
        pytest.param("api", killed("worker", "api"), "lapsing", id="both killed as orders lapse", marks=LONG),
        pytest.param("gateway", killed("gateway"), "buying", id="gateway killed"),
        pytest.param("gateway", frozen("gateway"), "buying", id="gateway frozen", marks=LONG),
        pytest.param("gateway", killed("worker", "gateway"), "buying", id="gateway and worker killed", marks=LONG),
    ],
)
async def test_nothing_acknowledged_is_lost_and_all_units_come_back_in_time(
    database_url: str, redis_url: str, door: str, harm: Callable[[Fleet], None], when: str
):
    async with open_shop(database_url, redis_url, FakeClock(FollowingClock().ms())) as shop:
        with running_fleet(database_url, redis_url, door, "worker") as fleet, Lateness() as late:
            sale = await open_sale(shop, units=[UNITS], hold_ttl_s=HOLD_S)
            scene = Scene(fleet, shop, sale, harm)
            async with asyncio.TaskGroup() as group:
                group.create_task(scene.watch_the_holds())
                if when == "lapsing":
                    group.create_task(scene.strike_at_the_first_lapse())
                await everybody_buys(scene, CROWDS[door](fleet.stack, sale), strikes=when == "buying")
            await fleet.all_back()
            report = await audit(shop.pool, shop.gate, sale.id)
        assert not report.breaches
        allowed_s = PROMISED_S + fleet.late_s + late.s
        assert scene.settled_s <= allowed_s
        assert await scene.late_release_s() <= allowed_s


async def everybody_buys(scene: Scene, crowd: Crowd, *, strikes: bool) -> None:
    """More than there are units, the others of whom get theirs when the first ones do not pay."""

    def watch(accepted: int) -> None:
        if strikes and accepted >= STRIKE_AFTER and not scene.struck.is_set():
            scene.accepted_then = accepted
            scene.strike()

    everybody = people(scene.fleet.stack, scene.shop, BUYERS)
    told = await crowd.rush(everybody, watch)
    assert scene.accepted_then < UNITS, "the rush was over when it was struck"

    async def all_have_one() -> bool:
        if await scene.free():
            told.update(await crowd.rush([buyer for buyer in everybody if buyer.key not in told]))
        return len(told) == BUYERS

    await eventually_async(all_have_one, within_s=DONE_MAX_S)
    await eventually_async(scene.at_rest, within_s=DONE_MAX_S)
    assert scene.struck.is_set()
    assert len(set(told.values())) == BUYERS
    assert await crowd.rush(everybody) == told, "a key that was answered gives the same order, though it has lapsed"


_LAPSED = "SELECT EXISTS (SELECT FROM orders WHERE sale_id = $1 AND state = 'expired')"
_LATEST_RELEASE = """
    SELECT extract(epoch FROM max(d.done_at - greatest(o.expires_at, $2)))
    FROM orders o JOIN outbox_event e ON e.aggregate = o.id JOIN outbox_delivery d ON d.event_id = e.id
    WHERE o.sale_id = $1 AND e.topic = 'order.lapsed'
"""
