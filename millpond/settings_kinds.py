"""The kinds of value that settings have, and what each of them must be like."""

from ipaddress import ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, SecretStr, StringConstraints

from keel.ids import is_id

SECRET_BYTES_MIN: Final = 32


class SettingsRefused(Exception):
    """The settings do not fit together; the text says what to set."""


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SECRET_BYTES_MIN:
        raise ValueError(f"must have at least {SECRET_BYTES_MIN} bytes")
    return secret


def _canonical_id(text: str) -> str:
    if not is_id(text):
        raise ValueError("must be a UUID in lower case")
    return text


def _named_proxies(text: str) -> str:
    for proxy in filter(None, (part.strip() for part in text.split(","))):
        if ip_network(proxy).prefixlen == 0:  # a ValueError of its own for what is no network, as "*"
            raise ValueError("whoever may write X-Forwarded-For has any address; name your proxies")
    return text


def _with_a_port(url: str) -> str:
    """What stands where the port belongs may be a part of the password, so nothing of it is said."""
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError("its port is no number: is a / or an @ in the password written as %2F or %40?") from None
    return url


Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
MerchantId = Annotated[str, AfterValidator(_canonical_id)]
KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,32}$")]
TrustedProxies = Annotated[str, AfterValidator(_named_proxies)]
DatabaseUrl = Annotated[str, StringConstraints(pattern=r"^postgres(ql)?://"), AfterValidator(_with_a_port)]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
RedisUrl = Annotated[str, StringConstraints(pattern=r"^rediss?://"), AfterValidator(_with_a_port)]


class StaffToken(BaseModel):
    """A fixed bearer token of one merchant's staff."""

    token: Secret
    merchant_id: MerchantId
