"""No statement without a merchant: whatever the API asks PostgreSQL about a merchant's rows names the merchant.

Every route is asked by somebody who may and from another merchant, in each way that makes other statements, and every
statement sent meanwhile is looked at. Where one goes by another key, that key is named here together with the reason
why it cannot cross over.
"""

import re
from dataclasses import dataclass
from typing import Final

import pytest

from tests.journeys.calls import ALSO
from tests.journeys.statements import condition_of, listening, tables_in
from tests.journeys.test_matrix import ROWS, send
from tests.journeys.worlds import open_world

OWNED: Final = """
    SELECT table_name FROM information_schema.columns WHERE column_name = 'merchant_id' AND table_schema = 'public'
"""
BY_SALE: Final = "the sale was found by merchant before, or is placement's and public"
BY_SKU: Final = "the SKUs were found, or locked, by merchant in the same transaction"
FOUND: Final = "only written, in the transaction that found or locked this very row, or its sale, by merchant"
FLOOR: Final = (
    "one step along the index of lapses; it bounds the ids of a search that names the merchant, and is not shown"
)
BY_ITEM: Final = "the id stands in an item of a sale that is locked by merchant; no request names a version"
BY_SECRET: Final = "until this row is read nobody knows the merchant; the key is a secret, or one's own e-mail"

PUBLIC: Final = "the room's public id is how viewers name it; what else is read names its merchant"


@dataclass(frozen=True)
class Other:
    """Rows of these tables that are reached by another key than the merchant; where it says so, only by
    statements that begin like this."""

    tables: str
    key: str
    because: str
    begins: str = ""

    def lets(self, statement: str, table: str) -> bool:
        named = table in self.tables.split() and statement.startswith(self.begins)
        return named and re.search(self.key, condition_of(statement)) is not None


OTHERS: Final = (
    Other("sale sale_item item_version stock claim", r"\bsale_id = |\bsale\.id = |\bs\.id = ", BY_SALE),
    Other("product", r"^ product\.id = \S+$", FOUND, begins="UPDATE"),
    Other("sku", r"^ sku\.id = \S+$", FOUND, begins="UPDATE"),
    Other("sale_template", r"^ sale_template\.id = \S+$", FOUND, begins="UPDATE"),
    Other("sale_item", r"^ sale_item\.id = \S+$", FOUND, begins="UPDATE"),
    Other("item_version", r" WHERE item_version\.id = \S+$", BY_ITEM, begins="SELECT"),
    Other("stock", r"^ stock\.item_id = \S+ AND stock\.segment = ", FOUND, begins="UPDATE"),
    Other("orders", r" WHERE orders\.state = 'awaiting_payment'$", FLOOR, begins="SELECT min(orders.expires_at)"),
    Other("sku_price", r"\bsku_price\.sku_id IN ", BY_SKU),
    Other("base_stock", r"\bbase_stock\.sku_id = ", BY_SKU),
    Other("sign_in", r"\bsign_in\.id = \S+ AND sign_in\.kind", BY_SECRET),
    Other("staff", r"\bstaff\.email = |\bstaff\.invitation_digest = ", BY_SECRET),
    Other("app", r"\bapp\.id = ", "the app's public id is how its visitors name the merchant"),
    Other("room", r"\broom\.id = \S+ AND room\.archived_at IS NULL$", PUBLIC, begins="SELECT"),
    Other("denial", r"\b(?:at|until) > ", "each process refuses everybody's who is shut out, and shows none of it"),
)


async def test_every_statement_about_a_merchants_rows_names_the_merchant(database_url, redis_url):
    with listening() as heard:
        async with open_world(database_url, redis_url) as world:
            heard.clear()
            for row in ROWS:
                for call in (None, *ALSO.get(row.route, ())):
                    for side in (world.own, world.other):
                        await send(world, row, world.header(side, row.welcome), call=call)
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
        ("UPDATE sku SET version = $1 WHERE sku.id = $2", set()),
        ("UPDATE sku SET version = $1 WHERE sku.code = $2", {"sku"}),
        ("SELECT min(orders.expires_at) FROM orders WHERE orders.state = 'awaiting_payment'", set()),
        ("SELECT orders.id FROM orders WHERE orders.state = 'awaiting_payment'", {"orders"}),
        ("DELETE FROM sku WHERE sku.id = $1", {"sku"}),
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
