"""Codes of mini-programs: the port to the platforms that make them.

A platform is asked once for a share and an app; `referrals.code_shelf` keeps what it gave.

- WeChat `getwxacodeunlimit`: see `referrals.wechat_codes`.
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

WECHAT: Final = "wechat"
SCENE_CHARS_MAX: Final = 32
KIND: Final = "{kind}"


class CodeRefused(Exception):
    """The platform makes no such code, and will not if asked again; `reason` is one of CodeNotMade's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PlatformSilent(Exception):
    """The platform does not answer, or asks to come back after a while."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class MiniApp:
    """A merchant's mini-program. `page` is what its codes open, without a query; `{kind}` is what is shared."""

    merchant_id: str
    app_id: str
    page: str
    version: Literal["release", "trial", "develop"] = "release"

    def page_for(self, kind: str) -> str:
        """The page for a room, a session, a product or a campaign."""
        return self.page.replace(KIND, kind)


class MiniCodes(Protocol):
    """Makes codes. Gives up within a few seconds."""

    async def make(self, app: MiniApp, page: str, scene: str) -> bytes:
        """An image of the code that opens a page of an app with a scene. Raises CodeRefused and PlatformSilent."""
        ...
