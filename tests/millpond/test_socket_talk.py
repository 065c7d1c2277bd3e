"""Viewers speak, like and earn their tickets in the room, and whoever is not heard knows it, or must not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from live.audience import COMMENTS_MAX
from live.gate_talk import BURST
from live.messages import LIKES_MAX
from tests.eventually import eventually_async
from tests.live.watching import STAFF, Pond, Watcher, gateway
from tests.millpond.airs import Air, comments_until, event, frames_until, host_in, on_air, say, viewer_in

PROBLEM = "urn:millpond:problem:"


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url, gateway_messages_per_s=1_000, gateway_messages_burst=1_000) as pond:
        yield pond


async def silence(pond: Pond, host: Watcher, air: Air, viewer_id: str, kind: str) -> None:
    wish = {"type": "silence", "room_id": air.room, "viewer_id": viewer_id, "kind": kind, "for_s": 86_400}
    assert (await host.ask("done", **wish))["result"]["id"]


async def speak_until(pond: Pond, watcher: Watcher, air: Air, is_so: Any) -> dict[str, Any]:
    """Speak again and again until the answer is such a one: what moderators decide is read every second."""

    async def speak() -> dict[str, Any] | None:
        pond.shop.clock.advance(s=2)
        await watcher.say(type="comment", place=air.room, text=f"here I am, at {pond.shop.clock.ms()}")
        while (answer := await watcher.hear_any())["type"] not in {"said", "problem"}:
            watcher.kept.append(answer)
        return answer if await is_so(answer) else None

    answer = await eventually_async(speak)
    assert answer is not None
    return answer


async def test_a_comment_is_answered_and_read_by_the_others(pond):
    air = await on_air(pond)
    customer_id = pond.shop.ids.new()
    async with viewer_in(pond, air, token=pond.token(customer_id)) as speaker, viewer_in(pond, air) as reader:
        said = await say(speaker, air, "  how \t much? ", ref="one")
        assert (said["ref"], said["text"], said["author_id"]) == ("one", "how much?", customer_id)
        assert "waits" not in said
        for screen in (reader, speaker):
            (shown,) = await comments_until(screen, said["id"])
            assert (shown["text"], shown["author_id"], shown["at_ms"]) == ("how much?", customer_id, said["at_ms"])
    (row,) = await pond.shop.rows("SELECT id::text, session_id::text, room_id::text, state FROM comment")
    assert row == {"id": said["id"], "session_id": air.session_id, "room_id": air.room, "state": "shown"}


async def test_who_only_watches_does_not_speak_and_what_cannot_be_said_is_refused(pond):
    air = await on_air(pond)
    async with pond.viewer() as guest, viewer_in(pond, air) as viewer:
        await guest.join(air.room)
        refused = await guest.refused(type="comment", place=air.room, text="hi")
        assert refused["type"] == PROBLEM + "customers-only"
        for text in ("", " ", "x" * 201, "\u0000", 7):
            assert (await viewer.refused(type="comment", place=air.room, text=text))["status"] == 400, text
        await say(viewer, air, "the same")
        assert (await viewer.refused(type="comment", place=air.room, text="The  same"))["status"] == 409
    assert len(await pond.shop.rows("SELECT id FROM comment")) == 1


async def test_who_is_muted_is_told(pond):
    air, customer_id = await on_air(pond), pond.shop.ids.new()

    async def is_refused(answer: dict[str, Any]) -> bool:
        return str(answer["type"]) == "problem"

    async with viewer_in(pond, air, token=pond.token(customer_id)) as viewer, host_in(pond, air) as host:
        await say(viewer, air, "hello")
        await silence(pond, host, air, customer_id, "mute")
        refused = await speak_until(pond, viewer, air, is_refused)
        assert refused["problem"]["type"] == PROBLEM + "muted"
        assert refused["problem"]["until"]


async def test_who_is_shadowed_sees_himself_alone(pond):
    air, customer_id = await on_air(pond), pond.shop.ids.new()

    async def is_shadowed(answer: dict[str, Any]) -> bool:
        rows = await pond.shop.rows("SELECT id FROM comment WHERE state = 'shadowed'")
        return answer["type"] == "said" and bool(rows)

    async with (
        viewer_in(pond, air, token=pond.token(customer_id)) as viewer,
        viewer_in(pond, air) as reader,
        host_in(pond, air) as host,
    ):
        await silence(pond, host, air, customer_id, "shadow")
        hidden = [(await speak_until(pond, viewer, air, is_shadowed))["id"]]
        pond.shop.clock.advance(s=2)
        answer = await say(viewer, air, "am I alone?")
        assert answer.keys() == {"type", "id", "author_id", "text", "at_ms"}, "as anybody's"
        hidden.append(answer["id"])
        last = await say(host, air, "that is all")
        shown = {comment["id"] for comment in await comments_until(reader, last["id"])}
        assert shown.isdisjoint(hidden)


async def test_who_is_banned_is_put_out_and_does_not_come_in(pond):
    air, customer_id = await on_air(pond), pond.shop.ids.new()
    async with viewer_in(pond, air, token=pond.token(customer_id)) as inside, host_in(pond, air) as host:
        await silence(pond, host, air, customer_id, "ban")
        left = await inside.hear("left")
        assert (left["place"], left["problem"]["type"]) == (air.room, PROBLEM + "banned")
        refused = await inside.refused(type="comment", place=air.room, text="why?")
        assert refused["type"] == PROBLEM + "not-joined"
    async with pond.viewer(token=pond.token(customer_id)) as viewer:

        async def join() -> dict[str, Any] | None:
            await viewer.say(type="join", place=air.room)
            answer = await viewer.hear_any()
            return answer if answer["type"] == "problem" else None

        answer = await eventually_async(join)
        assert answer is not None
        assert answer["problem"]["type"] == PROBLEM + "banned"


async def flood(speaker: Watcher, air: Air, number: int) -> "Counter[str]":
    """Say six things at once. How often each answer came: one to each of the six, under its ref."""
    for time in range(6):
        await speaker.say(type="comment", place=air.room, text=f"{number} says {time}", ref=str(time))
    answers: dict[str, str] = {}
    while len(answers) < 6:
        message = await speaker.hear_any()
        if message["type"] != "tick":
            assert message["ref"] not in answers
            answers[message["ref"]] = message.get("problem", {}).get("type", message["type"])
    return Counter(answers.values())


async def test_in_a_flood_everybody_is_answered_and_the_screens_show_what_can_be_read(pond, database_url, redis_url):
    air = await on_air(pond)
    async with AsyncExitStack() as crowd, gateway(database_url, redis_url) as other, viewer_in(pond, air) as reader:
        speakers = [
            await crowd.enter_async_context(viewer_in(at, air, token=pond.token())) for at in (pond, other) * 15
        ]
        answers = await asyncio.gather(*(flood(speaker, air, number) for number, speaker in enumerate(speakers)))
        expected = Counter({"said": BURST, PROBLEM + "talk-too-fast": 6 - BURST})
        assert answers == [expected] * len(speakers), "each says what a burst allows, and is told of the rest"
        last = await say(await crowd.enter_async_context(host_in(pond, air)), air, "quiet, please")
        frames = await frames_until(reader, last["id"])
    assert max(len(frame) for frame in frames) <= COMMENTS_MAX
    shown = [comment for frame in frames for comment in frame]
    assert len({comment["id"] for comment in shown}) == len(shown)
    assert len({comment["author_id"] for comment in shown}) > 3, "nobody drowns the others"
    (row,) = await pond.shop.rows("SELECT count(*)::int AS n FROM comment WHERE state = 'shown'")
    assert row["n"] == BURST * len(speakers) + 1, "all of it is on record"


async def test_likes_are_counted_and_told(pond):
    air = await on_air(pond)
    async with viewer_in(pond, air) as one, viewer_in(pond, air) as two:
        assert (await one.ask("done", type="like", place=air.room, count=7))["result"] == {"counted": 7}
        assert (await two.refused(type="like", place=air.room, count=LIKES_MAX + 1))["status"] == 400
        counted = (await two.ask("done", type="like", place=air.room, count=LIKES_MAX))["result"]["counted"]
        assert counted == LIKES_MAX
        while True:
            (room,) = (await one.hear("tick"))["rooms"]
            if room.get("state", {}).get("counts", {}).get("likes") == 7 + counted:
                break


async def test_likes_of_a_room_where_nothing_is_on_air_count_for_nothing(pond):
    room = await pond.make_room()
    async with pond.viewer(token=pond.token()) as viewer:
        await viewer.join(room)
        assert (await viewer.ask("done", type="like", place=room, count=7))["result"] == {"counted": 0}
        ask = {"type": "ticket", "place": room, "sale_id": pond.shop.ids.new()}
        assert (await viewer.refused(**ask))["detail"] == "nothing is on air in this room"


async def test_a_ticket_is_given_to_who_watched_and_buys(pond):
    air = await on_air(pond, needs_ticket=True, ticket_after_s=20)
    async with viewer_in(pond, air) as viewer, pond.viewer(token=pond.token()) as passer_by:
        ask = {"type": "ticket", "place": air.room, "sale_id": air.sale.id}
        early = await viewer.refused(**ask)
        assert (early["type"], early["retry_after_ms"]) == (PROBLEM + "ticket-too-early", 20_000)
        order: dict[str, Any] = {"lines": [{"item_id": air.sale.item_ids[0], "quantity": 1}]}
        wish = {"type": "order.place", "sale_id": air.sale.id, "key": "one", "order": order}
        assert (await viewer.refused(**wish))["type"] == PROBLEM + "ticket-required"
        pond.shop.clock.advance(s=20)
        given = await viewer.ask("ticketed", **ask, ref="mine")
        assert (given["ref"], given["sale_id"]) == ("mine", air.sale.id)
        order["ticket"] = given["ticket"]
        assert (await passer_by.refused(**wish))["type"] == PROBLEM + "ticket-invalid"
        assert (await passer_by.refused(**ask))["type"] == PROBLEM + "not-joined"
        assert (await viewer.ask("order", **wish))["order"]["state"] == "awaiting_payment"
        assert (await viewer.refused(**ask | {"sale_id": pond.shop.ids.new()}))["status"] == 404


async def test_a_crowd_that_asks_for_its_tickets_is_no_question_to_postgresql(pond, monkeypatch):
    async def asked(*_: object) -> bool:
        raise AssertionError("the scene says what the session sells")

    air = await on_air(pond, needs_ticket=True, ticket_after_s=20)
    async with viewer_in(pond, air) as viewer:
        pond.shop.clock.advance(s=20)
        monkeypatch.setattr("live.store_parts.is_sold_in", asked)
        assert await viewer.ask("ticketed", type="ticket", place=air.room, sale_id=air.sale.id)


async def test_a_comment_that_is_removed_leaves_every_screen(pond):
    air = await on_air(pond)
    async with viewer_in(pond, air) as speaker, viewer_in(pond, air) as reader, pond.viewer(token=STAFF) as host:
        said = await say(speaker, air, "rude")
        await comments_until(reader, said["id"])
        await host.ask("done", type="comment.remove", room_id=air.room, comment_id=said["id"])
        for screen in (speaker, reader):
            assert await event(screen, "comment.removed") == {"comment_id": said["id"]}
        kept = await say(speaker, air, "kind")
        await comments_until(reader, kept["id"])
        async with pond.viewer() as late:
            joined = await late.join(air.room)
            assert joined["snapshot"]["removed"] == [said["id"]]
            assert [comment["id"] for comment in joined["comments"]] == [kept["id"]]


async def test_whoever_comes_to_a_gateway_that_just_began_reads_what_was_said_before(pond):
    air, now = await on_air(pond), pond.shop.clock.now()
    said = [pond.shop.ids.new() for _ in range(3)]
    for comment_id, state in zip(said, ("shown", "removed", "shown"), strict=True):
        await pond.write(
            "INSERT INTO comment (merchant_id, id, room_id, place, author_id, text, state, at)"
            " VALUES (:merchant, :id, :room, :room, :id, 'how much?', :state, :now)",
            merchant=pond.shop.staff.merchant_id, id=comment_id, room=air.room, state=state, now=now,
        )  # fmt: skip
    async with pond.viewer() as viewer:
        joined = await viewer.join(air.room)
    assert [comment["id"] for comment in joined["comments"]] == [said[0], said[2]]
    assert joined["comments"][0].keys() == {"id", "author_id", "author", "text", "at_ms"}
