"""What a placement is answered with, as HTTP has it."""

import logging
from typing import Final

from keel.clock import rfc3339
from keel.errors import PROBLEM_MEDIA_TYPE, Internal, Refusal
from orders.attempt import Placed
from orders.model import OrderState, order_number
from orders.schemas import OrderDocument, Receipt, encode

log = logging.getLogger(__name__)

Response = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers but the length, body

JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", PROBLEM_MEDIA_TYPE.encode())
_REPLAYED: Final = (b"idempotency-replayed", b"true")


def response_of(answer: Placed | Refusal) -> Response:
    """The response to a new order, or to a refusal."""
    if isinstance(answer, Placed):
        return 201, [JSON], encode(document_of(answer))
    return response_of_refusal(answer)


def replay_of(order: OrderDocument) -> Response:
    """The response to a key that stands for an order already."""
    return 200, [JSON, _REPLAYED], encode(order)


def response_to_fault(error: Exception) -> Response:
    """A refusal as it is; a fault of ours goes to the log, and the buyer learns nothing of it."""
    if isinstance(error, Refusal):
        return response_of_refusal(error)
    log.error("placement failed", exc_info=error)
    return response_of_refusal(Internal())


def response_of_refusal(refusal: Refusal) -> Response:
    """A problem document."""
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers().items()]
    return refusal.status, [_PROBLEM, *headers], encode(refusal.document())


def document_of(placed: Placed) -> OrderDocument:
    """A new order's document, from what was just committed."""
    attempt, quote = placed.attempt, placed.attempt.quoted
    config = quote.config
    state = OrderState.AWAITING_PAYMENT if quote.total else OrderState.PAID
    return OrderDocument(
        id=attempt.claim_id,
        number=order_number(attempt.claim_id),
        sale_id=config.id,
        state=state.value,
        currency=config.currency,
        total=quote.total,
        lines=quote.lines,
        placed_at=rfc3339(placed.placed_at_ms),
        expires_at=rfc3339(placed.placed_at_ms + config.hold_ttl_s * 1000),
        receipt=Receipt(no=attempt.no, of=config.allocated, served_at=rfc3339(attempt.at_ms)),
    )
