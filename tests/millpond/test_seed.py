"""What a newcomer finds: one room and one open sale, made once, finished where a start was cut off."""

from collections.abc import AsyncIterator

import pytest

from accounts.service import seed_merchant
from inventory.catalogue import NewSku, create_sku
from inventory.drafting import NewSale, create_sale
from inventory.items import NewItem, add_item
from inventory.running import close_sale
from inventory.selling import Selling
from keel.identity import Principal, Role
from millpond import seed as seeding
from millpond.seed import SKU_CODE, UNITS_ON_SALE, Seeded, seed
from millpond.store_seed import ensure_room, has_skus, standing
from millpond.wiring import Parts, parts_of


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with parts_of(database_url, redis_url, connections=2) as parts:
        yield parts


def owner(parts: Parts, merchant_id: str) -> tuple[Selling, Principal]:
    return parts.selling, Principal(merchant_id, "hua", Role.OWNER)


async def counted(parts: Parts) -> dict[str, int]:
    tables = ("merchant", "room", "sku", "sale", "sale_item")
    return {table: await parts.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def test_a_newcomer_finds_a_room_and_a_sale_that_sells(parts: Parts):
    merchant_id = parts.ids.new()
    seeded = await seed(parts, merchant_id)
    assert (seeded.merchant_id, seeded.state) == (merchant_id, "open")
    assert seeded.sale_id is not None
    status = await parts.gate.status(seeded.sale_id, 0)
    assert [item.free for item in status.items] == [UNITS_ON_SALE]
    config = await parts.ledger.sale(seeded.sale_id)
    assert config is not None
    assert (config.rehearsal, config.items[0].id) == (False, seeded.item_id)


async def test_a_second_start_makes_nothing_more_and_says_the_same(parts: Parts):
    merchant_id = parts.ids.new()
    first = await seed(parts, merchant_id)
    before = await counted(parts)
    assert await seed(parts, merchant_id) == first
    assert await counted(parts) == before == dict.fromkeys(before, 1)


async def test_every_merchant_has_its_own(parts: Parts):
    first, second = await seed(parts, parts.ids.new()), await seed(parts, parts.ids.new())
    assert first.room_id != second.room_id
    assert first.sale_id != second.sale_id


@pytest.mark.parametrize("step", ["create_sale", "add_item", "schedule_sale", "open_sale"])
async def test_a_start_that_was_cut_off_is_finished_by_the_next(parts: Parts, monkeypatch, step):
    async def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    merchant_id = parts.ids.new()
    with monkeypatch.context() as patched:
        patched.setattr(seeding, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            await seed(parts, merchant_id)
    seeded = await seed(parts, merchant_id)
    assert seeded.state == "open"
    assert (await counted(parts))["sku"] == 1


async def test_a_sale_that_was_closed_stays_closed(parts: Parts):
    merchant_id = parts.ids.new()
    seeded = await seed(parts, merchant_id)
    assert seeded.sale_id is not None
    selling, by = owner(parts, merchant_id)
    await close_sale(selling, by, seeded.sale_id)
    assert (await seed(parts, merchant_id)).state == "closed"
    assert (await counted(parts))["sale"] == 1


async def test_a_draft_of_the_shops_own_is_not_opened(parts: Parts):
    merchant_id = parts.ids.new()
    first = await seed(parts, merchant_id)
    selling, by = owner(parts, merchant_id)
    found = await standing(parts.pool, merchant_id, SKU_CODE)
    assert found is not None
    draft = await create_sale(selling, by, NewSale("Not yet", "CNY"))
    await add_item(selling, by, draft.id, NewItem(found.sku_id, price=1, units=1))
    assert await seed(parts, merchant_id) == first
    assert await parts.pool.fetchval("SELECT state FROM sale WHERE id = $1", draft.id) == "draft"


async def test_a_shop_with_a_catalogue_of_its_own_is_left_alone(parts: Parts):
    merchant_id = parts.ids.new()
    now = parts.clock.now()
    await seed_merchant(parts.pool, parts.clock, merchant_id)
    selling, by = owner(parts, merchant_id)
    await create_sku(selling, by, NewSku("T-1", title="Tea", price=900, currency="CNY", units=3))
    assert await has_skus(parts.pool, merchant_id)
    room_id = await ensure_room(parts.pool, merchant_id, room_id=parts.ids.new(), title="Mine", at=now)
    assert await seed(parts, merchant_id) == Seeded(merchant_id, room_id)
    assert (await counted(parts))["sale"] == 0
