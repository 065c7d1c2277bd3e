"""The funnel of a session: each step counts who did it and all before it, from what is stored."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from console.funnel import read
from console.funnel_steps import DEFINITIONS, EMPTY, By, Counted, Part, part_of
from tests.referrals.spread import Spread, open_spread

PIN = """
    INSERT INTO pin_interval (id, merchant_id, session_id, no, sale_id, item_id, from_at, to_at, pinned_by)
    VALUES ($1, $2, $3, 1, $1, $4, $5, $5::timestamptz + interval '10 s', 'hua')
"""


@pytest.fixture
async def spread(database_url: str, redis_url: str) -> AsyncIterator[Spread]:
    async with open_spread(database_url, redis_url) as spread:
        yield spread


async def pinned(spread: Spread, session: str) -> None:
    """Something is pinned for ten seconds from now on; that it is an item of a sale is not what this is about."""
    async with spread.grove.shop.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        ids, now = spread.grove.shop.ids, spread.grove.shop.clock.now()
        await connection.execute(PIN, ids.new(), spread.grove.merchant_id, session, ids.new(), now)


async def lived(spread: Spread) -> str:
    """A session: five came through lan's share, and each went one step further than the one before."""
    session, share = await spread.session(), await spread.share("hua")
    for name in ("only-opened", "joined", "stayed", "saw", "ordered"):
        await spread.visit(name, share, session, community="g1" if name == "ordered" else None)
    await spread.watch("joined", session, s=29)
    await spread.watch("stayed", session, s=30)
    spread.grove.shop.clock.advance(s=60)
    await pinned(spread, session)
    for name in ("saw", "ordered"):
        await spread.watch(name, session, s=31)
    await spread.order("ordered", {share: 100}, session)
    await spread.order("joined", {share: 100}, session)
    await spread.visit("hua", share, session)  # his own link brings nobody
    await spread.tally()
    return session


def counts(part: Part) -> list[int | None]:
    return [step.count for step in part.steps]


async def of(spread: Spread, session: str, by: By | None = None) -> Any:
    clock = spread.grove.shop.clock
    return await read(spread.grove.shop.pool, spread.grove.merchant_id, session, by=by, now=clock.now())


async def test_each_step_counts_who_did_it_and_all_before(spread):
    found = await of(spread, await lived(spread))
    assert counts(found.whole) == [1, 5, 4, 3, 2, 1]
    assert found.whole.ordered_at_all == 2
    assert [step.of_before for step in found.whole.steps] == [None, None, 0.8, 0.75, 0.6667, 0.5]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (By.CHANNEL, {"unknown": [None, 4, 3, 2, 1, 0], "group": [None, 1, 1, 1, 1, 1]}),
        (By.COMMUNITY, {None: [None, 4, 3, 2, 1, 0], "g1": [None, 1, 1, 1, 1, 1]}),
        (By.SHARER, {"hua": [1, 5, 4, 3, 2, 1]}),
    ],
)
async def test_the_parts_come_to_the_whole(spread, by, expected):
    found = await of(spread, await lived(spread), by)
    names = {person: name for name, person in spread.people.items()}
    assert {names.get(part.key, part.key): counts(part) for part in found.parts} == expected


async def test_a_guest_who_signs_in_goes_on_under_his_other_name(spread):
    session, share = await spread.session(), await spread.share("hua")
    await spread.visit("guest", share, session)
    link = "INSERT INTO customer_guest (merchant_id, guest_id, customer_id, at) VALUES ($1, $2, $3, $4)"
    guest, customer = await spread.person("guest"), await spread.person("customer")
    await spread.run(link, spread.grove.merchant_id, guest, customer, spread.grove.shop.clock.now())
    await pinned(spread, session)
    await spread.watch("guest", session, s=20)
    await spread.watch("customer", session, s=20)
    await spread.order("customer", {share: 100}, session)
    await spread.tally()
    assert counts((await of(spread, session)).whole) == [1, 1, 1, 1, 1, 1]


async def test_a_session_that_nobody_shared_has_an_empty_funnel(spread):
    assert (await of(spread, await spread.session())).whole == part_of(EMPTY)


def test_every_step_is_defined():
    assert [step.name for step in part_of(Counted(None, 3, 5, 4, 3, 2, 1, 2)).steps] == list(DEFINITIONS)
