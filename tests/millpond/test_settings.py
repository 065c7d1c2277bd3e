"""The settings: named units, limits on everything, and no secret ever shown."""

import json
import os
import stat

import pytest
from pydantic import SecretStr, ValidationError

from keel.ids import is_id
from millpond.settings import Settings, SettingsRefused, StaffToken
from tests.millpond.commands import run

SECRET = "a secret of thirty-two bytes, or more"
MERCHANT = "0197a3c0-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Nothing of the machine's own settings."""
    for name in os.environ:
        if name.startswith("MILLPOND_") or name in {"DATABASE_URL", "REDIS_URL"}:
            monkeypatch.delenv(name)


def test_urls_have_no_prefix_and_the_rest_has(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/shop")
    monkeypatch.setenv("MILLPOND_API_PORT", "9000")
    settings = Settings()
    assert settings.database_url == "postgresql://somewhere/shop"
    assert settings.redis_url is None
    assert settings.api_port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://somewhere"),
        ("REDIS_URL", "http://somewhere"),
        ("MILLPOND_API_PROCESSES", "0"),
        ("MILLPOND_API_PROCESSES", "65"),
        ("MILLPOND_PLACEMENT_WAITING_MAX", "0"),
        ("MILLPOND_LOG_LEVEL", "loud"),
        ("MILLPOND_RATE_CUSTOMER_PER_S", "0"),
        ("MILLPOND_SEED_MERCHANT_ID", "mine"),
        ("MILLPOND_METRICS_PORT", "0"),
        ("MILLPOND_METRICS_PORT", "65500"),  # the API processes use the ports after it
        ("MILLPOND_TRUSTED_PROXIES", "*"),
        ("MILLPOND_TRUSTED_PROXIES", "10.0.0.1, *"),
        ("MILLPOND_TRUSTED_PROXIES", "0.0.0.0/0"),
        ("MILLPOND_TRUSTED_PROXIES", "::/0"),
        ("MILLPOND_TRUSTED_PROXIES", "10.0.0.7/8"),
    ],
)
def test_a_value_out_of_range_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_proxies_are_addresses_and_networks(monkeypatch):
    monkeypatch.setenv("MILLPOND_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,2001:db8::/32")
    assert Settings().trusted_proxies == "10.0.0.0/8, 192.0.2.7,2001:db8::/32"


def test_a_short_key_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("MILLPOND_TOKEN_KEYS", json.dumps({"k1": "tooshortbutsecret"}))
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "at least 32 bytes" in str(refused.value)
    assert "tooshortbutsecret" not in str(refused.value)


def test_a_printed_setting_shows_no_secret():
    settings = Settings(database_url=f"postgresql://u:{SECRET}@h/d", token_keys={"k1": SecretStr(SECRET)})
    assert SECRET not in repr(settings)


def test_a_child_reads_the_same_settings_from_its_environment(monkeypatch):
    staff = StaffToken(token=SecretStr(SECRET), merchant_id=MERCHANT)
    given = Settings(
        database_url="postgresql://u:p@h/d", token_keys={"k1": SecretStr(SECRET)}, staff_tokens=[staff], log_json=True
    )
    for name, value in given.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == given


def test_secrets_are_made_once_and_for_our_eyes_only(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    first, second = settings.with_secrets(), settings.with_secrets()
    assert first == second
    assert is_id(first.seed_merchant_id)
    assert first.staff_tokens[0].merchant_id == first.seed_merchant_id
    assert stat.S_IMODE((tmp_path / "data" / "secrets.json").stat().st_mode) == 0o600


def test_given_keys_go_before_made_ones(tmp_path):
    settings = Settings(data_dir=tmp_path, token_keys={"mine": SecretStr(SECRET)}).with_secrets()
    assert list(settings.token_keys) == ["mine"]
    assert settings.staff_tokens


def test_a_given_database_needs_given_keys(tmp_path):
    settings = Settings(data_dir=tmp_path, database_url="postgresql://h/d")
    with pytest.raises(SettingsRefused, match="MILLPOND_TOKEN_KEYS"):
        settings.with_secrets()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsRefused, match="file/below"):
        Settings(data_dir=tmp_path / "file" / "below").with_secrets()


@pytest.mark.parametrize(
    ("processes", "api_port", "fits"), [(1, 9000, False), (2, 9003, False), (1, 9003, True), (1, 8999, True)]
)
def test_the_ports_of_metrics_and_api_are_apart(processes, api_port, fits):
    ports = {"metrics_port": 9000, "api_processes": processes, "api_port": api_port}
    if fits:
        assert Settings(**ports).api_port == api_port
    else:
        with pytest.raises(ValidationError, match="MILLPOND_API_PORT"):
            Settings(**ports)


def test_the_gateways_port_is_none_of_the_metrics_either():
    with pytest.raises(ValidationError, match="MILLPOND_GATEWAY_PORT"):
        Settings(metrics_port=9000, gateway_port=9002)


@pytest.mark.parametrize("text", ["", "{bad", "{}", "[1]"])
def test_damaged_secrets_are_named_and_not_shown(tmp_path, text):
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(SettingsRefused, match=r"secrets\.json is damaged") as refused:
        Settings(data_dir=tmp_path).with_secrets()
    assert text not in str(refused.value) or not text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MILLPOND_CORS_ORIGINS", "https://shop.example", "MILLPOND_CORS_ORIGINS: is not JSON"),
        ("MILLPOND_TOKEN_KEYS", '{"first": "hunter11', "MILLPOND_TOKEN_KEYS: is not JSON"),
        ("MILLPOND_TOKEN_KEYS", '{"first": "hunter11"}', "MILLPOND_TOKEN_KEYS.first: Value error, must have at least"),
        ("MILLPOND_API_PORT", "hunter11", "MILLPOND_API_PORT: Input should be a valid integer"),
        ("REDIS_URL", "redis://:hunter11/x@h:6379/0", "REDIS_URL: Value error, its port is no number"),
        ("DATABASE_URL", "postgresql://u:hunter11/x@h:5432/db", "DATABASE_URL: Value error, its port is no number"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name_and_its_value_is_not_said(name, value, said):
    environment = {"PATH": "/bin", name: value}
    for command, code in ((("settings",), 1), (("migrate",), 1), (("audit", "x"), 2), (("staff", "list"), 1)):
        ended = run(*command, environment=environment)
        assert ended.returncode == code
        assert ended.stderr.startswith(said)
        assert "hunter11" not in ended.stdout + ended.stderr
