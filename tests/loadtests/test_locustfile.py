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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import pytest

from keel.clock import FollowingClock
from keel.ids import Ids
from tests.databases import fetched
from tests.eventually import eventually, eventually_async
from tests.millpond.stacks import HERE, Stack, planned_stack, running_stack
from tests.millpond.test_metrics import free_port
from tests.millpond.ups import Up, many_ups

Locust = subprocess.Popen[str]

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


@dataclass(frozen=True)
class Shop:
    """A deployment: the environment of its commands, and where clients reach it."""

    environment: dict[str, str]
    api_url: str
    socket_url: str


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """`millpond up` with two gateways, so that one can go."""
    with many_ups(tmp_path) as run:
        yield run(MILLPOND_GATEWAY_PROCESSES="2", MILLPOND_RATE_ADDRESS_PER_S="1000")


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[Shop]:
    """Processes on servers of the tests, whose rows one can spoil."""
    merchant_id = Ids(FollowingClock()).new()
    tokens = json.dumps([{"token": STAFF, "merchant_id": merchant_id}])
    settings = {"MILLPOND_STAFF_TOKENS": tokens, "MILLPOND_SEED_MERCHANT_ID": merchant_id}
    with running_stack(database_url, redis_url, gateway=True, **settings) as stack:
        yield shop_of(stack)


def shop_of(stack: Stack) -> Shop:
    gateway = f"ws://127.0.0.1:{stack.gateway_port}/v1/live"
    return Shop(stack.environment, f"http://127.0.0.1:{stack.port}", gateway)


def start(
    shop: Shop, *arguments: str, output: IO[str] | int = subprocess.PIPE, options: Mapping[str, str] = {}
) -> Locust:
    """Locust, as an operator starts it beside the deployment."""
    given = {"host": shop.api_url, "socket-url": shop.socket_url, "customers": "60", "stop-timeout": "20"}
    words = [word for name, value in (given | BUSY | dict(options)).items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", *words, "--config-users", *EVEN]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=HERE,
        env=shop.environment | {"PYTHONPATH": str(HERE)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(locust: Locust) -> tuple[int, str]:
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


@pytest.mark.long
def test_a_crowd_misses_nothing_though_a_gateway_goes_and_ends_with_the_audit(up, tmp_path: Path):
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MILLPOND_")}
    api_url, sockets = up.url(), re.search(r"Sockets +(ws://\S+)", up.text())
    assert sockets is not None
    shop = Shop(ours | {"MILLPOND_DATA_DIR": str(up.data_dir)}, api_url, sockets[1])
    crowd = ("--headless", "--processes", "2", "-u", "12", "-r", "12", "-t", "10s")
    table, log = tmp_path / "table", tmp_path / "locust.log"
    with log.open("w") as output:
        locust = start(shop, *crowd, output=output, options={"json-file": str(table)})
        eventually(lambda: "All users spawned" in log.read_text() or locust.poll() is not None, within_s=ENDS_WITHIN_S)
        os.kill(up.children("gateway")[0], signal.SIGTERM)
        code, _ = ended(locust)
    said = log.read_text()
    assert code == 0, said
    rows = json.loads(table.with_suffix(".json").read_text())
    lines = {(row["method"], row["name"]): row["num_requests"] for row in rows}
    over_http, over_sockets = lines["POST", "order: placed"], lines["WS", "order: placed"]
    assert min(over_http, over_sockets, lines["WS", "come back"], lines["POST", "order: the same again"]) > 0, lines
    assert min(lines["WS", name] for name in ("comment", "like", "host: pin", "announcement on screen")) > 0, lines
    closed = [name for _, name in lines if name.startswith("closed by")]
    assert closed in ([], ["closed by the gateway: 4000"]), "whoever was at the gateway that went was told to come back"
    assert (count(said, "missed"), count(said, "came back")) == (0, lines["WS", "come back"])
    assert count(said, "frames received") > 0
    assert "promises that apply hold" in said
    orders = re.search(r"every order its claim +\(claims [\d,]+, orders ([\d,]+)\)", said)
    assert orders is not None, said
    assert int(orders[1].replace(",", "")) >= over_http + over_sockets


@pytest.mark.long
async def test_what_went_wrong_is_told_by_the_exit_code_also_of_a_test_begun_on_the_page(shop, database_url, tmp_path):
    port = free_port()
    web = f"http://127.0.0.1:{port}"
    locust = start(shop, options={"web-port": str(port), "web-host": "127.0.0.1"})
    try:
        page = eventually(lambda: answer_of(web), within_s=ENDS_WITHIN_S)
        assert "drop_every" in page, "the options are on the page"
        answer_of(f"{web}/swarm", {"user_count": 6, "spawn_rate": 6})

        async def sold() -> Any:
            return await fetched(database_url, "SELECT coalesce(sum(sold), 0) FROM stock")

        await eventually_async(sold, within_s=ENDS_WITHIN_S)
        await fetched(database_url, "UPDATE stock SET sold = sold + 1 RETURNING sold")
        answer_of(f"{web}/stop", {})
    finally:
        locust.terminate()
        code, said = ended(locust)
    assert code == PROMISE_BROKEN, said
    assert "BROKEN" in said
    few = ("--headless", "-u", "2", "-r", "2", "-t", "2s")
    code, said = ended(start(shop, *few, options={"socket-url": NOWHERE, "stop-timeout": "1"}))
    assert code == REQUESTS_FAILED, said
    assert "promises that apply hold" in said
    assert await fetched(database_url, "SELECT count(*) FROM orders WHERE NOT rehearsal") == 0
    for kind in ("room", "sale", "sku"):
        assert await fetched(database_url, f"SELECT count(*) FROM {kind} WHERE archived_at IS NULL") == 0


def test_without_a_stage_there_is_no_test():
    shop = shop_of(planned_stack("postgresql://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1/0"))
    code, said = ended(start(shop, "--headless", "--processes", "1", "-t", "60s"))
    assert code == NOTHING_SAID, said
    assert "the stage could not be made: POST" in said
