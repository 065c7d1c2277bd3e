"""Codes of WeChat mini-programs, as its documents have it.

`POST /wxa/getwxacodeunlimit?access_token=` answers an image, or JSON with `errcode` under the same status 200. The
access token is that of `POST /cgi-bin/stable_token`, which gives every process the same one as long as it is good and
a new one from five minutes before its end; so no process takes another one's away. One that is refused (40001, 40014,
42001) is asked for anew, once for each code.

Neither secrets nor tokens are ever part of a log line or an exception: of what goes wrong only its kind is told.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec
from pydantic import SecretStr

from keel.bodies import read_within
from referrals.metrics import MINI_CODES
from referrals.mini_codes import SCENE_CHARS_MAX, CodeRefused, MiniApp, PlatformSilent
from referrals.pictures import trust
from referrals.poster_codes import CODE_BYTES_MAX

log = logging.getLogger(__name__)

HOME: Final = "https://api.weixin.qq.com"
ANSWER_MAX_S: Final = 5.0
WIDTH_PX: Final = 430
TOKEN_EARLY_S: Final = 60.0
RATE_WAIT_S: Final = 60.0  # the limits are per minute
BUSY_WAIT_S: Final = 2.0
_BUSY: Final = {-1}
_RATE: Final = {45009, 45011}
_TOKEN: Final = {40001, 40014, 42001}
_REASONS: Final = {41030: "page", 40013: "app", 40125: "app", 40164: "app", 41002: "app", 41004: "app"}


class Failed(Exception):
    """The platform answered with an error code."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, good until a moment of the process's own clock."""

    text: str
    until_s: float


class WechatCodes:
    """Of one process. `secrets`: by app id. An app whose rate is used up is not asked for until the minute is over."""

    def __init__(
        self,
        secrets: Mapping[str, SecretStr],
        *,
        home: str = HOME,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets, self._home, self._clock_s = secrets, home, clock_s
        self._tokens: dict[str, Token] = {}
        self._resting_until_s: dict[str, float] = {}

    async def make(self, app: MiniApp, page: str, scene: str) -> bytes:
        """See `MiniCodes`."""
        assert len(scene) <= SCENE_CHARS_MAX
        rest_s = self._resting_until_s.get(app.app_id, 0.0) - self._clock_s()
        if rest_s > 0:
            raise PlatformSilent(rest_s)
        try:
            image = await self._made(app, page, scene)
        except Failed as failed:
            raise self._meaning(app, failed.errcode) from None
        except (httpx.HTTPError, msgspec.DecodeError, msgspec.ValidationError) as error:
            log.warning("the platform's codes do not come: %s", type(error).__name__)
            MINI_CODES.labels("silent").inc()
            raise PlatformSilent(BUSY_WAIT_S) from None
        MINI_CODES.labels("made").inc()
        return image

    async def _made(self, app: MiniApp, page: str, scene: str) -> bytes:
        wish = {
            "scene": scene,
            "page": page,
            "check_path": app.version == "release",
            "env_version": app.version,
            "width": WIDTH_PX,
        }
        async with self._client() as client:
            try:
                return await self._asked(client, app, wish)
            except Failed as failed:
                if failed.errcode not in _TOKEN:
                    raise
                self._tokens.pop(app.app_id, None)
                return await self._asked(client, app, wish)

    async def _asked(self, client: httpx.AsyncClient, app: MiniApp, wish: Mapping[str, Any]) -> bytes:
        token = await self._token(client, app.app_id)
        answer = await _posted(client, "/wxa/getwxacodeunlimit", wish, access_token=token)
        if answer.lstrip()[:1] == b"{":
            raise Failed(_decoded(answer).errcode)
        return answer

    async def _token(self, client: httpx.AsyncClient, app_id: str) -> str:
        known = self._tokens.get(app_id)
        if known is not None and known.until_s > self._clock_s():
            return known.text
        secret = self._secrets.get(app_id)
        if secret is None:
            raise Failed(41004)
        wish = {"grant_type": "client_credential", "appid": app_id, "secret": secret.get_secret_value()}
        now_s = self._clock_s()
        reply = _decoded(await _posted(client, "/cgi-bin/stable_token", wish))
        if not reply.access_token:
            raise Failed(reply.errcode)
        self._tokens[app_id] = Token(reply.access_token, now_s + max(reply.expires_in - TOKEN_EARLY_S, 0))
        return reply.access_token

    def _meaning(self, app: MiniApp, errcode: int) -> Exception:
        """What an error code means to whoever asked; noted for the operator."""
        log.warning("the platform makes no code of %s: errcode %d", app.app_id, errcode)
        if errcode in _BUSY:
            MINI_CODES.labels("silent").inc()
            return PlatformSilent(BUSY_WAIT_S)
        if errcode in _RATE:
            MINI_CODES.labels("rate").inc()
            self._resting_until_s[app.app_id] = self._clock_s() + RATE_WAIT_S
            return PlatformSilent(RATE_WAIT_S)
        MINI_CODES.labels("refused").inc()
        return CodeRefused("app" if errcode in _TOKEN else _REASONS.get(errcode, "other"))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._home, verify=trust(), trust_env=False, timeout=ANSWER_MAX_S)


class Reply(msgspec.Struct):
    """What JSON the platform answers: a token, or an error code, which it may leave out of a success."""

    errcode: int = 0
    access_token: str = ""
    expires_in: int = 0


_decoded: Final = msgspec.json.Decoder(Reply).decode


async def _posted(client: httpx.AsyncClient, path: str, wish: Mapping[str, Any], **query: str) -> bytes:
    """The body of the answer, up to a limit. Raises httpx.HTTPError, for another status than 200 too."""
    async with client.stream("POST", path, params=query, json=wish) as answer:
        if answer.status_code != httpx.codes.OK:
            raise httpx.RemoteProtocolError(f"status {answer.status_code}")
        data = await read_within(answer.aiter_bytes(), bytes_max=CODE_BYTES_MAX)
        if data is None:
            raise httpx.RemoteProtocolError("the answer is too long")
        return data
