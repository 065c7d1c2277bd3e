"""Access tokens for people who try the API by hand."""

from keel.clock import Clock
from keel.ids import Ids
from millpond.settings import Settings
from millpond.wiring import tokens_of

MINUTES_MAX = 1_440


def customer_token(settings: Settings, clock: Clock, *, minutes: int, customer_id: str | None = None) -> str:
    """A token of a customer of the first staff token's merchant: a new customer where none is named."""
    merchant_id = settings.staff_tokens[0].merchant_id
    customer_id = customer_id or Ids(clock).new()
    return tokens_of(settings, clock).sign(customer_id=customer_id, merchant_id=merchant_id, ttl_s=minutes * 60)
