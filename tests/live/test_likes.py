"""Likes are counted once, capped, and added up over all processes."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from keel.lua import connect
from live.gate_talk import TalkGate, TalkSilent
from live.likes import MESSAGES_AT_ONCE, Likes
from live.messages import LIKES_MAX


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    redis = connect(redis_url)
    yield redis
    await redis.aclose()


async def test_likes_of_two_processes_add_up(redis: Redis):
    one, two = Likes(TalkGate(redis)), Likes(TalkGate(redis))
    assert (one.like("session", "hua", 3), two.like("session", "lan", 4), one.like("other", "hua", 1)) == (3, 4, 1)
    assert await one.total("session") == 0
    await asyncio.gather(one.tick(), two.tick())
    await one.tick()
    assert (await one.total("session"), await two.total("other")) == (7, 1)
    assert await redis.ttl("likes:{session:session}") > 0


async def test_a_viewers_likes_are_capped_by_message_and_by_second(redis: Redis):
    now_s = 0.0
    likes = Likes(TalkGate(redis), lambda: now_s)
    assert likes.like("session", "hua", 1_000_000) == LIKES_MAX
    taken = [likes.like("session", "hua", 5) for _ in range(10)]
    assert sum(1 for count in taken if count) == MESSAGES_AT_ONCE - 1
    now_s = 1.0
    assert likes.like("session", "hua", 5) == 5
    assert (likes.like("session", "lan", 0), likes.like("session", "lan", -5)) == (0, 0)


async def test_a_tick_is_one_increment_per_session(redis: Redis):
    likes = Likes(TalkGate(redis))
    for n in range(100):
        likes.like("session", f"viewer {n}", 2)
    await redis.config_resetstat()
    await likes.tick()
    assert (await redis.info("commandstats"))["cmdstat_incrby"]["calls"] == 1
    assert await likes.total("session") == 200


async def test_a_silent_redis_is_said():
    redis = connect("redis://127.0.0.1:1")
    likes = Likes(TalkGate(redis))
    likes.like("session", "hua", 1)
    with pytest.raises(TalkSilent):
        await likes.tick()
    await redis.aclose()
