"""The lane's way through the ledger: joined claims are read, held ones are placed, and every fault has its answer."""

import logging
from collections.abc import Callable

from inventory.faults import Contended, EpochOver, GateSilent, LedgerFault, NotSent, StockShort, Unfit, Unknown
from keel.errors import IdempotencyKeyReused, Internal, Unavailable
from orders.attempt import Attempt, Placed, Standing
from orders.desk import NO_GATE, NO_LEDGER, Desk, batcher_of, settle_all, standing
from orders.metrics import LEDGER_FAULTS, ORDERS_PLACED, STOCK_ALARMS
from orders.store import Outcome, place_batch

log = logging.getLogger(__name__)


class Writing:
    """The ledger batch of one lane. `again` sends an attempt through the gate once more; `confirm` notes a hold whose
    order is committed."""

    def __init__(
        self,
        desk: Desk,
        sale_id: str,
        segment: int,
        *,
        again: Callable[[Attempt], None],
        confirm: Callable[[Attempt], None],
    ) -> None:
        self._desk, self._sale_id, self._segment = desk, sale_id, segment
        self._again, self._confirm = again, confirm
        self._batch = batcher_of("ledger", self._write)

    def add(self, attempt: Attempt) -> None:
        """Queue an attempt that is held, or whose key stands under another id."""
        self._batch.add(attempt)

    @property
    def busy(self) -> bool:
        """Whether anything waits or is in flight."""
        return self._batch.busy

    async def drained(self) -> None:
        """Return once nothing waits."""
        await self._batch.drained()

    async def _write(self, batch: list[Attempt]) -> None:
        if self._desk.breaker.retry_after_s():  # it opened while these waited: their holds must not wait for it too
            await self._give_up([attempt for attempt in batch if not attempt.must_read])
            settle_all(batch, Unavailable(detail=NO_LEDGER))
            return
        placing = [attempt for attempt in batch if not attempt.must_read]
        reading = [attempt for attempt in batch if attempt.must_read]
        if reading:
            placing += await self._read(reading)
        for group in self._groups(placing):
            await self._place(group)

    async def _read(self, reading: list[Attempt]) -> list[Attempt]:
        """`repeated` is never an answer: read the claims. Returns those that join the batch under the gate's id."""
        try:
            claims = await self._desk.ledger.claims(self._sale_id, [(a.customer_id, a.key) for a in reading])
        except LedgerFault:
            settle_all(reading, Unavailable(detail=NO_LEDGER))
            return []
        joining: list[Attempt] = []
        dead: list[tuple[Attempt, str]] = []
        for attempt in reading:
            attempt.must_read = False
            claim = claims.get((attempt.customer_id, attempt.key))
            if claim is None or (claim.state == "void" and claim.id < attempt.claim_id):
                self._join(attempt, joining)
            elif claim.state == "void":
                dead.append((attempt, claim.id))
            else:
                attempt.settle(standing(attempt, claim.id, claim.fingerprint))
        await self._bury(dead)
        return joining

    @staticmethod
    def _join(attempt: Attempt, joining: list[Attempt]) -> None:
        """Nobody placed the hold yet. The gate passed over the price because the key came first, so look now; but the
        first request may be about to commit at the old one: that is no "no", the buyer has to ask again."""
        if attempt.priced:
            joining.append(attempt)
        else:
            attempt.settle(Unavailable(detail="an earlier request with this key is still under way"))

    def _groups(self, placing: list[Attempt]) -> list[list[Attempt]]:
        """One ledger call needs one epoch, one context, one configuration and each key once; a second one waits."""
        groups: dict[tuple[int, str, int], list[Attempt]] = {}
        seen: set[tuple[str, str]] = set()
        for attempt in placing:
            name = (attempt.customer_id, attempt.key)
            if name in seen:
                attempt.must_read = True
                self._batch.add(attempt)
                continue
            seen.add(name)
            terms = attempt.epoch, attempt.context, attempt.quoted.config.version
            groups.setdefault(terms, []).append(attempt)
        return list(groups.values())

    async def _place(self, group: list[Attempt]) -> None:
        try:
            placed_ms, outcomes = await place_batch(
                self._desk.ledger, group, self._segment, self._desk.clock.ms(), self._desk.subscribers
            )
        except EpochOver:
            self._through_the_new_gate(group)
        except LedgerFault as fault:
            await self._failed(group, fault)
        else:
            self._desk.breaker.succeeded()
            await self._answer(group, placed_ms, outcomes)

    async def _failed(self, group: list[Attempt], fault: LedgerFault) -> None:
        LEDGER_FAULTS.labels(fault=type(fault).__name__).inc()
        log.warning("ledger of sale %s, %d orders: %s: %s", self._sale_id, len(group), type(fault).__name__, fault)
        if isinstance(fault, NotSent | Unknown | Unfit):  # these speak against the ledger, not against the batch
            self._desk.breaker.failed()
        if isinstance(fault, NotSent | Unfit | Contended):
            await self._give_up(group)
            settle_all(group, Unavailable(detail=NO_LEDGER))
        elif isinstance(fault, Unknown):
            settle_all(group, Unavailable(detail=NO_LEDGER))
        elif len(group) > 1:
            await self._one_by_one(group)
        else:
            await self._refused_alone(group[0], fault)

    async def _one_by_one(self, group: list[Attempt]) -> None:
        """A batch that fails fails alone: each order by itself, in arrival order, as long as the ledger answers."""
        for index, attempt in enumerate(group):
            if self._desk.breaker.retry_after_s():
                await self._give_up(group[index:])
                settle_all(group[index:], Unavailable(detail=NO_LEDGER))
                return
            await self._place([attempt])

    async def _refused_alone(self, attempt: Attempt, fault: LedgerFault) -> None:
        if isinstance(fault, StockShort):  # unreachable by the rules: the sweeper tidies up, somebody has to look
            STOCK_ALARMS.inc()
            log.error(
                "ALARM: the ledger refused a winner for stock: sale %s, claim %s", self._sale_id, attempt.claim_id
            )
            attempt.settle(Unavailable())
            return
        await self._give_up([attempt])
        attempt.settle(Internal())

    async def _give_up(self, group: list[Attempt]) -> None:
        """No ledger call is under way for these, surely: give back at once what nobody joined; the rest is the
        sweeper's."""
        if not group:
            return
        try:
            await self._desk.gate.release(self._sale_id, self._segment, "not_sent", [a.hold() for a in group])
        except GateSilent as silence:
            log.warning("gate of sale %s: %s; %d holds are left to the sweeper", self._sale_id, silence, len(group))

    def _through_the_new_gate(self, group: list[Attempt]) -> None:
        """Winners of an epoch that is over: with a fresh id, and only at a gate above the refused epoch."""
        for attempt in group:
            attempt.above_epoch = attempt.epoch
            attempt.claim_id = self._desk.ids.new(above=attempt.claim_id)
            self._again(attempt)

    async def _bury(self, dead: list[tuple[Attempt, str]]) -> None:
        """These ids are void: nobody can place them. Release them and go on with fresh ones above the voided."""
        if not dead:
            return
        try:
            await self._desk.gate.release(self._sale_id, self._segment, "voided", [a.hold() for a, _ in dead])
        except GateSilent:
            settle_all((attempt for attempt, _ in dead), Unavailable(detail=NO_GATE))
            return
        for attempt, void_id in dead:
            attempt.claim_id = self._desk.ids.new(above=max(void_id, attempt.claim_id))
            self._again(attempt)

    async def _answer(self, group: list[Attempt], placed_ms: int, outcomes: dict[str, Outcome]) -> None:
        dead = []
        for attempt in group:
            outcome = outcomes.get(attempt.claim_id)
            if outcome is None:
                self._confirm(attempt)
                attempt.settle(Placed(attempt, placed_ms))
            elif outcome.state == "void":
                dead.append((attempt, outcome.order_id))
            elif outcome.state == "reused":
                attempt.settle(IdempotencyKeyReused())
            else:
                if outcome.order_id == attempt.claim_id and outcome.state == "placed":
                    self._confirm(attempt)  # whoever joined this hold and placed it may be gone
                attempt.settle(Standing(outcome.order_id))
        ORDERS_PLACED.inc(len(group) - len(outcomes))
        await self._bury(dead)
