"""A host runs his sale without leaving the room, and nobody else does."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from keel.identity import Role
from tests.inventory.selling import draft_sale, open_sale
from tests.live.watching import STAFF, Pond, gateway


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url) as pond:
        yield pond


async def test_a_sale_is_armed_opened_paused_resumed_and_restocked(pond):
    sale = await draft_sale(pond.shop, units=[2])
    async with pond.viewer(token=STAFF) as host:
        done: dict[str, Any] = {}
        for command, state in (
            ("arm", "scheduled"),
            ("open", "open"),
            ("pause", "paused"),
            ("resume", "open"),
        ):
            done = await host.ask("done", type=f"sale.{command}", sale_id=sale.id, ref=command)
            assert (done["ref"], done["result"]["state"]) == (command, state)
        version = done["result"]["version"]
        restock = {"type": "sale.restock", "sale_id": sale.id, "item_id": sale.item_ids[0], "add": 3}
        await host.ask("done", **restock, version=version)
        assert (await host.refused(**restock, version=version))["type"] == "urn:millpond:problem:conflict"
        assert (await host.refused(type="sale.open", sale_id=sale.id))["status"] == 409
    commands = {row["command"] for row in await pond.shop.rows("SELECT command FROM staff_audit")}
    assert {"sale.schedule", "sale.open", "sale.pause", "sale.resume", "sale.add_units"} <= commands


async def test_it_takes_a_role_that_sells(pond):
    sale = await open_sale(pond.shop, units=[2])

    def staff(role: Role) -> str:
        ids, merchant_id = pond.shop.ids, pond.shop.staff.merchant_id
        people = {"staff_id": ids.new(), "merchant_id": merchant_id, "sign_in_id": ids.new()}
        token: str = pond.tokens.sign_staff(**people, role=role.value, ttl_s=600)
        return token

    async with pond.viewer() as guest, pond.viewer(token=pond.token()) as customer:
        for stranger in (guest, customer):
            assert (await stranger.refused(type="sale.pause", sale_id=sale.id))["status"] == 401
    async with pond.viewer(token=staff(Role.ANALYST)) as analyst:
        assert (await analyst.refused(type="sale.pause", sale_id=sale.id))["role"] == "analyst"
    async with pond.viewer(token=staff(Role.HOST)) as host:
        assert (await host.ask("done", type="sale.pause", sale_id=sale.id))["result"]["state"] == "paused"
        assert (await host.refused(type="sale.pause", sale_id=pond.shop.ids.new()))["status"] == 404
