"""Shelf, pins and talk over HTTP: what staff send, and what bad input gets."""

from typing import Any

import pytest
import pytest_asyncio

from live.moderation import list_comments
from live.sampling import Comment
from live.store_comments import Entry, Venue, record
from live.studio import Studio
from live.talk_rules import CommentState
from tests.databases import Databases
from tests.inventory.selling import Sale, open_sale
from tests.live.studios import link, make_room, make_session
from tests.orders.serving import STAFF, Served, problem_of, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD = {"authorization": f"Bearer {STAFF}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(databases: Databases, database_template: str, flushable_redis_url: str) -> Any:
    name = databases.create(database_template)
    async with serve(databases.url_of(name), flushable_redis_url) as served:
        yield served
    databases.drop(name)


async def on_air(served: Served) -> tuple[str, str, Sale]:
    room_id = await make_room(served.shop)
    session_id = await make_session(served.shop, room_id)
    sale = await open_sale(served.shop, units=[9, 9])
    await link(served.shop, session_id, sale.id)
    return room_id, session_id, sale


async def ask(served: Served, method: str, path: str, body: Any = None) -> Any:
    return await served.client.request(method, f"/v1/staff/{path}", json=body, headers=HEAD)


async def test_a_host_fills_the_shelf_pins_and_the_order_says_so(served: Served):
    _, session_id, sale = await on_air(served)
    slots = [{"no": no, "item_id": item_id} for no, item_id in enumerate(sale.item_ids, start=1)]
    put = await ask(served, "PUT", f"sessions/{session_id}/shelf", {"slots": slots, "version": 0})
    assert (put.status_code, put.json()["version"]) == (200, 1)
    pinned = await ask(served, "POST", f"sessions/{session_id}/pin", {"no": 2})
    assert pinned.json()["item_id"] == sale.item_ids[1]
    served.shop.clock.advance(s=7)
    order = await served.order(sale, served.wish(sale, 1))
    assert order.status_code == 201
    (row,) = await served.shop.rows(
        "SELECT session_id::text, pin_id::text, broadcast_offset_ms FROM orders WHERE id = :id", id=order.json()["id"]
    )
    assert row == {"session_id": session_id, "pin_id": pinned.json()["id"], "broadcast_offset_ms": 7_000}
    shown = (await ask(served, "GET", f"orders/{order.json()['id']}")).json()
    assert {name: shown[name] for name in row} == row
    shelf = (await ask(served, "GET", f"sessions/{session_id}/shelf")).json()
    assert (shelf["pin"]["no"], [slot["no"] for slot in shelf["slots"]]) == (2, [1, 2])
    assert (await ask(served, "POST", f"sessions/{session_id}/unpin")).status_code == 204
    (pin,) = (await ask(served, "GET", f"sessions/{session_id}/pins")).json()["pins"]
    assert pin["to_at"] is not None
    hidden = await ask(served, "PATCH", f"sessions/{session_id}/shelf/{sale.item_ids[0]}", {"hidden": True})
    assert hidden.json()["slots"][0]["hidden"] is True
    problem_of(await ask(served, "POST", f"sessions/{session_id}/pin", {"no": 1}), 409, "conflict")


async def test_moderators_rule_a_room_and_see_to_comments(served: Served):
    room_id, session_id, _ = await on_air(served)
    assert (await ask(served, "GET", f"rooms/{room_id}/talk")).json()["slow_mode_s"] == 0
    ruled = await ask(served, "PATCH", f"rooms/{room_id}/talk", {"slow_mode_s": 10, "review": True})
    assert ruled.json() == {"slow_mode_s": 10, "review": True, "muted_all": False}
    viewer_id = served.shop.ids.new()
    comment = Comment(served.shop.ids.new(), viewer_id, "Lan", "how much?", served.shop.clock.ms())
    venue = Venue(served.shop.staff.merchant_id, room_id, room_id, session_id)
    await record(served.shop.pool, [Entry(venue, comment, CommentState.WAITING)])
    queue = (await ask(served, "GET", f"rooms/{room_id}/comments?state=waiting")).json()
    assert [(c["id"], c["author_name"]) for c in queue["comments"]] == [(comment.id, "Lan")]
    path = f"rooms/{room_id}/comments/{comment.id}"
    assert (await ask(served, "POST", f"{path}/approve")).json()["state"] == "shown"
    problem_of(await ask(served, "POST", f"{path}/reject"), 409, "conflict")
    assert (await ask(served, "POST", f"{path}/remove")).json()["state"] == "removed"
    wish = {"viewer_id": viewer_id, "kind": "ban", "for_s": 600, "reason": "threats"}
    silenced = await ask(served, "POST", f"rooms/{room_id}/silences", wish)
    assert silenced.status_code == 201
    (row,) = (await ask(served, "GET", f"rooms/{room_id}/silences")).json()["silences"]
    assert (row["id"], row["kind"]) == (silenced.json()["id"], "ban")
    assert (await ask(served, "POST", f"rooms/{room_id}/silences/{row['id']}/lift")).status_code == 204
    said = await ask(served, "POST", f"sessions/{session_id}/announcements", {"text": " At nine "})
    assert (said.status_code, said.json()["text"]) == (201, "At nine")
    studio = Studio(served.shop.selling)
    rows = await list_comments(studio, served.shop.staff, room_id, state=None, author_id=viewer_id, below=None, count=9)
    assert [row.moderated_by for row in rows] != [None], "it is on record who decided"


async def test_words_are_added_listed_and_removed(served: Served):
    added = await ask(served, "POST", "words", {"words": [{"word": "scam"}, {"word": "加微信", "action": "review"}]})
    assert (added.status_code, added.json()) == (201, {"words": 2})
    words = (await ask(served, "GET", "words")).json()["words"]
    assert {(word["word"], word["action"]) for word in words} == {("scam", "refuse"), ("加微信", "review")}
    for word in words:
        assert (await ask(served, "POST", f"words/{word['id']}/remove")).status_code == 204
    problem_of(await ask(served, "POST", f"words/{words[0]['id']}/remove"), 404, "not-found")


BAD_BODIES: list[tuple[str, str, Any]] = [
    ("PUT", "sessions/{session}/shelf", {}),
    ("PUT", "sessions/{session}/shelf", {"slots": [{"no": 0, "item_id": "{item}"}]}),
    ("PUT", "sessions/{session}/shelf", {"slots": [{"no": "1", "item_id": "{item}"}]}),
    ("PUT", "sessions/{session}/shelf", {"slots": [{"no": 1, "item_id": "brush"}]}),
    ("PUT", "sessions/{session}/shelf", {"slots": [{"no": 1, "item_id": "{item}"}] * 2}),
    ("PUT", "sessions/{session}/shelf", {"slots": [], "price": 1}),
    ("POST", "sessions/{session}/pin", {"no": 1_000}),
    ("POST", "sessions/{session}/pin", {}),
    ("POST", "sessions/{session}/unpin", {"pin_id": 7}),
    ("POST", "sessions/{session}/announcements", {"text": " "}),
    ("POST", "sessions/{session}/announcements", {"text": "x" * 501}),
    ("POST", "sessions/{session}/announcements", {"text": "a\x00b"}),
    ("PATCH", "rooms/{room}/talk", {"slow_mode_s": -1}),
    ("PATCH", "rooms/{room}/talk", {"slow_mode_s": 3_601}),
    ("PATCH", "rooms/{room}/talk", {"review": 1}),
    ("PATCH", "rooms/{room}/talk", {"version": 1}),
    ("POST", "rooms/{room}/silences", {"viewer_id": "hua", "kind": "mute", "for_s": 1}),
    ("POST", "rooms/{room}/silences", {"viewer_id": "{item}", "kind": "kick", "for_s": 1}),
    ("POST", "rooms/{room}/silences", {"viewer_id": "{item}", "kind": "ban", "for_s": 0}),
    ("POST", "rooms/{room}/silences", {"viewer_id": "{item}", "kind": "ban"}),
    ("POST", "words", {"words": []}),
    ("POST", "words", {"words": [{"word": "..."}]}),
    ("POST", "words", {"words": [{"word": "x" * 65}]}),
    ("POST", "words", {"words": [{"word": "scam"}] * 501}),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD_BODIES)
async def test_bad_input_gets_a_clear_answer_and_changes_nothing(served: Served, method: str, path: str, body: Any):
    room_id, session_id, sale = await on_air(served)
    filled = _filled(body, sale.item_ids[0])
    audited = await served.shop.rows("SELECT count(*)::int AS n FROM staff_audit")
    answer = await ask(served, method, path.format(session=session_id, room=room_id), filled)
    assert problem_of(answer, 400, "malformed")["detail"]
    assert await served.shop.rows("SELECT count(*)::int AS n FROM staff_audit") == audited
    (words,) = await served.shop.rows("SELECT count(*)::int AS n FROM talk_word")
    assert words["n"] == 0


def _filled(body: Any, item_id: str) -> Any:
    match body:
        case dict():
            return {name: _filled(value, item_id) for name, value in body.items()}
        case list():
            return [_filled(value, item_id) for value in body]
        case "{item}":
            return item_id
        case _:
            return body


async def test_a_sale_can_ask_for_tickets_over_http(served: Served):
    wish = {"title": "For viewers", "currency": "CNY", "needs_ticket": True, "ticket_after_s": 10}
    made = (await ask(served, "POST", "sales", wish)).json()
    assert (made["needs_ticket"], made["ticket_after_s"]) == (True, 10)
    changed = await ask(served, "PATCH", f"sales/{made['id']}", {"ticket_after_s": None})
    assert changed.json()["ticket_after_s"] is None
    problem_of(await ask(served, "PATCH", f"sales/{made['id']}", {"ticket_after_s": 3_601}), 400, "malformed")
    sale = await open_sale(served.shop, units=[1])
    problem_of(await ask(served, "PATCH", f"sales/{sale.id}", {"needs_ticket": True}), 409, "conflict")
    shown = (await served.client.get(f"/v1/sales/{sale.id}")).json()
    assert shown["needs_ticket"] is False
