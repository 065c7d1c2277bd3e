"""Orders over the socket are the orders of HTTP: one batch, one truth, one answer to a key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from keel.database import transaction
from live.close_codes import CloseCode
from live.gateway import SHARE_EVERY_S
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, open_sale
from tests.live.watching import STAFF, Pond, Watcher, gateway

TWO_WAIT = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    HAVING count(*) = 2
"""


@asynccontextmanager
async def held(pond: Pond, table: str) -> AsyncIterator[None]:
    """Nobody adds to this table until the block ends."""
    async with transaction(pond.shop.selling.sessions) as session:
        await session.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
        yield


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url) as pond:
        yield pond


def wish(sale: Sale, key: str = "one", quantity: int = 1, **more: Any) -> dict[str, Any]:
    order = {"lines": [{"item_id": sale.item_ids[0], "quantity": quantity}]}
    return {"type": "order.place", "sale_id": sale.id, "key": key, "order": order} | more


async def place(watcher: Watcher, sale: Sale, **how: Any) -> dict[str, Any]:
    return await watcher.ask("order", **wish(sale, **how))


async def test_an_order_is_answered_after_the_commit_and_again_for_the_same_key(pond):
    sale = await open_sale(pond.shop, units=[3])
    async with pond.viewer(token=pond.token()) as buyer:
        first = await place(buyer, sale, ref="mine")
        assert (first["ref"], first["key"], first["order"]["state"]) == ("mine", "one", "awaiting_payment")
        assert first["order"]["receipt"]["of"] == 3
        stored = await pond.shop.rows("SELECT id::text FROM orders")
        assert [row["id"] for row in stored] == [first["order"]["id"]]
        again = await place(buyer, sale)
        assert (again["replayed"], again["order"]["id"]) == (True, first["order"]["id"])
        read = await buyer.ask("order", type="order.status", order_id=first["order"]["id"])
        assert read["order"]["number"] == first["order"]["number"]


async def test_refusals_are_the_documents_of_http(pond):
    sale = await open_sale(pond.shop, units=[1])
    async with pond.viewer(token=pond.token()) as buyer, pond.viewer(token=pond.token()) as late:
        await place(buyer, sale)
        sold_out = await late.refused(**wish(sale))
        assert (sold_out["type"], sold_out["left"]) == ("urn:millpond:problem:sold-out", 0)
        reused = await buyer.refused(**wish(sale, quantity=2))
        assert reused["type"] == "urn:millpond:problem:idempotency-key-reused"
        for key in ("", "é", "x" * 129):
            assert (await buyer.refused(**wish(sale, key=key)))["status"] == 400
        assert (await buyer.refused(**wish(sale) | {"sale_id": pond.shop.ids.new()}))["status"] == 404
        foreign = pond.token(merchant_id=pond.shop.ids.new())
        async with pond.viewer(token=foreign) as stranger:
            assert (await stranger.refused(**wish(sale)))["status"] == 404


async def test_who_only_watches_cannot_buy_and_staff_do_not(pond):
    sale = await open_sale(pond.shop, units=[1])
    for hello in ({}, {"token": STAFF}):
        async with pond.viewer(**hello) as watcher:
            assert (await watcher.refused(**wish(sale)))["type"] == "urn:millpond:problem:customers-only"


async def test_a_rush_over_sockets_sells_each_unit_once(pond):
    sale = await open_sale(pond.shop, units=[40])

    async def buy(number: int) -> str:
        async with pond.viewer(token=pond.token()) as buyer:
            await buyer.say(**wish(sale, key=f"key {number}"))
            while True:
                message = await buyer.hear_any()
                if message["type"] in {"order", "problem"}:
                    return str(message["type"])

    answers = await asyncio.gather(*(buy(number) for number in range(60)))
    assert (answers.count("order"), answers.count("problem")) == (40, 20)
    rows = await pond.shop.rows("SELECT sum(sold)::int AS sold FROM stock")
    assert rows[0]["sold"] == 40


async def test_whoever_waits_for_an_answer_has_it_before_the_gateway_stops(database_url, redis_url, monkeypatch):
    for patience in ("keel.database.LOCK_TIMEOUT_MS", "keel.database.STATEMENT_TIMEOUT_MS"):
        monkeypatch.setattr(patience, 30_000)  # however long this machine takes until the gateway is about to stop
    monkeypatch.setattr("inventory.ledger.ANSWER_TIMEOUT_S", 30.0)
    monkeypatch.setattr("live.gateway.SENT_AWAY_WITHIN_S", SHARE_EVERY_S)  # all at once: three are no crowd
    async with gateway(database_url, redis_url) as pond, AsyncExitStack() as viewers:
        sale, room = await open_sale(pond.shop, units=[9]), await pond.make_room()
        buyer, speaker, idle = [await viewers.enter_async_context(pond.viewer(token=pond.token())) for _ in range(3)]
        await speaker.join(room)
        async with held(pond, "claim"):
            async with held(pond, "comment"):
                await speaker.say(type="comment", place=room, text="how much?")
                for number in range(9):
                    await buyer.say(**wish(sale, key=f"key {number}"))
                await buyer.refused(type="leave", place=room)  # by now all of them are heard
                await eventually_async(lambda: pond.shop.rows(TWO_WAIT))
                pond.stop.set()
                assert await idle.closed() == CloseCode.DRAINING
            assert await speaker.closed() == CloseCode.DRAINING
            assert [message["type"] for message in speaker.kept if message["type"] != "tick"] == ["said", "bye"]
            # All were looked at once more then, for he was sent away when he had his answer.
            await buyer.refused(type="leave", place=room)
            assert buyer.kept == []
        assert await buyer.closed() == CloseCode.DRAINING
        assert [message["type"] for message in buyer.kept] == ["order"] * 9 + ["bye"]
        stored = await pond.shop.rows("SELECT id::text FROM orders")
        assert {answer["order"]["id"] for answer in buyer.kept[:-1]} == {row["id"] for row in stored}


async def test_what_was_not_heard_is_there_for_the_same_key(pond):
    sale, customer_id = await open_sale(pond.shop, units=[5]), pond.shop.ids.new()
    async with pond.viewer(token=pond.token(customer_id)) as gone:
        await gone.say(**wish(sale))
        gone.socket.transport.abort()
    (before,) = await eventually_async(lambda: pond.shop.rows("SELECT id::text FROM orders"))
    async with pond.viewer(token=pond.token(customer_id)) as back:
        answer = await place(back, sale)
        assert (answer["replayed"], answer["order"]["id"]) == (True, before["id"])
    assert await pond.shop.rows("SELECT id::text FROM orders") == [before]
