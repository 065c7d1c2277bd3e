"""The list of staff is measured in a process that is as `millpond api` is."""

import gc

import pytest

from loadtests import orders_list
from loadtests.orders_list import pages

pytestmark = pytest.mark.usefixtures("collector_given_back")


async def test_no_page_pays_for_looking_through_the_whole_application(database_url, redis_url, monkeypatch):
    monkeypatch.setattr(orders_list, "FILTERS", {"none": {}, "no such total": {"total_min": 7, "total_max": 7}})
    found = await pages(database_url, redis_url)
    assert [of["pages"] for of in found.values()] == [2, 2], "the first of the year, and the first of its middle"
    assert gc.get_freeze_count() > 10_000
