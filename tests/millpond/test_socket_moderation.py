"""Whoever keeps order does it without leaving the room: over the socket as over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from keel.identity import Role
from tests.inventory.selling import make_merchant
from tests.live.watching import Pond, gateway
from tests.millpond.airs import Air, comments_until, event, host_in, on_air, say, staff_token, viewer_in


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    # Some speak until a rule is in force, which takes as long as it takes.
    async with gateway(
        database_url, redis_url, gateway_messages_per_s=100_000, gateway_messages_burst=1_000_000
    ) as pond:
        yield pond


def commands(pond: Pond, air: Air) -> list[dict[str, Any]]:
    """One of each."""
    room, new = {"room_id": air.room}, pond.shop.ids.new
    return [
        {"type": "announce", "session_id": air.session_id, "text": "Soup is ready"},
        {"type": "talk.rule", "slow_mode_s": 5} | room,
        {"type": "silence", "viewer_id": new(), "kind": "mute", "for_s": 60, "reason": "rude"} | room,
        {"type": "silence.lift", "silence_id": new()} | room,
        {"type": "comment.approve", "comment_id": new()} | room,
        {"type": "comment.reject", "comment_id": new()} | room,
        {"type": "comment.remove", "comment_id": new()} | room,
    ]


async def test_an_announcement_is_on_every_screen(pond):
    air = await on_air(pond)
    async with viewer_in(pond, air) as viewer, host_in(pond, air) as host:
        said = {"type": "announce", "session_id": air.session_id, "text": " Soup is ready "}
        announced = (await host.ask("done", **said))["result"]
        shown = await event(viewer, "announced")
        assert (shown["id"], shown["text"]) == (announced["id"], "Soup is ready")
        for text in ("", "  ", "x" * 501, "a\u0007"):
            assert (await host.refused(**said | {"text": text}))["status"] == 400, text


async def test_slow_mode_is_told_and_kept_to(pond):
    air = await on_air(pond)
    async with viewer_in(pond, air) as viewer, host_in(pond, air) as host:
        rules = (await host.ask("done", type="talk.rule", room_id=air.room, slow_mode_s=30, review=False))["result"]
        assert rules == {"slow_mode_s": 30, "review": False, "muted_all": False}
        assert await event(viewer, "talk.ruled") == rules
        refused: dict[str, Any] = {}
        while "slow_mode_s" not in refused:
            pond.shop.clock.advance(s=2)
            await viewer.say(type="comment", place=air.room, text=f"at {pond.shop.clock.ms()}")
            while (answer := await viewer.hear_any())["type"] == "tick":
                pass
            refused = answer.get("problem", {})
        assert refused["type"] == "urn:millpond:problem:talk-too-fast"
        await say(host, air, "one")
        await say(host, air, "two")


async def test_what_waits_is_read_first_and_published_or_not(pond):
    air = await on_air(pond)
    async with viewer_in(pond, air) as one, viewer_in(pond, air) as two, host_in(pond, air) as host:
        await host.ask("done", type="talk.rule", room_id=air.room, review=True)
        waiting = []
        for speaker in (one, two):
            said: dict[str, Any] = {}
            while not said.get("waits"):  # the rule is read within a second
                pond.shop.clock.advance(s=2)
                said = await say(speaker, air, f"at {pond.shop.clock.ms()}")
            waiting.append(said["id"])
        for kind, comment_id in zip(("comment.approve", "comment.reject"), waiting, strict=True):
            await host.ask("done", type=kind, room_id=air.room, comment_id=comment_id)
            again = await host.refused(type=kind, room_id=air.room, comment_id=comment_id)
            assert again["type"] == "urn:millpond:problem:conflict", "of two moderators one decides"
        assert waiting[1] not in [comment["id"] for comment in await comments_until(two, waiting[0])]
    states = await pond.shop.rows("SELECT id::text, state FROM comment WHERE moderated_by IS NOT NULL ORDER BY id")
    assert {row["id"]: row["state"] for row in states} == {waiting[0]: "shown", waiting[1]: "rejected"}


async def test_a_silence_is_noted_and_lifted(pond):
    air, viewer_id = await on_air(pond), pond.shop.ids.new()
    async with host_in(pond, air) as host:
        wish = {"type": "silence", "room_id": air.room, "viewer_id": viewer_id, "kind": "mute", "for_s": 60}
        silence = (await host.ask("done", **wish, reason="rude"))["result"]
        (row,) = await pond.shop.rows("SELECT id::text, viewer_id::text, kind, reason FROM talk_silence")
        assert row == {"id": silence["id"], "viewer_id": viewer_id, "kind": "mute", "reason": "rude"}
        await host.ask("done", type="silence.lift", room_id=air.room, silence_id=silence["id"])
        assert await pond.shop.rows("SELECT id FROM talk_silence") == []
        for wrong in ({"kind": "kick"}, {"for_s": 0}, {"viewer_id": "me"}, {"reason": ""}):
            assert (await host.refused(**wish | wrong))["status"] == 400, wrong


async def test_it_takes_a_role_or_the_crew_and_another_merchants_room_is_not_there(pond):
    air = await on_air(pond)
    stranger = await make_merchant(pond.shop.selling)
    people = {"staff_id": pond.shop.ids.new(), "merchant_id": stranger.merchant_id, "sign_in_id": pond.shop.ids.new()}
    foreign = pond.tokens.sign_staff(**people, role=Role.OWNER.value, ttl_s=600)
    async with (
        viewer_in(pond, air) as customer,
        pond.viewer(token=staff_token(pond, Role.ANALYST)) as analyst,
        pond.viewer(token=foreign) as owner,
    ):
        for command in commands(pond, air):
            assert (await customer.refused(**command))["status"] == 401, command
            assert (await analyst.refused(**command))["role"] == "analyst", command
            assert (await owner.refused(**command))["status"] == 404, command
    assert await pond.shop.rows("SELECT id FROM talk_silence") == []
    assert await pond.shop.rows("SELECT room_id FROM talk") == []
