"""Use cases of catalogue files: an import, which a worker runs as a job, and an export, streamed.

An import first reads every line, then holds them against the catalogue, and stores all of it in the transaction that
ends the job, or nothing: whatever is wrong in a file, and wherever a worker is killed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store, store_catalogue, store_import
from inventory.csv_lines import COLUMNS, PRICE, Fault, Line, LineReader, specification_text
from inventory.import_plan import Plan, plan_of
from inventory.selling import Selling
from inventory.shelf import ON_HAND_MAX
from inventory.store_catalogue import CatalogueEntry
from keel.identity import Principal
from keel.jobs import Run
from keel.spreadsheets import BOM, decoded, line_of

KIND: Final = "catalogue.import"
FILE_BYTES_MAX: Final = 8 * 1024 * 1024
FAULTS_SHOWN_MAX: Final = 1_000
LINES_AT_ONCE: Final = 200  # read between two signs of life, and before the loop's other tasks have their turn
EXPORT_PAGE: Final = 500


class FileRefused(Exception):
    """Something is wrong with the file; nothing of it is stored."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class CatalogueImport:
    """The job `catalogue.import`. With the option `dry_run` it says what it would do, and stores nothing."""

    selling: Selling

    async def __call__(self, run: Run) -> None:
        """Run it. Raises Unavailable and JobLost; then nothing is stored."""
        try:
            lines = await self._read(run)
            async with store.edge(self.selling.sessions) as session:
                plan = await self._planned(run, session, lines)
                dry_run = bool(run.job.options.get("dry_run"))
                if not dry_run:
                    await self._store(run, session, plan)
                counts = {"created": plan.created, "changed": plan.changed, "unchanged": plan.unchanged}
                await run.end(session, state="done", result={"lines": len(lines), "dry_run": dry_run} | counts)
        except FileRefused as refused:
            told = [asdict(fault) for fault in refused.faults[:FAULTS_SHOWN_MAX]]
            async with store.edge(self.selling.sessions) as session:
                await run.end(session, state="refused", result={"errors": told, "errors_total": len(refused.faults)})

    async def _read(self, run: Run) -> list[Line]:
        reader = LineReader(await asyncio.to_thread(decoded, await run.body()))
        while reader.read(LINES_AT_ONCE):
            await run.tell("reading", done=reader.at, total=reader.total)
        if reader.faults:
            raise FileRefused(reader.faults)
        await run.tell("reading", done=reader.total, total=reader.total)
        return reader.lines

    async def _planned(self, run: Run, session: AsyncSession, lines: list[Line]) -> Plan:
        codes = {line.code for line in lines} | {line.variant_of for line in lines if line.variant_of}
        known = await store_import.known(session, run.by.merchant_id, self.selling.clock.now(), list(codes))
        # In a thread: the worker's other loops keep gates alive meanwhile.
        plan = await asyncio.to_thread(plan_of, lines, known, self.selling.ids.new)
        if plan.faults:
            raise FileRefused(plan.faults)
        return plan

    async def _store(self, run: Run, session: AsyncSession, plan: Plan) -> None:
        merchant_id, now = run.by.merchant_id, self.selling.clock.now()
        movements = await asyncio.to_thread(_movements, self.selling, run, plan)
        restocked = [sku_id for sku_id in plan.receipts if sku_id not in plan.skus]
        on_hand = await store_import.lock_shelves(session, merchant_id, restocked)
        _require_room(plan, on_hand)
        new, revised = len(plan.products) + 2 * len(plan.skus), len(plan.titles) + len(plan.changes) + len(on_hand)
        total, done = new + revised + len(plan.prices) + len(movements), 0
        async for count in store_import.store_plan(session, merchant_id, now, plan, on_hand):
            done += count
            await run.tell("storing", done=done, total=total)
        async for count in store_import.add_movements(session, movements):
            done += count
            await run.tell("storing", done=done, total=total)
        counts = {"created": plan.created, "changed": plan.changed}
        self.selling.audit(session, run.by, KIND, run.job.id, **counts)


def _movements(selling: Selling, run: Run, plan: Plan) -> list[dict[str, Any]]:
    reason = f"import {run.job.id}"
    received = ((sku_id, units) for sku_id, units in plan.receipts.items() if units)
    return [selling.movement(run.by, "received", sku_id, units, reason=reason) for sku_id, units in received]


def _require_room(plan: Plan, on_hand: dict[str, int]) -> None:
    full = [sku_id for sku_id, units in on_hand.items() if units + plan.receipts[sku_id] > ON_HAND_MAX]
    if full:
        what = f"more than {ON_HAND_MAX} units would be on hand"
        raise FileRefused(sorted((Fault(plan.line_of[s], "receive", what) for s in full), key=lambda f: f.line))


async def export_lines(selling: Selling, by: Principal) -> AsyncIterator[str]:
    """The catalogue without what is archived, as a file that can be imported unchanged; in pieces.

    Each piece is read by itself: who changes the catalogue meanwhile may or may not be seen.
    """
    async with store.edge(selling.sessions) as session:
        currencies = await store_catalogue.currencies(session, by.merchant_id)
    yield BOM + line_of([*COLUMNS, *(PRICE + currency for currency in currencies)])
    above: str | None = None
    while True:
        async with store.edge(selling.sessions) as session:
            entries = await store_catalogue.next_entries(
                session, by.merchant_id, selling.clock.now(), above=above, count=EXPORT_PAGE
            )
            product_ids = list({entry.sku.product_id for entry in entries})
            first = await store_catalogue.first_codes(session, by.merchant_id, product_ids)
        if not entries:
            return
        above = entries[-1].sku.id
        yield "".join(_exported(entry, first.get(entry.sku.product_id), currencies) for entry in entries)


def _exported(entry: CatalogueEntry, first_code: str | None, currencies: Sequence[str]) -> str:
    sku, prices = entry.sku, {price.currency: price.price for price in entry.prices}
    cells = {
        "code": sku.code,
        "title": entry.title,
        "variant_of": first_code if first_code != sku.code else None,
        "specification": specification_text(sku.specification),
        "picture_url": sku.picture_url,
        "needs_recipient": "yes" if sku.needs_recipient else "no",
        "low_stock": sku.low_stock,
        "on_hand": entry.on_hand,
    }
    return line_of([*(cells.get(column) for column in COLUMNS), *(prices.get(currency) for currency in currencies)])
