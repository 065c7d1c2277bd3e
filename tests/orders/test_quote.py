"""What a wish comes to, under each configuration by itself."""

from dataclasses import replace

import pytest

from inventory.model import ItemConfig, ItemId
from orders.quote import quote_of
from orders.schemas import LineRequest, OrderRequest, ReceiptLine
from tests.orders.test_refusals import CONFIG

FIRST, SECOND = CONFIG.items[:2]


def wish(*lines: tuple[ItemConfig, int]) -> OrderRequest:
    return OrderRequest([LineRequest(item.id, quantity) for item, quantity in lines])


def test_lines_of_one_item_are_added_up_and_the_gate_reads_them_by_number():
    quote = quote_of(wish((SECOND, 1), (FIRST, 2), (SECOND, 3)), CONFIG)
    assert quote.text == f"{FIRST.no}:2,{SECOND.no}:4"
    assert (quote.units, quote.total) == (6, 2 * FIRST.price + 4 * SECOND.price)
    assert ReceiptLine(SECOND.id, 4, SECOND.price, 4 * SECOND.price) in quote.lines


def test_another_configuration_has_another_quote():
    request = wish((FIRST, 1))
    dearer = replace(CONFIG, items=(replace(FIRST, price=FIRST.price + 1), SECOND), version=CONFIG.version + 2)
    quotes = [quote_of(request, config) for config in (CONFIG, dearer, CONFIG)]
    assert [quote.total for quote in quotes] == [FIRST.price, FIRST.price + 1, FIRST.price]
    assert [quote.config for quote in quotes] == [CONFIG, dearer, CONFIG]


def test_an_item_of_another_sale_has_no_quote():
    with pytest.raises(KeyError):
        quote_of(wish((replace(FIRST, id=ItemId("elsewhere")), 1)), CONFIG)
