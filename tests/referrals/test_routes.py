"""Sharing over HTTP: links are given, visits are counted, and codes tell nothing to whoever guesses."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from referrals.limits import MISSES_BURST
from referrals.model import new_code
from tests.eventually import eventually_async
from tests.inventory.selling import make_merchant
from tests.orders.serving import STAFF, Served, problem_of, serve

PHONE = {"user-agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0.44"}
NAME = """
    INSERT INTO customer_profile (merchant_id, customer_id, display_name, phone)
    SELECT merchant_id, id, 'Hua', '1' FROM customer
"""
H5 = "https://shop.example/{kind}/{id}?s={code}"


@dataclass(frozen=True)
class Street:
    """Who is served, and people of the shop."""

    served: Served

    async def person(self, merchant_id: str = "") -> dict[str, str]:
        """The header of a customer."""
        customer_id, merchant_id = self.served.shop.ids.new(), merchant_id or self.served.shop.staff.merchant_id
        pool = self.served.parts.pool
        statement = "INSERT INTO customer (id, merchant_id, created_at) VALUES ($1, $2, $3)"
        await pool.execute(statement, customer_id, merchant_id, self.served.shop.clock.now())
        return self.served.authorization(customer_id, merchant_id) | PHONE

    async def room(self, merchant_id: str = "") -> str:
        room_id, merchant_id = self.served.shop.ids.new(), merchant_id or self.served.shop.staff.merchant_id
        statement = "INSERT INTO room (id, merchant_id, title, created_at) VALUES ($1, $2, 'By the pond', $3)"
        await self.served.parts.pool.execute(statement, room_id, merchant_id, self.served.shop.clock.now())
        return room_id

    async def shared(self, who: dict[str, str], room_id: str, **more: Any) -> dict[str, Any]:
        wish = {"kind": "room", "id": room_id} | more
        answer = await self.served.client.post("/v1/shares", json=wish, headers=who)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def comes(self, who: dict[str, str], code: str, body: Any = None, **headers: str) -> httpx.Response:
        """Say that somebody came through a code."""
        return await self.served.client.post(f"/v1/shares/{code}/touches", json=body, headers=who | headers)

    async def touches(self) -> list[Any]:
        async def stored() -> bool:
            return not self.served.parts.touches.waiting

        await eventually_async(stored)
        return list(await self.served.parts.pool.fetch("SELECT * FROM touch ORDER BY at"))


@pytest.fixture
async def street(database_url: str, redis_url: str) -> AsyncIterator[Street]:
    short = "https://shop.example/s/{code}"
    async with serve(database_url, redis_url, share_h5_url=H5, share_short_url=short) as served:
        yield Street(served)


async def test_a_share_has_its_links_and_is_the_same_again(street: Street):
    who, room_id = await street.person(), await street.room()
    made = await street.shared(who, room_id)
    code = made["code"]
    assert made["links"] == {
        "scene": code,
        "mini_program": f"pages/room/index?id={room_id}&scene={code}",
        "h5": f"https://shop.example/room/{room_id}?s={code}",
        "short": f"https://shop.example/s/{code}",
    }
    assert await street.shared(who, room_id) == made
    listed = (await street.served.client.get("/v1/shares", headers=who, params={"count": 1})).json()
    assert listed["shares"] == [made]
    rest = (await street.served.client.get("/v1/shares", headers=who, params={"below": listed["next"]})).json()
    assert rest == {"shares": [], "next": None}


async def test_whoever_has_a_code_learns_what_it_leads_to_and_of_the_sharer_a_name(street: Street):
    who, room_id = await street.person(), await street.room()
    code = (await street.shared(who, room_id))["code"]
    expected = {"kind": "room", "id": room_id, "campaign": None, "title": "By the pond", "sharer_name": None}
    assert (await street.served.client.get(f"/v1/shares/{code}")).json() == expected
    await street.served.parts.pool.execute(NAME)
    answer = await street.served.client.get(f"/v1/shares/{code}")
    assert answer.json() == expected | {"sharer_name": "Hua"}
    await street.served.parts.pool.execute("UPDATE room SET archived_at = created_at")
    assert (await street.served.client.get(f"/v1/shares/{code}")).json()["title"] is None


async def test_a_visit_counts_once_and_makes_the_visitors_share_grow(street: Street):
    hua, lan, room_id = await street.person(), await street.person(), await street.room()
    code = (await street.shared(hua, room_id))["code"]
    for body in (None, {}, {"channel": "group", "community": "tGyP6s5yDHZ7x"}):
        assert (await street.comes(lan, code, body)).status_code == 204
    (touch,) = await street.touches()
    assert (touch["channel"], touch["community"]) == ("group", "tGyP6s5yDHZ7x")
    await street.shared(lan, room_id)
    rows = await street.served.parts.pool.fetch("SELECT depth FROM share ORDER BY id")
    assert [row["depth"] for row in rows] == [0, 1]


async def test_programs_and_what_is_fetched_ahead_never_count_and_are_not_told(street: Street):
    hua, lan = await street.person(), await street.person()
    made = await street.shared(hua, await street.room())
    code = made["code"]
    for headers in ({"purpose": "prefetch"}, {"sec-purpose": "prefetch;prerender"}, {"user-agent": "Googlebot/2.1"}):
        for asked in (code, new_code(), "x"):
            assert (await street.comes(lan, asked, **headers)).status_code == 204
    for method, path in (("HEAD", f"/s/{code}"), ("GET", f"/s/{code}"), ("GET", f"/v1/shares/{code}")):
        assert (await street.served.client.request(method, path)).status_code in {200, 302}
    assert await street.touches() == []


async def test_a_short_link_leads_on_and_is_not_kept(street: Street):
    made = await street.shared(await street.person(), await street.room())
    answer = await street.served.client.get(f"/s/{made['code']}")
    assert (answer.status_code, answer.headers["location"]) == (302, made["links"]["h5"])
    assert answer.headers["cache-control"] == "no-store"
    problem_of(await street.served.client.get(f"/s/{new_code()}"), 404, "not-found")


async def test_unknown_foreign_and_malformed_codes_look_alike(street: Street):
    other_id = (await make_merchant(street.served.shop.selling, "Another pond")).merchant_id
    stranger = await street.person(other_id)
    foreign = (await street.shared(stranger, await street.room(other_id)))["code"]
    lan = await street.person()
    wrong = [new_code(), "x", "0" * 9, "x" * 2_000, "%00", "%ED%A0%80", "a%20b", "群" * 9, "';--", new_code() + "A2"]
    for code in (foreign, *wrong):
        refused = problem_of(await street.comes(lan, code), 404, "not-found")
        assert refused["what"] == "share"
    answers = [await street.served.client.get(f"/v1/shares/{code}") for code in wrong]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    assert (await street.served.client.get(f"/v1/shares/{foreign}")).status_code == 200, "who has a code may look"
    assert await street.touches() == []


async def test_every_code_costs_the_same_question(street: Street, monkeypatch):
    who = await street.person()
    good = (await street.shared(who, await street.room()))["code"]
    reader, asked = street.served.parts.reader, []
    call = reader.call

    async def counted(statement: str, *args: Any) -> Any:
        asked.append(statement)
        return await call(statement, *args)

    monkeypatch.setattr(reader, "call", counted)
    seen = []
    for code in (good, new_code(), "x", "x" * 2_000):
        asked.clear()
        await street.comes(who, code)
        await street.served.client.get(f"/v1/shares/{code}")
        seen.append(tuple(asked))
    assert len(set(seen)) == 1, "the same statements, whatever the code"
    assert len(seen[0]) == 2


async def test_who_guesses_is_stopped_before_he_learns_anything(street: Street):
    code = (await street.shared(await street.person(), await street.room()))["code"]
    client = street.served.client

    async def even_a_good_code_is_refused() -> bool:
        await asyncio.gather(*(client.get(f"/v1/shares/{new_code()}") for _ in range(MISSES_BURST)))
        return (await client.get(f"/v1/shares/{code}")).status_code == 429

    await eventually_async(even_a_good_code_is_refused)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "room"}, {"kind": "shop", "id": "01a3185c-5000-7000-8000-000000000000"}, {"kind": "room", "id": "x"},
        {"kind": "room", "id": "01a3185c-5000-7000-8000-000000000000", "parent": "x"},
        {"kind": "room", "id": "01a3185c-5000-7000-8000-000000000000", "campaign": "No Such"}, [], "room", None,
    ],
)  # fmt: skip
async def test_a_wish_that_cannot_be_read_is_refused(street: Street, body: Any):
    answer = await street.served.client.post("/v1/shares", json=body, headers=await street.person())
    problem_of(answer, 400, "malformed")
    assert await street.served.parts.pool.fetch("SELECT FROM share") == []


@pytest.mark.parametrize(
    "body",
    [{"channel": "tiktok"}, {"community": "x" * 129}, {"community": "two words"}, {"community": ""}, {"at": 1}, 7],
)
async def test_a_touch_that_cannot_be_read_is_refused(street: Street, body: Any):
    code = (await street.shared(await street.person(), await street.room()))["code"]
    problem_of(await street.comes(await street.person(), code, body), 400, "malformed")
    assert await street.touches() == []


async def test_campaigns_are_the_merchants(street: Street):
    staff = {"authorization": f"Bearer {STAFF}"}
    client, room_id = street.served.client, await street.room()
    wish = {"name": "spring", "title": "Spring", "ends_at": "2037-01-01T00:00:00Z"}
    made = (await client.post("/v1/staff/campaigns", json=wish, headers=staff)).json()
    problem_of(await client.post("/v1/staff/campaigns", json=wish, headers=staff), 409, "conflict")
    assert (await client.get("/v1/staff/campaigns", headers=staff)).json() == {"campaigns": [made], "next": None}
    who = await street.person()
    assert (await street.shared(who, room_id, campaign="spring"))["campaign"] == "spring"
    path = f"/v1/staff/campaigns/{made['id']}/archive"
    assert (await client.post(path, headers=staff)).status_code == 204
    wish = {"kind": "room", "id": room_id, "campaign": "spring"}
    problem_of(await client.post("/v1/shares", json=wish, headers=who), 404, "not-found")
