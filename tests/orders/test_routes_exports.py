"""Files of orders over HTTP: asked for, followed, and streamed as spreadsheets like them."""

import asyncio
from typing import Any

import pytest

from orders.export_work import Exporter
from tests.orders.serving import Served, problem_of
from tests.orders.test_routes_staff import ABSENT, OURS, PATH, placed

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG: tuple[Any, ...] = (
    {"colour": "red"},
    {"recipients": "all"},
    {"total_min": -1},
    {"placed_from": 1},
    [],
    "everything",
)


async def test_a_file_is_asked_for_made_and_streamed(served: Served):
    order = await placed(served)
    wish = {"sale_id": order["sale_id"], "recipients": "plain"}
    asked = await served.client.post(f"{PATH}/exports", json=wish, headers=OURS)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    path = f"{PATH}/exports/{asked.json()['id']}"
    problem_of(await served.client.get(f"{path}/file", headers=OURS), 409, "conflict")
    await Exporter(served.parts.sessions, served.shop.clock).tick(asyncio.Event())
    shown = (await served.client.get(path, headers=OURS)).json()
    assert (shown["state"], shown["rows_done"], shown["rows_total"]) == ("done", 1, 1)
    file = await served.client.get(f"{path}/file", headers=OURS)
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert int(file.headers["content-length"]) == len(file.content) == shown["bytes"]
    assert file.content.startswith(b"\xef\xbb\xbf")
    assert order["number"] in file.text
    assert (await served.client.get(f"{PATH}/exports", headers=OURS)).json()["exports"][0] == shown
    deleted = [await served.client.delete(path, headers=OURS) for _ in range(2)]
    assert [answer.status_code for answer in deleted] == [204, 404]
    problem_of(await served.client.get(path, headers=OURS), 404, "not-found")
    for missing in (f"{PATH}/exports/{ABSENT}", f"{PATH}/exports/{ABSENT}/file"):
        problem_of(await served.client.get(missing, headers=OURS), 404, "not-found")
    for body in WRONG:
        answer = await served.client.post(f"{PATH}/exports", json=body, headers=OURS)
        problem_of(answer, 400, "malformed")
