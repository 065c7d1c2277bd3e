"""Everything that can be set, read from the environment here and nowhere else.

Names carry the prefix MILLPOND_, but for DATABASE_URL and REDIS_URL. Lists and mappings are written as JSON:

    MILLPOND_TOKEN_KEYS='{"2027-01": "at least 32 bytes of secret"}'
    MILLPOND_STAFF_TOKENS='[{"token": "at least 32 bytes of secret", "merchant_id": "0197…"}]'

Without a DATABASE_URL, keys and a staff token that are not given are made once and kept in `<data_dir>/secrets.json`.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from keel.clock import FollowingClock
from keel.ids import Ids
from millpond.private_files import read_or_make
from millpond.settings_gateway import GatewaySettings
from millpond.settings_kinds import (
    SECRET_BYTES_MIN,
    DatabaseUrl,
    KeyId,
    MerchantId,
    Origin,
    RedisUrl,
    Secret,
    SettingsRefused,
    StaffToken,
    TrustedProxies,
)
from millpond.settings_media import MediaSettings
from millpond.settings_posters import PosterSettings

__all__ = ["PREFIX", "PROCESSES_MAX", "Settings", "SettingsRefused", "StaffToken", "environment_name", "new_secrets"]

PREFIX: Final = "MILLPOND_"
PROCESSES_MAX: Final = 64


class Settings(GatewaySettings, MediaSettings, PosterSettings, BaseSettings):
    """The settings of one process. A wrong value raises ValidationError, which never shows the value."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        frozen=True,
    )

    database_url: DatabaseUrl | None = Field(default=None, validation_alias="DATABASE_URL", repr=False)
    """PostgreSQL 15 or later, `postgresql://…`; without it an embedded one runs in the data folder."""

    redis_url: RedisUrl | None = Field(default=None, validation_alias="REDIS_URL", repr=False)
    """Redis 7 or Valkey 8 and later, `redis://…`; without it an embedded one runs in the data folder."""

    data_dir: Path = Path(".millpond")
    """Data, ports and passwords of the embedded engines, and the secrets made for them."""

    embedded_postgres_buffers_mb: int = Field(default=256, ge=16, le=65_536)
    """Shared buffers of the embedded PostgreSQL."""

    embedded_valkey_memory_mb: int = Field(default=512, ge=16, le=1_048_576)
    """Memory at which the embedded Valkey refuses writes; it never evicts."""

    api_host: str = "127.0.0.1"
    """Address the API listens on."""

    api_port: int = Field(default=8000, ge=0, le=65_535)
    """Port the API listens on; 0 takes any free one."""

    api_processes: int = Field(default=1, ge=1, le=PROCESSES_MAX)
    """API processes that `millpond up` runs on one listening socket."""

    gateway_host: str = "127.0.0.1"
    """Address the gateway listens on, for sockets of viewers."""

    gateway_port: int = Field(default=8001, ge=0, le=65_535)
    """Port the gateway listens on; 0 takes any free one."""

    gateway_processes: int = Field(default=1, ge=1, le=PROCESSES_MAX)
    """Gateway processes that `millpond up` runs on one listening socket."""

    token_keys: dict[KeyId, Secret] = Field(default_factory=dict)
    """Keys of the HS256 access tokens by key id, each of at least 32 bytes. The first one signs, all verify."""

    staff_tokens: list[StaffToken] = Field(default_factory=list, max_length=1_000)
    """Fixed bearer tokens of merchants' staff."""

    seed_merchant_id: MerchantId | None = None
    """A merchant to create at start-up if it does not exist."""

    demo_sign_in: bool | None = None
    """Whether customers may sign in by just giving a name, through apps of the provider `demo`: to try things out.
    Left out, it is on with an embedded database and off with a DATABASE_URL."""

    rate_customer_per_s: float = Field(default=5, gt=0, le=1_000_000)
    """Orders a customer may try to place per second at one process, and…"""

    rate_customer_burst: int = Field(default=20, ge=1, le=1_000_000)
    """…how many at once."""

    rate_address_per_s: float = Field(default=200, gt=0, le=1_000_000)
    """Requests of any kind that an IP address may make per second at one process (a carrier hides thousands of
    customers behind one; of IPv6, a /64 network counts as one address), and…"""

    rate_address_burst: int = Field(default=400, ge=1, le=1_000_000)
    """…how many at once."""

    placement_waiting_max: int = Field(default=4_096, ge=1, le=1_000_000)
    """Orders that may wait in one process for their batch; more are answered 503."""

    placement_connections: int = Field(default=4, ge=1, le=64)
    """Connections to PostgreSQL that one process uses for placing orders."""

    trusted_proxies: TrustedProxies = ""
    """Addresses and networks, separated by commas, whose X-Forwarded-For is believed; everybody cannot be trusted."""

    cors_origins: list[Origin] = Field(default_factory=list, max_length=100)
    """Origins, as `https://shop.example`, whose pages may call the API and open sockets from a browser; none where it
    is left out. Pages of the gateway's own host may always open sockets."""

    metrics_port: int | None = Field(default=None, ge=1, le=65_535 - 2 * PROCESSES_MAX)
    """Port of 127.0.0.1 at which one process shows Prometheus its metrics; without it there are none to see.
    `millpond up` gives it to the worker, and the ports after it to the API processes and then to the gateways."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is logged."""

    log_json: bool = False
    """Log lines as JSON objects instead of text."""

    @model_validator(mode="after")
    def _ports_apart(self) -> Self:
        first, count = self.metrics_port, self.api_processes + self.gateway_processes
        for name, port in (("API", self.api_port), ("GATEWAY", self.gateway_port)):
            if first is not None and first <= port <= first + count:
                raise ValueError(
                    f"MILLPOND_METRICS_PORT {first} and the {count} after it are for metrics:"
                    f" MILLPOND_{name}_PORT {port} has to be another one"
                )
        return self

    @property
    def token_secrets(self) -> dict[str, str]:
        """The keys that sign what this shop hands out, by key id; the first one signs."""
        return {kid: key.get_secret_value() for kid, key in self.token_keys.items()}

    def with_secrets(self) -> Self:
        """These settings with token keys and staff tokens. Raises SettingsRefused for a given database without them.

        With an embedded one, what is missing is read from the data folder or made there.
        """
        demo = self.database_url is None if self.demo_sign_in is None else self.demo_sign_in
        if self.token_keys and self.staff_tokens:
            return self.model_copy(update={"demo_sign_in": demo})
        if self.database_url is not None:
            raise SettingsRefused(
                "DATABASE_URL is set, so MILLPOND_TOKEN_KEYS and MILLPOND_STAFF_TOKENS are needed too: "
                'a mapping {"key id": "secret"} and a list [{"token": "secret", "merchant_id": "uuid"}], as JSON, '
                f"every secret of at least {SECRET_BYTES_MIN} bytes."
            )
        made = _read_or_make_secrets(self.data_dir)
        update = {
            "token_keys": self.token_keys or made.token_keys,
            "staff_tokens": self.staff_tokens or made.staff_tokens,
            "seed_merchant_id": self.seed_merchant_id or made.seed_merchant_id,
            "demo_sign_in": demo,
        }
        return self.model_copy(update=update)

    def as_environment(self) -> dict[str, str]:
        """Our environment with these settings in it, secrets included: a child process reads the same ones."""
        fields = {environment_name(name): _plain(getattr(self, name)) for name in type(self).model_fields}
        texts = {
            name: json.dumps(value) if isinstance(value, dict | list) else str(value)
            for name, value in fields.items()
            if value is not None
        }
        return os.environ | texts


def environment_name(field: str) -> str:
    """What a setting is called where it is set."""
    return str(Settings.model_fields[field].validation_alias or PREFIX + field.upper())


class MadeSecrets(BaseModel):
    """The content of secrets.json."""

    token_keys: dict[KeyId, Secret]
    staff_tokens: list[StaffToken]
    seed_merchant_id: MerchantId


def _read_or_make_secrets(data_dir: Path) -> MadeSecrets:
    path = data_dir / "secrets.json"
    try:
        text = read_or_make(path, lambda: json.dumps(_plain(_make_secrets()), indent=2))
    except OSError as error:
        raise SettingsRefused(f"{path} cannot be read or written: {error.strerror}.") from error
    try:
        return MadeSecrets.model_validate_json(text)
    except ValidationError as error:
        raise SettingsRefused(f"{path} is damaged. It holds the keys of tokens: restore it from a backup.") from error


def new_secrets() -> dict[str, str]:
    """Fresh secrets, and the merchant they are for, under the names that the environment has for them."""
    made = {PREFIX + name.upper(): value for name, value in _plain(_make_secrets()).items()}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in made.items()}


def _make_secrets() -> MadeSecrets:
    merchant_id = Ids(FollowingClock()).new()
    token = StaffToken(token=SecretStr(secrets.token_urlsafe(32)), merchant_id=merchant_id)
    keys = {"first": SecretStr(secrets.token_urlsafe(32))}
    return MadeSecrets(token_keys=keys, staff_tokens=[token], seed_merchant_id=merchant_id)


def _plain(value: Any) -> Any:
    """A value as JSON has it, secrets in the clear."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case Path():
            return str(value)
        case _:
            return value
