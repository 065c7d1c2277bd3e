"""With a real media server and a real encoder: a session lives by its picture, and HTTP alone is asked of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.eventually import eventually_async
from tests.live.media_servers import encoder, free_ports, media_server, missing
from tests.orders.serving import STAFF, Served, serve

HOOKS: Final = "the secret of the hooks, of enough bytes"
HOOK: Final = (
    "http://127.0.0.1:{port}/v1/hooks/nginx-rtmp?secret=the%20secret%20of%20the%20hooks,%20of%20enough%20bytes"
)
PICTURE_MAX_S: Final = 60.0  # of a machine that does many things at once
pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@dataclass(frozen=True)
class Broadcast:
    """A room with a session that waits for its picture."""

    served: Served
    room_id: str
    session_id: str

    async def ask(self, method: str, path: str, **sent: Any) -> Any:
        """What staff ask."""
        head = {"authorization": f"Bearer {STAFF}"}
        answer = await self.served.client.request(method, f"/v1/staff/{path}", headers=head, **sent)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def push_url(self) -> str:
        url: str = (await self.ask("POST", f"rooms/{self.room_id}/push-key"))["url"]
        return url

    async def seen(self) -> Any:
        """What viewers see."""
        return (await self.served.client.get(f"/v1/rooms/{self.room_id}")).json()

    async def becomes(self, state: str) -> None:
        async def is_so() -> bool:
            return bool((await self.seen())["state"] == state)

        await eventually_async(is_so, within_s=PICTURE_MAX_S)

    async def moves(self) -> list[str]:
        told = await self.ask("GET", f"sessions/{self.session_id}")
        return [f"{move['source']}>{move['target']} {move['reason']}" for move in told["history"]]

    async def playlist(self) -> list[str]:
        """The pieces of picture that are there to be watched."""
        play = (await self.seen())["play"]
        answer = httpx.Response(404) if not play else await self.served.client.get(play["hls"])
        return [line for line in answer.text.splitlines() if line.endswith(".ts")] if answer.is_success else []


@asynccontextmanager
async def on_stage(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Broadcast]:
    """The API beside a media server that reports to it."""
    ports = free_ports()
    settings: dict[str, Any] = {
        "media_hook_secret": HOOKS,
        "media_push_url": f"rtmp://127.0.0.1:{ports.rtmp}/live/{{stream}}",
        "media_play_urls": {"hls": f"http://127.0.0.1:{ports.http}/live/{{stream}}.m3u8"},
    }
    async with serve(database_url, redis_url, **settings) as served:
        with media_server(folder, ports, HOOK.format(port=served.port)):
            empty = Broadcast(served, "", "")
            room = await empty.ask("POST", "rooms", json={"title": "By the pond"})
            session = await empty.ask("POST", f"rooms/{room['id']}/sessions", json={})
            yield Broadcast(served, room["id"], session["id"])


async def test_a_session_goes_live_is_interrupted_and_goes_on_by_its_picture_alone(database_url, redis_url, tmp_path):
    async with on_stage(database_url, redis_url, tmp_path) as broadcast:
        with encoder(await broadcast.push_url()) as obs:
            await broadcast.becomes("live")
            first = await eventually_async(broadcast.playlist, within_s=PICTURE_MAX_S)

            async def grows() -> bool:
                return (await broadcast.playlist())[-1:] != first[-1:]

            await eventually_async(grows, within_s=PICTURE_MAX_S)
            obs.kill()
            await broadcast.becomes("interrupted")
        with encoder(await broadcast.push_url()):
            await broadcast.becomes("live")
            assert await broadcast.moves() == [
                "scheduled>live picture",
                "live>interrupted picture_lost",
                "interrupted>live picture",
            ]


async def test_a_wrong_key_is_turned_away_and_the_media_server_ends_a_key_that_was_taken_back(
    database_url, redis_url, tmp_path
):
    async with on_stage(database_url, redis_url, tmp_path) as broadcast:
        good = await broadcast.push_url()
        with encoder(good[:-4] + "AAAA") as forger:
            assert forger.wait(PICTURE_MAX_S) != 0
        assert (await broadcast.moves(), (await broadcast.seen())["play"]) == ([], {})
        with encoder(good) as obs:
            await broadcast.becomes("live")
            await broadcast.ask("POST", f"rooms/{broadcast.room_id}/push-key/revoke")
            await broadcast.becomes("interrupted")
            assert obs.wait(PICTURE_MAX_S) != 0


async def test_another_encoder_on_the_same_key_does_not_end_the_one_that_is_on(database_url, redis_url, tmp_path):
    """nginx asks about the second, is told yes, and turns it away itself, for the stream is taken."""
    async with on_stage(database_url, redis_url, tmp_path) as broadcast:
        url = await broadcast.push_url()
        with encoder(url):
            await broadcast.becomes("live")
            with encoder(url) as second:
                second.wait(PICTURE_MAX_S)
            await broadcast.becomes("live")
