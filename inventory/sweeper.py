"""A hold without an order is voided, never assumed dead: first a void claim under its key, then the release."""

from dataclasses import dataclass
from typing import Final

from inventory.gate import Gate
from inventory.ledger import Ledger
from inventory.metrics import HOLDS_SWEPT
from inventory.model import SaleConfig
from inventory.replies import Stale, StaleHolds
from keel.clock import Clock

LOOK_AFTER_MS: Final = 3_000  # says only when to look; the claim says what is true
SWEEP_MAX: Final = 128


@dataclass(frozen=True)
class Sweeper:
    """Gives back the units of holds that nobody was left to place."""

    gate: Gate
    ledger: Ledger
    clock: Clock

    async def sweep(self, config: SaleConfig, segment: int) -> int:
        """One round over a segment's oldest holds; how many were settled. Raises GateSilent and LedgerFault."""
        before_ms = self.clock.ms() - LOOK_AFTER_MS
        stale = await self.gate.stale(config.id, segment, before_ms=before_ms, count=SWEEP_MAX)
        if not isinstance(stale, StaleHolds) or not stale.holds:
            return 0
        outcomes = await self.ledger.void(config, segment, stale.epoch, stale.holds)
        by_outcome: dict[str, list[Stale]] = {}
        for hold in stale.holds:
            by_outcome.setdefault(outcomes.get(hold.claim_id, "busy"), []).append(hold)
        await self._follow(config, segment, by_outcome)
        for outcome, holds in by_outcome.items():
            HOLDS_SWEPT.labels(outcome=outcome).inc(len(holds))
        return sum(len(holds) for outcome, holds in by_outcome.items() if outcome != "busy")

    async def _follow(self, config: SaleConfig, segment: int, by_outcome: dict[str, list[Stale]]) -> None:
        """Void or placed under another id: release. Lapsed meanwhile: release as such. Placed: confirm."""
        voided = by_outcome.get("void", []) + by_outcome.get("other", [])
        for mode, holds in (("voided", voided), ("lapsed", by_outcome.get("released", []))):
            if holds:
                names = [(h.customer_id, h.key, h.claim_id, 0) for h in holds]
                await self.gate.release(config.id, segment, mode, names)
        placed = [(h.customer_id, h.key, h.claim_id) for h in by_outcome.get("placed", [])]
        if placed:
            await self.gate.confirm(config.id, segment, placed)
