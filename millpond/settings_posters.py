"""The settings of posters: whose mini-programs codes are made for, and where pictures may come from."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from millpond.settings_kinds import MerchantId
from millpond.settings_sharing import SharingSettings
from referrals.mini_codes import MiniApp

Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]{1,5})?$", max_length=260)]
Page = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_/{}.-]*$", max_length=200)]
AppId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$")]
AppSecret = Annotated[SecretStr, Field(min_length=1, max_length=200)]
PlatformUrl = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:-]+$", max_length=200)]


class WechatApp(BaseModel):
    """A merchant's mini-program on WeChat."""

    model_config = ConfigDict(extra="forbid")

    merchant_id: MerchantId
    app_id: AppId
    secret: AppSecret
    page: Page = "pages/{kind}/index"
    version: Literal["release", "trial", "develop"] = "release"


class PosterSettings(SharingSettings):
    """A part of millpond.settings.Settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    wechat_apps: list[WechatApp] = Field(default_factory=list, max_length=1_000)
    """Merchants' mini-programs on WeChat, as `[{"merchant_id": "…", "app_id": "wx…", "secret": "…"}]`, whose codes
    posters can carry. `page` is what a code opens, `pages/{kind}/index` where it is left out; `version` release, trial
    or develop."""

    wechat_api_url: PlatformUrl = "https://api.weixin.qq.com"
    """Where WeChat is asked: one of its addresses in the regions, or a relay of your own."""

    picture_hosts_inside: list[Host] = Field(default_factory=list, max_length=100)
    """Hosts of your own network, as `pictures.internal` or `10.0.0.7:8080`, from which pictures for posters may be
    fetched, over http too. All others have to be https on port 443 and in the public internet."""

    def mini_apps(self) -> list[MiniApp]:
        """The mini-programs, without their secrets."""
        return [MiniApp(app.merchant_id, app.app_id, app.page, app.version) for app in self.wechat_apps]

    def wechat_secrets(self) -> dict[str, SecretStr]:
        """The secrets of those apps by their id."""
        return {app.app_id: app.secret for app in self.wechat_apps}
