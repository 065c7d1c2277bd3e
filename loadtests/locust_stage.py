"""Where a load test happens, as every generator knows it: the rehearsal, its sale, and who may come."""

import random
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from locust.exception import StopUser

from loadtests.locust_seats import Door


@dataclass(frozen=True, slots=True)
class Wish:
    """One order of one unit, and the key that makes every try of it the same order."""

    key: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """A rehearsal session that is on air, and an open sale of unreal stock on its shelf. `price` in minor units."""

    socket_url: str
    session_id: str
    sale_id: str
    item_ids: tuple[str, ...]
    price: int
    invitation: str

    @property
    def door(self) -> Door:
        """Where viewers come in."""
        return Door(self.socket_url, self.session_id, self.invitation)

    def wish(self) -> Wish:
        """What the next buyer wants."""
        lines = [{"item_id": random.choice(self.item_ids), "quantity": 1}]
        return Wish(uuid.uuid4().hex, {"lines": lines, "expected_total": self.price})


@dataclass
class Standing:
    """What this process was told of the test that runs; between tests there is no stage."""

    tokens: deque[str] = field(default_factory=deque)
    _stage: Stage | None = None

    def begin(self, stage: Stage, tokens: Iterable[str]) -> None:
        """From here on users find the stage; each customer's token is given out once."""
        self._stage, self.tokens = stage, deque(tokens)

    def end(self) -> None:
        """The test is over."""
        self._stage = None

    @property
    def stage(self) -> Stage:
        """Raises StopUser where there is none: a generator that came late, or a stage that could not be made."""
        if self._stage is None:
            raise StopUser
        return self._stage

    def next_token(self) -> str | None:
        """Another customer's; None where all are given out."""
        return self.tokens.popleft() if self.tokens else None

    def message(self, tokens: Iterable[str]) -> dict[str, Any]:
        """What a generator elsewhere is told, with its share of the customers."""
        return {"stage": asdict(self.stage), "tokens": list(tokens)}

    def hear(self, message: dict[str, Any]) -> None:
        """The other end of `message`."""
        told = message["stage"]
        self.begin(Stage(**{**told, "item_ids": tuple(told["item_ids"])}), message["tokens"])


standing = Standing()
