"""Plays: what happens in one broadcast, and what each of its people was answered and shown, fit to be compared.

async with play_at(here, there) as play:
    await play.enter("ann", here)
    await play.say("ann", "how much?")
    play.told()
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from keel.clock import FakeClock
from live.roomlog import RoomLog
from tests.eventually import eventually_async
from tests.live.screens import Screen, screen_in
from tests.live.watching import STAFF, Pond
from tests.millpond.airs import Air, on_air

ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MADE_UP: Final = re.compile(r"SKU-\d+")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OTHER_EACH_TIME: Final = {"at_ms", "number", "epoch"}
PROBE: Final = "is it so?"


@dataclass
class Play:
    """A broadcast. `names` are those of the ids; `cast` are the screens of all who are in the room, by name, `gone` of
    those who were."""

    air: Air
    log: RoomLog
    stack: AsyncExitStack
    names: dict[str, str] = field(default_factory=dict)
    cast: dict[str, Screen] = field(default_factory=dict)
    gone: dict[str, Screen] = field(default_factory=dict)
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    probes: int = 0

    async def enter(self, name: str, pond: Pond, *, again: str = "", before: Screen | None = None) -> Screen:
        """A customer comes into the room at this gateway; `again`: by which name he is known already, and `before` what
        his client knew."""
        customer_id = self.id_of(again) if again else pond.shop.ids.new()
        self.names.setdefault(customer_id, name)
        opened = screen_in(pond.port, self.air.room, before=before, token=pond.token(customer_id))
        screen = self.cast[name] = await self.stack.enter_async_context(opened)
        return screen

    async def host(self, pond: Pond) -> None:
        """The owner comes into the room."""
        self.cast["host"] = await self.stack.enter_async_context(screen_in(pond.port, self.air.room, token=STAFF))

    async def leave(self, name: str) -> Screen:
        """The socket of one of them is closed."""
        screen = self.gone[name] = self.cast.pop(name)
        await screen.socket.close()
        return screen

    def id_of(self, name: str) -> str:
        return next(known for known, called in self.names.items() if called == name)

    async def do(self, name: str, **message: Any) -> dict[str, Any]:
        """Somebody sends a message; the answer, once what came of it is on every screen."""
        answer = await self.cast[name].ask(**message)
        self.answers.setdefault(name, []).append(answer)
        await self.settle()
        return answer

    async def say(self, name: str, text: str, *, seen: bool = True) -> dict[str, Any]:
        """Somebody comments; `seen`: by all."""
        answer = await self.do(name, type="comment", place=self.air.room, text=text)
        if answer["type"] == "said":
            self.names[answer["id"]] = f"comment {text!r}"
            await self.until(lambda: not seen or all(answer["id"] in screen.comments for screen in self.cast.values()))
        return answer

    async def command(self, command: str, *, named: str = "", **message: Any) -> dict[str, Any]:
        """The host does something; what comes of it, whose id is called `named` from then on."""
        answer = await self.do("host", type=command, **message)
        assert answer["type"] == "done", answer
        result: dict[str, Any] = answer.get("result") or {}
        self.names |= {result[key]: named for key in ("id", "pin_id") if named and key in result}
        return result

    async def silence(self, name: str, kind: str) -> None:
        """The host silences somebody."""
        whom = {"room_id": self.air.room, "viewer_id": self.id_of(name)}
        await self.command("silence", named=f"{kind} of {name}", kind=kind, for_s=86_400, **whom)

    async def probe(self, name: str, clock: FakeClock, is_so: Callable[[dict[str, Any]], Awaitable[bool]]) -> None:
        """Somebody speaks until he is answered so: that a rule is in force everywhere is no part of the play."""

        async def asked() -> bool:
            self.probes += 1
            clock.advance(s=2)
            text = f"{PROBE} {self.probes}"
            return await is_so(await self.cast[name].ask(type="comment", place=self.air.room, text=text))

        await eventually_async(asked)

    async def settle(self) -> None:
        """Every screen has the whole log."""
        position = asdict(await self.log.position(self.air.room))
        await self.until(lambda: all(screen.since == position for screen in self.cast.values()))

    async def count(self, **figures: int) -> None:
        """Every screen shows these counts."""
        await self.until(lambda: all(figures.items() <= s.state.get("counts", {}).items() for s in self.cast.values()))

    async def stock(self, *left: int) -> None:
        """Every screen shows that so many are left of each item."""
        stock = dict(zip(self.air.sale.item_ids, left, strict=True))
        await self.until(lambda: all(screen.state.get("stock") == stock for screen in self.cast.values()))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it."""

        async def asked() -> bool:
            return is_so()

        await eventually_async(asked)

    def told(self) -> dict[str, Any]:
        """What everybody was answered and shown, with names for the ids and without times."""
        told = {name: self._told(name, screen) for name, screen in (self.gone | self.cast).items()}
        text = ID.sub(lambda match: self.names.get(match[0], "an id"), json.dumps(told))
        plain: dict[str, Any] = json.loads(TIME.sub("a time", MADE_UP.sub("a code", text)), object_hook=_without_times)
        return plain

    def _told(self, name: str, screen: Screen) -> dict[str, Any]:
        comments = [comment for comment in screen.comments.values() if not comment["text"].startswith(PROBE)]
        told = {"answers": self.answers.get(name, []), "events": screen.events, "unasked": screen.unasked}
        end = {"scene": screen.scene, "seq": screen.seq, "is_open": screen.is_open}
        return told | end | {"comments": comments, "state": screen.state if name in self.cast else None}


def _without_times(value: dict[str, Any]) -> dict[str, Any]:
    return {key: "other each time" if key in OTHER_EACH_TIME else inner for key, inner in value.items()}


@asynccontextmanager
async def play_at(pond: Pond) -> AsyncIterator[Play]:
    """A broadcast, to which nobody has come yet."""
    air = await on_air(pond, units=[10, 5])
    names = {air.room: "room", air.session_id: "session", air.sale.id: "sale", pond.shop.staff.merchant_id: "merchant"}
    names |= {item_id: f"item {no}" for no, item_id in enumerate(air.sale.item_ids, start=1)}
    async with AsyncExitStack() as stack:
        yield Play(air, pond.log, stack, names)
