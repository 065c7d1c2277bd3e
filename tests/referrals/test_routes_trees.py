"""How something spread, over HTTP: figures for staff that add up, files, and a page of one's own for sharers."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.inventory.selling import make_merchant
from tests.orders.serving import STAFF, Served, serve
from tests.referrals.groves import Grove
from tests.referrals.spread import Spread

BEARER = {"authorization": f"Bearer {STAFF}"}
FIGURES = ("shares", "visitors", "viewers", "buyers", "orders")


class Pond:
    """A served shop with a session: hua shared, lan shared on, mei and bo came, mei bought."""

    def __init__(self, served: Served, spread: Spread) -> None:
        self.served, self.spread = served, spread
        self.session = self.root = self.leaf = ""

    async def grow(self) -> "Pond":
        spread = self.spread
        self.session = await spread.session()
        self.root = await spread.share("hua")
        await spread.visit("lan", self.root, self.session)
        self.leaf = await spread.share("lan", self.root)
        await spread.visit("mei", self.leaf, self.session, community="g1")
        await spread.visit("bo", self.leaf, self.session, community="g2")
        await spread.visit("an", self.leaf, self.session, community="g2")
        await spread.watch("mei", self.session)
        touched = await spread.run("SELECT id FROM touch WHERE community = 'g1'")
        await spread.order("mei", {self.leaf: 700, self.root: 300}, self.session, touches=[str(touched[0]["id"])])
        await spread.end(await spread.order("bo", {self.leaf: 900}, self.session), "expired")
        await spread.run(NAMED, await spread.person("hua"))
        await spread.tally()
        return self

    async def ask(self, path: str, *, status: int = 200, header: dict[str, str] | None = None, **query: Any) -> Any:
        answer = await self.served.client.get(path, headers=header or BEARER, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def tree(self, rest: str = "", *, room: bool = False, **query: Any) -> Any:
        of = f"rooms/{self.spread.room_id}" if room else f"sessions/{self.session}"
        return await self.ask(f"/v1/staff/{of}/dissemination{rest}", **query)

    async def header(self, name: str) -> dict[str, str]:
        return self.served.authorization(await self.spread.person(name))


NAMED = """
    INSERT INTO customer_profile (merchant_id, customer_id, display_name)
    SELECT merchant_id, id, '=Hua' FROM customer WHERE id = $1
"""


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with serve(database_url, redis_url) as served:
        grove = Grove(served.shop, served.parts.touches)
        yield await Pond(served, Spread(grove, (await grove.target("room")).target_id)).grow()


async def test_the_parts_of_a_tree_come_to_the_whole(pond):
    tree = await pond.tree()
    assert tree["figures"] == {"shares": 2, "visitors": 4, "viewers": 1, "buyers": 1, "orders": 1}
    for name in FIGURES:
        assert sum(part["figures"][name] for part in tree["generations"]) == tree["figures"][name]
        assert sum(each["within"][name] for each in tree["subtrees"]) == tree["figures"][name]
        assert sum(each["figures"][name] for each in tree["moments"]) == tree["figures"][name]
        if name != "shares":
            assert sum(part["figures"][name] for part in tree["channels"]) == tree["figures"][name]
    assert tree["money"] == [{"currency": "CNY", "placed": 1000, "paid": 0, "lapsed": 900, "cancelled": 0}]
    assert tree["growth"] == {"depth": 1, "breadth": 1, "visitors_per_share": 2.0, "shared_on": 0.25, "k": 0.5}
    assert [part["k"] for part in tree["generations"]] == [1.0, None]


async def test_a_room_is_the_sum_of_its_sessions_and_what_came_off_air(pond):
    other = await pond.spread.session()
    await pond.spread.visit("mei", pond.root, other)
    await pond.spread.visit("bo", pond.root)
    await pond.spread.tally()
    tree = await pond.tree(room=True)
    assert tree["figures"] == {"shares": 2, "visitors": 6, "viewers": 1, "buyers": 1, "orders": 1}
    assert tree["subtrees"][0]["within"] == tree["figures"]
    assert (await pond.tree("/sharers", room=True, by="within_visitors"))["sharers"][0]["within"]["visitors"] == 6


async def test_sharers_are_ranked_by_what_they_brought_and_how_deep_it_went(pond):
    names = {await pond.spread.person(name): name for name in ("hua", "lan")}

    async def ranked(by: str) -> list[str]:
        page = await pond.tree("/sharers", by=by)
        return [names[each["id"]] for each in page["sharers"]]

    assert await ranked("visitors") == ["lan", "hua"]
    assert await ranked("within_visitors") == ["hua", "lan"]
    assert await ranked("placed") == ["lan", "hua"]
    assert await ranked("levels") == ["hua", "lan"]
    first = await pond.tree("/sharers", by="within_placed", count=1)
    assert first["sharers"][0]["money_within"][0]["placed"] == 1000
    second = await pond.tree("/sharers", by="within_placed", count=1, after=first["next"])
    assert names[second["sharers"][0]["id"]] == "lan"
    assert (await pond.tree("/sharers", by="within_placed", count=1, after=second["next"]))["sharers"] == []


async def test_communities_are_pages_by_visitors(pond):
    first = await pond.tree("/communities", count=1)
    assert (first["communities"][0]["id"], first["communities"][0]["figures"]["visitors"]) == ("g2", 2)
    second = await pond.tree("/communities", count=1, after=first["next"])
    assert second["communities"][0]["id"] == "g1"
    assert second["communities"][0]["money"] == [
        {"currency": "CNY", "placed": 700, "paid": 0, "lapsed": 0, "cancelled": 0}
    ]


async def test_a_tree_as_a_table_and_as_a_graph(pond):
    answer = await pond.served.client.get(f"/v1/staff/sessions/{pond.session}/dissemination.csv", headers=BEARER)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["share_id"] for row in rows] == [pond.root, pond.leaf]
    assert [row["parent_id"] for row in rows] == ["", pond.root]
    assert [row["placed_CNY_minor_units"] for row in rows] == ["300", "700"]
    assert "Hua" not in answer.text
    graph = await pond.ask(f"/v1/staff/sessions/{pond.session}/dissemination.json")
    assert graph["edges"] == [{"source": pond.root, "target": pond.leaf}]
    assert [node["own"]["visitors"] for node in graph["nodes"]] == [1, 3]


async def test_a_sharer_sees_what_came_through_his_shares_and_nobody_elses(pond):
    page = await pond.ask("/v1/shares/mine", header=await pond.header("lan"))
    assert [(share["own"]["visitors"], share["money"][0]["placed"]) for share in page["shares"]] == [(3, 700)]
    fresh = await pond.spread.share("lan", session_id=pond.session)
    page = await pond.ask("/v1/shares/mine", header=await pond.header("lan"), count=1)
    assert page["shares"][0]["code"] == pond.spread.codes[fresh]
    assert page["shares"][0]["own"]["visitors"] == 0
    rest = await pond.ask("/v1/shares/mine", header=await pond.header("lan"), below=page["next"])
    assert len(rest["shares"]) == 1


async def test_nothing_of_another_merchants_is_there(pond):
    other = await make_merchant(pond.served.shop.selling, "Another pond")
    room = (await pond.spread.grove.target("room", other.merchant_id)).target_id
    for path in ("", "/sharers", "/communities", ".csv", ".json"):
        missing = await pond.ask(f"/v1/staff/rooms/{room}/dissemination{path}", status=404)
        assert missing["type"].endswith("not-found")


async def test_what_is_no_room_has_no_tree_of_one(pond):
    """Products and campaigns spread, too, but not as rooms and sessions do."""
    product = (await pond.spread.grove.target("product")).target_id
    campaign = (await pond.spread.grove.target("campaign", name="spring")).target_id
    await pond.spread.visit("mei", await pond.spread.share("hua", product_id=product))
    await pond.spread.tally()
    other = {"rooms": (product, campaign, pond.session), "sessions": (product, campaign, pond.spread.room_id)}
    for kind, ids in other.items():
        for place_id in ids:
            for path in ("", "/sharers", "/communities", ".csv", ".json"):
                await pond.ask(f"/v1/staff/{kind}/{place_id}/dissemination{path}", status=404)


async def test_a_room_that_was_put_away_still_tells_how_it_spread(pond):
    await pond.spread.run("UPDATE room SET archived_at = created_at WHERE id = $1", pond.spread.room_id)
    assert (await pond.tree(room=True))["figures"] == (await pond.tree())["figures"]


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"by": "money"}, {"currency": "yuan"}, {"count": 0}, {"after": "1-x"}]
)
async def test_bad_queries_are_refused(pond, query):
    await pond.tree("/sharers", status=400, **query)


async def test_a_session_that_nobody_shared_is_all_zeros(pond):
    session = await pond.spread.session()
    tree = await pond.ask(f"/v1/staff/sessions/{session}/dissemination")
    assert tree["figures"] == dict.fromkeys(FIGURES, 0)
    assert tree["growth"]["k"] is None
