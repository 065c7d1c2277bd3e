"""What a drill and a demo stand on: the running servers, found by the settings, and a crowd's way to the API."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from accounts.service import seed_merchant
from accounts.tokens import Tokens
from console.audit import audit, lost_orders
from console.model import Report
from keel.identity import Principal, Role
from millpond.audit import show
from millpond.crowd import Target
from millpond.crowd_answers import Answer
from millpond.drill_gate import observe
from millpond.drill_plan import DrillRefused, Scene
from millpond.drill_sale import Rehearsal, put_away
from millpond.servers import host_from_here, joined
from millpond.settings import Settings
from millpond.waves import Waves
from millpond.wiring import Parts, parts_for, tokens_of

CONNECT_MAX_S: Final = 3.0
INTERRUPTED: Final = 130


@dataclass(frozen=True)
class Stage:
    """The parts of a process of our own beside the API at `target`, and who acts."""

    parts: Parts
    target: Target
    tokens: Tokens
    by: Principal
    console: Console

    async def looks(
        self, rehearsal: Rehearsal, waves: Waves, scene: Scene, *, every_s: float, over: asyncio.Event
    ) -> AsyncIterator[None]:
        """Write down what is seen of the stores and the crowd, a step a look; the last one is after `over` is set."""
        began_s, is_last = time.monotonic(), False
        while not is_last:
            is_last = over.is_set()
            await observe(scene, self.parts.gate, self.parts.ledger, rehearsal.sale_id)
            scene.acknowledged, scene.refused, scene.retries = waves.acknowledged, waves.refused, waves.retries
            scene.elapsed_s = time.monotonic() - began_s
            yield
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), every_s)

    async def judged(self, rehearsal: Rehearsal, answers: Sequence[Answer]) -> tuple[int, Report]:
        """Look every acknowledgement up in PostgreSQL, audit the sale and show that. Lost orders, and the report."""
        ids = [answer.order_id for answer in answers if answer.accepted]
        lost = await lost_orders(self.parts.pool, rehearsal.sale_id, ids)
        report = await audit(self.parts.pool, self.parts.gate, rehearsal.sale_id, say=self.console.print)
        show(report, self.console)
        return len(lost), report

    async def clear(self, rehearsal: Rehearsal) -> None:
        """Put the rehearsal sale away, and say how that went."""
        trouble = await put_away(self.parts.selling, self.by, rehearsal)
        minutes = rehearsal.hold_ttl_s / 60
        self.console.print(
            f"The rehearsal sale could not be put away: {trouble}. It is {rehearsal.sale_id}."
            if trouble
            else f"The rehearsal sale is closed and archived; its unpaid orders lapse within {minutes:.0f} minutes."
        )


def run_on_stage(settings: Settings, api: str | None, actor: str, play: Callable[[Stage], Awaitable[int]]) -> int:
    """Play on the running servers: the exit code, also of a Ctrl-C.

    Raises DrillRefused, NotAuditable, Refusal, EngineFailed and SettingsRefused.
    """
    logging.getLogger().setLevel(logging.WARNING)  # what happens is on the screen
    # As Ctrl-C, of which asyncio makes a cancellation. Raised wherever the loop is, an exception may keep from its end
    # what has to put the sale away.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with joined(settings.with_secrets()) as reachable:
            return asyncio.run(_play(reachable, target_of(settings, api), actor, play))
    except KeyboardInterrupt:
        return INTERRUPTED


async def _play(settings: Settings, target: Target, actor: str, play: Callable[[Stage], Awaitable[int]]) -> int:
    await _knock(target)
    async with parts_for(settings) as parts:
        await parts.follow_clock()
        merchant_id = settings.staff_tokens[0].merchant_id
        await seed_merchant(parts.pool, parts.clock, merchant_id)
        tokens = tokens_of(settings, parts.clock)
        by = Principal(merchant_id, actor, Role.OWNER)
        return await play(Stage(parts, target, tokens, by, Console(soft_wrap=True, highlight=False)))


def target_of(settings: Settings, api: str | None) -> Target:
    """Where the API listens: `api` as a URL, or what the settings say. Raises DrillRefused."""
    if api is not None:
        try:
            return Target.of(api)
        except ValueError as error:
            raise DrillRefused(f"--api: {error}") from error
    if not settings.api_port:
        raise DrillRefused("MILLPOND_API_PORT is 0, so the API may be anywhere: give its address with --api.")
    return Target(host_from_here(settings.api_host), settings.api_port)


async def _knock(target: Target) -> None:
    """Raises DrillRefused unless somebody listens."""
    try:
        async with asyncio.timeout(CONNECT_MAX_S):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError) as error:
        where = f"{target.host}, port {target.port}"
        raise DrillRefused(f"The API does not answer at {where}: start `millpond up`, or give --api.") from error
    writer.close()
