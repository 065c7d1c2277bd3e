"""How often somebody may try to sign in, in one process. Guessing is slow, and hashing leaves room for orders."""

import time
from collections.abc import Callable
from typing import Final

from keel.buckets import TokenBuckets, address_key, spend

EMAIL_BURST: Final = 10
EMAIL_PER_S: Final = 0.1
ADDRESS_BURST: Final = 30
ADDRESS_PER_S: Final = 0.2
VISITORS_BURST: Final = 200  # a carrier hides thousands of viewers behind one address
VISITORS_PER_S: Final = 50.0


class SignInLimits:
    """Buckets by e-mail and by address for staff, and by address for customers. Raises TooManyRequests."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._emails = TokenBuckets(per_s=EMAIL_PER_S, burst=EMAIL_BURST, clock_s=clock_s)
        self._addresses = TokenBuckets(per_s=ADDRESS_PER_S, burst=ADDRESS_BURST, clock_s=clock_s)
        self._visitors = TokenBuckets(per_s=VISITORS_PER_S, burst=VISITORS_BURST, clock_s=clock_s)

    def password(self, address: str) -> None:
        """Count an attempt with a password or an invitation."""
        spend(self._addresses, address_key(address))

    def email(self, email: str) -> None:
        """Count an attempt for this e-mail, after the address: one client does not lock out others' for long."""
        spend(self._emails, email)

    def visitor(self, address: str) -> None:
        """Count a guest, or a customer who signs in."""
        spend(self._visitors, address_key(address))
