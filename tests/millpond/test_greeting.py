"""What is printed can be copied: whole lines, of what there is, and no staff token into a log."""

import io
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from accounts.tokens import Tokens
from keel.clock import FollowingClock
from millpond.greeting import command, invite, lines_to_copy, url_of
from millpond.seed import Seeded
from millpond.settings import Settings, StaffToken

SECRET = "a secret of thirty-two bytes, or more"
MERCHANT = "0197a3c0-0000-7000-8000-000000000001"
SEEDED = Seeded(MERCHANT, "a-room", "a-sale", "an-item", "open")
URL = "http://127.0.0.1:8000"


@pytest.fixture
def settings() -> Settings:
    staff = StaffToken(token=SecretStr("a-staff-token-of-thirty-two-bytes!"), merchant_id=MERCHANT)
    return Settings(token_keys={"k": SecretStr(SECRET)}, staff_tokens=[staff])


def printed(settings: Settings, seeded: Seeded, *, terminal: bool = False) -> str:
    written = io.StringIO()
    invite(Console(file=written, width=60, force_terminal=terminal, highlight=False), settings, seeded, URL)
    return written.getvalue()


def test_a_line_to_copy_is_one_line_however_narrow_the_terminal(settings):
    lines = printed(settings, SEEDED).splitlines()
    for _, line in lines_to_copy(settings, SEEDED, URL, shows_secrets=False):
        assert any(shown.startswith(line[:60]) for shown in lines)
    (order,) = [shlex.split(line) for line in lines if line.startswith("curl -i")]
    assert order[2] == f"{URL}/v1/sales/a-sale/orders"
    assert '{"lines": [{"item_id": "an-item", "quantity": 1}]}' in order


def test_the_token_in_it_is_a_customers_and_good(settings):
    (order,) = [line for _, line in lines_to_copy(settings, SEEDED, URL, shows_secrets=False) if "orders" in line]
    header = next(word for word in shlex.split(order) if word.startswith("authorization: "))
    claims = Tokens({"k": SECRET}, FollowingClock()).check(header.removeprefix("authorization: ").encode())
    assert claims.mid == MERCHANT


def test_a_staff_token_is_shown_on_a_terminal_only(settings):
    assert "a-staff-token-of-thirty-two-bytes!" in printed(settings, SEEDED, terminal=True)
    text = printed(settings, SEEDED)
    assert "a-staff-token" not in text
    assert "token --staff)" in text


def test_without_an_open_sale_no_order_is_offered(settings):
    assert "curl -i" not in printed(settings, replace(SEEDED, state="closed"))
    bare = printed(settings, Seeded(MERCHANT, "a-room"))
    assert "curl" not in bare
    assert "millpond demo" in bare


def test_a_command_finds_the_same_servers(settings):
    assert command(settings).endswith("millpond")
    elsewhere = settings.model_copy(update={"data_dir": Path("my data"), "api_port": 8001})
    assert command(elsewhere).startswith("MILLPOND_DATA_DIR='my data' MILLPOND_API_PORT=8001 ")


def test_what_listens_everywhere_is_called_here():
    assert url_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert url_of("::", 80) == "http://[::1]:80"
