"""Access tokens for people who try the API by hand, and for the crowd of a load test."""

from collections.abc import Iterator
from typing import Final

from keel.clock import Clock
from keel.ids import Ids
from millpond.settings import Settings
from millpond.wiring import tokens_of

MINUTES_MAX: Final = 1_440
COUNT_MAX: Final = 100_000


def customer_token(settings: Settings, clock: Clock, *, minutes: int, customer_id: str | None = None) -> str:
    """A token of a customer of the first staff token's merchant: a new customer where none is named."""
    merchant_id = settings.staff_tokens[0].merchant_id
    customer_id = customer_id or Ids(clock).new()
    return tokens_of(settings, clock).sign(customer_id=customer_id, merchant_id=merchant_id, ttl_s=minutes * 60)


def customer_tokens(
    settings: Settings, clock: Clock, *, minutes: int, count: int, merchant_id: str | None = None
) -> Iterator[str]:
    """Tokens of `count` new customers, of the first staff token's merchant where none is named."""
    merchant_id = merchant_id or settings.staff_tokens[0].merchant_id
    ids, tokens = Ids(clock), tokens_of(settings, clock)
    for _ in range(count):
        yield tokens.sign(customer_id=ids.new(), merchant_id=merchant_id, ttl_s=minutes * 60)
