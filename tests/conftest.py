"""Real engines for the tests: one pair per run, a database and an empty Redis per test, private pairs for chaos.

With DATABASE_URL or REDIS_URL in the environment those servers are used (see tests/databases.py for what is flushed);
private engines are always embedded ones, for they are killed.
"""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest

from migrations import upgrade
from millpond.engines import Engines
from tests.databases import Databases, flush, redis_url_for_tests
from tests.servers import Servers, private_pair, shared_servers, sweep_leftovers

# An example that a machine took its time over is not a slower function: what may take long is limited where it is
# promised, and there in words of its own.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before there are workers: none of them may take another's folder, made a moment ago, for a leftover."""
    if not hasattr(session.config, "workerinput"):
        sweep_leftovers()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the run's engines, to be run again against others: `-m engines`."""
    for item in items:
        if "engines" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engines)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """What a test sets up to log with ends with it: a later one would write to a stream that is closed."""
    before = logging.getLogger().handlers[:]
    yield
    assert logging.getLogger().handlers == before, "this test leaves handlers behind, see tests.millpond.commands"


@pytest.fixture
def collector_given_back() -> Iterator[None]:
    """For tests that set Python's garbage collector as a serving process does: the next ones have it as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.fixture(scope="session")
def engines() -> Iterator[Servers]:
    """`database_url` and `redis_url` of the run's servers: of each worker's, where several share the run."""
    with shared_servers() as servers:
        yield servers


@pytest.fixture(scope="session")
def databases(engines: Servers) -> Iterator[Databases]:
    """Makes databases on the run's server."""
    with Databases(engines.database_url, is_ours=engines.owns_database) as databases:
        yield databases


@pytest.fixture(scope="session")
def database_template(databases: Databases) -> Iterator[str]:
    """The name of a database with every migration applied and nothing in it."""
    with databases.copied() as name:
        databases.apart(upgrade, databases.url_of(name))
        yield name


@pytest.fixture
def database_url(databases: Databases, database_template: str) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    name = databases.take(database_template)
    yield databases.url_of(name)
    databases.give_back(name, database_template)


@pytest.fixture(scope="session")
def flushable_redis_url(engines: Servers) -> Iterator[str]:
    """The logical Redis database that the tests may flush, left empty for the next run."""
    url = redis_url_for_tests(engines.redis_url, is_ours=engines.owns_redis)
    yield url
    flush(url)


@pytest.fixture
def redis_url(flushable_redis_url: str) -> str:
    """An empty Redis."""
    flush(flushable_redis_url)
    return flushable_redis_url


@pytest.fixture
def private_engines() -> Iterator[Callable[..., Engines]]:
    """Opens engines of this test's own; takes the options of Engines.open, say `postgres=False`."""
    with ExitStack() as stack:

        def open_pair(**options: Any) -> Engines:
            return stack.enter_context(private_pair(**options))

        yield open_pair
