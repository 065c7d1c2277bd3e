"""Rooms over HTTP: what viewers ask, bad input, and pages."""

from typing import Any

from tests.eventually import eventually_async
from tests.journeys.worlds import ABSENT


async def test_viewers_ask_again_cheaply_and_learn_the_time(staff):
    room = await staff.ask("POST", "rooms", 201, json={"title": "By the pond"})
    ask = staff.served.client.get
    path = f"/v1/rooms/{room['id']}"
    seen = await ask(path)
    assert (seen.json()["state"], seen.headers["cache-control"]) == ("idle", "public, max-age=1")
    staff.served.shop.clock.advance(s=5)
    again = await ask(path, headers={"if-none-match": seen.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["server-time"] == "2027-01-15T08:00:05.000Z"
    session = await staff.ask("POST", f"rooms/{room['id']}/sessions", 201, json={})
    await staff.ask("POST", f"sessions/{session['id']}/start")

    async def live() -> bool:
        return bool((await ask(path, headers={"if-none-match": seen.headers["etag"]})).status_code == 200)

    await eventually_async(live)
    assert (await ask(path)).json()["session"]["id"] == session["id"]


async def test_bad_input_is_refused_and_nothing_is_stored(staff):
    room = await staff.ask("POST", "rooms", 201, json={"title": "By the pond"})
    path = f"rooms/{room['id']}"
    bad_rooms: tuple[Any, ...] = (
        {}, {"title": ""}, {"title": "x" * 201}, {"title": "a\x00b"}, {"title": "x", "grace_s": 4}, {"title": 5},
        {"title": "x", "grace_s": "60"}, {"title": "x", "idle_end_s": 59}, {"title": "x", "cover_url": "javascript:1"},
        {"title": "x", "merchant_id": ABSENT}, {"title": "x", "idle_end_s": 10**9},
    )  # fmt: skip
    for body in bad_rooms:
        await staff.ask("POST", "rooms", 400, json=body)
    for body in ({"title": None}, {"grace_s": None}, {"version": 0, "title": "x"}):
        await staff.ask("PATCH", path, 400, json=body)
    bad_sessions: tuple[Any, ...] = (
        {"starts_at": "tomorrow"}, {"starts_at": 5}, {"rehearsal": "yes"}, {"autostart": None}, {"state": "live"},
        {"title": ""}, {"starts_at": "2027-01-15T08:00:00"},
    )  # fmt: skip
    for body in bad_sessions:
        await staff.ask("POST", f"{path}/sessions", 400, json=body)
    for body in ({"ttl_s": 1}, {"ttl_s": 10**9}, {"ttl_s": "60"}):
        await staff.ask("POST", f"{path}/push-key", 400, json=body)
    for body in ({}, {"role": "owner"}):
        await staff.ask("PUT", f"{path}/crew/{ABSENT}", 400, json=body)
    for params in ({"state": "lost"}, {"room_id": "x"}, {"count": 0}, {"below": "x"}):
        await staff.ask("GET", "sessions", 400, params=params)
    assert (await staff.ask("GET", path))["version"] == 1
    assert (await staff.ask("GET", "sessions"))["sessions"] == []


async def test_the_pages_of_a_list_join(staff):
    made = [(await staff.ask("POST", "rooms", 201, json={"title": str(n)}))["id"] for n in range(5)]
    found, below = [], None
    while True:
        page = await staff.ask("GET", "rooms", params={"count": 2} | ({"below": below} if below else {}))
        found += [room["id"] for room in page["rooms"]]
        below = page["next"]
        if below is None:
            break
    assert found == made[::-1]
