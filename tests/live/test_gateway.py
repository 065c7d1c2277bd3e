"""A room over real sockets: who comes is shown the room, hears what happens, and misses nothing on return."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from live.close_codes import CloseCode
from live.crowd import SOCKETS_PER_VIEWER_MAX
from live.gateway import TICK_EVERY_S
from live.gateway_metrics import CLOSED
from tests.eventually import eventually_async
from tests.inventory.selling import make_merchant
from tests.live.watching import STAFF, Pond, gateway


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url) as pond:
        yield pond


async def make_rehearsal(pond: Pond, room: str) -> str:
    session_id = pond.shop.ids.new()
    await pond.write(
        "INSERT INTO session (id, merchant_id, room_id, rehearsal, created_at)"
        " VALUES (:id, :merchant, :room, true, :now)",
        id=session_id,
        merchant=pond.shop.staff.merchant_id,
        room=room,
        now=pond.shop.clock.now(),
    )
    return session_id


async def test_a_viewer_hears_what_happens_in_the_room(pond):
    room = await pond.make_room()
    async with pond.viewer() as viewer:
        joined = await viewer.join(room, ref="one")
        assert (joined["ref"], joined["place"], joined["seq"]) == ("one", room, 0)
        assert joined["snapshot"]["announcement"] is None
        seq = await pond.publish(room, "soup is ready")
        (tick,) = await viewer.tick_with(seq)
        (event,) = tick["rooms"][0]["events"]
        assert (event["kind"], event["body"]["text"]) == ("announced", "soup is ready")


async def test_whoever_comes_back_gets_exactly_what_he_missed(pond):
    room = await pond.make_room()
    async with pond.viewer() as stays:
        joined = await stays.join(room)
        async with pond.viewer() as leaves:
            await leaves.join(room)
            await leaves.tick_with(await pond.publish(room, "one"))
        seqs = [await pond.publish(room, text) for text in ("two", "three")]
        await stays.tick_with(seqs[-1])
        async with pond.viewer() as back:
            again = await back.join(room, since={"epoch": joined["epoch"], "seq": 1})
            assert "snapshot" not in again
            assert [event["body"]["text"] for event in again["events"]] == ["two", "three"]
            assert again["seq"] == seqs[-1]
            assert "events" not in await back.join(room, since={"epoch": joined["epoch"], "seq": seqs[-1]})


async def test_whoever_was_away_too_long_or_in_another_time_gets_the_room_as_it_is(pond):
    room = await pond.make_room()
    async with pond.viewer() as viewer:
        joined = await viewer.join(room)
        await viewer.tick_with(await pond.publish(room, "now"))
        other_epoch = await viewer.join(room, since={"epoch": joined["epoch"] + 1, "seq": 1})
        assert other_epoch["snapshot"]["announcement"]["text"] == "now"


async def test_a_crowd_of_events_is_one_frame_a_tick(pond):
    room = await pond.make_room()
    async with pond.viewer() as viewer:
        await viewer.join(room)
        began_s = time.monotonic()
        seqs = [await pond.publish(room, str(number)) for number in range(200)]
        ticks = await viewer.tick_with(seqs[-1])
        took_s = time.monotonic() - began_s
        told = [event["body"]["text"] for tick in ticks for event in tick["rooms"][0]["events"]]
        assert told == [str(number) for number in range(200)]
        assert len(ticks) <= took_s / TICK_EVERY_S + 2


async def test_the_latest_value_of_the_state_wins_and_is_shown_to_whoever_comes_later(pond):
    room = await pond.make_room()
    async with pond.viewer() as viewer:
        await viewer.join(room)
        for online in (1, 2, 3):
            await pond.log.put(room, "counts", b'{"online": %d}' % online)
        while (await viewer.hear("tick"))["rooms"][0]["state"]["counts"] != {"online": 3}:
            pass
        async with pond.viewer() as late:
            assert (await late.join(room))["state"]["counts"] == {"online": 3}


async def test_a_viewer_of_two_rooms_gets_both_in_one_frame(pond):
    rooms = [await pond.make_room(), await pond.make_room()]
    async with pond.viewer() as viewer:
        for room in rooms:
            await viewer.join(room)
        for room in rooms:
            await pond.publish(room)
        seen: set[str] = set()
        while seen != set(rooms):
            seen |= {room["place"] for room in (await viewer.hear("tick"))["rooms"]}
        assert (await viewer.ask("left", type="leave", place=rooms[0]))["place"] == rooms[0]
        await pond.publish(rooms[0])
        await viewer.tick_with(await pond.publish(rooms[1]))
        assert viewer.kept == []


async def test_all_sockets_of_an_address_may_say_so_much_together_and_others_go_on(database_url, redis_url):
    limits = {"gateway_address_messages_per_s": 0.001, "gateway_address_messages_burst": 3}
    here, elsewhere = {"X-Forwarded-For": "10.0.0.1"}, {"X-Forwarded-For": "10.0.0.2"}
    async with gateway(database_url, redis_url, trusted_proxies="127.0.0.1", **limits) as pond:
        room = await pond.make_room()
        async with pond.bare(here) as one, pond.bare(here) as two, pond.bare(elsewhere) as three:
            for viewer in (one, two):
                await viewer.hello()
            await one.join(room)
            problem = await two.refused(type="join", place=room)
            assert problem["type"] == "urn:millpond:problem:too-many-requests"
            assert problem["retry_after_s"] > 0
            await three.hello()
            await three.join(room)


async def test_rooms_of_another_merchant_are_not_there(pond):
    stranger = await make_merchant(pond.shop.selling)
    foreign = await pond.make_room(stranger.merchant_id)
    async with pond.viewer(token=pond.token()) as customer:
        problem = await customer.refused(type="join", place=foreign)
        assert (problem["type"], problem["what"]) == ("urn:millpond:problem:not-found", "room")
        assert (await customer.refused(type="join", place=pond.shop.ids.new())) == problem
    async with pond.viewer() as guest:
        assert (await guest.join(foreign))["seq"] == 0


async def test_a_rehearsal_is_there_for_staff_alone(pond):
    session_id = await make_rehearsal(pond, await pond.make_room())
    async with pond.viewer() as guest, pond.viewer(token=pond.token()) as customer, pond.viewer(token=STAFF) as staff:
        for stranger in (guest, customer):
            assert (await stranger.refused(type="join", place=session_id))["status"] == 404
        assert (await staff.join(session_id))["place"] == session_id


async def test_a_guest_keeps_his_pass_and_is_the_same_viewer(pond):
    async with pond.bare() as first:
        welcome = await first.hello()
    async with pond.bare() as again:
        assert (await again.hello(guest=welcome["guest"]))["viewer_id"] == welcome["viewer_id"]
    async with pond.bare() as forger:
        await forger.say(type="hello", guest=welcome["guest"][:-2] + "xx")
        assert await forger.closed() == CloseCode.TOKEN


async def test_a_guest_may_say_who_he_is_and_nobody_else_may_take_the_socket(pond):
    room, customer_id = await pond.make_room(), pond.shop.ids.new()
    async with pond.viewer() as viewer:
        await viewer.join(room)
        assert (await viewer.hello(token=pond.token(customer_id)))["viewer_id"] == customer_id
        assert "until" in await viewer.hello(token=pond.token(customer_id))
        other = await viewer.refused(type="hello", token=pond.token())
        assert other["type"] == "urn:millpond:problem:somebody-else"
        await viewer.tick_with(await pond.publish(room))


async def test_the_oldest_socket_of_a_viewer_makes_room_for_a_newer_one(pond):
    token = pond.token()
    async with pond.viewer(token=token) as oldest, AsyncExitStack() as newer:
        for _ in range(SOCKETS_PER_VIEWER_MAX):
            await newer.enter_async_context(pond.viewer(token=token))
        assert await oldest.closed() == CloseCode.REPLACED
        assert oldest.kept[-1]["come_back"] == "no"


async def test_whoever_is_shut_out_is_shown_out(pond):
    customer_id = pond.shop.ids.new()
    async with pond.viewer(token=pond.token(customer_id)) as viewer:
        pond.parts.denials.denied[customer_id] = pond.shop.clock.ms() + 60_000
        assert await viewer.closed() == CloseCode.TOKEN
        assert viewer.kept[-1]["come_back"] == "with_token"


async def test_a_stop_sends_everybody_elsewhere_with_jitter(pond):
    room = await pond.make_room()
    async with pond.viewer() as one, pond.viewer() as two:
        for viewer in (one, two):
            await viewer.join(room)
        pond.stop.set()
        for viewer in (one, two):
            assert await viewer.closed() == CloseCode.DRAINING
            bye = viewer.kept[-1]
            assert (bye["type"], bye["come_back"]) == ("bye", "yes")
            assert 0 <= bye["after_ms"] <= 5_000


async def test_two_gateways_behave_as_one(pond, database_url, redis_url):
    room = await pond.make_room()
    async with gateway(database_url, redis_url) as other, pond.viewer() as here, other.viewer() as there:
        joined = await here.join(room)
        assert await there.join(room) == joined
        seq = await pond.publish(room)
        assert await here.tick_with(seq) == await there.tick_with(seq)
        missed = await there.join(room, since={"epoch": joined["epoch"], "seq": 0})
        assert [event["seq"] for event in missed["events"]] == [seq]


async def test_who_is_there_is_counted_and_whoever_works_there_is_not(pond):
    room, token = await pond.make_room(), pond.token()
    async with pond.viewer() as guest, pond.viewer(token=token) as customer, pond.viewer(token=STAFF) as staff:
        async with pond.viewer(token=token) as second_screen:
            for viewer in (guest, customer, second_screen, staff):
                await viewer.join(room)
            while (await staff.hear("tick"))["rooms"][0]["state"].get("counts") != {"online": 2}:
                pass
        await guest.ask("left", type="leave", place=room)
        while (await staff.hear("tick"))["rooms"][0]["state"].get("counts") != {"online": 1}:
            pass


async def test_a_viewer_who_reads_nothing_is_sent_away_and_the_others_hear_everything(pond):
    room = await pond.make_room()
    async with pond.viewer() as reads, pond.bare() as stalled:
        await reads.join(room)
        await stalled.hello()
        await stalled.join(room)
        stalled.socket.transport.pause_reading()
        gone, seq = 0.0, 0
        while not gone:
            seq = await pond.publish(room, "x" * 60_000)
            await reads.tick_with(seq)
            gone = closed_with(CloseCode.TOO_SLOW)
        assert gone == 1
        stalled.socket.transport.resume_reading()
        assert await stalled.closed() in {CloseCode.TOO_SLOW, 1006}
        since = {"epoch": (await reads.join(room))["epoch"], "seq": seq - 1}
        async with pond.viewer() as back:
            assert [event["seq"] for event in (await back.join(room, since=since))["events"]] == [seq]


async def test_a_viewer_whose_network_is_gone_is_noticed(pond, monkeypatch):
    monkeypatch.setattr("live.gateway.BEAT_EVERY_LOOKS", 1)
    room = await pond.make_room()
    async with pond.viewer() as alive, pond.bare() as frozen:
        await frozen.hello()
        await frozen.join(room)
        await alive.join(room)
        frozen.socket.transport.pause_reading()  # pings are not answered, and the connection stays

        async def gone() -> bool:
            return closed_with(CloseCode.SILENT) == 1

        before = closed_with(CloseCode.SILENT)
        assert before == 0
        await eventually_async(gone)
        await alive.tick_with(await pond.publish(room))


def closed_with(code: CloseCode) -> float:
    """How many sockets the gateways of this process have closed so, since this test began."""
    total = CLOSED.labels(code=str(int(code)))._value.get() - BEFORE.get(code, 0.0)
    return float(total)


BEFORE: dict[CloseCode, float] = {}


@pytest.fixture(autouse=True)
def counted_from_here() -> None:
    for code in CloseCode:
        BEFORE[code] = CLOSED.labels(code=str(int(code)))._value.get()
