"""Where pictures may come from: the public internet over https, and hosts of our own that were named."""

import pytest

from referrals.errors import BadPicture
from referrals.picture_addresses import outside, place_of

INSIDE = ["pictures.internal", "127.0.0.1:8080"]


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://cdn.example/a/b.jpg?w=3", "cdn.example", "/a/b.jpg?w=3"),
        ("https://cdn.example", "cdn.example", "/"),
        ("https://CDN.Example:443/a", "cdn.example", "/a"),
        ("https://[2606:4700::1111]/a", "[2606:4700::1111]", "/a"),
        ("http://pictures.internal/a", "pictures.internal", "/a"),
        ("http://127.0.0.1:8080/a", "127.0.0.1:8080", "/a"),
    ],
)
def test_a_good_address_is_taken_apart(url, origin, target):
    place = place_of(url, INSIDE)
    assert (place.origin, place.target) == (origin, target)
    assert place.trusted == (url[:5] == "http:")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://cdn.example/a",
        "https://cdn.example:8443/a",
        "https://somebody@cdn.example/a",
        "https://cdn.example@127.0.0.1:8080/a",
        "http://127.0.0.1:8081/a",
        "ftp://cdn.example/a",
        "gopher://cdn.example/a",
        "//cdn.example/a",
        "https:///a",
        "https://cdn.example:99999/a",
        "https://cdn.example:x/a",
        "https://cdn.example/a b",
        "https://cdn.example/a\r\nhost: other",
        "https://池塘.example/a",
        "https://[::1/a",
        "https://cdn.example/" + "a" * 2_000,
    ],
)
def test_any_other_is_refused(url):
    with pytest.raises(BadPicture) as refused:
        place_of(url, INSIDE)
    assert refused.value.reason == "address"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1%eth0",
        "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "2002:7f00:1::1", "2001:0:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_inside_is_connected_to_not_even_beside_a_public_one(address):
    for found in ([address], ["93.184.216.34", address]):
        with pytest.raises(BadPicture):
            outside(found)


def test_public_addresses_are_fine_and_none_at_all_is_not():
    assert outside(["93.184.216.34", "2606:4700::1111"]) == ["93.184.216.34", "2606:4700::1111"]
    with pytest.raises(BadPicture):
        outside([])
