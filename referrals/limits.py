"""How often somebody may share, come through links, and guess codes; in one process."""

import time
from collections.abc import Callable
from typing import Final

from keel.buckets import TokenBuckets, address_key, spend, too_many

PERSON_PER_S: Final = 2.0
PERSON_BURST: Final = 40
# A link that was cut off when it was passed on is opened by many who share one address; whoever guesses gets no
# further: at one a second, among a million shares, he would hit one in a hundred years.
MISSES_PER_S: Final = 1.0
MISSES_BURST: Final = 100
POSTERS_PER_S: Final = 0.5
POSTERS_BURST: Final = 20


class ShareLimits:
    """Buckets by person for what a person does, and by address for codes that nobody gave out. Raise
    TooManyRequests."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._people = TokenBuckets(per_s=PERSON_PER_S, burst=PERSON_BURST, clock_s=clock_s)
        self._misses = TokenBuckets(per_s=MISSES_PER_S, burst=MISSES_BURST, clock_s=clock_s)

    def person(self, person_id: str) -> None:
        """Count what a customer does with shares."""
        spend(self._people, person_id)

    def may_look_up(self, address: str) -> None:
        """Whether this address may ask for any code: good ones too are kept from whoever guessed too often."""
        wait_s = self._misses.wait_s(address_key(address))
        if wait_s:
            raise too_many(wait_s)

    def missed(self, address: str) -> None:
        """Count a code that there is not."""
        self._misses.take(address_key(address))


class PosterLimits:
    """Buckets by person for posters, which are dear to draw. Raise TooManyRequests."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._people = TokenBuckets(per_s=POSTERS_PER_S, burst=POSTERS_BURST, clock_s=clock_s)

    def person(self, person_id: str) -> None:
        """Count a poster that somebody asks for."""
        spend(self._people, person_id)
