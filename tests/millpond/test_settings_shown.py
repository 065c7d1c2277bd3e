"""`millpond settings`: every setting with its meaning, no secret, and a page of the docs that is the same."""

import pytest
from pydantic import SecretStr

from millpond.settings import Settings, StaffToken
from millpond.settings_shown import HIDDEN, as_markdown, as_text, shown
from tests.house.tree import ROOT
from tests.millpond.commands import run

SECRET = "a secret of thirty-two bytes, or more"
MERCHANT = "0197a3c0-0000-7000-8000-000000000001"
FULL = Settings(
    database_url=f"postgresql://u:{SECRET}@h/d",
    redis_url=f"redis://:{SECRET}@h",
    token_keys={"k1": SecretStr(SECRET)},
    staff_tokens=[StaffToken(token=SecretStr(SECRET), merchant_id=MERCHANT)],
    api_port=8001,
)


def test_the_page_of_the_docs_is_what_the_command_prints():
    assert (ROOT / "docs/settings.md").read_text() == as_markdown(), "millpond settings --markdown > docs/settings.md"


def test_every_setting_says_what_it_is():
    every = list(shown(FULL))
    assert len(every) == len(Settings.model_fields)
    assert [one.name for one in every if not one.meaning or not one.kind] == []
    assert len({one.name for one in every}) == len(every)


def test_no_secret_is_shown():
    assert SECRET not in as_text(FULL)
    hidden = {one.name for one in shown(FULL) if one.value == HIDDEN}
    assert hidden == {"DATABASE_URL", "REDIS_URL", "MILLPOND_TOKEN_KEYS", "MILLPOND_STAFF_TOKENS"}


@pytest.mark.parametrize(
    ("name", "kind", "default", "value"),
    [
        ("MILLPOND_API_PORT", "integer, from 0 to 65,535", "8000", "8001"),
        ("MILLPOND_RATE_CUSTOMER_PER_S", "number, above 0 to 1,000,000", "5", "5.0"),
        ("MILLPOND_LOG_LEVEL", "debug | info | warning | error", "info", "info"),
        ("MILLPOND_LOG_JSON", "true or false", "false", "false"),
        ("MILLPOND_METRICS_PORT", "integer, from 1 to 65,407", "–", "–"),
        ("MILLPOND_DATA_DIR", "path", ".millpond", ".millpond"),
        ("DATABASE_URL", "text", "–", HIDDEN),
        ("MILLPOND_TOKEN_KEYS", "JSON mapping", "–", HIDDEN),
    ],
)
def test_kinds_and_limits_are_said(name, kind, default, value):
    (one,) = [one for one in shown(FULL) if one.name == name]
    assert (one.kind, one.default, one.value) == (kind, default, value)


def test_the_command_tells_what_was_changed(monkeypatch):
    monkeypatch.setenv("MILLPOND_RATE_ADDRESS_BURST", "77")
    printed = run("settings").stdout
    assert "MILLPOND_RATE_ADDRESS_BURST = 77  (default 400)" in printed
    assert "MILLPOND_LOG_JSON = false  (default)" in printed
