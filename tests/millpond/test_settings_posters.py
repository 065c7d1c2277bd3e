"""Settings of posters: secrets that nobody is shown, and nothing that leads elsewhere."""

from typing import Any

import pytest
from pydantic import ValidationError

from millpond.settings import Settings
from millpond.settings_shown import HIDDEN, as_text
from tests.referrals.posters import APP_ID, APP_SECRET

MERCHANT_ID = "01a3185c-5000-7000-8000-000000000001"
APP: dict[str, Any] = {"merchant_id": MERCHANT_ID, "app_id": APP_ID, "secret": APP_SECRET}


def test_an_app_s_secret_is_used_and_shown_to_nobody():
    settings = Settings.model_validate({"wechat_apps": [APP]})
    assert settings.wechat_secrets()[APP_ID].get_secret_value() == APP_SECRET
    assert [app.app_id for app in settings.mini_apps()] == [APP_ID]
    text = as_text(settings)
    assert f"MILLPOND_WECHAT_APPS = {HIDDEN}" in text
    for shown in (text, repr(settings), repr(settings.mini_apps())):
        assert APP_SECRET not in shown


def test_a_child_process_reads_the_same_apps(monkeypatch: pytest.MonkeyPatch):
    settings = Settings.model_validate({"wechat_apps": [APP | {"page": "pages/pond"}]})
    for name, value in settings.as_environment().items():
        if name.startswith("MILLPOND_"):
            monkeypatch.setenv(name, value)
    assert Settings().wechat_apps == settings.wechat_apps


@pytest.mark.parametrize(
    "wrong",
    [
        {"wechat_apps": [APP | {"page": "/pages/pond"}]},
        {"wechat_apps": [APP | {"page": "pages/pond?a=1"}]},
        {"wechat_apps": [APP | {"secret": ""}]},
        {"wechat_apps": [APP | {"version": "beta"}]},
        {"wechat_apps": [APP | {"merchant_id": "hua"}]},
        {"wechat_api_url": "https://api.weixin.qq.com/path"},
        {"wechat_api_url": "https://somebody@api.weixin.qq.com"},
        {"picture_hosts_inside": ["http://pictures.internal"]},
        {"picture_hosts_inside": ["*"]},
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_without_the_secret(wrong: dict[str, Any]):
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(wrong)
    assert APP_SECRET not in str(refused.value)
