"""Identity providers: who vouches that somebody is who they say.

The port is the code exchange that the platforms of mini-programs have in common: the client asks its platform for a
code that is good once and for minutes, and the server exchanges it, with the app's secret, for the person's id.

- WeChat `jscode2session`: subject = openid, which differs by app; union_id = unionid, where the app is bound to an open
  platform account. `errcode` 40029 (invalid), 40226 (blocked) are CodeRefused; -1 (busy), 45011 (quota) ProviderSilent.
  A success may leave `errcode` out. The session_key stays with the adapter; clients never see it.
- Alipay `alipay.system.oauth.token`: subject = open_id, or user_id of older apps.
- Douyin `v2/jscode2session`: `code`, or `anonymous_code` of somebody who is not signed in there (`anonymous`).

An adapter keeps the secrets of its apps by app id; nothing of them is stored here.
"""

import re
from dataclasses import dataclass
from typing import Final, Protocol

DEMO: Final = "demo"
DEMO_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class CodeRefused(Exception):
    """The provider does not know the code, or not any more, or blocks the person."""


class ProviderSilent(Exception):
    """The provider does not answer, or asks to come back later."""


@dataclass(frozen=True, slots=True)
class Code:
    """What the client got from its platform for one sign-in."""

    text: str
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """Who it is, by the provider's word: `subject` in this app, `union_id` over all apps of one developer."""

    subject: str
    union_id: str | None = None


class Provider(Protocol):
    """Exchanges codes. Gives up within a few seconds."""

    async def exchange(self, app_id: str, code: Code) -> Known:
        """Who the code of this app stands for. Raises CodeRefused and ProviderSilent."""
        ...


class DemoProvider:
    """Believes whatever name it is told: to try things out, never for a shop.

    The code `hua` is hua; `hua+pond` is hua, whom the provider also knows by the union id `pond`.
    """

    async def exchange(self, app_id: str, code: Code) -> Known:
        subject, _, union_id = code.text.partition("+")
        if not DEMO_NAME.fullmatch(subject) or (union_id and not DEMO_NAME.fullmatch(union_id)):
            raise CodeRefused
        return Known(subject, union_id or None)
