"""A load test from nothing to the audit, real processes on both sides. Locust patches what it runs in: never here."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from keel.clock import FollowingClock
from keel.ids import Ids
from tests.databases import fetched
from tests.eventually import eventually, eventually_async
from tests.millpond.stacks import HERE, Stack, planned_stack, running_stack
from tests.millpond.test_metrics import free_port

STAFF: Final = "a staff token that only the tests know"
NOWHERE: Final = "ws://127.0.0.1:1/v1/live"
ENDS_WITHIN_S: Final = 180.0  # nothing is promised here
REQUESTS_FAILED, NOTHING_SAID, PROMISE_BROKEN = 1, 2, 3  # as docs/load-tests.md has them
BUSY: Final = {
    "order-every": "0.3",
    "again-share": "0.3",
    "cut-share": "0.2",
    "drop-every": "3",
    "away-max": "1",
    "comment-every": "4",
    "like-every": "3",
    "host-every": "0.5",
}
EVEN: Final = [f'{{"user_class_name": "{name}", "weight": 1}}' for name in ("Viewer", "SocketBuyer", "HttpBuyer")]


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[Stack]:
    merchant_id = Ids(FollowingClock()).new()
    tokens = json.dumps([{"token": STAFF, "merchant_id": merchant_id}])
    settings = {"MILLPOND_STAFF_TOKENS": tokens, "MILLPOND_SEED_MERCHANT_ID": merchant_id}
    with running_stack(database_url, redis_url, gateway=True, **settings) as stack:
        yield stack


def start(shop: Stack, *arguments: str, **options: str) -> "subprocess.Popen[str]":
    """Locust, as an operator starts it beside the deployment."""
    gateway = f"ws://127.0.0.1:{shop.gateway_port}/v1/live"
    given = {"host": f"http://127.0.0.1:{shop.port}", "socket-url": gateway, "customers": "60", "stop-timeout": "20"}
    words = [word for name, value in (given | BUSY | options).items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", *words, "--config-users", *EVEN]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=HERE,
        env=shop.environment | {"PYTHONPATH": str(HERE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(locust: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code, and what it said; whatever still runs of it is killed."""
    try:
        said, _ = locust.communicate(timeout=ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(locust.pid, signal.SIGKILL)
        raise
    return locust.returncode, said


def count(said: str, what: str) -> int:
    found = re.search(rf"{what}: ([\d,]+)", said)
    assert found is not None, said
    return int(found[1].replace(",", ""))


def answer_of(url: str, form: dict[str, Any] | None = None) -> str:
    """What locust's page says; nothing while it is not there."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(url, data, timeout=ENDS_WITHIN_S) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError:
        raise
    except OSError:
        return ""


async def test_a_crowd_over_both_ways_misses_nothing_and_ends_with_the_audit(shop, database_url, tmp_path: Path):
    table = tmp_path / "table"
    crowd = ("--headless", "--processes", "2", "-u", "12", "-r", "12", "-t", "8s")
    code, said = ended(start(shop, *crowd, **{"json-file": str(table)}))
    assert code == 0, said
    assert "promises that apply hold" in said
    lines = {
        (line["method"], line["name"]): line["num_requests"]
        for line in json.loads(table.with_suffix(".json").read_text())
    }
    over_http, over_sockets = lines["POST", "order: placed"], lines["WS", "order: placed"]
    assert min(over_http, over_sockets, lines["WS", "come back"], lines["POST", "order: the same again"]) > 0, lines
    assert min(lines["WS", name] for name in ("comment", "like", "host: pin", "announcement on screen")) > 0, lines
    assert count(said, "missed") == 0
    assert count(said, "came back") == lines["WS", "come back"]
    assert count(said, "frames received") > 0
    standing = await fetched(database_url, "SELECT count(*) FROM orders WHERE rehearsal")
    assert standing >= over_http + over_sockets
    for left in ("orders WHERE NOT rehearsal", "sale WHERE archived_at IS NULL", "sku WHERE archived_at IS NULL"):
        assert await fetched(database_url, f"SELECT count(*) FROM {left}") == 0
    assert await fetched(database_url, "SELECT count(*) FROM room WHERE archived_at IS NULL") == 0


async def test_what_went_wrong_is_told_by_the_exit_code_also_of_a_test_begun_on_the_page(shop, database_url, tmp_path):
    port = free_port()
    web = f"http://127.0.0.1:{port}"
    locust = start(shop, **{"web-port": str(port), "web-host": "127.0.0.1"})
    try:
        page = eventually(lambda: answer_of(web))
        assert "drop_every" in page, "the options are on the page"
        answer_of(f"{web}/swarm", {"user_count": 6, "spawn_rate": 6})

        async def sold() -> Any:
            return await fetched(database_url, "SELECT coalesce(sum(sold), 0) FROM stock")

        await eventually_async(sold)
        await fetched(database_url, "UPDATE stock SET sold = sold + 1 RETURNING sold")
        answer_of(f"{web}/stop", {})
    finally:
        locust.terminate()
        code, said = ended(locust)
    assert code == PROMISE_BROKEN, said
    assert "BROKEN" in said
    few = ("--headless", "-u", "2", "-r", "2", "-t", "2s")
    code, said = ended(start(shop, *few, **{"socket-url": NOWHERE, "stop-timeout": "1"}))
    assert code == REQUESTS_FAILED, said
    assert "promises that apply hold" in said


def test_without_a_stage_there_is_no_test():
    shop = planned_stack("postgresql://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1/0")
    code, said = ended(start(shop, "--headless", "--processes", "1", "-t", "60s"))
    assert code == NOTHING_SAID, said
    assert "the stage could not be made: POST" in said
