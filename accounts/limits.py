"""How often somebody may try to sign in, in one process. Guessing is slow, and hashing leaves room for orders."""

import time
from collections.abc import Callable
from typing import Final

from keel.buckets import TokenBuckets, address_key, spend

EMAIL_BURST: Final = 10  # for one e-mail from one address
EMAIL_PER_S: Final = 1 / 30
# From everywhere together, much wider: one address, or five, cannot keep a person out who comes from another one.
EVERYWHERE_BURST: Final = 60
EVERYWHERE_PER_S: Final = 0.2
ADDRESS_BURST: Final = 30
ADDRESS_PER_S: Final = 0.2
VISITORS_BURST: Final = 200  # a carrier hides thousands of viewers behind one address
VISITORS_PER_S: Final = 50.0


class SignInLimits:
    """Buckets by address, by both and by e-mail for staff, and by address for customers. Raise TooManyRequests."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._emails = TokenBuckets(per_s=EMAIL_PER_S, burst=EMAIL_BURST, clock_s=clock_s)
        self._everywhere = TokenBuckets(per_s=EVERYWHERE_PER_S, burst=EVERYWHERE_BURST, clock_s=clock_s)
        self._addresses = TokenBuckets(per_s=ADDRESS_PER_S, burst=ADDRESS_BURST, clock_s=clock_s)
        self._visitors = TokenBuckets(per_s=VISITORS_PER_S, burst=VISITORS_BURST, clock_s=clock_s)

    def password(self, address: str) -> None:
        """Count an attempt with a password or an invitation."""
        spend(self._addresses, address_key(address))

    def email(self, email: str, address: str) -> None:
        """Count an attempt for this e-mail, after the address. One that is refused here takes nothing from others."""
        spend(self._emails, (email, address_key(address)))
        spend(self._everywhere, email)

    def visitor(self, address: str) -> None:
        """Count a guest, or a customer who signs in."""
        spend(self._visitors, address_key(address))
