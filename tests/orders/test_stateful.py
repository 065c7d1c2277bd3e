"""Claim, epoch and void as a stateful model over the real gate, the real ledger functions and real placements: whatever
happens, in whatever order and at the same time, the laws hold after every step, all comes to rest, and a fresh retry
gets its answer."""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.chaos.proxy import Effect
from tests.eventually import eventually
from tests.inventory.selling import Shop, open_sale, open_shop
from tests.orders import history_laws, history_races
from tests.orders.histories import ALLOCATED, LIMIT, ORDERS, History
from tests.orders.history_steps import STEPS, Step

HISTORIES: Final = 16
HISTORIES_OF_A_LONG_RUN: Final = 60
RULES: Final = 20  # of each history
SEED_VARIABLE: Final = "MILLPOND_HISTORIES_SEED"  # to play the histories of a long run again
# What these histories meet, most of it dozens of times; a model that does not come so far shows nothing.
REACHED: Final = {
    "not_loaded", "Held", "Repeated", "KeyReused", "SoldOutVerdict", "OverLimitVerdict", "epoch over", "read nothing",
    "read placed", "read released", "new", "placed", "void", "swept placed", "swept void", "deadlock", "told Placed",
    "told Standing", "told IdempotencyKeyReused", "told SoldOut", "told OverLimit", "told Unavailable",
    "told GateRebuilding",
}  # fmt: skip

several = st.lists(st.integers(0, len(ORDERS) - 1), min_size=2, max_size=4)
besides = st.lists(st.sampled_from(["lapse", "lapse", "bump", "rebuild", "sweep", "forget"]), max_size=2)
losses = st.sampled_from([None, None, Effect.LOSE, Effect.CUT])


class OrderPath(RuleBasedStateMachine):
    """Rules are the model's transitions, in a few groups so that none of them drowns the rest."""

    run: Callable[[Awaitable[Any]], Any]
    shop: Shop
    scene: history_races.Scene
    reached: Counter[str]
    history: History

    @initialize()
    def open(self) -> None:
        self.history = self.run(self._open())
        self.doors = [process.door(self.history) for process in self.scene.processes]

    async def _open(self) -> History:
        sale = await open_sale(self.shop, units=ALLOCATED, limit=LIMIT)
        config = await self.shop.ledger.sale(sale.id)
        assert config is not None
        return History(self.shop, sale, config, self.reached)

    @rule(some=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 59)), min_size=2, max_size=8))
    def one_after_the_other(self, some: list[tuple[Step, int]]) -> None:
        for step, n in some:
            self.run(step(self.history, n))
            self.laws()

    @rule(wanted=several, besides=besides, opposed=st.booleans())
    def two_batches_at_once(self, wanted: list[int], besides: list[str], opposed: bool) -> None:
        self.run(self._race(history_races.cross(self.history, wanted), wanted, besides, opposed))

    @rule(here=several, there=several, besides=besides, opposed=st.sampled_from([False, False, True]), loss=losses)
    def two_doors_at_once(
        self, here: list[int], there: list[int], besides: list[str], opposed: bool, loss: Effect | None
    ) -> None:
        """Whole placements, each over lanes of its own."""
        self.run(self._race(history_races.rush(self.history, self.doors, (here, there), loss), here, besides, opposed))

    async def _race(
        self, work: Coroutine[Any, Any, list[history_races.Work]], wanted: list[int], besides: list[str], opposed: bool
    ) -> None:
        others = [history_races.beside(self.history, what, order) for what, order in zip(besides, wanted, strict=False)]
        rival = self.scene.rival if opposed else None
        await history_races.at_once([*await work, *others], self.history.sale.item_ids, rival)

    @invariant()
    def laws(self) -> None:
        self.run(history_laws.check(self.history))

    def teardown(self) -> None:
        """At rest the gate is the ledger's image, and every retry has an answer that stands."""
        if not hasattr(self, "history"):
            return
        self.run(history_laws.come_to_rest(self.history))
        for order in range(len(ORDERS)):
            self.run(history_laws.retry(self.history, order))
        self.run(history_laws.come_to_rest(self.history))
        put_away = "UPDATE sale SET archived_at = created_at WHERE id = $1"
        self.run(self.shop.pool.execute(put_away, self.history.sale.id))


def play(database_url: str, redis_url: str, *, count: int, number: int | None = None) -> Counter[str]:
    """Histories over these engines: what they reached. Without a number always the same ones."""
    reached: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            scene = runner.run(stack.enter_async_context(history_races.scene_of(database_url)))
            shop = runner.run(stack.enter_async_context(open_shop(database_url, redis_url)))
            given = {"run": staticmethod(runner.run), "shop": shop, "scene": scene, "reached": reached}
            machine = type("Machine", (OrderPath,), given)
            if number is not None:
                seed(number)(machine)
            run_state_machine_as_test(machine, settings=settings_of(count, derandomize=number is None))
            reached["deadlock"] = eventually(lambda: runner.run(shop.pool.fetchval(DEADLOCKS)))
        finally:
            runner.run(stack.aclose())
    return reached


def settings_of(count: int, *, derandomize: bool) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=RULES,
        deadline=None,
        derandomize=derandomize,
        phases=[Phase.generate],  # shrinking against real engines takes minutes: add Phase.shrink by hand
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_the_laws_hold_in_every_history(database_url: str, redis_url: str):
    reached = play(database_url, redis_url, count=HISTORIES)
    assert reached.keys() >= REACHED, f"these histories meet too little: {reached}"


@pytest.mark.long
def test_the_laws_hold_in_histories_that_nobody_has_seen_before(database_url: str, redis_url: str):
    number = int(os.environ.get(SEED_VARIABLE) or secrets.randbits(32))
    try:
        play(database_url, redis_url, count=HISTORIES_OF_A_LONG_RUN, number=number)
    except BaseException as error:
        error.add_note(f"to play these histories again: {SEED_VARIABLE}={number}")
        raise


DEADLOCKS: Final = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
