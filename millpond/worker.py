"""The process `millpond worker`: expiry, exports, sweeper, reconciler, outbox relay and the sales' clock."""

import asyncio
import logging
import signal
from datetime import timedelta
from typing import Final

import uvloop

from accounts.loops import tidy
from inventory.importing import KIND as CATALOGUE_IMPORT
from inventory.importing import CatalogueImport
from inventory.loops import Upkeep, reconcile, sweep
from inventory.reconciler import Reconciler
from inventory.running import close_due, open_due
from inventory.sweeper import Sweeper
from keel.clock import OFFSET_READY_MAX_MS
from keel.jobs import RUN_EVERY_S, JobRunner
from keel.loops import run_every
from keel.outbox import Relay
from live.loops import keep_sessions
from live.patience import Patience
from live.presence import end_silent
from live.sale_news import WATCH_EVERY_S, SaleWatch
from live.shelf import TELL_EVERY_S, tell_changed_shelves
from millpond.api import upkeep_of
from millpond.leaderboard import TELL_EVERY_S as BOARD_EVERY_S
from millpond.leaderboard import Leaderboard
from millpond.metrics import metrics_at
from millpond.settings import Settings
from millpond.wiring import SUBSCRIPTIONS, Parts, parts_for
from orders.export_work import Exporter
from orders.loops import expire, export
from orders.service import Orders
from referrals.forgetting import KEPT as TOUCHES_KEPT
from referrals.forgetting import Forgetting
from referrals.judging import ORDER_ATTRIBUTED, Judge
from referrals.loops import judge, keep_touches
from referrals.simulating import KIND as SIMULATION
from referrals.simulating import Simulation
from referrals.tallying import Tallying

log = logging.getLogger(__name__)

RELAY_EVERY_S: Final = 0.25
PURGE_EVERY_S: Final = 60.0
SALE_CLOCK_EVERY_S: Final = 1.0
SILENT_GATEWAYS_EVERY_S: Final = 1.0
CLOCKS_APART: Final = timedelta(milliseconds=OFFSET_READY_MAX_MS)


async def work(parts: Parts, stop: asyncio.Event, touches_kept: timedelta = TOUCHES_KEPT) -> None:
    """All loops, until `stop`; each finishes the tick it is in."""
    relay = Relay(parts.pool, parts.subscribers(), parts.clock)
    reconciler = Reconciler(parts.gate, parts.ledger, parts.book, parts.clock)
    sweeper = Sweeper(parts.gate, parts.ledger, parts.clock)
    upkeep = Upkeep(parts.ledger, parts.book, reconciler, sweeper, parts.rebuilder)
    selling, studio = parts.selling, parts.studio()
    jobs = JobRunner(
        parts.sessions,
        parts.clock,
        {CATALOGUE_IMPORT: CatalogueImport(selling), SIMULATION: Simulation(parts.pool)},
        stop,
    )

    async def sale_clock() -> None:
        await close_due(selling, parts.clock.now())
        await open_due(selling, parts.clock.now() - CLOCKS_APART)  # the gate has let buyers in since; never before

    async def silent_gateways() -> None:
        await end_silent(parts.pool, parts.clock.now())

    async with asyncio.TaskGroup() as group:
        group.create_task(reconcile(upkeep, stop))
        group.create_task(sweep(upkeep, stop))
        group.create_task(expire(Orders(parts.ledger, parts.clock, SUBSCRIPTIONS["order.lapsed"]), stop))
        group.create_task(judge(Judge(parts.pool, parts.ids, parts.clock, SUBSCRIPTIONS[ORDER_ATTRIBUTED]), stop))
        group.create_task(export(Exporter(parts.sessions, parts.clock), stop))
        group.create_task(run_every("relay", RELAY_EVERY_S, stop, relay.tick))
        group.create_task(keep_sessions(Patience(studio), stop))
        group.create_task(tidy(parts.pool, parts.clock, stop))
        group.create_task(run_every("outbox purge", PURGE_EVERY_S, stop, relay.purge))
        group.create_task(run_every("jobs", RUN_EVERY_S, stop, jobs.tick))
        sale_watch = SaleWatch(parts.pool, parts.room_log, parts.clock)
        group.create_task(run_every("sale watch", WATCH_EVERY_S, stop, sale_watch.tick))
        group.create_task(run_every("silent gateways", SILENT_GATEWAYS_EVERY_S, stop, silent_gateways))
        group.create_task(run_every("sale clock", SALE_CLOCK_EVERY_S, stop, sale_clock))
        tallying, forgetting = Tallying(parts.pool, parts.clock), Forgetting(parts.pool, parts.clock, touches_kept)
        group.create_task(keep_touches(tallying, forgetting, stop))
        board = Leaderboard(parts.pool, parts.redis, parts.room_log)
        group.create_task(run_every("leaderboard", BOARD_EVERY_S, stop, board.tick))
        group.create_task(run_every("shelves", TELL_EVERY_S, stop, lambda: tell_changed_shelves(studio)))


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    async with parts_for(settings) as parts, upkeep_of(parts):
        await work(parts, stop, timedelta(days=settings.touches_kept_days))


def serve(settings: Settings) -> None:
    """The process's whole life."""
    with metrics_at(settings.metrics_port):
        uvloop.run(run(settings))
