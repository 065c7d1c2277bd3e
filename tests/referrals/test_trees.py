"""Readings of trees: pages without gaps, files in batches, and what belongs to nobody here."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import astuple

import pytest

from keel.errors import NotFound
from referrals import store_ranks, store_tree_export, store_trees, tree_export, trees
from referrals.spreading import Figures, Ranking, Ranks
from referrals.store_ranks import After
from referrals.store_trees import Place
from tests.referrals.recounted import assert_sums
from tests.referrals.spread import Spread, open_spread

BUYERS = Ranks(Ranking.VISITORS, "CNY")


@pytest.fixture
async def spread(database_url: str, redis_url: str) -> AsyncIterator[Spread]:
    async with open_spread(database_url, redis_url) as spread:
        yield spread


async def wide(spread: Spread, session: str, count: int = 5) -> Place:
    """Sharers who each brought two, so that only their ids tell them apart."""
    for number in range(count):
        share = await spread.share(f"sharer-{number}")
        for visitor in range(2):
            await spread.visit(f"visitor-{number}-{visitor}", share, session)
    await spread.tally()
    return Place(spread.grove.merchant_id, session, is_room=False)


async def test_pages_of_equals_neither_repeat_nor_leave_out(spread):
    place, ledger = await wide(spread, await spread.session()), spread.grove.shop.ledger
    seen, after = list[str](), None
    while page := await trees.sharers(ledger, place, BUYERS, after=after, count=2):
        seen += [each.id for each in page]
        after = After(page[-1].value, page[-1].id)
    assert seen == sorted(seen)
    assert len(set(seen)) == 5


async def test_the_sums_of_a_tree_are_the_sums_over_its_nodes(spread):
    place, ledger = await wide(spread, await spread.session()), spread.grove.shop.ledger
    summary = await trees.summary(ledger, place)
    nodes = [node async for batch in store_tree_export.nodes(ledger, place) for node in batch]
    whole = sum((node.own for node in nodes), Figures())
    assert summary.figures == whole == Figures(shares=5, visitors=10)
    roots = [node.within for node in nodes if node.parent_id is None]
    assert sum(roots, Figures()) == whole


async def test_whoever_came_through_something_else_is_in_the_rooms_tree_with_what_brought_him(spread):
    session, product = await spread.session(), (await spread.grove.target("product")).target_id
    root = await spread.share("hua", product_id=product)
    leaf = await spread.share("lan", root, product_id=product)
    await spread.visit("mei", leaf, session)
    await spread.order("mei", {leaf: 500}, session)
    await spread.tally()
    whole = Figures(shares=2, visitors=1, buyers=1, orders=1)
    assert await assert_sums(spread, session) == whole
    assert await assert_sums(spread, spread.room_id, is_room=True) == whole


async def test_a_subtree_has_the_name_of_the_customer_that_its_guest_became(spread):
    session, guest, customer = await spread.session(), await spread.grove.person(), await spread.grove.person()
    spread.people["guest"] = guest.sub
    await spread.visit("mei", await spread.share("guest"), session)
    await spread.tally()
    await spread.run(
        "INSERT INTO customer_profile (merchant_id, customer_id, display_name) VALUES ($1, $2, 'Hua')",
        customer.mid,
        customer.sub,
    )
    await spread.grove.signs_in(guest, customer)
    place, ledger = Place(spread.grove.merchant_id, session, is_room=False), spread.grove.shop.ledger
    (subtree,) = (await trees.summary(ledger, place)).subtrees
    (sharer,) = await trees.sharers(ledger, place, BUYERS, after=None, count=2)
    assert subtree.sharer_name == sharer.name == "Hua"


async def test_a_room_is_read_without_its_sessions_however_many_it_had(spread):
    sessions = [await spread.session() for _ in range(3)]
    share = await spread.share("hua")
    for number, session in enumerate(sessions):
        await spread.visit(f"mei-{number}", share, session)
    await spread.tally()
    ledger, room = spread.grove.shop.ledger, Place(spread.grove.merchant_id, spread.room_id, is_room=True)
    tree, people = await trees.summary(ledger, room), await trees.sharers(ledger, room, BUYERS, after=None, count=20)
    for table in ("tree_node", "tree_sharer", "tree_slice", "tree_money"):
        await spread.run(f"DELETE FROM {table} WHERE scope_id = ANY ($1::uuid[])", sessions)
    assert await trees.summary(ledger, room) == tree
    assert await trees.sharers(ledger, room, BUYERS, after=None, count=20) == people
    assert people[0].own.visitors == 3


async def test_a_file_in_batches_has_every_share_once(spread, monkeypatch):
    place, ledger = await wide(spread, await spread.session()), spread.grove.shop.ledger
    monkeypatch.setattr(store_tree_export, "BATCH", 2)
    text = b"".join([piece async for piece in await tree_export.csv(ledger, place)]).decode("utf-8-sig")
    graph = json.loads(b"".join([piece async for piece in await tree_export.graph(ledger, place)]))
    ids = [row["share_id"] for row in csv.DictReader(io.StringIO(text))]
    assert ids == [node["id"] for node in graph["nodes"]] == sorted(ids)
    assert len(set(ids)) == 5
    assert graph["edges"] == []


async def test_the_edges_of_a_graph_are_the_lines_of_its_nodes_in_batches_too(spread, monkeypatch):
    session = await spread.session()
    place, ledger = await wide(spread, session), spread.grove.shop.ledger
    parent = (await spread.run("SELECT id FROM share ORDER BY id LIMIT 1"))[0]["id"]
    for number in range(5):
        parent = await spread.share(f"below-{number}", str(parent), session_id=session)
    await spread.tally()
    monkeypatch.setattr(store_tree_export, "BATCH", 2)
    graph = json.loads(b"".join([piece async for piece in await tree_export.graph(ledger, place)]))
    lines = [(node["parent_id"], node["id"]) for node in graph["nodes"] if node["parent_id"] is not None]
    assert [(edge["source"], edge["target"]) for edge in graph["edges"]] == lines
    assert len(lines) == 5


async def test_an_empty_tree_is_an_empty_file(spread):
    place = Place(spread.grove.merchant_id, await spread.session(), is_room=False)
    graph = b"".join([piece async for piece in await tree_export.graph(spread.grove.shop.ledger, place)])
    assert json.loads(graph) == {"nodes": [], "edges": []}


async def test_no_cell_of_a_file_is_run_as_a_formula(spread):
    """Campaigns have names that cannot be formulas; should one ever, it goes out behind an apostrophe."""
    place, ledger = await wide(spread, await spread.session(), count=1), spread.grove.shop.ledger
    (node,) = [node async for batch in store_tree_export.nodes(ledger, place) for node in batch]
    hostile = type(node)(**{name: getattr(node, name) for name in node.__slots__} | {"campaign": "=1+1"})
    assert "'=1+1" in tree_export.line(hostile, [])


async def test_a_session_of_another_merchant_is_not_there(spread):
    session = await spread.session()
    place = Place(spread.grove.shop.ids.new(), session, is_room=False)
    assert not await store_trees.exists(spread.grove.shop.ledger, place)
    with pytest.raises(NotFound):
        await trees.summary(spread.grove.shop.ledger, place)
    with pytest.raises(NotFound):
        await tree_export.csv(spread.grove.shop.ledger, place)


async def test_leaders_are_those_who_brought_somebody_best_first(spread):
    session = await spread.session()
    await wide(spread, session)
    best = await spread.share("best")
    await spread.visit("mei", best, session)
    await spread.order("mei", {best: 100}, session)
    await spread.share("nobody-came", session_id=session)
    await spread.tally()
    leaders = await store_ranks.leaders(spread.grove.shop.pool, spread.grove.merchant_id, session)
    assert leaders[0].sharer_id == await spread.person("best")
    assert len(leaders) == 6
    ranks = [astuple(leader)[2:] for leader in leaders]
    assert ranks == sorted(ranks, reverse=True)
