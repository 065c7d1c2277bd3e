"""Sessions over HTTP: a whole broadcast by hand, and a rehearsal that nobody sees."""

import json

from live.parts import parts_of
from live.scene import Scene, fold
from live.snapshots import Readers, snapshot
from tests.inventory.selling import draft_sale
from tests.journeys.worlds import ABSENT


async def test_a_broadcast_by_hand(staff):
    room = await staff.ask("POST", "rooms", 201, json={"title": "By the pond", "grace_s": 60})
    path = f"rooms/{room['id']}"
    assert (room["grace_s"], room["idle_end_s"], room["version"]) == (60, None, 1)
    await staff.ask("PATCH", path, json={"title": "At the lake", "version": 1})
    await staff.ask("PATCH", path, 409, json={"title": "Late", "version": 1})
    session = await staff.ask("POST", f"{path}/sessions", 201, json={"title": "At nine", "autostart": False})
    assert (session["state"], session["history"], session["sale_ids"]) == ("scheduled", [], [])
    here = f"sessions/{session['id']}"
    await staff.ask("PATCH", here, json={"starts_at": "2027-01-15T09:00:00+01:00"})
    sale = await draft_sale(staff.served.shop)
    linked = await staff.ask("PUT", f"{here}/sales/{sale.id}")
    assert (linked["sale_ids"], linked["starts_at"]) == ([sale.id], "2027-01-15T08:00:00Z")
    begun = await staff.ask("POST", f"{here}/start", json={"version": linked["version"]})
    assert (begun["state"], begun["play"]) == ("live", {"hls": f"https://play.example.com/live/{room['id']}.m3u8"})
    await staff.ask("POST", f"{here}/start", 409)
    await staff.ask("DELETE", f"{here}/sales/{sale.id}", 204)
    over = await staff.ask("POST", f"{here}/stop")
    assert [(move["target"], move["reason"]) for move in over["history"]] == [("live", "hand"), ("ended", "hand")]
    (listed,) = (await staff.ask("GET", "sessions", params={"room_id": room["id"], "state": "ended"}))["sessions"]
    assert listed["id"] == session["id"]
    await staff.ask("POST", f"{path}/archive", 204)
    assert (await staff.ask("GET", "rooms"))["rooms"] == []
    await staff.ask("POST", f"{path}/restore", 204)
    assert (await staff.ask("GET", path))["archived_at"] is None


async def test_a_rehearsal_is_no_room_and_no_session_of_viewers(staff):
    room = await staff.ask("POST", "rooms", 201, json={"title": "By the pond"})
    rehearsal = await staff.ask("POST", f"rooms/{room['id']}/sessions", 201, json={"rehearsal": True})
    await staff.ask("POST", f"sessions/{rehearsal['id']}/start")
    hidden, absent = [await staff.served.client.get(f"/v1/rooms/{name}") for name in (rehearsal["id"], ABSENT)]
    assert (hidden.status_code, hidden.json()) == (absent.status_code, absent.json())
    assert hidden.status_code == 404
    seen = (await staff.served.client.get(f"/v1/rooms/{room['id']}")).text
    assert rehearsal["id"] not in seen


async def test_the_screens_hear_of_each_move_and_an_old_snapshot_with_it_is_a_fresh_one(staff):
    parts, merchant_id = staff.served.parts, staff.served.shop.staff.merchant_id
    readers = Readers(parts.room_log, parts.reader, parts_of(parts.reader))
    room = await staff.ask("POST", "rooms", 201, json={"title": "By the pond"})
    path = f"rooms/{room['id']}"
    position, before = await snapshot(readers, merchant_id, room["id"])
    session = await staff.ask("POST", f"{path}/sessions", 201, json={})
    for method, at, body in (
        ("POST", f"sessions/{session['id']}/start", None),
        ("PATCH", f"sessions/{session['id']}", {"title": "At nine"}),
        ("PATCH", path, {"title": "By the lake"}),
        ("POST", f"sessions/{session['id']}/stop", None),
    ):
        staff.served.shop.clock.advance(s=1)
        await staff.ask(method, at, json=body)
    events = await parts.room_log.since(room["id"], position)
    moved = "session.moved"
    assert [event.kind for event in events] == [moved, moved, "shelf.changed", moved, "room.changed", moved]
    scene: Scene = before
    for event in events:
        scene = fold(scene, event.kind, json.loads(event.body))
    assert scene == (await snapshot(readers, merchant_id, room["id"]))[1]


async def test_a_rehearsal_is_told_to_its_own_place_alone(staff):
    room = await staff.ask("POST", "rooms", 201, json={"title": "By the pond"})
    log = staff.served.parts.room_log
    before = await log.position(room["id"])
    rehearsal = await staff.ask("POST", f"rooms/{room['id']}/sessions", 201, json={"rehearsal": True})
    own = await log.position(rehearsal["id"])
    await staff.ask("POST", f"sessions/{rehearsal['id']}/start")
    assert await log.since(room["id"], before) == []
    assert [event.kind for event in await log.since(rehearsal["id"], own)] == ["session.moved", "shelf.changed"]
