"""A process says that it is ready only where everything that a sale stands on is as it must be."""

import dataclasses

import pytest

from keel.clock import OFFSET_READY_MAX_MS, FollowingClock
from keel.loops import at_start
from keel.lua import connect
from millpond.readiness import CHECKED_FOR_S, FINE, SILENT, NotReady, Readiness
from millpond.wiring import Parts, parts_of
from tests.orders.serving import serve

OLD = "is too old to say who may come in"
NOWHERE = "redis://127.0.0.1:1/0"


async def follow(parts: Parts) -> None:
    assert isinstance(parts.clock, FollowingClock)
    await parts.clock.follow()
    await at_start(parts.denials.read)


@pytest.fixture
async def parts(database_url, redis_url):
    async with parts_of(database_url, redis_url, connections=1) as parts:
        await follow(parts)
        yield parts


async def refused(parts) -> dict[str, str]:
    """The checks that are not fine."""
    with pytest.raises(NotReady) as refusal:
        await Readiness(parts).checks()
    return {name: said for name, said in refusal.value.checks.items() if said != FINE}


async def test_over_http_it_is_ready_and_lists_what_was_looked_at(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        answer = await served.client.get("/readyz")
    assert answer.status_code == 200
    checks = dict.fromkeys(("postgresql", "gate", "gate_eviction", "clock", "deny_list"), FINE)
    assert answer.json() == {"status": "ready", "checks": checks}


async def test_a_silent_gate_is_named(parts):
    redis = connect(NOWHERE, timeout_s=0.2)
    assert await refused(dataclasses.replace(parts, redis=redis)) == {"gate": SILENT, "gate_eviction": SILENT}


async def test_a_silent_database_is_named(redis_url, parts):
    async with parts_of("postgresql://nobody@127.0.0.1:1/none", redis_url, connections=1, clock=parts.clock) as cut_off:
        assert await refused(cut_off) == {"postgresql": SILENT, "deny_list": OLD}


async def test_an_engine_that_evicts_is_not_ready_whichever_way_it_can_be_asked(private_engines, database_url):
    engines = private_engines(postgres=False)
    redis = connect(engines.redis_url)
    async with parts_of(database_url, engines.redis_url, connections=1) as parts:
        await follow(parts)
        assert await Readiness(parts).checks()
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        said = {"gate_eviction": "maxmemory-policy is allkeys-lru, and must be noeviction"}
        assert await refused(parts) == said
        await redis.execute_command("ACL", "SETUSER", "default", "-config")
        assert await refused(parts) == said, "as on a managed server, which forbids CONFIG"
    await redis.aclose()


async def test_a_clock_that_is_far_off_or_was_never_compared_is_not_ready(parts):
    machine = FollowingClock()

    async def reference() -> int:
        return machine.ms() + OFFSET_READY_MAX_MS + 100

    clock = FollowingClock(reference)
    for _ in range(2):
        assert (await refused(dataclasses.replace(parts, clock=clock))).keys() == {"clock"}
        await clock.follow()


async def test_whoever_asks_all_the_time_is_told_the_same_for_a_second(parts):
    now_s = 0.0
    readiness = Readiness(parts, lambda: now_s)
    await readiness.checks()
    parts.clock._is_measured = False
    await readiness.checks()
    now_s += CHECKED_FOR_S
    with pytest.raises(NotReady):
        await readiness.checks()
