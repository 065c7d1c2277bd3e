"""A file becomes the catalogue: all of it or nothing, once, and what was exported imports unchanged."""

import asyncio
import sys
import time
from dataclasses import replace
from typing import Any

from inventory.catalogue import NewVariant, list_skus, set_list_price
from inventory.importing import FAULTS_SHOWN_MAX, KIND, export_lines
from inventory.model import SKUS_PER_PRODUCT_MAX
from inventory.products import archive_product, create_product, find_product
from inventory.shelf import ON_HAND_MAX
from inventory.store_import import PIECE
from keel.jobs import SILENT_AFTER, Jobs
from keel.spreadsheets import BOM
from keel.tables import JobRow
from tests.eventually import eventually_async
from tests.inventory.importer import runner_of
from tests.inventory.selling import Shop, check_books, make_merchant, make_sku

HEAD = "code,title,variant_of,low_stock,receive,price_minor_CNY\n"
STORED = ("product", "sku", "sku_price", "base_stock", "stock_movement")


async def ask(shop: Shop, file: str | bytes, *, dry_run: bool = False) -> JobRow:
    body = file.encode() if isinstance(file, str) else file
    jobs = Jobs(shop.selling.sessions, shop.ids, shop.clock)
    return await jobs.ask(shop.staff, KIND, key=shop.ids.new(), options={"dry_run": dry_run}, body=body)


async def job_of(shop: Shop, job: JobRow) -> JobRow:
    return await Jobs(shop.selling.sessions, shop.ids, shop.clock).read(shop.staff, job.id)


async def imported(shop: Shop, file: str, *, dry_run: bool = False) -> dict[str, Any]:
    """The result of an import that goes well."""
    job = await ask(shop, file, dry_run=dry_run)
    await runner_of(shop).tick()
    job = await job_of(shop, job)
    assert job.state == "done", job.result
    assert job.result is not None
    return job.result


async def refused(shop: Shop, file: str) -> list[tuple[int, str | None]]:
    """Line and column of everything that was wrong with an import, of which nothing is stored."""
    before = await stored(shop)
    job = await ask(shop, file)
    await runner_of(shop).tick()
    job = await job_of(shop, job)
    assert job.state == "refused"
    assert job.result is not None
    assert await stored(shop) == before, "nothing is stored by half"
    assert job.result["errors_total"] >= len(job.result["errors"])
    return [(error["line"], error["column"]) for error in job.result["errors"]]


async def stored(shop: Shop) -> dict[str, int]:
    return {table: (await shop.rows(f"SELECT count(*)::int AS n FROM {table}"))[0]["n"] for table in STORED}


async def exported(shop: Shop) -> str:
    return "".join([piece async for piece in export_lines(shop.selling, shop.staff)])


async def test_a_file_becomes_products_prices_and_units(shop):
    result = await imported(shop, HEAD + "RED,兔毛刷,,3,10,9900\nBLUE,兔毛刷,RED,,,9800\nCUP,Cup,,,0,100\n")
    assert result == {"lines": 3, "dry_run": False, "created": 3, "changed": 0, "unchanged": 0}
    entries = {entry.sku.code: entry for entry in await list_skus(shop.selling, shop.staff, below=None, count=10)}
    assert entries["RED"].sku.product_id == entries["BLUE"].sku.product_id != entries["CUP"].sku.product_id
    assert [(e.on_hand, e.sku.low_stock) for e in (entries["RED"], entries["BLUE"])] == [(10, 3), (0, None)]
    assert [price.price for price in entries["BLUE"].prices] == [9_800]
    (movement,) = await shop.rows("SELECT kind, units, actor, reason FROM stock_movement")
    assert (movement["kind"], movement["units"], movement["actor"]) == ("received", 10, "hua")
    assert movement["reason"].startswith("import ")
    assert [row["command"] for row in await shop.rows("SELECT command FROM staff_audit ORDER BY id")] == [
        "catalogue.import.ask",
        "catalogue.import",
    ]
    await check_books(shop)


async def test_an_import_again_changes_only_what_differs(shop):
    await imported(shop, HEAD + "RED,Brush,,3,10,9900\nBLUE,Brush,RED,,,9800\n")
    shop.clock.advance(s=60)
    result = await imported(shop, HEAD + "BLUE,A better brush,RED,7,5,9800\nRED,A better brush,,3,,9000\n")
    assert (result["created"], result["changed"], result["unchanged"]) == (0, 2, 0)
    blue, red = await list_skus(shop.selling, shop.staff, below=None, count=10)
    assert (blue.title, blue.on_hand, blue.sku.low_stock, blue.sku.version) == ("A better brush", 5, 7, 2)
    assert (red.on_hand, red.sku.version, [price.price for price in red.prices]) == (10, 1, [9_000])
    assert len(await shop.rows("SELECT price FROM sku_price")) == 3, "the price of before stays in the history"
    again = await imported(shop, "code,title\nRED,A better brush\n")
    assert (again["changed"], again["unchanged"]) == (0, 1)
    await check_books(shop)


async def test_one_wrong_line_and_nothing_is_stored(shop):
    await imported(shop, HEAD + "RED,Brush,,,10,9900\n")
    good = "".join(f"C-{n},Cup,,,1,100\n" for n in range(5))
    assert await refused(shop, HEAD + good + "X Y,Cup,,,,100\n") == [(7, "code")]
    assert await refused(shop, HEAD + good + "C-0,Cup,,,,100\nRED,Cup,NONE,,,\n") == [(7, "code"), (8, "variant_of")]
    assert await refused(shop, HEAD + good + "RED,Brush,,,1000000001,\n") == [(7, "receive")]
    assert await refused(shop, HEAD + 'RED,"Brush,,,1,1\n' + good) == [(2, None)]
    await check_books(shop)


async def test_a_shelf_that_would_be_too_full_is_told_by_its_line(shop):
    await make_sku(shop)
    (row,) = await shop.rows("SELECT code, title FROM sku JOIN product ON product.id = product_id")
    async with shop.selling.sessions.begin() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(f"UPDATE base_stock SET on_hand = {ON_HAND_MAX - 5}")
    assert await refused(shop, HEAD + f"\nCUP,Cup,,,1,1\n{row['code']},{row['title']},,,6,\n") == [(4, "receive")]


async def test_an_import_fills_a_product_no_further_than_its_last_sku(shop):
    many = "".join(f"C-{n},Cup,{'C-0' if n else ''},,,100\n" for n in range(SKUS_PER_PRODUCT_MAX - 1))
    await imported(shop, HEAD + many)
    assert await refused(shop, HEAD + "C-7,Cup,,,1,\nX,Cup,C-0,,,1\nY,Cup,C-5,,,1\nZ,Cup,X,,,1\n") == [
        (4, "variant_of"),
        (5, "variant_of"),
    ]
    assert (await imported(shop, HEAD + "C-7,Cup,,,1,\nX,Cup,C-0,,,1\n"))["created"] == 1


async def test_more_faults_than_anybody_reads_are_counted_and_the_first_are_told(shop):
    told = await refused(shop, HEAD + "X Y,Cup,,,,100\n" * (FAULTS_SHOWN_MAX + 5))
    assert len(told) == FAULTS_SHOWN_MAX
    (row,) = await shop.rows("SELECT result->'errors_total' AS total FROM job")
    assert row["total"] == FAULTS_SHOWN_MAX + 5


async def test_a_dry_run_says_what_would_be_and_stores_nothing(shop):
    before = await stored(shop)
    result = await imported(shop, HEAD + "RED,Brush,,3,10,9900\n", dry_run=True)
    assert result == {"lines": 1, "dry_run": True, "created": 1, "changed": 0, "unchanged": 0}
    assert await stored(shop) == before


async def test_what_was_exported_imports_unchanged(shop):
    variants = [
        NewVariant("=1+1", price=1, currency="CNY", units=4, specification={"=色;\\": "-红=", "b": "c"}, low_stock=0),
        NewVariant("-2", price=2, currency="CNY", picture_url="https://pic.example/a,b.jpg", needs_recipient=False),
        NewVariant("'@3", price=3, currency="USD"),
    ]
    product_id = await create_product(shop.selling, shop.staff, '@兔毛, "soft"\u200d', variants)
    gone = await create_product(shop.selling, shop.staff, "Gone", [NewVariant("G", price=1, currency="EUR")])
    await archive_product(shop.selling, shop.staff, gone)
    _, entries = await find_product(shop.selling, shop.staff, product_id)
    await set_list_price(shop.selling, shop.staff, entries[1].sku.id, price=5, currency="USD")
    file = await exported(shop)
    assert file.startswith(BOM + "code,title,variant_of,")
    assert "\r\n'=1+1," in file
    before = await stored(shop)
    result = await imported(shop, file)
    assert (result["created"], result["changed"], result["unchanged"]) == (0, 0, 3)
    assert (await stored(shop), await exported(shop)) == (before, file)
    elsewhere = replace(shop, staff=await make_merchant(shop.selling, "Another pond"))
    assert (await imported(elsewhere, file))["created"] == 3
    copied = await exported(elsewhere)
    assert file.splitlines()[1].split(",")[-4:] == ["4", "1", "", ""], "on hand, and a price in one of three currencies"
    assert copied.splitlines()[1].split(",")[-3:] == ["0", "1", ""], "units come in through `receive`, not by copying"


async def test_what_is_another_merchants_is_neither_exported_nor_changed(shop):
    await imported(shop, HEAD + "RED,Brush,,,10,9900\n")
    elsewhere = replace(shop, staff=await make_merchant(shop.selling, "Another pond"))
    assert len((await exported(elsewhere)).splitlines()) == 1
    assert (await imported(elsewhere, HEAD + "RED,Mine,,,1,1\n"))["created"] == 1
    (entry,) = await list_skus(shop.selling, shop.staff, below=None, count=10)
    assert (entry.title, entry.on_hand) == ("Brush", 10)


async def test_a_worker_killed_in_the_middle_stores_nothing_and_the_next_one_does_it_all(shop, database_url, redis_url):
    """20,000 lines, as a shop of many variants has them; within half a minute, and it can be watched."""
    lines = (f"C-{n},Cup {n // 4},{f'C-{n - n % 4}' if n % 4 else ''},5,3,{n + 1}\n" for n in range(20_000))
    await imported(shop, HEAD + "OLD,Old,,,1,1\n")
    before = await stored(shop)
    job = await ask(shop, HEAD + "OLD,Old,,,2,1\n" + "".join(lines))
    program = [sys.executable, "-m", "tests.inventory.importer", database_url, redis_url]
    victim = await asyncio.create_subprocess_exec(*program)

    async def half_way() -> bool:
        now = await job_of(shop, job)
        return now.step == "storing" and now.done >= 20 * PIECE

    try:
        await eventually_async(half_way, within_s=60)
    finally:
        victim.kill()
        await victim.wait()
    assert await stored(shop) == before, "nothing is stored by half"
    await shop.pool.execute("VACUUM ANALYZE product, sku, sku_price, base_stock")  # as it happens once in a while
    assert not await runner_of(shop).tick(), "nobody knows yet that it is dead"
    shop.clock.advance(s=SILENT_AFTER.total_seconds() + 1)
    began_s = time.monotonic()
    assert await runner_of(shop).tick()
    assert time.monotonic() - began_s < 30
    ended = await job_of(shop, job)
    assert (ended.state, ended.attempts, ended.done) == ("done", 2, ended.total)
    assert ended.result == {"lines": 20_001, "dry_run": False, "created": 20_000, "changed": 1, "unchanged": 0}
    after = await stored(shop)
    assert (after["product"], after["sku"], after["stock_movement"]) == (5_001, 20_001, 20_002)
    await check_books(shop)
