"""What the tests of people share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Literal

import pytest

from tests.accounts.shops import PeopleShop, open_people


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[PeopleShop]:
    """Two merchants and nobody in them."""
    async with open_people(database_url) as shop:
        yield shop


class _StopAfter(asyncio.Event):
    """An event that is set once it was asked so many times whether it is."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self._left = asked

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0

    async def wait(self) -> Literal[True]:
        return True


@pytest.fixture
def stopped_after() -> Callable[[int], asyncio.Event]:
    """Makes an event that stops a loop after so many ticks, without a pause in between."""
    return _StopAfter
