"""Refresh tokens: opaque, used once, and only their digests are ever stored.

A token is 64 bytes: the id of its sign-in, a part that all tokens of that sign-in share, and a part of its own. The
shared part tells a token that was used before (somebody has a copy) from one that somebody made up.

Each token is made out of the one before it and a random salt. A client whose answer was lost sends the old one again
and is given the very same new one, so a retry is not mistaken for a theft; and neither the table alone (digests and a
salt) nor an old token alone is enough to make the new one.
"""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Final
from uuid import UUID

ID_BYTES: Final = 16
FAMILY_BYTES: Final = 16
SECRET_BYTES: Final = 32
TOKEN_CHARS: Final = 86  # 64 bytes in base64 without padding
TOKEN_PATTERN: Final = rf"^[A-Za-z0-9_-]{{{TOKEN_CHARS}}}$"


@dataclass(frozen=True, slots=True, repr=False)
class RefreshToken:
    """The parts of a token."""

    sign_in_id: str
    family: bytes
    secret: bytes

    def text(self) -> str:
        """As the client keeps it."""
        whole = UUID(self.sign_in_id).bytes + self.family + self.secret
        return base64.urlsafe_b64encode(whole).rstrip(b"=").decode()

    def next(self, salt: bytes) -> "RefreshToken":
        """The token after this one."""
        return RefreshToken(self.sign_in_id, self.family, hmac.digest(self.secret, salt, "sha256"))


def first_token(sign_in_id: str) -> RefreshToken:
    """The token that a sign-in begins with."""
    return RefreshToken(sign_in_id, os.urandom(FAMILY_BYTES), os.urandom(SECRET_BYTES))


def new_salt() -> bytes:
    """What makes a token's successor unforeseeable."""
    return os.urandom(SECRET_BYTES)


def digest(secret: bytes) -> bytes:
    """What is stored. The parts are random, so a plain hash keeps them."""
    return hashlib.sha256(secret).digest()


def read_token(text: str) -> RefreshToken | None:
    """The parts of a token, or None where the text is none."""
    try:
        whole = base64.b64decode(text.encode("ascii") + b"==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(whole) != ID_BYTES + FAMILY_BYTES + SECRET_BYTES:
        return None
    secret_at = ID_BYTES + FAMILY_BYTES
    return RefreshToken(str(UUID(bytes=whole[:ID_BYTES])), whole[ID_BYTES:secret_at], whole[secret_at:])


def new_invitation() -> str:
    """The secret of an invitation, as it is handed over."""
    return base64.urlsafe_b64encode(os.urandom(SECRET_BYTES)).rstrip(b"=").decode()
