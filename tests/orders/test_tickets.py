"""A sale that asks for tickets sells to viewers who were in the room, and to nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.tokens import LEEWAY_S
from inventory.drafting import edit_sale
from inventory.running import close_sale
from inventory.running import open_sale as open_by_hand
from keel.clock import FakeClock
from keel.errors import Conflict
from orders.tickets import TICKET_TTL_S, Tickets
from tests.inventory.selling import Sale, draft_sale, open_sale, scheduled_sale
from tests.orders.serving import SECRET, Counter, Served, problem_of

serving = pytest.mark.asyncio(loop_scope="module")

MERCHANT, SALE, HUA, LAN = "merchant", "sale", "hua", "lan"
KEYS = {"2027.01": "a first secret of thirty-two bytes", "2026.12": "an older secret of 32 bytes or so"}


def check(tickets: Tickets, ticket: str, **other: str) -> bool:
    asked = {"merchant_id": MERCHANT, "sale_id": SALE, "viewer_id": HUA} | other
    return tickets.is_good(
        ticket, merchant_id=asked["merchant_id"], sale_id=asked["sale_id"], people=[asked["viewer_id"]]
    )


def ticket_of(tickets: Tickets) -> str:
    return tickets.sign(merchant_id=MERCHANT, sale_id=SALE, viewer_id=HUA)


def test_a_ticket_is_good_for_one_viewer_and_one_sale_of_one_merchant():
    tickets = Tickets(KEYS, FakeClock())
    ticket = ticket_of(tickets)
    assert check(tickets, ticket)
    assert not check(tickets, ticket, merchant_id="another")
    assert not check(tickets, ticket, sale_id="another")
    assert not check(tickets, ticket, viewer_id=LAN)


def test_a_ticket_that_a_guest_earned_is_good_for_the_customer_he_became():
    tickets = Tickets(KEYS, FakeClock())
    assert tickets.is_good(ticket_of(tickets), merchant_id=MERCHANT, sale_id=SALE, people=[LAN, HUA])


def test_a_ticket_ends_with_its_time():
    clock = FakeClock()
    tickets = Tickets(KEYS, clock)
    ticket = ticket_of(tickets)
    clock.advance(s=TICKET_TTL_S + LEEWAY_S - 1)
    assert check(tickets, ticket)
    clock.advance(s=1)
    assert not check(tickets, ticket)


def test_a_ticket_of_yesterdays_key_is_good_until_that_key_is_taken_away():
    clock = FakeClock()
    old = Tickets({"2026.12": KEYS["2026.12"]}, clock)
    ticket = ticket_of(old)
    assert ticket.startswith("2026.12.")
    assert check(Tickets(KEYS, clock), ticket)
    assert not check(Tickets({"2027.01": KEYS["2027.01"]}, clock), ticket)


PIECES = st.lists(st.sampled_from(["2027.01", ".", "1800000600", "9" * 40, "-1"])).map("".join)


@given(st.one_of(st.text(max_size=80), PIECES))
def test_nothing_that_is_made_up_is_a_ticket(text):
    assert not check(Tickets(KEYS, FakeClock()), text)


def test_a_ticket_with_one_sign_changed_is_none():
    tickets = Tickets(KEYS, FakeClock())
    ticket = ticket_of(tickets)
    for place in range(len(ticket)):
        changed = ticket[:place] + ("A" if ticket[place] != "A" else "B") + ticket[place + 1 :]
        assert not check(tickets, changed), changed
    later = ticket.replace(ticket.split(".")[-2], str(int(ticket.split(".")[-2]) + 1))
    assert not check(tickets, later), "an expiry is signed too"


async def ticket_sale(served: Served) -> Sale:
    sale = await scheduled_sale(served.shop, units=[5], needs_ticket=True, ticket_after_s=45)
    await open_by_hand(served.shop.selling, served.shop.staff, sale.id)
    return sale


def earned(served: Served, sale: Sale) -> str:
    tickets = Tickets({"test": SECRET}, served.shop.clock)
    return tickets.sign(merchant_id=served.shop.staff.merchant_id, sale_id=sale.id, viewer_id=served.customer_id)


@serving
async def test_an_order_without_a_ticket_is_refused_and_keeps_no_unit(served: Served):
    sale = await ticket_sale(served)
    counter = Counter(served, sale)
    problem = await counter.refuses(served.order(sale), 403, "ticket-required")
    assert problem["after_s"] == 45
    other = await ticket_sale(served)
    for bad in ("made.1.up", earned(served, other)):
        await counter.refuses(served.order(sale, served.wish(sale, ticket=bad)), 403, "ticket-invalid")


@serving
async def test_an_order_with_its_ticket_is_placed_and_its_key_outlives_the_ticket(served: Served):
    sale = await ticket_sale(served)
    wish, key = served.wish(sale, ticket=earned(served, sale)), served.shop.ids.new()
    first = await served.order(sale, wish, key=key)
    assert first.status_code == 201, first.text
    served.shop.clock.advance(s=2 * TICKET_TTL_S)
    for again in (wish, served.wish(sale)):
        answer = await served.order(sale, again, key=key)
        assert (answer.status_code, answer.json()["id"]) == (200, first.json()["id"]), "a retry is safe"
    problem_of(await served.order(sale, wish), 403, "ticket-invalid")
    await close_sale(served.shop.selling, served.shop.staff, sale.id)
    problem_of(await served.order(sale), 403, "sale-ended")


@serving
async def test_a_buyer_without_a_ticket_is_not_told_what_is_left(served: Served):
    sale = await ticket_sale(served)
    problem_of(await served.order(sale, served.wish(sale, 9_000)), 403, "ticket-required")


@serving
async def test_a_sale_that_asks_for_none_does_not_look_at_tickets(served: Served):
    sale = await open_sale(served.shop, units=[5])
    assert (await served.order(sale, served.wish(sale, ticket="anything"))).status_code == 201


@serving
async def test_only_a_draft_begins_to_ask_for_tickets(served: Served):
    shop = served.shop
    sale = await draft_sale(shop)
    edited = await edit_sale(shop.selling, shop.staff, sale.id, {"needs_ticket": True, "ticket_after_s": 0})
    assert (edited.needs_ticket, edited.ticket_after_s) == (True, 0)
    running = await open_sale(shop, units=[5])
    with pytest.raises(Conflict):
        await edit_sale(shop.selling, shop.staff, running.id, {"needs_ticket": True})
