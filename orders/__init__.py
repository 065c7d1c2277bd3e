"""Orders: placement, the order's state machine, expiry and cancellation."""
