"""Claim, epoch and void as a stateful model over the real gate and the real ledger functions: whatever happens, in
whatever order, the laws hold after every step, all comes to rest, and a fresh retry gets its answer."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.inventory.claims import Books
from tests.inventory.selling import Shop, open_sale, open_shop
from tests.orders.histories import ALLOCATED, LIMIT, ORDERS, Call, History

EXAMPLES = 30
STEPS = 40
CLAIMS_MAX = 1_000_000  # per history; order ids are unique over all sales

orders = st.integers(0, len(ORDERS) - 1)
which = st.integers(0, 10**6)


class OrderPath(RuleBasedStateMachine):
    """Rules are the model's transitions; `which` picks one of those under way."""

    run: Callable[[Awaitable[Any]], Any]
    shop: Shop
    history: History
    examples: "itertools.count[int]"

    @initialize()
    def open(self) -> None:
        self.history = self.run(self._open())

    async def _open(self) -> History:
        sale = await open_sale(self.shop, units=ALLOCATED, limit=LIMIT)
        config = await self.shop.ledger.sale(sale.id)
        assert config is not None
        return History(Books(self.shop, sale, config), claims=next(self.examples) * CLAIMS_MAX)

    @rule(order=orders)
    def order(self, order: int) -> None:
        self.run(self.history.ask(order, self.history.next_claim()))

    @precondition(lambda self: self.history.calls)
    @rule(n=which)
    def go_on(self, n: int) -> None:
        self.run(self.history.go_on(_pick(self.history.calls, n)))

    @precondition(lambda self: self.history.calls)
    @rule(n=which, still_arrives=st.booleans())
    def caller_dies(self, n: int, still_arrives: bool) -> None:
        self.caller_leaves(_pick(self.history.calls, n), still_arrives=still_arrives)

    @precondition(lambda self: self.history.calls)
    @rule(n=which)
    def not_sent(self, n: int) -> None:
        call = _pick(self.history.calls, n)
        self.history.calls.remove(call)
        if not call.must_read:
            self.run(self.history.release("not_sent", call))

    @precondition(lambda self: self.history.late)
    @rule(n=which)
    def late_call_arrives(self, n: int) -> None:
        self.run(self.history.arrive(_pick(self.history.late, n)))

    @precondition(lambda self: self.history.acknowledged)
    @rule(n=which)
    def confirm(self, n: int) -> None:
        self.run(self.history.confirm(_pick(list(self.history.acknowledged), n)))

    @rule()
    def sweeper_looks(self) -> None:
        self.run(self.history.look())

    @precondition(lambda self: self.history.sweeps)
    @rule(n=which)
    def sweeper_goes_on(self, n: int) -> None:
        self.run(self.history.sweep(_pick(self.history.sweeps, n)))

    @precondition(lambda self: self.history.sweeps)
    @rule(n=which)
    def sweeper_dies(self, n: int) -> None:
        self.history.sweeps.remove(_pick(self.history.sweeps, n))

    @rule(order=orders)
    def lapse(self, order: int) -> None:
        self.run(self.history.lapse(order))

    @precondition(lambda self: self.history.facts)
    @rule(n=which)
    def relay(self, n: int) -> None:
        self.run(self.history.relay(_pick(self.history.facts, n)))

    @rule(order=orders)
    def caller_dies_at_once(self, order: int) -> None:
        """An order whose call to the ledger is on its way without a caller."""
        known = len(self.history.calls)
        self.run(self.history.ask(order, self.history.next_claim()))
        for call in self.history.calls[known:]:
            self.caller_leaves(call, still_arrives=True)

    def caller_leaves(self, call: Call, *, still_arrives: bool) -> None:
        self.history.calls.remove(call)
        if still_arrives and not call.must_read:
            self.history.late.append(call)

    @rule()
    def sweeper_does_all(self) -> None:
        known = len(self.history.sweeps)
        self.run(self.history.look())
        for sweep in self.history.sweeps[known:]:
            self.run(self.history.sweep(sweep))
            self.run(self.history.sweep(sweep))

    @rule(what=st.sampled_from(["rebuild", "rebuild", "bump", "forget", "save", "restore"]))
    def outage(self, what: str) -> None:
        """One rule for all of these, so that they do not drown the rest. A bump: its rebuilder died right after it."""
        if what == "bump":
            self.run(self.shop.ledger.bump_epoch(*self.history.where))
        else:
            self.run(getattr(self.history, what)())

    @invariant()
    def laws(self) -> None:
        self.run(self.history.check())

    def teardown(self) -> None:
        """At rest the gate is the ledger's image, and every retry has an answer that stands."""
        if not hasattr(self, "history"):
            return
        self.run(self.history.come_to_rest())
        self.run(self.history.equal())
        for order in range(len(ORDERS)):
            self.run(self._retry(order))
        self.run(self.history.come_to_rest())
        self.run(self.history.equal())
        self.run(
            self.shop.pool.execute("UPDATE sale SET archived_at = created_at WHERE id = $1", self.history.where[0])
        )

    async def _retry(self, order: int) -> None:
        answer = await self.history.ask(order, self.history.next_claim())
        if answer == "refused":
            return
        assert answer == "under way", answer
        while self.history.calls:
            await self.history.go_on(self.history.calls[0])
        assert order in self.history.acknowledged


def _pick(some: list[Any], n: int) -> Any:
    return some[n % len(some)]


def test_the_laws_hold_in_every_history(database_url: str, redis_url: str):
    with asyncio.Runner() as runner:

        async def use(stack: AsyncExitStack) -> Shop:
            return await stack.enter_async_context(open_shop(database_url, redis_url))

        stack = AsyncExitStack()
        try:
            shop = runner.run(use(stack))
            given = {"run": staticmethod(runner.run), "shop": shop, "examples": itertools.count(1)}
            machine = type("Machine", (OrderPath,), given)
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    derandomize=True,
                    phases=[Phase.generate],  # shrinking against real engines takes minutes: add Phase.shrink by hand
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())
