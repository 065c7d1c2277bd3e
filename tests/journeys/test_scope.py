"""No statement without a merchant: whatever the API asks PostgreSQL about a merchant's rows names the merchant.

Every route is asked once by somebody who may and once from another merchant, and every statement sent meanwhile is
looked at. Where one goes by another key, that key is named here together with the reason why it cannot cross over.
"""

import re
from dataclasses import dataclass
from typing import Final

import pytest

from tests.journeys.statements import condition_of, listening, tables_in
from tests.journeys.test_matrix import ROWS, ask
from tests.journeys.worlds import open_world

OWNED: Final = """
    SELECT table_name FROM information_schema.columns WHERE column_name = 'merchant_id' AND table_schema = 'public'
"""
BY_SALE: Final = "the sale was found by merchant before, or is placement's and public"
BY_SKU: Final = "the SKUs were found, or locked, by merchant in the same transaction"
BY_SECRET: Final = "until this row is read nobody knows the merchant; the key is a secret, or one's own e-mail"


@dataclass(frozen=True)
class Other:
    """Rows of these tables that are reached by another key than the merchant."""

    tables: str
    key: str
    because: str

    def lets(self, statement: str, table: str) -> bool:
        return table in self.tables.split() and re.search(self.key, condition_of(statement)) is not None


OTHERS: Final = (
    Other("sale sale_item item_version stock claim", r"\bsale_id = |\bsale\.id = |\bs\.id = ", BY_SALE),
    Other("sku_price", r"\bsku_price\.sku_id IN ", BY_SKU),
    Other("base_stock", r"\bbase_stock\.sku_id = ", BY_SKU),
    Other("sign_in", r"\bsign_in\.id = \S+ AND sign_in\.kind", BY_SECRET),
    Other("staff", r"\bstaff\.email = |\bstaff\.invitation_digest = ", BY_SECRET),
    Other("app", r"\bapp\.id = ", "the app's public id is how its visitors name the merchant"),
    Other("denial", r"\b(?:at|until) > ", "each process refuses everybody's who is shut out, and shows none of it"),
)


async def test_every_statement_about_a_merchants_rows_names_the_merchant(database_url, redis_url):
    with listening() as heard:
        async with open_world(database_url, redis_url) as world:
            heard.clear()
            for row in ROWS:
                for side in (world.own, world.other):
                    await ask(world, row, side, row.welcome)
            sent = sorted(heard)
            owned = {row["table_name"] for row in await world.served.shop.rows(OWNED)}
    assert owned >= {"staff", "sign_in", "orders", "sale", "sku", "customer"}
    unscoped = [(table, statement) for statement in sent for table in astray(statement, owned)]
    assert not unscoped, "\n".join(f"{table}: {statement}" for table, statement in unscoped)
    idle = [other for other in OTHERS if not any(other.lets(s, table) for s in sent for table in tables_in(s) & owned)]
    assert not idle, "an exception that nothing needs any more"


def astray(statement: str, owned: set[str]) -> set[str]:
    """The merchants' tables that a statement reaches by neither the merchant nor a key that is named above."""
    if "merchant_id" in condition_of(statement):
        return set()
    return {
        table for table in tables_in(statement) & owned if not any(other.lets(statement, table) for other in OTHERS)
    }


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT sku.merchant_id, sku.id FROM sku WHERE sku.id = $1", {"sku"}),
        ("SELECT sku.id FROM sku WHERE sku.merchant_id = $1 AND sku.id = $2", set()),
        ("UPDATE staff SET merchant_id = $1 WHERE staff.id = $2 RETURNING staff.merchant_id", {"staff"}),
        ("DELETE FROM orders WHERE id = $1", {"orders"}),
        ("INSERT INTO sku (id) VALUES ($1)", {"sku"}),
        ("INSERT INTO sku (id, merchant_id) VALUES ($1, $2)", set()),
        ("SELECT count(*) FROM orders JOIN sale s ON s.id = orders.sale_id", {"orders"}),
        ("SELECT staff.id FROM staff WHERE staff.email = $1", set()),
        ("SELECT orders_lapse($1)", set()),
        ("SELECT 1 FROM outbox_event", set()),
    ],
)
def test_a_statement_that_goes_astray_would_be_seen(statement, expected):
    assert astray(statement, {"sku", "staff", "orders", "sale"}) == expected
