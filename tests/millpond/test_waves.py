"""A crowd in waves: everybody is sent once, from the addresses given, and all that is said is counted."""

import asyncio
from collections import Counter

import pytest

from millpond.crowd import Target
from millpond.crowd_answers import Wish
from millpond.demo_plan import DemoPlan
from millpond.waves import Waves

ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n"


async def played(sources: list[str], sizes: list[int]) -> tuple[Waves, Counter[str], list[range]]:
    """Waves of these sizes against a server that says yes; who came from where, and when a wave began."""
    came: Counter[str] = Counter()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came[writer.get_extra_info("peername")[0]] += 1
        while await reader.readline():
            writer.write(ANSWER)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        target = Target("127.0.0.1", server.sockets[0].getsockname()[1])
        orders = [Wish(f"b{n}", f"k{n}", f"{n}\n".encode()) for n in range(sum(sizes))]
        waves, seen, ranges, start = Waves(target, orders, sources), list[range](), list[range](), 0
        for size in sizes:
            ranges.append(range(start, start + size))
            start += size
        await waves.run(ranges, every_s=0.01, within_s=10, on_wave=seen.append)
    return waves, came, seen


async def test_everybody_comes_once_and_is_counted():
    waves, _, seen = await played([], [3, 5, 2])
    assert sorted(answer.wish.buyer for answer in waves.answers) == sorted(f"b{n}" for n in range(10))
    assert (waves.acknowledged, waves.refused, waves.retries) == (10, 0, 0)
    assert [len(wave) for wave in seen] == [3, 5, 2]


async def test_a_crowd_comes_from_the_addresses_it_was_given_in_turn():
    sources = list(DemoPlan(10, 10, 1, 1_000).sources_for(Target("127.0.0.1", 80)))[:4]
    if not sources:
        pytest.skip("this system has one loopback address")
    _, came, _ = await played(sources, [2, 2, 4])
    assert came == dict.fromkeys(sources, 2)
