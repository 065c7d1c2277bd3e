"""What the tests of the processes share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.millpond.stacks import Stack, running_stack
from tests.millpond.ups import Up, many_ups


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Runs `millpond up` in a data folder that stays the same within the test."""
    with many_ups(tmp_path) as run:
        yield run


@pytest.fixture
def stack(database_url: str, redis_url: str) -> Iterator[Stack]:
    """An API and a worker on empty servers, and the commands beside them."""
    with running_stack(database_url, redis_url) as stack:
        yield stack
