"""A gate of its own for tests of the scripts: loaded by hand, asked by short names, no ledger behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from inventory.gate import Gate
from inventory.model import lines_text
from inventory.replies import (
    Ask,
    GateItem,
    GateStatus,
    HoldAt,
    HoldRef,
    Ok,
    Older,
    OtherEngine,
    Outcomes,
    entry_field,
    entry_text,
)
from inventory.verdicts import Verdict, Verdicts

NOW_MS: Final = 1_800_000_000_000
PRINT: Final = "a" * 32
OTHER_PRINT: Final = "b" * 32
SALE: Final = "01a3185c-5000-7000-8000-000000000001"
SEGMENT: Final = 0

# Customer, key, state (C or R), claim id, fingerprint, no, at_ms, lines.
LoadEntry = tuple[str, str, str, str, str, int, int, str]


def id_of(number: int) -> str:
    """A claim id; a greater number gives a greater id."""
    return f"01a3185c-5000-7000-8000-{number:012d}"


def customer_of(number: int) -> str:
    """A customer's id."""
    return f"01a3185c-4000-7000-8000-{number:012d}"


def ask(
    claim: int,
    *,
    customer: int = 1,
    key: str = "k",
    lines: Mapping[int, int] | None = None,
    fingerprint: str = PRINT,
    priced: bool = True,
    above_epoch: int = 0,
) -> Ask:
    """What one order asks: by default one unit of item 1."""
    text = lines_text(lines or {1: 1})
    return customer_of(customer), key, id_of(claim), fingerprint, text, priced, above_epoch


def ref(claim: int, *, customer: int = 1, key: str = "k") -> HoldRef:
    """A hold's name."""
    return customer_of(customer), key, id_of(claim)


def hold_at(claim: int, *, customer: int = 1, key: str = "k", epoch: int = 1) -> HoldAt:
    """A hold's name and epoch."""
    return customer_of(customer), key, id_of(claim), epoch


def _text_of(entry: LoadEntry) -> str:
    _, _, state, claim_id, fingerprint, no, at_ms, lines = entry
    return entry_text(state=state, claim_id=claim_id, fingerprint=fingerprint, no=no, at_ms=at_ms, lines=lines)


@dataclass
class Bench:
    """One sale segment at a real engine. `version` is what its callers know."""

    gate: Gate
    redis: Redis
    version: int = 1

    async def run_id(self) -> str:
        return (await self.gate.status(SALE, SEGMENT)).run_id

    async def load(
        self,
        allocated: Mapping[int, int] | None = None,
        *,
        epoch: int = 1,
        limits: Mapping[int, int] | None = None,
        entries: Sequence[LoadEntry] = (),
        sold: Mapping[int, int] | None = None,
        **fields: Any,
    ) -> None:
        """Load and flip an epoch; an open sale without limits unless `fields` say otherwise."""
        allocated, run_id = allocated or {1: 10}, await self.run_id()
        if entries:
            assert await self.load_piece(run_id=run_id, epoch=epoch, entries=entries) == Ok()
        meta: dict[str, Any] = {
            "state": "open",
            "opens_ms": "",
            "closes_ms": "",
            "limit": 0,
            "context": "",
            "no": 0,
            "at_ms": 0,
        } | fields
        reply = await self.gate.flip(
            SALE, SEGMENT, run_id=run_id, epoch=epoch, version=self.version, fields=meta, loaded=len(entries),
            items=[(no, units, (sold or {}).get(no, 0), (limits or {}).get(no, 0)) for no, units in allocated.items()],
        )  # fmt: skip
        assert reply == Ok()

    async def load_piece(self, *, run_id: str, epoch: int, entries: Sequence[LoadEntry]) -> Ok | OtherEngine | Older:
        """Load entries, and what their buyers have; the answer to the last call."""
        pairs = [part for entry in entries for part in (entry_field(entry[0], entry[1]), _text_of(entry))]
        bought: dict[str, list[str]] = {}
        for entry in entries:
            if entry[2] == "C":
                bought.setdefault(entry[0], []).append(entry[7])
        buyers = [part for customer, lines in bought.items() for part in (customer, ",".join(lines))]
        await self.gate.load(SALE, SEGMENT, run_id=run_id, epoch=epoch, name="buyers", pairs=buyers)
        return await self.gate.load(SALE, SEGMENT, run_id=run_id, epoch=epoch, name="entries", pairs=pairs)

    async def hold(self, *asks: Ask, confirms: Sequence[HoldRef] = (), now_ms: int = NOW_MS) -> list[Verdict]:
        """The verdicts on one batch."""
        reply = await self.gate.hold(SALE, SEGMENT, now_ms=now_ms, version=self.version, confirms=confirms, asks=asks)
        assert isinstance(reply, Verdicts), reply
        return reply.verdicts

    async def one(self, wanted: Ask, *, now_ms: int = NOW_MS) -> Verdict:
        """The verdict on one order."""
        return (await self.hold(wanted, now_ms=now_ms))[0]

    async def release(self, mode: str, *holds: HoldAt) -> list[str]:
        """The outcomes of a release."""
        reply = await self.gate.release(SALE, SEGMENT, mode, holds)
        assert isinstance(reply, Outcomes), reply
        return reply.outcomes

    async def status(self) -> GateStatus:
        return await self.gate.status(SALE, SEGMENT)

    async def item(self, no: int = 1) -> GateItem:
        """The counters of an item, checked against the gate's own law."""
        found = next(item for item in (await self.status()).items if item.no == no)
        assert found.allocated == found.confirmed + found.held + found.free
        assert min(found.confirmed, found.held, found.free) >= 0
        return found

    async def counts(self, no: int = 1) -> tuple[int, int, int]:
        """(free, held, confirmed) of an item."""
        item = await self.item(no)
        return item.free, item.held, item.confirmed

    async def contents(self) -> dict[Any, Any]:
        """Every key of the engine, as DUMP gives it: two equal readings mean that nothing at all was written."""
        return {name: await self.redis.dump(name) for name in sorted(await self.redis.keys("*"))}
