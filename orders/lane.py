"""The lane of one sale segment in one process: a batch at the gate, a batch in the ledger, and what waits for each.

enter ──► gate batch ──held──► ledger batch ──committed──► answered, confirmed on the next gate call
             │  ▲                  │
          refused  └──fresh id─────┘   epoch over, or the id is void: through the gate again, unseen by the buyer
"""

import asyncio
import logging
from typing import Final

from inventory.errors import GateRebuilding, SaleEnded
from inventory.faults import GateSilent, LedgerFault
from inventory.model import SaleConfig, SaleState
from inventory.replies import HoldRef, NotLoaded
from inventory.verdicts import Held, Own, Repeated, StaleConfig, Verdict, Verdicts
from keel.errors import NotFound, Refusal, Unavailable
from orders.attempt import Attempt
from orders.desk import NO_GATE, NO_LEDGER, Desk, batcher_of, settle_all, standing
from orders.refusals import refusal_of_verdict
from orders.writing import Writing

log = logging.getLogger(__name__)

ROUNDS_MAX: Final = 5
RELOAD_PAUSE_S: Final = 0.02  # doubled with each round
CONFIRM_AFTER_S: Final = 0.02


class Lane:
    """Attempts on one segment of one sale, in arrival order."""

    def __init__(self, desk: Desk, sale_id: str, segment: int) -> None:
        self._desk, self._sale_id, self._segment = desk, sale_id, segment
        self._confirms: list[HoldRef] = []
        self._confirms_due = False
        self._pausing = 0
        self._confirm_timer: asyncio.TimerHandle | None = None
        self._batch = batcher_of("gate", self._ask_gate, linger=lambda: self._confirms_due)
        self._writing = Writing(desk, sale_id, segment, again=self._again, confirm=self._confirm)

    def enter(self, attempt: Attempt) -> None:
        """Queue an attempt for the gate."""
        self._batch.add(attempt)

    @property
    def busy(self) -> bool:
        """Whether anything waits, is in flight, or is to be confirmed."""
        return self._batch.busy or self._writing.busy or bool(self._confirms) or self._pausing > 0

    async def drained(self) -> None:
        """Return once every attempt is answered and confirmed."""
        while self.busy:
            self._confirm_now()
            await self._batch.drained()
            await self._writing.drained()
            await asyncio.sleep(0 if not self._pausing else RELOAD_PAUSE_S)

    async def _ask_gate(self, batch: list[Attempt]) -> None:
        confirms, self._confirms, self._confirms_due = self._confirms, [], False
        config = await self._config()
        if isinstance(config, Refusal):
            settle_all(batch, config)
            return
        if config.state is SaleState.CLOSED and config.settled:
            await self._answer_settled(batch)
            return
        try:
            reply = await self._desk.gate.hold(
                self._sale_id,
                self._segment,
                now_ms=self._desk.clock.ms(),
                version=config.version,
                confirms=confirms,  # lost where this call fails: the sweeper confirms later
                asks=[attempt.ask(config) for attempt in batch],
            )
        except GateSilent as silence:
            log.warning("gate of sale %s: %s", self._sale_id, silence)
            settle_all(batch, Unavailable(detail=NO_GATE))
            return
        if isinstance(reply, NotLoaded):
            settle_all(batch, GateRebuilding())
            return
        await self._follow(batch, reply, config)

    async def _config(self) -> SaleConfig | Refusal:
        try:
            return await self._desk.book.get(self._sale_id) or NotFound(what="sale")
        except LedgerFault:
            return Unavailable(detail=NO_LEDGER)

    async def _follow(self, batch: list[Attempt], reply: Verdicts, config: SaleConfig) -> None:
        stale: list[Attempt] = []
        for attempt, verdict in zip(batch, reply.verdicts, strict=True):
            match verdict:
                case Held(no, at_ms):
                    self._to_ledger(attempt, reply, no, at_ms)
                case StaleConfig():
                    stale.append(attempt)
                case Repeated() | Own() if reply.version != config.version:
                    stale.append(attempt)  # the key came first at the gate, but nothing is written at an old price
                case Repeated() | Own():
                    self._join(attempt, reply, verdict)
                case _:
                    attempt.settle(self._refusal(attempt, reply, verdict, config))
        if stale:
            await self._reload(stale, reply.version)

    def _join(self, attempt: Attempt, reply: Verdicts, verdict: Repeated | Own) -> None:
        """The key stands at the gate. Only an own hold goes on as held; whatever else stands is read first."""
        attempt.must_read = isinstance(verdict, Repeated) or verdict.state != "H"
        if isinstance(verdict, Repeated):
            attempt.claim_id = verdict.claim_id
        self._to_ledger(attempt, reply, verdict.no, verdict.at_ms)

    def _refusal(self, attempt: Attempt, reply: Verdicts, verdict: Verdict, config: SaleConfig) -> Refusal:
        trusted = self._desk.book.trusts(self._sale_id, self._segment, reply.epoch)
        return refusal_of_verdict(verdict, attempt, config, trusted=trusted, now_ms=self._desk.clock.ms())

    def _to_ledger(self, attempt: Attempt, reply: Verdicts, no: int, at_ms: int) -> None:
        attempt.epoch, attempt.context, attempt.no, attempt.at_ms = reply.epoch, reply.context, no, at_ms
        self._writing.add(attempt)

    async def _reload(self, stale: list[Attempt], version: int) -> None:
        """Read the configuration anew. A gate that stays ahead is in the middle of a command: ask again in a while."""
        try:
            config = await self._desk.book.refresh(self._sale_id)
        except LedgerFault:
            settle_all(stale, Unavailable(detail=NO_LEDGER))
            return
        for attempt in stale:
            if config is not None and config.version >= version:
                self._again(attempt)
            else:
                self._pausing += 1
                pause_s = RELOAD_PAUSE_S * 2**attempt.rounds
                asyncio.get_running_loop().call_later(pause_s, self._after_pause, attempt)

    def _after_pause(self, attempt: Attempt) -> None:
        self._pausing -= 1
        self._again(attempt)

    def _again(self, attempt: Attempt) -> None:
        attempt.rounds += 1
        if attempt.rounds > ROUNDS_MAX:
            attempt.settle(GateRebuilding())
        else:
            self._batch.add(attempt)

    async def _answer_settled(self, batch: list[Attempt]) -> None:
        """A settled sale needs no gate: its claims say who ordered, everybody else is late. Not before: until the
        settlement's epoch a hold may still be on its way into the ledger, where this reading would not see it."""
        if not batch:
            return
        try:
            claims = await self._desk.ledger.claims(self._sale_id, [(a.customer_id, a.key) for a in batch])
        except LedgerFault:
            settle_all(batch, Unavailable(detail=NO_LEDGER))
            return
        for attempt in batch:
            claim = claims.get((attempt.customer_id, attempt.key))
            if claim is None or claim.state == "void":
                attempt.settle(SaleEnded())
            else:
                attempt.settle(standing(attempt, claim.id, claim.fingerprint))

    def _confirm(self, attempt: Attempt) -> None:
        """Confirmations ride on the next gate call; where none comes soon, they go alone."""
        self._confirms.append(attempt.ref())
        if self._confirm_timer is None:
            loop = asyncio.get_running_loop()
            self._confirm_timer = loop.call_later(CONFIRM_AFTER_S, self._confirm_now)

    def _confirm_now(self) -> None:
        if self._confirm_timer is not None:
            self._confirm_timer.cancel()
            self._confirm_timer = None
        if self._confirms:
            self._confirms_due = True
            self._batch.wake()
