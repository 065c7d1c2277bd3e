"""The gate as a subscriber: units of lapsed orders go back on sale."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.faults import GateSilent, LedgerFault
from inventory.gate import Gate
from inventory.ledger import Ledger
from inventory.model import SaleState
from inventory.replies import HoldAt, NotLoaded
from keel.outbox import Fact, Handled


@dataclass(frozen=True)
class GateReleases:
    """Handles `order.lapsed`. A fact is done when the gate says released or already, and never on not_loaded: the
    rebuild that follows may have read its claims before this order lapsed."""

    gate: Gate
    ledger: Ledger

    async def __call__(self, facts: Sequence[Fact]) -> list[Handled]:
        """One gate call per sale segment."""
        groups: dict[tuple[str, int], list[int]] = {}
        for index, fact in enumerate(facts):
            groups.setdefault((fact.payload["sale_id"], fact.payload["segment"]), []).append(index)
        handled = [Handled.LATER] * len(facts)
        for (sale_id, segment), indexes in groups.items():
            holds = [self._hold(facts[index]) for index in indexes]
            for index, outcome in zip(indexes, await self._release(sale_id, segment, holds), strict=True):
                handled[index] = Handled.LATER if outcome == "not_loaded" else Handled.DONE
        return handled

    @staticmethod
    def _hold(fact: Fact) -> HoldAt:
        payload = fact.payload
        return payload["customer_id"], payload["key"], payload["id"], payload["epoch"]

    async def _release(self, sale_id: str, segment: int, holds: list[HoldAt]) -> list[str]:
        try:
            reply = await self.gate.release(sale_id, segment, "lapsed", holds)
            outcomes = ["not_loaded"] * len(holds) if isinstance(reply, NotLoaded) else reply.outcomes
            if "not_loaded" in outcomes and await self._finished(sale_id):
                return ["already"] * len(holds)  # a closed sale's gate is never loaded again
            return outcomes
        except (GateSilent, LedgerFault):
            return ["not_loaded"] * len(holds)

    async def _finished(self, sale_id: str) -> bool:
        config = await self.ledger.sale(sale_id)
        return config is None or config.state is SaleState.CLOSED
