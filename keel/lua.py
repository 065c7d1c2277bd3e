"""Lua scripts kept as files, sent by their hash, and loaded again when the engine forgot them."""

import hashlib
from pathlib import Path
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

CALL_TIMEOUT_S: Final = 1.0
CONNECTIONS_MAX: Final = 64  # one call at a time per busy sale; more wait, no longer than a call may take


def connect(redis_url: str, *, timeout_s: float = CALL_TIMEOUT_S) -> Redis:
    """A client that never repeats a call by itself: whoever repeats must know that the first may have happened."""
    pool = BlockingConnectionPool.from_url(
        redis_url,
        max_connections=CONNECTIONS_MAX,
        timeout=timeout_s,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        decode_responses=False,
    )
    return Redis.from_pool(pool)


class Script:
    """One Lua file, with a prelude in front where given.

    `flags` are the engine's script flags: `allow-oom` lets a script that frees memory run when memory is full; without
    it the engine refuses the whole script before its first line, so nothing is written by half.
    """

    def __init__(self, path: Path, *, prelude: Path | None = None, flags: str = "") -> None:
        head = f"#!lua flags={flags}\n" if flags else "#!lua\n"
        self._source = head + (prelude.read_text() if prelude else "") + path.read_text()
        self._sha = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, redis: Redis, key: str, *args: str | bytes | int) -> Any:
        """Run it on one key. A script the engine does not know was not run, so sending it again is safe.

        Raises redis.exceptions.RedisError: a timeout or a lost connection leaves open whether it ran.
        """
        try:
            return await redis.execute_command("EVALSHA", self._sha, 1, key, *args)
        except NoScriptError:
            return await redis.execute_command("EVAL", self._source, 1, key, *args)
