"""The database itself keeps the trees: no cycle, no change and no wrong place can be written, even by SQL."""

import asyncio
from dataclasses import replace
from itertools import permutations
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, lists, sampled_from, tuples

from inventory.ledger import Ledger
from referrals import store_shares
from referrals.model import Node, new_code
from tests.referrals.groves import Grove, another_merchant, open_grove

COLUMNS = (
    "id", "merchant_id", "code", "sharer_id", "target_kind", "target_id", "family_id", "campaign", "parent_id",
    "root_id", "depth", "path", "created_at",
)  # fmt: skip
INSERT = f"INSERT INTO share ({', '.join(COLUMNS)}) VALUES ({', '.join(f'${n}' for n in range(1, 14))})"
REFUSED = (
    asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError, asyncpg.UniqueViolationError,
    asyncpg.RestrictViolationError, asyncpg.NotNullViolationError,
)  # fmt: skip
NUMBER = integers(0, 20)
CYCLE = """
    WITH RECURSIVE up AS (
        SELECT id AS start, parent_id, 1 AS steps FROM share
        UNION ALL
        SELECT up.start, s.parent_id, up.steps + 1 FROM up JOIN share s ON s.id = up.parent_id WHERE up.steps < 100)
    SELECT start FROM up WHERE parent_id = start OR steps >= 100
"""


async def forged(grove: Grove, **other: Any) -> None:
    """Insert a row by hand: a good root but for what is given."""
    who, room = await grove.person(), await grove.target("room")
    share_id = other.get("id", grove.shop.ids.new())
    row = {
        "id": share_id, "merchant_id": grove.merchant_id, "code": new_code(), "sharer_id": who.sub,
        "target_kind": "room", "target_id": room.target_id, "family_id": room.target_id, "campaign": None,
        "parent_id": None, "root_id": share_id, "depth": 0, "path": [], "created_at": grove.shop.clock.now(),
    } | other  # fmt: skip
    if "family_id" in other:
        row["target_id"] = other["family_id"]
    await grove.run(INSERT, *(row[name] for name in COLUMNS))


async def test_no_update_of_any_column_passes_nor_a_deletion(grove: Grove):
    links = await grove.chain(await grove.target("room"), 3)
    ids = [share.node.id for _, share in links]
    before = await grove.run("SELECT * FROM share ORDER BY id")
    for child, parent in permutations(ids, 2):
        with pytest.raises(asyncpg.RestrictViolationError):
            await grove.run("UPDATE share SET parent_id = $2 WHERE id = $1", child, parent)
    for column in COLUMNS:
        with pytest.raises(asyncpg.RestrictViolationError):
            await grove.run(f"UPDATE share SET {column} = {column}")
    for share_id in ids:
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.ForeignKeyViolationError)):
            await grove.run("DELETE FROM share WHERE id = $1", share_id)
    assert await grove.run("SELECT * FROM share ORDER BY id") == before


async def test_a_row_that_does_not_fit_its_parent_is_refused(grove: Grove):
    room = await grove.target("room")
    (_, top), (_, low) = await grove.chain(room, 2)
    good = {
        "family_id": room.target_id, "parent_id": low.node.id, "root_id": top.node.id, "depth": 2,
        "path": [top.node.id, low.node.id],
    }  # fmt: skip
    other_id = grove.shop.ids.new()
    older = "00000000-0000-7000-8000-000000000000"
    wrongs: list[dict[str, Any]] = [
        {"depth": 1}, {"depth": 3}, {"depth": 0}, {"path": []}, {"path": [low.node.id]}, {"root_id": low.node.id},
        {"path": [low.node.id, top.node.id]}, {"path": [low.node.id, low.node.id]}, {"parent_id": top.node.id},
        {"parent_id": None}, {"parent_id": other_id}, {"root_id": other_id}, {"id": older}, {"id": low.node.id},
        {"family_id": other_id}, {"merchant_id": await another_merchant(grove)}, {"code": "O0O0O0O0O"},
        {"code": "a" * 7},
        {"path": [[top.node.id], [low.node.id]]}, {"code": top.code}, {"path": None}, {"depth": -1},
    ]  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(REFUSED):
            await forged(grove, **(good | wrong))
    await forged(grove, **good)
    assert len(await grove.run("SELECT FROM share")) == 3


async def test_a_share_that_is_its_own_parent_cannot_be_written(grove: Grove):
    share_id = grove.shop.ids.new()
    for depth, path in ((0, []), (1, [share_id])):
        with pytest.raises(REFUSED):
            await forged(grove, id=share_id, parent_id=share_id, root_id=share_id, depth=depth, path=path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=lists(tuples(sampled_from(["insert", "update", "pair"]), NUMBER, NUMBER, lists(NUMBER, max_size=3))))
def test_whatever_is_written_by_hand_no_cycle_comes_of_it(
    database_url: str, redis_url: str, moves: list[tuple[str, int, int, list[int]]]
):
    """Rows with any parent and any path among those there are, changes of parents, and two rows of one statement that
    name each other: what passes is a tree."""
    asyncio.run(write_by_hand(database_url, redis_url, moves))


async def write_by_hand(database_url: str, redis_url: str, moves: list[tuple[str, int, int, list[int]]]) -> None:
    async with open_grove(database_url, redis_url) as grove:
        room = await grove.target("room")
        known = [share.node.id for _, share in await grove.chain(room, 2)]
        for kind, child, parent, path in moves:
            new = grove.shop.ids.new()
            ids = [*known, new]
            try:
                await one_move(grove, kind, [ids[n % len(ids)] for n in (child, parent, *path)], new, room.target_id)
            except REFUSED:
                continue
            known.append(new)
        assert await grove.run(CYCLE) == []


async def one_move(grove: Grove, kind: str, chosen: list[str], new: str, room_id: str) -> None:
    child, parent, *path = chosen
    if kind == "update":
        change = "UPDATE share SET parent_id = $2, path = $3, depth = $4 WHERE id = $1"
        await grove.run(change, child, parent, path, len(path))
    elif kind == "pair":
        await pair_that_name_each_other(grove, new, grove.shop.ids.new())
    else:
        root = path[0] if path else child
        await forged(grove, id=new, parent_id=parent, root_id=root, depth=len(path), path=path, family_id=room_id)


async def pair_that_name_each_other(grove: Grove, one: str, other: str) -> None:
    who, room = await grove.person(), await grove.target("room")
    rows = [
        [each, grove.merchant_id, new_code(), who.sub, "room", room.target_id, room.target_id, None, above, above, 1,
         [above], grove.shop.clock.now()]
        for each, above in ((one, other), (other, one))
    ]  # fmt: skip
    places = [f"({', '.join(f'${n}' for n in range(k * 13 + 1, k * 13 + 14))})" for k in range(2)]
    await grove.run(f"INSERT INTO share ({', '.join(COLUMNS)}) VALUES {', '.join(places)}", *rows[0], *rows[1])


async def test_a_code_that_is_taken_is_not_written_twice(grove: Grove):
    ledger: Ledger = grove.shop.ledger
    links = await grove.chain(await grove.target("room"), 2)
    taken, other = links[0][1], links[1][1]
    again = await store_shares.add(ledger, replace(other, code=taken.code), [other.node.sharer_id])
    assert again == other, "it says the same as one there is"
    room = await grove.target("room")
    share_id = grove.shop.ids.new()
    node = Node(share_id, other.node.sharer_id, share_id)
    clash = replace(other, node=node, target_id=room.target_id, family_id=room.target_id, code=taken.code)
    assert await store_shares.add(ledger, clash, [other.node.sharer_id]) is None


async def test_a_share_is_found_by_its_code_and_by_its_own_merchant(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    ledger = grove.shop.ledger
    shown = await store_shares.show(ledger, share.code)
    assert shown == store_shares.Shown(share, "By the pond", None)
    assert await store_shares.find(ledger, grove.merchant_id, share.code) == store_shares.Opened(share, None)
    assert await store_shares.find(ledger, await another_merchant(grove), share.code) is None
    assert await store_shares.find(ledger, grove.merchant_id, new_code()) is None
    assert await store_shares.show(ledger, new_code()) is None
