"""Two gateways behave as one: a story told at two of them is on every screen what it is where all are at one.

It is played twice, and what each of its people was answered and shown is compared. Whatever a gateway could keep to
itself happens at one of the two and is looked for at the other.
"""

from typing import Any

import pytest

from tests.live.watching import Pond, gateway, gateway_of
from tests.millpond.plays import Play, play_at

OFTEN_S = 0.05
LOOPS = (
    "live.gateway.LOOK_EVERY_S",
    "live.gateway.TICK_EVERY_S",
    "live.likes.TICK_S",
    "live.talk_book.READ_EVERY_S",
    "live.stock_left.FRESH_S",
    "live.talking.TICK_S",
    "millpond.gateway.BEAT_EVERY_S",
    "millpond.gateway.COUNTS_EVERY_S",
    "millpond.gateway.TELL_EVERY_S",
)


async def all_come(play: Play, here: Pond, there: Pond) -> None:
    """Somebody with a socket at both is one."""
    await play.host(there)
    for name, pond in (("ann", here), ("bob", here), ("cat", here), ("dan", there)):
        await play.enter(name, pond)
    await play.enter("ann's other", there, again="ann")
    await play.count(online=4, unique=4, peak=4)


async def they_talk_and_like(play: Play) -> None:
    """What was said at one place is known at the other, and so is that it was taken back."""
    said = await play.say("ann", "how much?")
    repeated = await play.do("ann's other", type="comment", place=play.air.room, text="How  much?")
    assert repeated["problem"]["type"].endswith("comment-repeated")
    await play.say("dan", "what a brush")
    await play.command("comment.remove", room_id=play.air.room, comment_id=said["id"])
    for name, count in (("bob", 5), ("dan", 7)):
        await play.do(name, type="like", place=play.air.room, count=count)
    await play.count(likes=12)


async def the_host_slows_them_down(play: Play, here: Pond) -> None:
    """Who spoke at one place waits at the other."""
    await play.command("talk.rule", room_id=play.air.room, slow_mode_s=30)
    for name in ("bob", "dan"):
        await play.probe(name, here.shop.clock, is_slowed)
    here.shop.clock.advance(s=60)
    await play.say("ann", "then slowly")
    refused = await play.do("ann's other", type="comment", place=play.air.room, text="or not")
    assert refused["problem"]["slow_mode_s"] == 30
    await play.command("talk.rule", room_id=play.air.room, slow_mode_s=0)
    for name in ("bob", "dan"):
        await play.probe(name, here.shop.clock, is_heard)


async def is_slowed(answer: dict[str, Any]) -> bool:
    return "slow_mode_s" in answer.get("problem", {})


async def is_heard(answer: dict[str, Any]) -> bool:
    return bool(answer["type"] == "said")


async def is_muted(answer: dict[str, Any]) -> bool:
    return str(answer.get("problem", {}).get("type")).endswith("muted")


async def the_host_silences_some(play: Play, here: Pond) -> None:
    """Whoever is at the other place: muted, then shadowed, then put out."""
    await play.silence("cat", "mute")
    await play.probe("cat", here.shop.clock, is_muted)
    await play.say("cat", "am I muted?")
    await play.silence("ann", "shadow")

    async def is_shadowed(answer: dict[str, Any]) -> bool:
        shadowed = "SELECT 1 FROM comment WHERE id = :id AND state = 'shadowed'"
        return bool(await here.shop.rows(shadowed, id=answer.get("id")))

    await play.probe("ann", here.shop.clock, is_shadowed)
    await play.say("ann", "am I alone?", seen=False)
    await play.say("dan", "nobody else here")
    await play.silence("cat", "ban")
    await play.until(lambda: bool(play.cast["cat"].unasked))
    play.gone["cat"] = play.cast.pop("cat")
    await play.count(online=3)


async def they_buy_what_is_held_up(play: Play, here: Pond) -> None:
    """An order that was placed at one place is there at the other, and is one."""
    pin = await play.command("pin", named="pin", session_id=play.air.session_id, no=2)
    order = {"lines": [{"item_id": play.air.sale.item_ids[1], "quantity": 2}]}
    wish = {"type": "order.place", "sale_id": play.air.sale.id, "key": "one", "order": order}
    placed = (await play.do("ann", **wish))["order"]
    play.names[placed["id"]] = "order"
    again = await play.do("ann's other", **wish)
    assert (again["order"]["id"], again["replayed"]) == (placed["id"], True)
    other = await play.do("ann's other", **wish | {"order": {"lines": [order["lines"][0] | {"quantity": 1}]}})
    assert other["problem"]["type"].endswith("idempotency-key-reused")
    rows = "SELECT id::text, pin_id::text FROM orders WHERE sale_id = :sale"
    assert await here.shop.rows(rows, sale=play.air.sale.id) == [{"id": placed["id"], "pin_id": pin["pin_id"]}]
    await play.stock(10, 3)


async def one_goes_to_the_other_place(play: Play, there: Pond) -> None:
    """Whoever was at one place is told at the other what he missed, and nothing else."""
    left = await play.leave("bob")
    await play.count(online=2)
    for text in ("soup", "is ready"):
        await play.command("announce", named=f"announcement {text!r}", session_id=play.air.session_id, text=text)
    await play.command("unpin", session_id=play.air.session_id)
    back = await play.enter("bob, back", there, again="bob", before=left)
    await play.settle()
    assert [event["kind"] for event in back.events] == ["announced", "announced", "pin.cleared"]
    assert all(screen.scene == back.scene for screen in play.cast.values())
    await play.count(online=3, unique=4, peak=4, likes=12)
    await play.stock(10, 3)


async def played(here: Pond, there: Pond) -> dict[str, Any]:
    """The story; what everybody was told."""
    async with play_at(here) as play:
        await all_come(play, here, there)
        await they_talk_and_like(play)
        await the_host_slows_them_down(play, here)
        await the_host_silences_some(play, here)
        await they_buy_what_is_held_up(play, here)
        await one_goes_to_the_other_place(play, there)
        return play.told()


async def test_a_story_told_at_two_gateways_is_the_same_as_at_one(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    for loop in LOOPS:
        monkeypatch.setattr(loop, OFTEN_S)
    often: dict[str, Any] = {"gateway_messages_per_s": 1_000, "gateway_messages_burst": 1_000}
    async with (
        gateway(database_url, redis_url, **often) as west,
        gateway_of(west.shop, database_url, redis_url, **often) as east,
    ):
        at_one, at_two = await played(west, west), await played(west, east)
    assert at_two.keys() == at_one.keys()
    for name in at_one:
        assert at_two[name] == at_one[name], name
