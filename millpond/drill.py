"""The command `millpond drill`: one minute on the operator's own servers.

    open a rehearsal sale ─► a rush over HTTP ─► in its middle the gate is wiped or killed ─► the gate is rebuilt, the
    rush goes on ─► every acknowledgement is looked up in PostgreSQL ─► the audit ─► the sale is put away

Nothing of other sales is touched, but by `kill`, which takes the embedded gate from all of them for a moment.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from millpond.audit import BROKEN, HOLDS
from millpond.crowd_answers import Answer, Wish
from millpond.drill_gate import embedded_gate, in_the_thick, kill, wipe
from millpond.drill_plan import DrillRefused, Fault, Plan, Scene
from millpond.drill_sale import Rehearsal, open_rehearsal, wishes
from millpond.drill_screen import Screen, screen
from millpond.drill_verdict import verdict_of
from millpond.engines import Valkey
from millpond.settings import Settings
from millpond.stage import Stage, run_on_stage
from millpond.waves import Waves

LOOK_EVERY_S: Final = 0.1
WAVE_EVERY_S: Final = 0.5

_WHAT_HAPPENS: Final = {
    Fault.WIPE: "In the middle the gate's keys of this sale are deleted.",
    Fault.KILL: "In the middle the gate's engine is killed, for all sales.",
    Fault.NONE: "Nothing happens to the gate.",
}
_WHAT_IS_DONE: Final = {Fault.WIPE: "is wiped", Fault.KILL: "loses its engine"}


@dataclass
class Drill:
    """One drill. `valkey` is the engine to kill, where that was asked for."""

    stage: Stage
    plan: Plan
    valkey: Valkey | None
    _crush: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> int:
        """The exit code. Raises DrillRefused; puts the sale away however it ends."""
        stage, plan = self.stage, self.plan
        rehearsal = await open_rehearsal(stage.parts.selling, stage.by, units=plan.units, seconds=plan.seconds)
        try:
            self._introduce(rehearsal)
            orders = wishes(
                stage.parts.selling, stage.by, stage.tokens, target=stage.target, rehearsal=rehearsal, count=plan.coming
            )
            scene, answers = await self._rush(rehearsal, orders)
            return await self._judge(rehearsal, scene, answers)
        finally:
            await stage.clear(rehearsal)

    def _introduce(self, rehearsal: Rehearsal) -> None:
        plan = self.plan
        self.stage.console.print(
            f"Rehearsal sale {rehearsal.sale_id}: {plan.units:,} units; {plan.coming:,} buyers come, "
            f"{plan.per_s:.0f} a second, {plan.crush:,} of them at once. {_WHAT_HAPPENS[plan.fault]}"
        )
        if plan.coming < plan.buyers:
            self.stage.console.print(
                f"More than {plan.coming:,} cannot come in time: the API takes {plan.address_per_s:g} requests "
                "a second from one address (MILLPOND_RATE_ADDRESS_PER_S)."
            )

    # The rush --------------------------------------------------------------------------------------------------------

    async def _rush(self, rehearsal: Rehearsal, orders: Sequence[Wish]) -> tuple[Scene, list[Answer]]:
        scene = Scene(self.plan.units, self.plan.seconds)
        waves, over = Waves(self.stage.target, orders), asyncio.Event()
        try:
            with screen(self.stage.console) as shown:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._watch(rehearsal, waves, scene, shown, over))
                    if self.plan.fault is not Fault.NONE:
                        group.create_task(self._strike(rehearsal, scene, shown))
                    plan = self.plan
                    await waves.run(
                        plan.waves(WAVE_EVERY_S), every_s=WAVE_EVERY_S, within_s=plan.seconds, on_wave=self._note_crush
                    )
                    over.set()
        except* DrillRefused as refusals:
            raise refusals.exceptions[0] from None
        return scene, waves.answers

    def _note_crush(self, wave: range) -> None:
        if wave.start == self.plan.middle:
            self._crush.set()

    async def _watch(
        self, rehearsal: Rehearsal, waves: Waves, scene: Scene, shown: Screen, over: asyncio.Event
    ) -> None:
        """Look and show."""
        async for _ in self.stage.looks(rehearsal, waves, scene, every_s=LOOK_EVERY_S, over=over):
            shown.show(scene)

    async def _strike(self, rehearsal: Rehearsal, scene: Scene, shown: Screen) -> None:
        """Take the gate away while the crush has orders in flight."""
        await self._crush.wait()
        served = await in_the_thick(self.stage.parts.gate, rehearsal.sale_id, crush=self.plan.crush)
        shown.say(f"With {served:,} buyers served and more at the door, the gate {_WHAT_IS_DONE[self.plan.fault]}.")
        scene.struck_epoch, scene.struck_at_s = scene.ledger_epoch, time.monotonic()
        if self.valkey is not None:
            await kill(self.valkey)
        else:
            await wipe(self.stage.parts.redis, self.stage.parts.gate, rehearsal.sale_id)

    # The verdict -----------------------------------------------------------------------------------------------------

    async def _judge(self, rehearsal: Rehearsal, scene: Scene, answers: Sequence[Answer]) -> int:
        lost, report = await self.stage.judged(rehearsal, answers)
        verdict = verdict_of(self.plan.fault, scene, answers, lost=lost, report=report)
        for line in verdict.lines():
            self.stage.console.print(line)
        return HOLDS if not verdict.faults else BROKEN


def run(settings: Settings, plan: Plan, api: str | None) -> int:
    """The command: the exit code. Raises DrillRefused, NotAuditable, Refusal, EngineFailed and SettingsRefused."""

    if plan.fault is Fault.KILL and settings.redis_url is not None:
        raise DrillRefused(
            "--fault kill ends the embedded Valkey, and REDIS_URL names another server: use --fault wipe."
        )

    async def play(stage: Stage) -> int:
        valkey = embedded_gate(settings.data_dir) if plan.fault is Fault.KILL else None
        return await Drill(stage, plan, valkey).run()

    return run_on_stage(settings, api, "drill", play)
