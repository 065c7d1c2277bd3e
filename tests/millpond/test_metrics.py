"""Metrics are read on this machine alone, one port for each process, and never at the shop's door."""

import asyncio
import socket
from collections.abc import Sequence

import httpx
import pytest
from prometheus_client import generate_latest

from keel.batching import Batcher
from keel.clock import FakeClock
from keel.database import create_pool
from keel.loops import run_every
from keel.outbox import Fact, Handled, Relay
from millpond.metrics import metrics_at
from millpond.settings import SettingsRefused
from tests.orders.serving import serve


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_a_process_shows_its_metrics_until_it_ends():
    url = f"http://127.0.0.1:{(port := free_port())}/metrics"
    for _ in range(2):
        with metrics_at(port):
            shown = httpx.get(url).text
        assert "millpond_ledger_stock_alarms_total" in shown
        assert "millpond_clock_offset_ms" in shown
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


@pytest.mark.parametrize(
    "counter",
    [
        'millpond_gate_drift_total{law="free <= allocated - sold"}',
        'millpond_ledger_faults_total{fault="Unknown"}',
        'millpond_outbox_dead_total{subscriber="nobody failed"}',
        'millpond_flush_failures_total{batcher="nothing failed"}',
        'millpond_loop_failures_total{loop="never failed"}',
    ],
)
async def test_what_must_stay_0_is_shown_as_0_before_it_happens(counter, database_url):
    stop = asyncio.Event()
    stop.set()

    async def deliver(facts: Sequence[Fact]) -> list[Handled]:
        return [Handled.DONE for _ in facts]

    async def flush(_: list[str]) -> None:
        pass

    await run_every("never failed", 1, stop, stop.wait)
    Batcher("nothing failed", flush, print, items_max=1, weight_max=1, weigh=len)
    async with create_pool(database_url) as pool:
        Relay(pool, {"nobody failed": deliver}, FakeClock())
    assert f"\n{counter} " in generate_latest().decode()  # 0 unless another test of this process made it happen


def test_without_a_port_nothing_listens():
    with metrics_at(None):
        pass


def test_a_taken_port_is_refused_with_its_name():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsRefused, match=f"MILLPOND_METRICS_PORT {port}"), metrics_at(port):
            pass


async def test_the_shops_port_shows_none(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        assert (await served.client.get("/metrics")).status_code == 404
