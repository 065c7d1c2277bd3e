"""What the settings say of posters is what the API works with."""

import pytest
from fastapi import FastAPI

from millpond.poster_desk import add_posters
from millpond.settings import Settings
from millpond.wiring import parts_of
from referrals.errors import CodeNotMade
from tests.referrals.posters import APP_ID, APP_SECRET

MERCHANT_ID = "01a3185c-5000-7000-8000-000000000001"


async def test_each_merchant_has_his_own_mini_program(database_url: str, redis_url: str):
    app: dict[str, str] = {"merchant_id": MERCHANT_ID, "app_id": APP_ID, "secret": APP_SECRET, "version": "trial"}
    settings = Settings.model_validate({"wechat_apps": [app]})
    api = FastAPI()
    async with parts_of(database_url, redis_url, connections=1) as parts:
        add_posters(api, parts, settings)
    codes = api.state.posters.codes
    assert codes.app_of(MERCHANT_ID).page_for("room") == "pages/room/index"
    assert codes.app_of(MERCHANT_ID).version == "trial"
    with pytest.raises(CodeNotMade):
        codes.app_of("01a3185c-5000-7000-8000-000000000002")
