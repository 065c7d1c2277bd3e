"""Files over HTTP: taken in once, watched while they are worked on, and refused at once where they are no text."""

import pytest

from inventory.importing import FILE_BYTES_MAX
from inventory.routes_import import IMPORT_PATH, PATH
from keel.identity import Role
from tests.inventory.desk import THEIRS, as_role
from tests.inventory.importer import runner_of

FILE = "code,title,receive,price_minor_CNY\r\nRED,兔毛刷,5,9900\r\n"
CSV = {"content-type": "text/csv", "idempotency-key": "monday"}


def kind(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:millpond:problem:")


async def test_a_file_is_taken_in_worked_on_and_asked_after(desk, shop):
    taken = await desk.post(IMPORT_PATH, content=FILE.encode("utf-8-sig"), headers=CSV)
    assert (taken.status_code, taken.json()["state"], taken.json()["result"]) == (202, "waiting", None)
    where = taken.headers["location"]
    assert (await desk.get(where)).json() == taken.json()
    await runner_of(shop).tick()
    done = (await desk.get(where, headers=as_role(Role.ANALYST))).json()
    assert (done["state"], done["done"] == done["total"]) == ("done", True)
    assert done["result"] == {"lines": 1, "dry_run": False, "created": 1, "changed": 0, "unchanged": 0}
    assert (await desk.get(where, headers=THEIRS)).status_code == 404
    file = await desk.get(f"{PATH}/export")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="catalogue.csv"'
    assert "RED,兔毛刷," in file.content.decode("utf-8-sig")


async def test_the_same_file_under_the_same_key_is_received_once(desk, shop):
    first = await desk.post(IMPORT_PATH, content=FILE, headers=CSV)
    await runner_of(shop).tick()
    again = await desk.post(IMPORT_PATH, content=FILE, headers=CSV)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, first.json()["id"], "done")
    assert not await runner_of(shop).tick()
    (row,) = await shop.rows("SELECT on_hand FROM base_stock")
    assert row["on_hand"] == 5
    other = await desk.post(IMPORT_PATH, content=FILE + " ", headers=CSV)
    assert kind(other) == (422, "idempotency-key-reused")
    assert kind(await desk.post(f"{IMPORT_PATH}?dry_run=true", content=FILE, headers=CSV))[0] == 422


async def test_a_wrong_file_is_told_line_by_line(desk, shop):
    taken = await desk.post(f"{IMPORT_PATH}?dry_run=true", content=FILE + "R D,x,-1,1\r\n", headers=CSV)
    await runner_of(shop).tick()
    told = (await desk.get(taken.headers["location"])).json()
    assert told["state"] == "refused"
    assert told["result"]["errors_total"] == 2
    assert [(e["line"], e["column"]) for e in told["result"]["errors"]] == [(3, "code"), (3, "receive")]
    assert told["result"]["errors"][1]["what"] == "needs a whole number of 0 or more, in digits"


async def test_what_is_no_utf_8_is_refused_at_once_and_named(desk, shop):
    for body, looks_like in ((FILE.encode("gbk"), "GBK"), (FILE.encode("utf-16"), "UTF-16")):
        answer = await desk.post(IMPORT_PATH, content=body, headers=CSV)
        assert kind(answer) == (400, "wrong-encoding")
        assert answer.json()["looks_like"] == looks_like
        assert "CSV UTF-8" in answer.json()["title"]
    said = await desk.post(IMPORT_PATH, content=FILE, headers=CSV | {"content-type": "text/csv; charset=GBK"})
    assert (kind(said), said.json()["looks_like"]) == ((400, "wrong-encoding"), "gbk")
    assert kind(await desk.post(IMPORT_PATH, content=b"code,title\nA,a\x00b", headers=CSV)) == (400, "wrong-encoding")
    assert await shop.rows("SELECT id FROM job") == []


async def test_a_request_that_is_none_is_refused(desk, shop):
    def without(name: str) -> dict[str, str]:
        return {key: value for key, value in CSV.items() if key != name}

    assert kind(await desk.post(IMPORT_PATH, content=FILE, headers=without("idempotency-key"))) == (
        400,
        "idempotency-key-missing",
    )
    for key in ("", "k" * 129, "a\tb"):
        assert (await desk.post(IMPORT_PATH, content=FILE, headers=CSV | {"idempotency-key": key})).status_code == 400
    for media_type in ("application/json", "text/plain", "application/vnd.ms-excel", ""):
        answer = await desk.post(IMPORT_PATH, content=FILE, headers=CSV | {"content-type": media_type})
        assert (kind(answer), answer.json()["wanted"]) == ((415, "wrong-media-type"), "text/csv")
    large = await desk.post(IMPORT_PATH, content=b"x" * (FILE_BYTES_MAX + 1), headers=CSV)
    assert (kind(large), large.json()["bytes_max"]) == ((413, "too-large"), FILE_BYTES_MAX)
    assert kind(await desk.post(f"{IMPORT_PATH}?dry_run=perhaps", content=FILE, headers=CSV)) == (400, "malformed")
    assert await shop.rows("SELECT id FROM job") == []


@pytest.mark.parametrize("role", Role)
async def test_who_may_do_what(desk, shop, role):
    manages = role in {Role.OWNER, Role.OPERATOR}
    answer = await desk.post(IMPORT_PATH, content=FILE, headers=CSV | as_role(role))
    assert answer.status_code == (202 if manages else 403)
    assert (await desk.get(f"{PATH}/export", headers=as_role(role))).status_code == 200
    for path in (IMPORT_PATH, f"{PATH}/export"):
        nobody = await desk.request("POST" if path == IMPORT_PATH else "GET", path, headers={"authorization": ""})
        assert nobody.status_code == 401
