"""The command `millpond demo`: a million yuan in thirty seconds, on the servers that run here.

    open a rehearsal sale ─► a crowd over HTTP, at an even pace ─► every acknowledgement is looked up in PostgreSQL ─►
    the audit ─► the sale is put away

It is the sale that a creator made from one room: 6,711 brushes at ¥149. Nothing of other sales is touched.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from millpond.audit import BROKEN, HOLDS
from millpond.crowd_answers import Answer, percentile
from millpond.demo_plan import LATENCIES_MAX, PRICE, DemoPlan, Picture
from millpond.demo_screen import DemoScreen, demo_screen, money
from millpond.drill_plan import Fault, Scene
from millpond.drill_sale import Rehearsal, open_rehearsal, wishes
from millpond.drill_verdict import verdict_of
from millpond.settings import Settings
from millpond.stage import Stage, run_on_stage
from millpond.waves import Waves

LOOK_EVERY_S: Final = 0.125
WAVE_EVERY_S: Final = 0.05
CONNECTIONS_MAX: Final = 500  # of one wave: its buyers wait for the server, not for each other
PATIENCE_S: Final = 15.0  # for the last answers


@dataclass
class Demo:
    """One demo."""

    stage: Stage
    plan: DemoPlan

    async def run(self) -> int:
        """The exit code. Puts the sale away however it ends. Raises Refusal."""
        stage, plan = self.stage, self.plan
        rehearsal = await open_rehearsal(
            stage.parts.selling, stage.by, units=plan.units, seconds=plan.seconds, title="Demo", price=PRICE
        )
        try:
            sources = plan.sources_for(stage.target)
            self._introduce(rehearsal, len(sources))
            count = plan.coming(len(sources))
            orders = wishes(
                stage.parts.selling, stage.by, stage.tokens, target=stage.target, rehearsal=rehearsal, count=count
            )
            waves = Waves(stage.target, orders, sources, CONNECTIONS_MAX)
            scene = await self._rush(rehearsal, waves)
            return await self._judge(rehearsal, scene, waves)
        finally:
            await stage.clear(rehearsal)

    def _introduce(self, rehearsal: Rehearsal, sources: int) -> None:
        plan, coming = self.plan, self.plan.coming(sources)
        self.stage.console.print(
            f"Rehearsal sale {rehearsal.sale_id}: {plan.units:,} units at {money(1)}; {coming:,} buyers come within "
            f"{plan.seconds} s, {coming / plan.seconds:,.0f} a second."
        )
        if coming < plan.buyers:
            self.stage.console.print(
                f"More than {coming:,} cannot come in time: the API takes {plan.address_per_s:g} requests a second "
                "from one address (MILLPOND_RATE_ADDRESS_PER_S), and all buyers come from this one."
            )

    async def _rush(self, rehearsal: Rehearsal, waves: Waves) -> Scene:
        plan, over = self.plan, asyncio.Event()
        picture = Picture(Scene(plan.units, plan.seconds), len(waves.orders))
        with demo_screen(self.stage.console) as shown:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(rehearsal, waves, picture, shown, over))
                await waves.run(
                    plan.waves(WAVE_EVERY_S, sources=len(waves.sources)),
                    every_s=WAVE_EVERY_S,
                    within_s=plan.seconds + PATIENCE_S,
                    on_wave=lambda _: None,
                )
                over.set()
        return picture.scene

    async def _watch(
        self, rehearsal: Rehearsal, waves: Waves, picture: Picture, shown: DemoScreen, over: asyncio.Event
    ) -> None:
        """Look and show."""
        scene = picture.scene
        async for _ in self.stage.looks(rehearsal, waves, scene, every_s=LOOK_EVERY_S, over=over):
            picture.pace.read(scene.elapsed_s, scene.acknowledged)
            recent = deque(waves.answers, maxlen=LATENCIES_MAX)
            picture.p99_s = percentile((answer.latency_s for answer in recent), 0.99)
            shown.show(picture)

    async def _judge(self, rehearsal: Rehearsal, scene: Scene, waves: Waves) -> int:
        console = self.stage.console
        lost, report = await self.stage.judged(rehearsal, waves.answers)
        verdict = verdict_of(Fault.NONE, scene, waves.answers, lost=lost, report=report)
        for line in story_of(waves.answers):
            console.print(line)
        for text in verdict.lines("Every promise was kept."):
            console.print(text)
        return HOLDS if not verdict.faults else BROKEN


def story_of(answers: Sequence[Answer]) -> list[Text]:
    """What the crowd saw: how much was sold, how long it waited, and the queue's numbers."""
    sold = [answer for answer in answers if answer.accepted]
    waits_ms = [percentile((answer.latency_s for answer in answers), share) * 1000 for share in (0.5, 0.99, 1)]
    numbers = [answer.no for answer in sold]
    told = f"{len(sold):,} orders, {money(len(sold))}; answered within {waits_ms[0]:,.0f} ms (half of the buyers), "
    lines = [Text(f"{told}{waits_ms[1]:,.0f} ms (99 %), {waits_ms[2]:,.0f} ms (all).")]
    if numbers:
        once = "each once" if len(set(numbers)) == len(numbers) else "SOME TWICE"
        lines.append(Text(f"Numbers of the queue: {min(numbers):,} to {max(numbers):,}, {once}."))
    return lines


def run(settings: Settings, plan: DemoPlan, api: str | None) -> int:
    """The command: the exit code. Raises DrillRefused, NotAuditable, Refusal, EngineFailed and SettingsRefused."""

    async def play(stage: Stage) -> int:
        return await Demo(stage, plan).run()

    return run_on_stage(settings, api, "demo", play)
