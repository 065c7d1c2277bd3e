"""Looking at two stores: what counts as quiet, and what is waited for in words."""

from dataclasses import replace

import pytest

from console.store import Head
from console.watch import Look, Watch, Watcher
from inventory.model import ItemCount
from inventory.replies import GateItem, GateStatus
from inventory.running import close_sale
from tests.console.served import Served

HEAD = Head("s", "Brushes", "open", version=4, segments=1, archived=False)
COUNTS = (ItemCount("i", 1, allocated=10, sold=4, epoch=2),)
GATE = GateStatus("run", True, ["epoch", "2", "version", "4"], 0, 4, [GateItem(1, 10, 6, 0, 4, 0)])
QUIET = Look(HEAD, 0, COUNTS, GATE, COUNTS, open_releases=0)


def gate(**fields: object) -> GateStatus:
    values = {name: getattr(GATE, name) for name in GATE.__struct_fields__}
    return GateStatus(**values | fields)


def test_a_look_at_rest_is_quiet():
    assert QUIET.quiet
    assert Watch((QUIET,), (QUIET,)).quiet


@pytest.mark.parametrize(
    "look",
    [
        replace(QUIET, gate=gate(loaded=False)),
        replace(QUIET, gate=gate(flat_meta=["epoch", "1", "version", "4"])),
        replace(QUIET, gate=gate(flat_meta=["epoch", "2", "version", "3"])),
        replace(QUIET, gate=gate(held=1)),
        replace(QUIET, open_releases=1),
        replace(QUIET, before=(replace(COUNTS[0], sold=3),)),
    ],
)
def test_whatever_is_under_way_is_not_quiet(look: Look):
    assert not look.quiet


def test_refusals_are_no_event_and_orders_are():
    refused = replace(QUIET, gate=gate(items=[GateItem(1, 10, 6, 0, 4, refused=99)]))
    assert refused.same_as(QUIET)
    assert not replace(QUIET, gate=gate(entries=5)).same_as(QUIET)


async def test_what_is_waited_for_is_said_once(served: Served):
    told: list[str] = []
    watcher = Watcher(served.pool, served.shop.gate, served.shop.ledger, served.sale.id, told.append)
    assert (await watcher.watch(0.3)).quiet
    assert told == []
    await served.plant("UPDATE sale SET version = version + 2")
    assert not (await watcher.watch(0.3)).quiet
    await served.plant("UPDATE sale SET version = version - 2")
    await close_sale(served.shop.selling, served.shop.staff, served.sale.id)
    await watcher.watch(0.3)
    assert [text.partition(";")[0] for text in told] == [
        "The gate is being loaded or configured",
        "What the closed sale has left is on its way to base stock",
    ]
