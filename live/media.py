"""Where the picture goes and where it is watched: URLs from templates, signed as the content network wants it.

    Tencent   ?txSecret=md5(key + stream + txTime)&txTime=<expiry, hexadecimal>
    Aliyun    ?auth_key=<expiry>-0-0-md5("<path>-<expiry>-0-0-<key>")   (type A)

Both sign with MD5 because the networks do; nothing of ours rests on it. A play URL's expiry moves in steps, so that all
who ask within one step get the same URL, and a cache in front sees one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from live.push_keys import PARAMETER, PushKeys

STREAM: Final = "{stream}"
PLAY_TTL_S: Final = 7_200


class Signing(StrEnum):
    """How URLs are signed. Millpond: with a push key of ours, which our hooks check; for pushing alone."""

    NONE = "none"
    MILLPOND = "millpond"
    TENCENT = "tencent"
    ALIYUN = "aliyun"


@dataclass(frozen=True, slots=True)
class Template:
    """A URL with `{stream}` in it, and how it is signed. `key` is the content network's."""

    url: str
    signing: Signing = Signing.NONE
    key: str = field(default="", repr=False)

    def signed(self, stream: str, expires_s: int) -> str:
        """The URL of a stream, good until `expires_s` (seconds since 1970) where it is signed."""
        url = self.url.replace(STREAM, stream)
        match self.signing:
            case Signing.TENCENT:
                return _with(url, tencent(self.key, stream, expires_s))
            case Signing.ALIYUN:
                return _with(url, aliyun(self.key, urlsplit(url).path, expires_s))
            case _:
                return url


@dataclass(frozen=True, slots=True)
class PushTarget:
    """What an encoder is told: OBS wants `server` and `stream_key`, others the whole `url`."""

    url: str
    server: str
    stream_key: str


@dataclass(frozen=True, slots=True)
class Media:
    """The URLs of a deployment. `play` by protocol."""

    push: Template
    play: Mapping[str, Template]
    play_ttl_s: int = PLAY_TTL_S

    def push_target(self, keys: PushKeys, *, place: str, key_no: int, expires_s: int) -> PushTarget:
        """Where an encoder pushes to, until `expires_s`."""
        url = self.push.signed(place, expires_s)
        if self.push.signing is Signing.MILLPOND:
            url = _with(url, f"{PARAMETER}={keys.sign(place=place, key_no=key_no, expires_s=expires_s)}")
        path, _, query = url.partition("?")
        server, _, stream = path.rpartition("/")
        return PushTarget(url, server, f"{stream}?{query}" if query else stream)

    def play_urls(self, place: str, now_s: int) -> dict[str, str]:
        """Where a place is watched, by protocol: good for at least half of `play_ttl_s` from now."""
        step_s = self.play_ttl_s // 2
        expires_s = (now_s // step_s + 2) * step_s
        return {protocol: template.signed(place, expires_s) for protocol, template in self.play.items()}


def tencent(key: str, stream: str, expires_s: int) -> str:
    """The query of a URL that Tencent's network takes until `expires_s`."""
    tx_time = f"{expires_s:X}"
    return f"txSecret={_md5(f'{key}{stream}{tx_time}')}&txTime={tx_time}"


def aliyun(key: str, path: str, expires_s: int) -> str:
    """The query of a URL that Aliyun's network takes from now until its own validity after `expires_s`."""
    return f"auth_key={expires_s}-0-0-{_md5(f'{path}-{expires_s}-0-0-{key}')}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _with(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"
