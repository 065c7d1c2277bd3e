"""The command `millpond audit`: find the servers, audit one sale, print the report; the exit code says how it went."""

import asyncio
import sys
from typing import Final

import msgspec
from rich.console import Console

from console.audit import audit
from console.model import Report
from console.report import lines_of
from inventory.gate import Gate
from keel.database import create_pool
from keel.lua import connect
from millpond.servers import joined
from millpond.settings import Settings

HOLDS: Final = 0
BROKEN: Final = 1
NOT_AUDITABLE: Final = 2
GATE_ANSWER_MAX_S: Final = 5.0  # an audit may wait longer than a buyer


def run(settings: Settings, sale_id: str, *, wait_s: float, as_json: bool) -> int:
    """Print the report of a sale; the exit code. Raises NotAuditable and EngineFailed."""
    with joined(settings) as reachable:
        report = asyncio.run(_audited(reachable, sale_id, wait_s))
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report.document()), indent=2) + b"\n")
    else:
        show(report, Console(soft_wrap=True, highlight=False))
    return BROKEN if report.breaches else HOLDS


def show(report: Report, console: Console) -> None:
    """Print a report for people."""
    for line in lines_of(report):
        console.print(line)


async def _audited(settings: Settings, sale_id: str, wait_s: float) -> Report:
    assert settings.database_url, "millpond.servers.joined gives the URLs"
    assert settings.redis_url, "millpond.servers.joined gives the URLs"
    progress = Console(stderr=True, soft_wrap=True, highlight=False)
    redis = connect(settings.redis_url, timeout_s=GATE_ANSWER_MAX_S)
    pool = create_pool(settings.database_url)
    try:
        # The pool opens nothing by itself, so that what fails is the first reading, and is said as such.
        async with pool:
            return await audit(pool, Gate(redis), sale_id, wait_s=wait_s, say=progress.print)
    finally:
        await redis.aclose()
