"""The command `millpond drill`: one minute on the operator's own servers.

    open a rehearsal sale ─► a rush over HTTP ─► in its middle the gate is wiped or killed ─► the gate is rebuilt, the
    rush goes on ─► every acknowledgement is looked up in PostgreSQL ─► the audit ─► the sale is put away

Nothing of other sales is touched, but by `kill`, which takes the embedded gate from all of them for a moment.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console

from accounts.service import seed_merchant
from accounts.tokens import Tokens
from console.audit import audit, lost_orders
from inventory.selling import Selling
from keel.clock import FollowingClock
from keel.identity import Principal, Role
from millpond.audit import BROKEN, HOLDS, show
from millpond.crowd import Progress, Retry, Target, rush
from millpond.crowd_answers import Answer, Wish
from millpond.drill_gate import embedded_gate, in_the_thick, kill, observe, wipe
from millpond.drill_plan import DrillRefused, Fault, Plan, Scene
from millpond.drill_sale import Rehearsal, open_rehearsal, put_away, wishes
from millpond.drill_screen import Screen, screen
from millpond.drill_verdict import verdict_of
from millpond.engines import Valkey
from millpond.servers import joined
from millpond.settings import Settings
from millpond.wiring import Parts, parts_for

LOOK_EVERY_S: Final = 0.1
WAVE_EVERY_S: Final = 0.5
WAVE_CONNECTIONS_MAX: Final = 64
CONNECT_MAX_S: Final = 3.0
INTERRUPTED: Final = 130
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens there, it is called here
RETRY: Final = Retry(tries_max=1_000, pause_min_s=0.1)

_WHAT_HAPPENS: Final = {
    Fault.WIPE: "In the middle the gate's keys of this sale are deleted.",
    Fault.KILL: "In the middle the gate's engine is killed, for all sales.",
    Fault.NONE: "Nothing happens to the gate.",
}
_WHAT_IS_DONE: Final = {Fault.WIPE: "is wiped", Fault.KILL: "loses its engine"}


@dataclass
class Drill:
    """One drill. `valkey` is the engine to kill, where that was asked for."""

    parts: Parts
    plan: Plan
    target: Target
    tokens: Tokens
    by: Principal
    console: Console
    valkey: Valkey | None
    _progress: dict[int, Progress] = field(default_factory=dict)
    _crush: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> int:
        """The exit code. Raises DrillRefused; puts the sale away however it ends."""
        selling = selling_of(self.parts)
        rehearsal = await open_rehearsal(selling, self.by, self.plan)
        try:
            self._introduce(rehearsal)
            orders = wishes(
                selling, self.by, self.tokens, target=self.target, rehearsal=rehearsal, count=self.plan.coming
            )
            scene, answers = await self._rush(rehearsal, orders)
            return await self._judge(rehearsal, scene, answers)
        finally:
            trouble = await put_away(selling, self.by, rehearsal)
            minutes = rehearsal.hold_ttl_s / 60
            self.console.print(
                f"The rehearsal sale could not be put away: {trouble}. It is {rehearsal.sale_id}."
                if trouble
                else f"The rehearsal sale is closed and archived; its unpaid orders lapse within {minutes:.0f} minutes."
            )

    def _introduce(self, rehearsal: Rehearsal) -> None:
        plan = self.plan
        self.console.print(
            f"Rehearsal sale {rehearsal.sale_id}: {plan.units:,} units; {plan.coming:,} buyers come, "
            f"{plan.per_s:.0f} a second, {plan.crush:,} of them at once. {_WHAT_HAPPENS[plan.fault]}"
        )
        if plan.coming < plan.buyers:
            self.console.print(
                f"More than {plan.coming:,} cannot come in time: the API takes {plan.address_per_s:g} requests "
                "a second from one address (MILLPOND_RATE_ADDRESS_PER_S)."
            )

    # The rush --------------------------------------------------------------------------------------------------------

    async def _rush(self, rehearsal: Rehearsal, orders: Sequence[Wish]) -> tuple[Scene, list[Answer]]:
        scene = Scene(self.plan.units, self.plan.seconds)
        over = asyncio.Event()
        try:
            with screen(self.console) as shown:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._watch(rehearsal, scene, shown, over))
                    if self.plan.fault is not Fault.NONE:
                        group.create_task(self._strike(rehearsal, scene, shown))
                    answers = await self._waves(orders)
                    over.set()
        except* DrillRefused as refusals:
            raise refusals.exceptions[0] from None
        return scene, answers

    async def _waves(self, orders: Sequence[Wish]) -> list[Answer]:
        """A wave of buyers every WAVE_EVERY_S; one that has to try again goes on beside the next ones."""
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            waves = []
            for number, wave in enumerate(self.plan.waves(WAVE_EVERY_S)):
                await asyncio.sleep(max(0.0, began_s + number * WAVE_EVERY_S - time.monotonic()))
                if wave.start == self.plan.middle:
                    self._crush.set()
                left_s = began_s + self.plan.seconds - time.monotonic()
                waves.append(group.create_task(self._wave(number, orders[wave.start : wave.stop], left_s)))
        return [answer for wave in waves for answer in wave.result()]

    async def _wave(self, number: int, orders: Sequence[Wish], left_s: float) -> Sequence[Answer]:
        def note(progress: Progress) -> None:
            self._progress[number] = progress

        connections = min(len(orders), WAVE_CONNECTIONS_MAX)
        result = await rush(
            self.target, orders, connections=connections, retry=RETRY, deadline_s=left_s, on_progress=note
        )
        return result.answers

    async def _watch(self, rehearsal: Rehearsal, scene: Scene, shown: Screen, over: asyncio.Event) -> None:
        """Look and show."""
        began_s, is_last = time.monotonic(), False
        while not is_last:
            is_last = over.is_set()
            await observe(scene, self.parts.gate, self.parts.ledger, rehearsal.sale_id)
            self._count(scene)
            scene.elapsed_s = time.monotonic() - began_s
            shown.show(scene)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), LOOK_EVERY_S)

    def _count(self, scene: Scene) -> None:
        waves = self._progress.values()
        scene.acknowledged = sum(wave.accepted for wave in waves)
        scene.refused = sum(wave.refused for wave in waves)
        scene.retries = sum(wave.retries for wave in waves)

    async def _strike(self, rehearsal: Rehearsal, scene: Scene, shown: Screen) -> None:
        """Take the gate away while the crush has orders in flight."""
        await self._crush.wait()
        served = await in_the_thick(self.parts.gate, rehearsal.sale_id, crush=self.plan.crush)
        shown.say(f"With {served:,} buyers served and more at the door, the gate {_WHAT_IS_DONE[self.plan.fault]}.")
        scene.struck_epoch, scene.struck_at_s = scene.ledger_epoch, time.monotonic()
        if self.valkey is not None:
            await kill(self.valkey)
        else:
            await wipe(self.parts.redis, self.parts.gate, rehearsal.sale_id)

    # The verdict -----------------------------------------------------------------------------------------------------

    async def _judge(self, rehearsal: Rehearsal, scene: Scene, answers: Sequence[Answer]) -> int:
        ids = [answer.order_id for answer in answers if answer.accepted]
        lost = await lost_orders(self.parts.pool, rehearsal.sale_id, ids)
        report = await audit(self.parts.pool, self.parts.gate, rehearsal.sale_id, say=self.console.print)
        show(report, self.console)
        verdict = verdict_of(self.plan, scene, answers, lost=len(lost), report=report)
        for line in verdict.lines():
            self.console.print(line)
        return HOLDS if not verdict.faults else BROKEN


def run(settings: Settings, plan: Plan, api: str | None) -> int:
    """The command: the exit code. Raises DrillRefused, NotAuditable, Refusal, EngineFailed and SettingsRefused."""
    logging.getLogger().setLevel(logging.WARNING)  # what happens is on the screen
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with joined(settings.with_secrets()) as reachable:
            valkey = _to_be_killed(settings) if plan.fault is Fault.KILL else None
            return asyncio.run(_drill(reachable, plan, _target(settings, api), valkey))
    except KeyboardInterrupt:
        return INTERRUPTED


async def _drill(settings: Settings, plan: Plan, target: Target, valkey: Valkey | None) -> int:
    await _knock(target)
    async with parts_for(settings) as parts:
        clock = parts.clock
        if isinstance(clock, FollowingClock):
            await clock.follow()
        merchant_id = settings.staff_tokens[0].merchant_id
        await seed_merchant(parts.pool, clock, merchant_id)
        tokens = Tokens({kid: key.get_secret_value() for kid, key in settings.token_keys.items()}, clock)
        by = Principal(merchant_id, "drill", Role.OWNER)
        console = Console(soft_wrap=True, highlight=False)
        return await Drill(parts, plan, target, tokens, by, console, valkey).run()


def selling_of(parts: Parts) -> Selling:
    """What the use cases of sales need."""
    return Selling(parts.sessions, parts.gate, parts.rebuilder, parts.ids, parts.clock)


def _to_be_killed(settings: Settings) -> Valkey:
    if settings.redis_url is not None:
        raise DrillRefused(
            "--fault kill ends the embedded Valkey, and REDIS_URL names another server: use --fault wipe."
        )
    return embedded_gate(settings.data_dir)


def _target(settings: Settings, api: str | None) -> Target:
    if api is not None:
        try:
            return Target.of(api)
        except ValueError as error:
            raise DrillRefused(f"--api: {error}") from error
    if not settings.api_port:
        raise DrillRefused("MILLPOND_API_PORT is 0, so the API may be anywhere: give its address with --api.")
    return Target(_EVERYWHERE.get(settings.api_host, settings.api_host), settings.api_port)


async def _knock(target: Target) -> None:
    """Raises DrillRefused unless somebody listens."""
    try:
        async with asyncio.timeout(CONNECT_MAX_S):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError) as error:
        where = f"{target.host}, port {target.port}"
        raise DrillRefused(f"The API does not answer at {where}: start `millpond up`, or give --api.") from error
    writer.close()
