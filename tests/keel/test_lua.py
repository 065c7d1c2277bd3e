"""Scripts are loaded again when the engine forgot them; a call that got no answer is never repeated."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from keel.lua import Script, connect
from millpond.engines import Engines

COUNT = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), tostring(greeting)}\n"


@pytest.fixture
def count(tmp_path: Path) -> Script:
    """Adds ARGV[1] to KEYS[1]; replies the sum and what the prelude said."""
    path, prelude = tmp_path / "count.lua", tmp_path / "prelude.lua"
    path.write_text(COUNT)
    prelude.write_text("local greeting = 'nin hao'\n")
    return Script(path, prelude=prelude)


async def test_a_script_the_engine_forgot_is_sent_again(redis_url, count):
    async with connect(redis_url) as redis:
        assert await count(redis, "n", 1) == [1, b"nin hao"]
        await redis.script_flush()
        assert await count(redis, "n", 2) == [3, b"nin hao"]
        assert await count(redis, "n", 3) == [6, b"nin hao"]


async def test_a_known_script_is_sent_by_its_hash(redis_url, count):
    async with connect(redis_url) as redis:
        await count(redis, "n", 1)
        await redis.config_resetstat()
        await count(redis, "n", 1)
        calls = {name: stats["calls"] for name, stats in (await redis.info("commandstats")).items()}
    assert calls.get("cmdstat_evalsha") == 1
    assert "cmdstat_eval" not in calls


async def test_an_error_of_the_script_is_raised_and_not_taken_for_a_forgotten_one(redis_url, tmp_path):
    (tmp_path / "wrong.lua").write_text("return redis.call('INCR', KEYS[1], 'too', 'many')\n")
    async with connect(redis_url) as redis:
        with pytest.raises(ResponseError):
            await Script(tmp_path / "wrong.lua")(redis, "n")


async def test_a_full_engine_refuses_a_script_whole_but_one_that_frees_runs(
    private_engines: Callable[..., Engines], tmp_path
):
    path = tmp_path / "write.lua"
    path.write_text("redis.call('SET', KEYS[1], ARGV[1])\nreturn 'written'\n")
    engines = private_engines(postgres=False)
    async with connect(engines.redis_url) as redis:
        await redis.config_set("maxmemory", "1")
        with pytest.raises(OutOfMemoryError):
            await Script(path)(redis, "n", "x")
        assert await redis.exists("n") == 0
        assert await Script(path, flags="allow-oom")(redis, "n", "x") == b"written"


@asynccontextmanager
async def silent_engine() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads and never answers: its URL, and the commands it got so far."""
    got: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while data := await reader.read(65_536):
            got.append(data)
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", got
        for writer in writers:
            writer.close()


async def test_a_call_without_an_answer_is_sent_once_and_fails_in_time(count):
    loop = asyncio.get_running_loop()
    async with silent_engine() as (url, got), connect(url, timeout_s=0.2) as redis:
        began_s = loop.time()
        with pytest.raises(RedisTimeout):
            await redis.execute_command("SET", "n", "once")
        assert loop.time() - began_s < 2
        assert b"".join(got).count(b"once") <= 1


async def test_a_command_whose_answer_is_lost_is_never_sent_twice(redis_url, count):
    """The engine is held up longer than the client waits: whether the call ran is open, but it ran at most once."""
    async with connect(redis_url) as patient, connect(redis_url, timeout_s=0.1) as hasty:
        await count(patient, "n", 0)
        await hasty.ping()
        await patient.client_pause(300, all=True)
        with pytest.raises(RedisTimeout):
            await count(hasty, "n", 1)
        assert await patient.get("n") in (b"0", b"1")


async def test_nobody_listening_is_an_error_at_once(count, unused_tcp_port):
    loop = asyncio.get_running_loop()
    async with connect(f"redis://127.0.0.1:{unused_tcp_port}/0") as redis:
        began_s = loop.time()
        with pytest.raises(RedisError):
            await count(redis, "n", 1)
        assert loop.time() - began_s < 1
