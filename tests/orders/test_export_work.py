"""A file of orders is made once and whole, whatever happens to the worker that makes it."""

import asyncio
import csv
import io
import random
import signal
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from keel.errors import Conflict, Forbidden, NotFound
from keel.identity import Principal, Role
from orders import export_work, exporting, store_list
from orders.export_work import LEASE_FOR, TRIES_MAX, Exporter, LeaseLost
from orders.exporting import KEEP_FOR, ask_export, delete_export, fetch_export, list_exports, pieces, read_export
from orders.filters import OrderFilter, Rehearsals
from orders.handling import Handling
from orders.model import OrderState
from orders.tables import OrderExportRow
from tests.databases import Databases
from tests.eventually import eventually_async
from tests.inventory.selling import make_merchant
from tests.millpond.stacks import STOP_MAX_S, planned_stack
from tests.orders.rows import Stock, handling_of, stocked
from tests.orders.serving import Served, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYTHING = OrderFilter(rehearsals=Rehearsals.INCLUDED)
MANY = 10_000


@pytest.fixture
def exporter(served: Served, monkeypatch) -> Exporter:
    """A worker that makes small pieces, so that there are many."""
    monkeypatch.setattr(export_work, "ROWS_PER_PIECE", 25)
    return Exporter(served.shop.selling.sessions, served.shop.clock)


async def worked(exporter: Exporter) -> None:
    await exporter.tick(asyncio.Event())


async def lines(handling: Handling, by: Principal, export_id: str) -> list[dict[str, str]]:
    """The file's lines, after checking that it is as long as was announced."""
    export = await fetch_export(handling, by, export_id)
    content = b"".join([piece async for piece in pieces(handling, export)])
    assert len(content) == export.bytes
    found = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert len(found) == export.rows_done == export.rows_total
    return found


async def test_a_file_has_every_order_that_fits_once_and_says_how_far_it_is(stock: Stock, handling, exporter):
    by = stock.shop.staff
    for given in (EVERYTHING, OrderFilter(state=OrderState.PAID, share_code="anna"), OrderFilter(total_min=10**9)):
        asked = await ask_export(handling, by, given, plain=False)
        assert (asked.state, asked.rows_total) == ("waiting", None)
        expected = stock.like(given)
        await stock.add(random.Random(3))
        await worked(exporter)
        ready = await read_export(handling, by, asked.id)
        assert (ready.state, ready.rows_done, ready.rows_total) == ("done", len(expected), len(expected))
        assert [line["id"] for line in await lines(handling, by, asked.id)] == expected, "none that came later"
        newest, *_ = await list_exports(handling, by)
        assert newest.id == asked.id


async def test_orders_are_counted_a_stretch_at_a_time_and_it_shows(stock: Stock, handling, exporter, monkeypatch):
    monkeypatch.setattr(store_list, "COUNTED_ROWS", 30)
    by = stock.shop.staff
    for given in (EVERYTHING, OrderFilter(total_min=500, has_recipient=True), OrderFilter(share_code="anna")):
        asked, expected = await ask_export(handling, by, given, plain=False), stock.like(given)
        export, shown = await taken(exporter), list[int]()
        while export.rows_total is None:
            export = await stepped(exporter, export)
            shown.append((await read_export(handling, by, asked.id)).rows_counted)
        assert shown == sorted(shown)
        assert (len(shown) > 1, shown[-1], export.rows_total) == (True, len(expected), len(expected))
        stock.shop.clock.advance(ms=round(LEASE_FOR.total_seconds() * 1000))  # as though it was killed meanwhile
        await worked(exporter)
        assert [line["id"] for line in await lines(handling, by, asked.id)] == expected


async def test_a_file_is_deleted_by_who_asked_for_it_or_an_owner_and_by_nobody_else(stock: Stock, handling, exporter):
    owner, merchant_id = stock.shop.staff, stock.shop.staff.merchant_id
    maker, colleague = Principal(merchant_id, "wei", Role.ANALYST), Principal(merchant_id, "lan", Role.OPERATOR)
    stranger = await make_merchant(stock.shop.selling, "A fourth pond")
    made, other = [await ask_export(handling, maker, EVERYTHING, plain=False) for _ in range(2)]
    half = await stepped(exporter, await stepped_until_counted(exporter))
    for nobody in (colleague, stranger):
        with pytest.raises(NotFound):
            await delete_export(handling, nobody, made.id)
    await delete_export(handling, maker, made.id)
    with pytest.raises(LeaseLost):
        await stepped(exporter, half)
    with pytest.raises(NotFound):
        await delete_export(handling, maker, made.id)
    await worked(exporter)
    await delete_export(handling, owner, other.id)
    query = "SELECT actor, subject_id::text FROM staff_audit WHERE command = 'order.export_delete' ORDER BY id"
    found = [tuple(row.values()) for row in await stock.shop.rows(query)]
    assert found[-2:] == [("wei", made.id), ("hua", other.id)]
    for table, column in (("order_export", "id"), ("order_export_chunk", "export_id")):
        left = f"SELECT 1 FROM {table} WHERE {column}::text = ANY (:ids)"
        assert await stock.shop.rows(left, ids=[made.id, other.id]) == [], "nothing of it stays"


async def test_a_worker_that_dies_between_two_pieces_leaves_the_rest_to_the_next(stock: Stock, handling, exporter):
    by, expected = stock.shop.staff, stock.like(EVERYTHING)
    asked = await ask_export(handling, by, EVERYTHING, plain=False)
    export = await taken(exporter)
    for _ in range(3):
        export = await stepped(exporter, export)
    await worked(exporter)
    assert (await read_export(handling, by, asked.id)).rows_done == 50, "its lease has not lapsed yet"
    stock.shop.clock.advance(ms=round(LEASE_FOR.total_seconds() * 1000))
    await worked(exporter)
    assert [line["id"] for line in await lines(handling, by, asked.id)] == expected


async def test_a_worker_that_froze_and_wakes_again_writes_nothing(stock: Stock, handling, exporter):
    by = stock.shop.staff
    asked = await ask_export(handling, by, EVERYTHING, plain=False)
    frozen = await stepped(exporter, await taken(exporter))
    stock.shop.clock.advance(s=31)
    other = await stepped(exporter, await taken(exporter))
    with pytest.raises(LeaseLost):
        await stepped(exporter, frozen)
    while other.state == "running":
        other = await stepped(exporter, other)
    with pytest.raises(LeaseLost):
        await stepped(exporter, frozen)
    assert [line["id"] for line in await lines(handling, by, asked.id)] == stock.like(EVERYTHING)


async def test_a_worker_that_is_told_to_stop_leaves_its_file_at_once(stock: Stock, handling, exporter):
    asked = await ask_export(handling, stock.shop.staff, EVERYTHING, plain=False)
    stop, step = asyncio.Event(), Exporter._step

    async def last_step(ours: Exporter, session: AsyncSession, export: OrderExportRow) -> OrderExportRow:
        stop.set()
        return await step(ours, session, export)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exporter, "_step", last_step)
        await exporter.tick(stop)
    assert (await read_export(handling, stock.shop.staff, asked.id)).state == "running"
    await worked(exporter)
    assert (await read_export(handling, stock.shop.staff, asked.id)).state == "done", "no lease had to lapse"


async def test_what_cannot_be_made_is_given_up_and_said_so(stock: Stock, handling, exporter, monkeypatch):
    by = stock.shop.staff
    asked = await ask_export(handling, by, EVERYTHING, plain=False)
    for _ in range(TRIES_MAX):
        await taken(exporter)
        stock.shop.clock.advance(s=31)
    await worked(exporter)
    failed = await read_export(handling, by, asked.id)
    assert (failed.state, failed.error) == ("failed", "it could not be made")
    monkeypatch.setattr(export_work, "EXPORT_ROWS_MAX", 3)
    asked = await ask_export(handling, by, EVERYTHING, plain=False)
    await worked(exporter)
    failed = await read_export(handling, by, asked.id)
    assert (failed.state, failed.error) == ("failed", "more than 3 orders fit: ask for fewer")
    with pytest.raises(Conflict):
        await fetch_export(handling, by, asked.id)


async def test_only_so_many_are_made_and_kept_and_none_for_ever(served: Served, exporter, monkeypatch):
    by = await make_merchant(served.shop.selling, "Another pond")
    handling = handling_of(served.shop)
    answers = await asyncio.gather(
        *(ask_export(handling, by, EVERYTHING, plain=False) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3, answers
    colleague = Principal(by.merchant_id, "lan", Role.ANALYST)
    assert (await ask_export(handling, colleague, EVERYTHING, plain=False)).state == "waiting", "not in one's way"
    await worked(exporter)
    monkeypatch.setattr(exporting, "EXPORTS_KEPT_MAX", 3)
    with pytest.raises(Conflict, match="conflict"):
        await ask_export(handling, by, EVERYTHING, plain=False)
    first = next(answer for answer in answers if isinstance(answer, OrderExportRow))
    await delete_export(handling, by, first.id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_work, "EXPORT_ROWS_MAX", -1)
        for _ in range(3):
            await ask_export(handling, by, EVERYTHING, plain=False)
            await worked(exporter)
    assert (await ask_export(handling, by, EVERYTHING, plain=False)).state == "waiting", "what failed takes no room"
    await worked(exporter)
    served.shop.clock.advance(s=(KEEP_FOR + timedelta(seconds=1)).total_seconds())
    await worked(exporter)
    assert await list_exports(handling, by) == []
    query = "SELECT count(*)::int AS n FROM order_export_chunk c JOIN order_export e ON e.id = c.export_id"
    left = "SELECT count(*)::int AS n FROM order_export_chunk"
    assert await served.shop.rows(query) == await served.shop.rows(left), "no piece without its export"


async def test_plain_recipients_are_for_those_who_may_see_them_and_each_reading_is_noted(
    stock: Stock, handling, exporter
):
    by, given = stock.shop.staff, OrderFilter(has_recipient=True)
    analyst = Principal(by.merchant_id, "wei", Role.ANALYST)
    with pytest.raises(Forbidden):
        await ask_export(handling, analyst, given, plain=True)
    plain, masked = [await ask_export(handling, by, given, plain=plain) for plain in (True, False)]
    with pytest.raises(Conflict, match="conflict"):
        await fetch_export(handling, by, plain.id)
    await worked(exporter)
    assert {line["recipient_phone"] for line in await lines(handling, by, plain.id)} == {"13800001234"}
    assert {line["recipient_phone"] for line in await lines(handling, analyst, masked.id)} == {"***1234"}
    with pytest.raises(Forbidden):
        await fetch_export(handling, analyst, plain.id)
    stranger = await make_merchant(stock.shop.selling, "A third pond")
    with pytest.raises(NotFound):
        await fetch_export(handling, stranger, plain.id)
    query = "SELECT command, actor, detail->>'plain' AS plain FROM staff_audit WHERE subject_id = :id ORDER BY id"
    assert [tuple(row.values()) for row in await stock.shop.rows(query, id=plain.id)] == [
        ("order.export", "hua", "true"),
        ("order.export_read", "hua", "true"),
    ]


async def test_a_file_is_made_once_and_whole_though_its_worker_is_killed_in_the_middle(
    databases: Databases, database_template: str, flushable_redis_url: str
):
    name = databases.create(database_template)
    url = databases.url_of(name)
    async with serve(url, flushable_redis_url) as served:
        shop, by = served.shop, served.shop.staff
        stock = await stocked(shop, count=1)
        await shop.pool.execute(_MANY, by.merchant_id, stock.sales[0].id, shop.clock.now(), MANY)
        handling = handling_of(shop)
        asked = await ask_export(handling, by, OrderFilter(sale_id=stock.sales[0].id), plain=False)

        async def begun() -> bool:
            return (await read_export(handling, by, asked.id)).rows_done > 0

        process = planned_stack(url, flushable_redis_url).start("worker", heard=False)
        try:
            await eventually_async(begun, within_s=30)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(STOP_MAX_S)
        left = await read_export(handling, by, asked.id)
        assert (left.state, 0 < left.rows_done < MANY) == ("running", True)
        await Exporter(shop.selling.sessions, shop.clock).tick(asyncio.Event())  # by this clock the lease is long over
        ids = [line["id"] for line in await lines(handling, by, asked.id)]
        query = "SELECT id::text FROM orders WHERE sale_id = :id AND merchant_id = :merchant ORDER BY id DESC"
        stored = await shop.rows(query, id=stock.sales[0].id, merchant=by.merchant_id)
        assert ids == [row["id"] for row in stored]
    databases.drop(name)


async def taken(exporter: Exporter) -> OrderExportRow:
    export = await exporter._take()
    assert export is not None
    return export


async def stepped_until_counted(exporter: Exporter) -> OrderExportRow:
    """An export whose first piece is about to be made."""
    export = await taken(exporter)
    while export.rows_total is None:
        export = await stepped(exporter, export)
    return export


async def stepped(exporter: Exporter, export: OrderExportRow) -> OrderExportRow:
    """One piece, as a worker writes it."""
    async with exporter.sessions() as session, session.begin():
        return await exporter._step(session, export)


_MANY = """
    INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total, total,
                        placed_at, expires_at)
    SELECT $1, row_id($3::timestamptz - n * interval '1 second'), $2, 0, gen_random_uuid(), 'k', 'paid', 'CNY',
           100, 100, $3, $3
    FROM generate_series(1, $4::int) AS n
"""
