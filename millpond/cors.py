"""Which pages of other origins may call the API from a browser: those of the settings, on every route alike."""

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware

from orders.place_route import App

PREFLIGHT_GOOD_S: Final = 600
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
SENT: Final = ("Authorization", "Content-Type", "Idempotency-Key", "X-Envelope", "X-Request-Id")
SHOWN: Final = ("Idempotency-Replayed", "Retry-After", "X-Poster-Left-Out", "X-Request-Id")


def with_origins(app: App, origins: Sequence[str]) -> App:
    """The application, open to these origins. Without any it is left as it is, and costs nothing.

    No cookies are involved, only tokens that a page sends by itself, so credentials are not allowed.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=SENT,
        expose_headers=SHOWN,
        max_age=PREFLIGHT_GOOD_S,
    )
