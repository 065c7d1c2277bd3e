"""Access tokens for people who try the API by hand."""

from accounts.tokens import Tokens
from keel.clock import Clock
from keel.ids import Ids
from millpond.settings import Settings

MINUTES_MAX = 1_440


def customer_token(settings: Settings, clock: Clock, *, minutes: int, customer_id: str | None = None) -> str:
    """A token of a customer of the first staff token's merchant: a new customer where none is named."""
    tokens = Tokens({kid: key.get_secret_value() for kid, key in settings.token_keys.items()}, clock)
    merchant_id = settings.staff_tokens[0].merchant_id
    return tokens.sign(customer_id=customer_id or Ids(clock).new(), merchant_id=merchant_id, ttl_s=minutes * 60)
