"""Limits of sockets: generous to many behind one address, and never none."""

import pytest
from pydantic import ValidationError

from keel.buckets import Rate
from live.conversation import Limits
from live.handshake import SocketLimits
from millpond.settings import Settings
from millpond.settings_gateway import GatewaySettings


def test_what_is_not_set_is_what_the_gateway_has_by_itself():
    settings = Settings()
    messages = Rate(settings.gateway_messages_per_s, settings.gateway_messages_burst)
    of_address = Rate(settings.gateway_address_messages_per_s, settings.gateway_address_messages_burst)
    assert Limits(messages) == Limits()
    assert SocketLimits(settings.gateway_sockets, settings.gateway_sockets_per_address, of_address) == SocketLimits()


def test_as_many_as_an_address_may_have_come_back_at_once_and_say_something_each_second():
    settings = Settings()
    assert settings.gateway_address_messages_burst >= 2 * settings.gateway_sockets_per_address  # a hello and a join
    assert settings.gateway_address_messages_per_s >= settings.gateway_sockets_per_address


@pytest.mark.parametrize("name", GatewaySettings.model_fields)
def test_nothing_is_limited_to_nothing(name: str):
    with pytest.raises(ValidationError):
        Settings.model_validate({name: 0})
