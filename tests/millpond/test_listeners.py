"""The sockets of `millpond up` are bound once, and what is in the way is said."""

import pytest

from millpond import listeners
from millpond.listeners import UpRefused, bound_socket, is_open, listening_sockets
from millpond.settings import Settings


def test_each_kind_has_a_socket_of_its_own_that_nobody_listens_at_yet():
    with listening_sockets(Settings(api_port=0, gateway_port=0)) as both:
        assert len({one.getsockname()[1] for one in both}) == 2
        assert not any(is_open(one) for one in both)
        both.gateway.listen()
        assert [is_open(one) for one in both] == [False, True]


def test_a_port_that_is_taken_is_named_with_its_setting(monkeypatch):
    monkeypatch.setattr(listeners, "PORT_WAIT_MAX_S", 0.0)
    with bound_socket("API", "127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(UpRefused, match=rf"port {port}.*MILLPOND_GATEWAY_PORT"),
            bound_socket("GATEWAY", "127.0.0.1", port),
        ):
            pass


def test_an_address_that_is_none_is_named():
    with pytest.raises(UpRefused, match="MILLPOND_GATEWAY_HOST"), bound_socket("GATEWAY", "no such host", 0):
        pass
