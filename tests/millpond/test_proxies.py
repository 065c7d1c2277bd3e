"""Who comes through a proxy is whom the proxy names, if it is one that is believed."""

from millpond.proxies import address_of, is_proxy_of


def test_a_trusted_proxy_says_who_comes_and_nobody_else_does():
    of = address_of("10.0.0.1,10.1.0.0/16")
    assert of("10.0.0.1", ["9.9.9.9"]) == "9.9.9.9"
    assert of("10.0.0.1", ["1.1.1.1, 9.9.9.9, 10.1.2.3"]) == "9.9.9.9"
    assert of("10.0.0.2", ["9.9.9.9"]) == "10.0.0.2"
    assert of("10.0.0.1", []) == "10.0.0.1"
    assert address_of("")("10.0.0.1", ["9.9.9.9"]) == "10.0.0.1"


def test_a_proxy_is_one_of_the_list():
    is_proxy = is_proxy_of("10.0.0.1,10.1.0.0/16")
    assert [is_proxy(peer) for peer in ("10.0.0.1", "10.1.2.3", "10.0.0.2", "")] == [True, True, False, False]
    assert not is_proxy_of("")("10.0.0.1")
