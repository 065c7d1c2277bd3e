"""What referrals counts."""

from typing import Final

from prometheus_client import Counter

TOUCHES: Final = Counter("millpond_touches_total", "Visits through shares that were stored, repetitions among them")
TOUCHES_LOST: Final = Counter("millpond_touches_lost_total", "Visits that were not stored, for too many waited")
JUDGED: Final = Counter("millpond_orders_judged", "Orders of which it was decided who is credited", ["outcome"])
