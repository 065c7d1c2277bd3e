"""Access tokens: JWTs (RFC 7519) signed with HS256, checked with the standard library because a JWT library takes
twenty times as long and this stands on the order path."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Container, Mapping
from typing import Final, Literal

import msgspec

from keel.clock import Clock
from keel.errors import NotSignedIn
from keel.ids import is_id
from keel.recent import Recent

TOKEN_BYTES_MAX: Final = 2_048
HEADERS_MAX: Final = 64
LEEWAY_S: Final = 5
CUSTOMER: Final = "customer"
STAFF: Final = "staff"
ACCESS_TTL_S: Final = 600
WAS_MAX: Final = 8  # guests that a token names, so that its size has a limit
NOBODY: Final[frozenset[str]] = frozenset()
_BLOCK_BYTES: Final = 64
_SIGNATURE_CHARS: Final = 43  # 32 bytes in base64 without padding
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")


class Header(msgspec.Struct, frozen=True):
    """The part of a JOSE header that is looked at."""

    alg: Literal["HS256"]
    kid: str
    crit: None = None  # extensions that must be understood (RFC 7515, 4.1.11): we understand none


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token says: `sub` the person, `mid` the merchant; good from `nbf` to `exp`, in seconds since 1970.

    `typ` is customer or staff, and staff have a `role`. `sid` is the sign-in that it came from, by which it is revoked
    before it expires. `was` are the guests whom this customer was before.
    """

    sub: str
    mid: str
    exp: int
    nbf: int = 0
    typ: str = CUSTOMER
    sid: str = ""
    role: str = ""
    was: tuple[str, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Every id under which this customer may have done something."""
        return (self.sub, *self.was)


_header = msgspec.json.Decoder(Header).decode
_claims = msgspec.json.Decoder(Claims).decode
_encode = msgspec.json.Encoder().encode


def _unpadded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decoded(part: bytes) -> bytes:
    return binascii.a2b_base64(part.translate(_FROM_URL) + b"==")


class SigningKey:
    """HMAC-SHA256 (RFC 2104) with the two keyed states made once: a call copies them, at 40 % of hmac.digest's cost."""

    def __init__(self, secret: bytes) -> None:
        block = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK_BYTES else secret).ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def signature(self, signed: bytes) -> bytes:
        """The signature of a token's first two parts, in base64url without padding."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(signed)
        outer.update(inner.digest())
        return binascii.b2a_base64(outer.digest(), newline=False).translate(_TO_URL)[:_SIGNATURE_CHARS]


class Tokens:
    """Signs and checks tokens with keys by key id; the first key signs, all verify.

    `denied` holds the ids of sign-ins and people whose tokens are refused from now on; it may change under our feet.
    """

    def __init__(self, keys: Mapping[str, str], clock: Clock, denied: Container[str] = NOBODY) -> None:
        self._keys = {kid: SigningKey(secret.encode()) for kid, secret in keys.items()}
        self._clock, self._denied = clock, denied
        self._signing_kid = next(iter(self._keys))
        self._key_by_header: Recent[bytes, SigningKey] = Recent(HEADERS_MAX)

    def sign(
        self, *, customer_id: str, merchant_id: str, ttl_s: int, sign_in_id: str = "", was: tuple[str, ...] = ()
    ) -> str:
        """A customer's token that is good for `ttl_s` seconds."""
        until_s = self._now_s() + ttl_s
        return self._signed(Claims(customer_id, merchant_id, until_s, sid=sign_in_id, was=was[:WAS_MAX]))

    def sign_staff(self, *, staff_id: str, merchant_id: str, role: str, sign_in_id: str, ttl_s: int) -> str:
        """A token of a member of staff that is good for `ttl_s` seconds."""
        until_s = self._now_s() + ttl_s
        return self._signed(Claims(staff_id, merchant_id, until_s, typ=STAFF, sid=sign_in_id, role=role))

    def check(self, authorization: bytes, typ: str = CUSTOMER) -> Claims:
        """The claims of a `Bearer …` header of this type. Raises NotSignedIn, which never says what was wrong."""
        try:
            scheme, token = authorization.split(b" ", 1)
            if scheme.lower() != b"bearer" or len(token) > TOKEN_BYTES_MAX:
                raise NotSignedIn
            signed, signature = token.rsplit(b".", 1)
            header, payload = signed.split(b".", 1)
            # Compared as text: decoding would pass over foreign characters, and one token would have many spellings.
            if not hmac.compare_digest(self._key_of(header).signature(signed), signature):
                raise NotSignedIn
            claims = _claims(_decoded(payload))
        except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
            raise NotSignedIn from error
        if claims.typ != typ or not self._good_now(claims) or not (is_id(claims.sub) and is_id(claims.mid)):
            raise NotSignedIn
        if claims.sid in self._denied or claims.sub in self._denied:
            raise NotSignedIn
        return claims

    def _signed(self, claims: Claims) -> str:
        header = _encode({"alg": "HS256", "typ": "JWT", "kid": self._signing_kid})
        signed = _unpadded(header) + b"." + _unpadded(_encode(claims))
        return (signed + b"." + self._keys[self._signing_kid].signature(signed)).decode()

    def _now_s(self) -> int:
        return self._clock.ms() // 1000

    def _good_now(self, claims: Claims) -> bool:
        now_s = self._clock.ms() // 1000
        return claims.nbf - LEEWAY_S <= now_s < claims.exp + LEEWAY_S

    def _key_of(self, header: bytes) -> SigningKey:
        """The key a header names. Headers are few and repeat, so the good ones are remembered."""
        key = self._key_by_header.get(header)
        if key is None:
            key = self._keys.get(_header(_decoded(header)).kid)
            if key is None:
                raise NotSignedIn
            self._key_by_header[header] = key
        return key
