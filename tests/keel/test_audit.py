"""What staff did is written with what they did, or not at all."""

import pytest

from keel.audit import Audited
from keel.database import transaction
from tests.inventory.selling import Shop, open_shop


async def command(shop: Shop, *, fail: bool) -> None:
    here = Audited(shop.selling.sessions, shop.ids, shop.clock)
    async with transaction(here.sessions) as session:
        here.audit(session, shop.staff, "pond.drain", None, litres=3)
        if fail:
            raise RuntimeError


async def test_a_command_and_its_audit_row_are_there_together_or_not_at_all(database_url, redis_url):
    async with open_shop(database_url, redis_url) as shop:
        with pytest.raises(RuntimeError):
            await command(shop, fail=True)
        assert await shop.rows("SELECT * FROM staff_audit") == []
        await command(shop, fail=False)
        (row,) = await shop.rows("SELECT * FROM staff_audit")
        assert (row["actor"], row["command"], row["detail"]) == ("hua", "pond.drain", {"litres": 3})
        assert (str(row["merchant_id"]), row["at"]) == (shop.staff.merchant_id, shop.clock.now())
