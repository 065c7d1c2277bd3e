"""One of everything that a route can name, made over HTTP: so that whoever makes up requests meets what exists."""

from dataclasses import dataclass
from typing import Any

import httpx

from keel.clock import FollowingClock
from keel.database import create_pool
from keel.ids import Ids
from live.sampling import Comment
from live.store_comments import Entry, Venue, record
from live.talk_rules import CommentState
from tests.eventually import eventually

WORKER_MAX_S = 20.0


@dataclass(frozen=True)
class Caller:
    """Somebody at the API: asks, and is not refused."""

    http: httpx.Client
    token: str

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._ask("POST", path, json=body, headers=headers).json()

    def send_csv(self, path: str, content: bytes, **params: Any) -> Any:
        headers = {"content-type": "text/csv", "idempotency-key": "one"}
        return self._ask("POST", path, content=content, headers=headers, params=params).json()

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **rest: Any) -> httpx.Response:
        head = {"authorization": f"Bearer {self.token}"} | (headers or {})
        return self.http.request(method, f"/v1{path}", headers=head, **rest).raise_for_status()


def furnish(staff: Caller, customer: Caller, *, sale_id: str, item_id: str) -> dict[str, str]:
    """Ids by the names that the routes' paths have for them. The sale is open."""
    order = order_of(customer, sale_id, item_id)
    sku = staff.get("/staff/skus").json()["skus"][0]
    room = staff.post("/staff/rooms", {"title": "By the pond"})
    session = staff.post(f"/staff/rooms/{room['id']}/sessions", {})
    app_id = staff.post("/staff/apps", {"provider": "demo", "app_id": "pond"})["id"]
    muted = {"viewer_id": room["id"], "kind": "mute", "for_s": 60}
    staff.post("/staff/words", {"words": [{"word": "fake", "action": "refuse"}]})
    host = {"email": "hua@example.com", "name": "Hua", "role": "host"}
    return {
        "sale_id": sale_id,
        "item_id": item_id,
        "order_id": order["id"],
        "id_or_number": order["number"],
        "sku_id": sku["id"],
        "product_id": sku["product_id"],
        "template_id": staff.post(f"/staff/sales/{sale_id}/template")["id"],
        "room_id": room["id"],
        "session_id": session["id"],
        "silence_id": staff.post(f"/staff/rooms/{room['id']}/silences", muted)["id"],
        "word_id": staff.get("/staff/words").json()["words"][0]["id"],
        "app_id": app_id,
        "customer_id": customer.post("/auth/guest", {"app_id": app_id})["customer_id"],
        "member_id": staff.post("/staff/members", host)["id"],
        "export_id": made(staff, "/staff/orders/exports", staff.post("/staff/orders/exports", {})["id"]),
        "job_id": made(staff, "/staff/jobs", job_of(staff)),
    }


async def comment_in(url: str, merchant_id: str, room_id: str) -> str:
    """What somebody said there, which over HTTP nobody can: it waits for a moderator."""
    ids = Ids(FollowingClock())
    comment = Comment(ids.new(), ids.new(), "Hua", "how much?", 0)
    async with create_pool(url) as pool:
        await record(pool, [Entry(Venue(merchant_id, room_id, room_id), comment, CommentState.WAITING)])
    return comment.id


def order_of(customer: Caller, sale_id: str, item_id: str) -> Any:
    key = Ids(FollowingClock()).new()
    wish = {"lines": [{"item_id": item_id, "quantity": 1}]}
    return customer.post(f"/sales/{sale_id}/orders", wish, **{"idempotency-key": key})


def job_of(staff: Caller) -> str:
    """A check of the catalogue as it is."""
    catalogue = staff.get("/staff/catalogue/export").content
    job: str = staff.send_csv("/staff/catalogue/import", catalogue, dry_run=True)["id"]
    return job


def made(staff: Caller, path: str, name: str) -> str:
    """What a worker makes, once it is done."""
    eventually(lambda: staff.get(f"{path}/{name}").json()["state"] == "done", within_s=WORKER_MAX_S)
    return name
