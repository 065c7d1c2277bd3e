"""Faults of the engines themselves, each struck at a point of the matrix."""

import asyncio
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from inventory.ledger import ANSWER_TIMEOUT_S
from millpond.engines import Engine, Valkey
from tests.chaos.matrix import Fault
from tests.chaos.proxy import Effect
from tests.chaos.worlds import Mill, Process
from tests.servers import frozen

GROUP_MAX_S: Final = 20.0
FROZEN_S: Final = ANSWER_TIMEOUT_S + 0.5


@dataclass
class RedisOutage:
    """What may happen to one Valkey server. `saved` is a snapshot of an earlier moment."""

    valkey: Valkey
    saved: Path
    _frozen: ExitStack = field(default_factory=ExitStack)

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault("Redis restarts empty", Effect.CUT, self.restart),
            Fault("Redis comes back from an older snapshot", Effect.CUT, self.restore),
        )

    def passing(self) -> tuple[Fault, ...]:
        """Those that an engine survives with all it knows."""
        return (
            Fault("Redis has no memory left", Effect.PASS, self.fill, self.empty),
            Fault("Redis stands still", Effect.PASS, self.freeze, self.thaw),
        )

    async def save(self, mill: Mill) -> None:
        """Keep what the engine knows now."""
        await mill.shop.redis.save()
        await asyncio.to_thread(shutil.copyfile, self.valkey.dump, self.saved)

    async def restart(self, mill: Mill, victim: Process) -> None:
        await asyncio.to_thread(self.valkey.kill)
        self.valkey.dump.unlink(missing_ok=True)
        await asyncio.to_thread(self.valkey.start, keep_port=True)

    async def restore(self, mill: Mill, victim: Process) -> None:
        await asyncio.to_thread(self.valkey.kill)
        await asyncio.to_thread(self.valkey.start_from, self.saved)

    async def fill(self, mill: Mill, victim: Process) -> None:
        await mill.shop.redis.config_set("maxmemory", 1)

    async def empty(self, mill: Mill, victim: Process) -> None:
        await mill.shop.redis.config_set("maxmemory", "512mb")

    async def freeze(self, mill: Mill, victim: Process) -> None:
        self._frozen.enter_context(frozen(self.valkey))

    async def thaw(self, mill: Mill, victim: Process) -> None:
        self._frozen.close()


@dataclass
class PostgresOutage:
    """What may happen to PostgreSQL when every one of a group of cells has come to its point: to all at once."""

    postgres: Engine
    parties: int
    _struck: asyncio.Event = field(default_factory=asyncio.Event)
    _frozen: ExitStack = field(default_factory=ExitStack)

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault("PostgreSQL is killed before", Effect.CUT, self.kill),
            Fault("PostgreSQL is killed after", Effect.LOSE, self.kill, late=True),
            Fault("PostgreSQL stands still", Effect.PASS, self.freeze),
        )

    async def kill(self, mill: Mill, victim: Process) -> None:
        if await self._is_last():
            await asyncio.to_thread(self.postgres.kill)
            await asyncio.to_thread(self.postgres.start, keep_port=True)
            self._struck.set()

    async def freeze(self, mill: Mill, victim: Process) -> None:
        """For longer than anybody on the order path waits for an answer; then it does what it was asked."""
        if await self._is_last():
            self._frozen.enter_context(frozen(self.postgres))
            asyncio.get_running_loop().call_later(FROZEN_S, self._frozen.close)
            self._struck.set()

    async def _is_last(self) -> bool:
        """Once all have come. Raises TimeoutError where one does not."""
        self.parties -= 1
        if self.parties:
            await asyncio.wait_for(self._struck.wait(), GROUP_MAX_S)
        return not self._struck.is_set()
