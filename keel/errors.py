"""Refusals: typed, few, their fields are data. HTTP and the socket send the same RFC 9457 document.

    @dataclass(eq=False)
    class SoldOut(Refusal):
        item_id: str
        left: int
        status: ClassVar = 409
        title: ClassVar = "Not enough stock left"

becomes {"type": "urn:millpond:problem:sold-out", "title": …, "status": 409, "item_id": …, "left": …}.
"""

import re
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Final

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:millpond:problem:"


@dataclass(eq=False)
class Refusal(Exception):
    """Base of everything that is said no to. A subclass's name is its problem type; its fields are members."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "The request was refused"

    @classmethod
    @cache
    def slug(cls) -> str:
        """The class name in kebab case: SoldOut -> sold-out."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def type_uri(cls) -> str:
        """The stable identifier of this kind of problem."""
        return TYPE_PREFIX + cls.slug()

    @classmethod
    @cache
    def members(cls) -> tuple[str, ...]:
        """The names of its fields."""
        return tuple(field.name for field in fields(cls))

    def document(self) -> dict[str, Any]:
        """The RFC 9457 problem document; fields that are None are left out."""
        document: dict[str, Any] = {"type": self.type_uri(), "title": self.title, "status": self.status}
        for name in self.members():
            value = getattr(self, name)
            if value is not None:
                document[name] = value
        return document

    def headers(self) -> dict[str, str]:
        """HTTP headers that go with it: Retry-After where the refusal names a wait."""
        wait_s = getattr(self, "retry_after_s", None)
        return {} if wait_s is None else {"Retry-After": str(max(1, -int(-wait_s // 1)))}

    def __str__(self) -> str:
        return f"{self.slug()}: {self.title}"


@dataclass(eq=False)
class Malformed(Refusal):
    """The request could not be read: wrong JSON, wrong type, out of range. `detail` says where."""

    detail: str
    status: ClassVar = 400
    title: ClassVar = "The request could not be understood"


@dataclass(eq=False)
class TooLarge(Refusal):
    """The body is larger than this route takes."""

    bytes_max: int
    status: ClassVar = 413
    title: ClassVar = "The request is too large"


@dataclass(eq=False)
class TooSlow(Refusal):
    """The request was not whole in time, and the connection ends. Nothing of it was done."""

    status: ClassVar = 408
    title: ClassVar = "The request did not arrive in time"


@dataclass(eq=False)
class WrongMediaType(Refusal):
    """The body is not said to be what this route reads."""

    wanted: str = "application/json"
    status: ClassVar = 415
    title: ClassVar = "Send the media type that this route reads"


@dataclass(eq=False)
class WrongEncoding(Refusal):
    """A text that is not UTF-8. `looks_like` is what it seems to be instead; `line` is where it shows first."""

    detail: str
    line: int | None = None
    looks_like: str | None = None
    status: ClassVar = 400
    title: ClassVar = "The text is not UTF-8: save it as “CSV UTF-8” and send it again"


@dataclass(eq=False)
class IdempotencyKeyMissing(Refusal):
    """What must not happen twice needs an Idempotency-Key: 1 to 128 printable ASCII characters."""

    status: ClassVar = 400
    title: ClassVar = "Send an Idempotency-Key header of 1 to 128 printable ASCII characters"


@dataclass(eq=False)
class IdempotencyKeyReused(Refusal):
    """The key stands for another body."""

    status: ClassVar = 422
    title: ClassVar = "This Idempotency-Key was used with another body"


@dataclass(eq=False)
class NotSignedIn(Refusal):
    """No token, or one that is forged, foreign or expired. Which of these is not said."""

    status: ClassVar = 401
    title: ClassVar = "A valid access token is needed"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


@dataclass(eq=False)
class Forbidden(Refusal):
    """Known, but this is not for people with that role."""

    role: str
    status: ClassVar = 403
    title: ClassVar = "Your role does not allow this"


@dataclass(eq=False)
class NotFound(Refusal):
    """There is no such thing, or it belongs to somebody else: the two look alike from outside."""

    what: str
    status: ClassVar = 404
    title: ClassVar = "Not found"


@dataclass(eq=False)
class MethodNotAllowed(Refusal):
    """The path is known, but not with this method. `allow` names those that it takes, separated by commas."""

    allow: str
    status: ClassVar = 405
    title: ClassVar = "This path does not take that method"

    def headers(self) -> dict[str, str]:
        return {"Allow": self.allow}


@dataclass(eq=False)
class Conflict(Refusal):
    """The thing is not in a state, or at a version, in which this can be done. `detail` says which."""

    detail: str
    status: ClassVar = 409
    title: ClassVar = "The current state does not allow this"


@dataclass(eq=False)
class TooManyRequests(Refusal):
    """A rate limit was reached."""

    retry_after_s: float
    status: ClassVar = 429
    title: ClassVar = "Too many requests"


@dataclass(eq=False)
class Unavailable(Refusal):
    """Something behind this server does not answer. A write may or may not have happened: retry with the same key."""

    retry_after_s: float = 1.0
    detail: str | None = None
    status: ClassVar = 503
    title: ClassVar = "Not available right now, try again"


@dataclass(eq=False)
class Internal(Refusal):
    """A fault of ours. The log has more than the client is told."""

    status: ClassVar = 500
    title: ClassVar = "Something went wrong on our side"
