"""What a drill does to the gate, and what it sees of gate and ledger meanwhile."""

import asyncio
import time
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from inventory.faults import GateSilent, LedgerFault
from inventory.gate import Gate
from inventory.ledger import Ledger
from inventory.sheet import SEGMENT
from millpond.drill_plan import DrillRefused, Scene
from millpond.engines import Valkey

THICK_MAX_S: Final = 2.0
THICK_LOOK_S: Final = 0.001
HASHES: Final = "items", "entries", "buyers", "holds"


async def in_the_thick(gate: Gate, sale_id: str, *, crush: int) -> int:
    """Return when a quarter of the crush has reached the gate, with the buyers it has served so far.

    Returns after THICK_MAX_S in any case. Raises DrillRefused.
    """
    try:
        first = last = await _served(gate, sale_id)
        deadline_s = time.monotonic() + THICK_MAX_S
        while last < first + crush // 4 and time.monotonic() < deadline_s:
            await asyncio.sleep(THICK_LOOK_S)
            last = await _served(gate, sale_id)
    except GateSilent as silence:
        raise DrillRefused(f"The gate's Redis does not answer: {silence}") from silence
    return last


async def _served(gate: Gate, sale_id: str) -> int:
    return int((await gate.status(sale_id, SEGMENT)).meta.get("no", 0))


async def wipe(redis: Redis, gate: Gate, sale_id: str) -> None:
    """Delete this sale's keys, and nothing else: the engine may serve others. Raises DrillRefused."""
    try:
        epoch = (await gate.status(sale_id, SEGMENT)).epoch
        base = gate.base(sale_id, SEGMENT)
        await redis.unlink(f"{base}:meta", *(f"{base}:{epoch}:{name}" for name in HASHES))
    except (RedisError, OSError, GateSilent) as error:
        raise DrillRefused(f"The gate's Redis does not answer, so it cannot be wiped: {error}") from error


def embedded_gate(data_dir: Path) -> Valkey:
    """The running Valkey of a data folder. Raises DrillRefused."""
    valkey = Valkey(data_dir.resolve() / "valkey")
    if not valkey.adopt():
        raise DrillRefused(f"There is no Valkey of {data_dir} to kill; use --fault wipe.")
    return valkey


async def kill(valkey: Valkey) -> None:
    """End it without a word, as a power cut would; `millpond up` starts it again, empty."""
    await asyncio.to_thread(valkey.kill)


async def observe(scene: Scene, gate: Gate, ledger: Ledger, sale_id: str) -> None:
    """Take a look at both stores and write down what is seen. A store that does not answer is seen as such."""
    try:
        counts = await ledger.counts(sale_id, SEGMENT)
        scene.left = sum(count.allocated - count.sold for count in counts)
        scene.ledger_epoch = max((count.epoch for count in counts), default=0)
        status = await gate.status(sale_id, SEGMENT)
    except GateSilent:
        scene.silent, scene.loaded = True, False
        scene.note(time.monotonic(), reachable=False)
        return
    except LedgerFault:  # its figures stay as they were
        scene.note(time.monotonic(), reachable=False)
        return
    scene.silent = False
    scene.served = max(scene.served, int(status.meta.get("no", 0)))
    scene.gate_epoch = status.epoch if status.loaded else 0
    scene.loaded = status.loaded and status.epoch == scene.ledger_epoch
    scene.note(time.monotonic(), reachable=True)
