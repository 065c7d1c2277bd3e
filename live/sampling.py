"""A readable sample of what is said: under a flood nobody could read everything, so everybody gets a turn. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import msgspec

from keel.recent import Recent

SHOWN_PER_TICK_MAX: Final = 8  # what can be read in a fifth of a second's share of a screen
WAITING_MAX: Final = 128  # plenty to choose from, and chosen from in no time
PER_AUTHOR_MAX: Final = 8
AUTHORS_MAX: Final = 10_000
COMMENTS: Final = "comments"  # of the state lane: what is new, not a value

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that viewers may read. `at_ms`: since 1970; `first`: of somebody who moderates."""

    id: str
    author_id: str
    author_name: str | None
    text: str
    at_ms: int
    first: bool = False

    def body(self) -> dict[str, Any]:
        """As the screens are told, and the gateways on the way: `first` is said only where it is so."""
        body = {
            "id": self.id,
            "author_id": self.author_id,
            "author": self.author_name,
            "text": self.text,
            "at_ms": self.at_ms,
        }
        return body | {"first": True} if self.first else body


class Sampler:
    """What waits for the next tick of one place. Who had no turn for longest is shown first; moderators always are."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Comment]] = {}
        self._count = 0
        self._turns: Recent[str, int] = Recent(AUTHORS_MAX)  # author -> when he was shown last
        self._turn = 0

    def __len__(self) -> int:
        """Comments that wait."""
        return self._count

    def offer(self, comment: Comment) -> bool:
        """Put a comment up for the next tick. False where it is passed over already: many wait, and some of his."""
        mine = self._waiting.get(comment.author_id, [])
        crowded = self._count >= WAITING_MAX and not comment.first
        if len(mine) >= PER_AUTHOR_MAX or (crowded and (mine or self._count >= 2 * WAITING_MAX)):
            return False
        self._waiting.setdefault(comment.author_id, []).append(comment)
        self._count += 1
        return True

    def take(self, shown_max: int = SHOWN_PER_TICK_MAX) -> list[Comment]:
        """The sample of this tick, in the order in which it was said; the rest is only on record."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        chosen = self._choose(waiting, shown_max)
        self._turn += 1
        for comment in chosen:
            self._turns[comment.author_id] = self._turn
        return sorted(chosen, key=lambda comment: (comment.at_ms, comment.id))

    def _choose(self, waiting: dict[str, list[Comment]], shown_max: int) -> list[Comment]:
        first = [comment for mine in waiting.values() for comment in mine if comment.first]
        others = [[comment for comment in mine if not comment.first] for mine in waiting.values()]
        by_turn = sorted((mine for mine in others if mine), key=lambda mine: self._turns.get(mine[0].author_id, 0))
        return list(islice(chain(first, rounds(by_turn)), shown_max))


def body_of(comments: Sequence[Comment]) -> bytes:
    """Comments as the state lane carries them. Those of several tellers add up: each is to be shown once."""
    return _encode({"comments": [comment.body() for comment in comments]})


def rounds(queues: Sequence[Sequence[Comment]]) -> Iterator[Comment]:
    """One of each queue, then a second one of each that has more, and so on."""
    longest = max((len(queue) for queue in queues), default=0)
    return (queue[turn] for turn in range(longest) for queue in queues if turn < len(queue))
