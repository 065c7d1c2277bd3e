"""`GET /readyz`: whether this process should be sent buyers, check by check."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from inventory.faults import LedgerFault
from keel.clock import FollowingClock
from keel.errors import Refusal
from millpond.wiring import Parts

CHECK_MAX_S: Final = 1.0
CHECKED_FOR_S: Final = 1.0  # whoever asks more often is told the same: anybody may ask
FINE: Final = "fine"
SILENT: Final = "does not answer"


@dataclass(eq=False)
class NotReady(Refusal):
    """Buyers are better sent to another process, or an operator is needed. `checks` says why, by name."""

    checks: dict[str, str]
    status: ClassVar = 503
    title: ClassVar = "Not ready to serve"


class Readiness:
    """The checks of one process, made at most once in CHECKED_FOR_S. `clock_s` is monotonic, in seconds."""

    def __init__(self, parts: Parts, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._clock_s = parts, clock_s
        self._checks: dict[str, str] = {}
        self._good_until_s = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def checks(self) -> dict[str, str]:
        """Every check and that it is fine. Raises NotReady."""
        async with self._one_at_a_time:
            if self._clock_s() >= self._good_until_s:
                self._checks = await self._look()
                self._good_until_s = self._clock_s() + CHECKED_FOR_S
        if any(said != FINE for said in self._checks.values()):
            raise NotReady(checks=self._checks)
        return self._checks

    async def _look(self) -> dict[str, str]:
        postgresql, gate, eviction = await asyncio.gather(
            _heard(self._postgresql()), _heard(self._gate()), _heard(_eviction(self._parts.redis))
        )
        return {
            "postgresql": postgresql,
            "gate": gate,
            "gate_eviction": eviction,
            "clock": self._clock(),
            "deny_list": self._deny_list(),
        }

    async def _postgresql(self) -> str:
        await self._parts.reader.readings([])
        return FINE

    async def _gate(self) -> str:
        await self._parts.redis.ping()
        return FINE

    def _deny_list(self) -> str:
        return FINE if self._parts.denials.fresh else "is too old to say who may come in"

    def _clock(self) -> str:
        clock = self._parts.clock
        if isinstance(clock, FollowingClock) and not clock.ready:
            return f"{clock.offset_ms} ms off PostgreSQL's, or not compared yet"
        return FINE


async def _heard(check: Awaitable[str]) -> str:
    """What a check says, within CHECK_MAX_S. Why an engine is silent is for its own log, not for whoever asks."""
    try:
        async with asyncio.timeout(CHECK_MAX_S):
            return await check
    except (OSError, TimeoutError, RedisError, LedgerFault):
        return SILENT


async def _eviction(redis: Redis) -> str:
    """An engine that evicts would forget holds and keys while it is up, with nothing to notice it by."""
    policy = await _policy(redis)
    return FINE if policy == "noeviction" else f"maxmemory-policy is {policy}, and must be noeviction"


async def _policy(redis: Redis) -> str:
    try:
        return str((await redis.config_get("maxmemory-policy"))["maxmemory-policy"])
    except ResponseError:  # managed servers forbid CONFIG
        return str((await redis.info("memory"))["maxmemory_policy"])
