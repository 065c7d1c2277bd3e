"""A database for every test, as new, and a wiped Redis.

The first are copies of one that was migrated once. A copy is some nine hundred files: 0.1 s on a quiet disk and seconds
on a busy one, which was most of what tests waited for. So a database that a test is done with is emptied for a later
one, see `tests.emptying`; one that cannot be made as new is dropped.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from redis import Redis

from tests.emptying import Emptying

READY_MIN: Final = 2  # of a kind: one to be taken, and one that is made meanwhile
REDIS_DB_VARIABLE: Final = "MILLPOND_TEST_REDIS_DB"


class Databases:
    """Creates and drops databases over one connection, in a thread of its own, away from the tests' event loops."""

    def __init__(self, server_url: str, *, is_ours: bool) -> None:
        self._server_url = server_url
        # Measured: 40 ms against 220 ms on the embedded server without fsync. FILE_COPY forces two checkpoints, which
        # a server that somebody else uses too should be spared.
        self._strategy = "file_copy" if is_ours else "wal_log"
        self._prefix = f"millpond_test_{uuid4().hex[:12]}"
        self._created = 0
        self._ready: dict[str, deque[Future[str]]] = {}
        self._emptying = Emptying()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection | None = None

    def create(self, template: str = "template1") -> str:
        """Copy the database `template`; return the name of the copy."""
        name: str = self.apart(self._create, template)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, cutting the connections that a failed test left open."""
        self.apart(self._drop, name)

    @contextmanager
    def copied(self, template: str = "template1") -> Iterator[str]:
        """The name of a copy of `template`, dropped in the end."""
        name = self.create(template)
        try:
            yield name
        finally:
            self.drop(name)

    def take(self, template: str) -> str:
        """A database like `template` that is ready already, as a rule: while one test runs, the next one's is made."""
        ready = self._ready.setdefault(template, deque())
        while len(ready) < READY_MIN:
            ready.append(self._thread.submit(self._create, template))
        return ready.popleft().result()

    def give_back(self, name: str, template: str) -> None:
        """A test is done with a database from `take`. What goes wrong is raised when this one is asked for again."""
        self._ready[template].append(self._thread.submit(self.as_new, name, template))

    def url_of(self, name: str) -> str:
        """The URL of one of the databases."""
        return urlsplit(self._server_url)._replace(path=f"/{name}").geturl()

    def apart(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run blocking work in the thread: it may run an event loop of its own there."""
        return self._thread.submit(work, *arguments).result()

    def close(self) -> None:
        """Drop what was made ahead, close the connection and the thread."""
        for name in [one.result() for ready in self._ready.values() for one in ready]:
            self.drop(name)
        if self._connection is not None:
            self.apart(self._runner.run, self._connection.close())
        self.apart(self._runner.close)
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create(self, template: str) -> str:
        """In the thread."""
        self._created += 1
        name = f"{self._prefix}_{self._created}"
        self._runner.run(self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY {self._strategy}"))
        return name

    def as_new(self, name: str, template: str) -> str:
        """In the thread: this database emptied, or another one."""
        if self._runner.run(self._emptying.emptied(self.url_of(name), self.url_of(template))):
            return name
        self._drop(name)
        return self._create(template)

    def _drop(self, name: str) -> None:
        """In the thread."""
        self._runner.run(self._emptying.let_go(self.url_of(name)))
        self._runner.run(self._run(f"DROP DATABASE {name} WITH (FORCE)"))

    async def _run(self, statement: str) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._server_url)
        await self._connection.execute(statement)


async def fetched(database_url: str, statement: str) -> Any:
    """The one value that a statement comes to, over a connection of its own."""
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def redis_url_for_tests(redis_url: str, *, is_ours: bool) -> str:
    """The URL of a logical database that may be flushed.

    On an embedded server that is number 0. On a given server it is the one of MILLPOND_TEST_REDIS_DB, or the server's
    last one, and that only if it is empty: nothing of somebody else's is ever flushed unasked.
    """
    if is_ours:
        return redis_url
    chosen = os.environ.get(REDIS_DB_VARIABLE)
    with Redis.from_url(redis_url) as redis:
        number = int(chosen) if chosen is not None else int(redis.config_get("databases")["databases"]) - 1
    url = urlsplit(redis_url)._replace(path=f"/{number}").geturl()
    with Redis.from_url(url) as redis:
        if chosen is None and redis.dbsize() != 0:
            pytest.exit(f"Redis database {number} is not empty; name one that may be flushed in {REDIS_DB_VARIABLE}", 4)
    return url


def flush(redis_url: str) -> None:
    """Empty one logical database."""
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
