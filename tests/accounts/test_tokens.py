"""A token of this house gets in until it expires; nothing else ever does, and nobody is told why."""

import base64
import hmac
import json
import time
from itertools import pairwise
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import tokens as module
from accounts.tokens import HEADERS_MAX, LEEWAY_S, TOKEN_BYTES_MAX, Claims, Tokens
from keel.clock import FakeClock
from keel.errors import NotSignedIn
from keel.ids import Ids

OLD, NEW = "an older secret of 32 bytes or so", "the secret that signs today, 32 b"
CLOCK = FakeClock()
CUSTOMER, MERCHANT = Ids(CLOCK).new(), Ids(CLOCK).new()
NOW_S = CLOCK.ms() // 1000


def b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def made(header: Any, claims: Any, secret: str = NEW, algorithm: str = "sha256") -> bytes:
    """A token signed with our secret, whatever it says. Bytes are taken as they are, all else as JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = b".".join(map(b64, parts))
    return b"Bearer " + signed + b"." + b64(hmac.digest(secret.encode(), signed, algorithm))


def tokens(**keys: str) -> Tokens:
    return Tokens(keys or {"2027": NEW}, CLOCK)


HEADER = {"alg": "HS256", "typ": "JWT", "kid": "2027"}
CLAIMS = {"sub": CUSTOMER, "mid": MERCHANT, "exp": NOW_S + 60}
GOOD = made(HEADER, CLAIMS)


def refused(authorization: bytes, by: Tokens | None = None) -> bool:
    try:
        (by or tokens()).check(authorization)
    except NotSignedIn:
        return True
    return False


def test_the_refusal_says_not_a_word_about_what_was_wrong():
    with pytest.raises(NotSignedIn) as caught:
        tokens().check(GOOD[:-1])
    assert caught.value.document().keys() == {"type", "title", "status"}


def test_what_is_signed_is_read_back():
    signed = tokens().sign(customer_id=CUSTOMER, merchant_id=MERCHANT, ttl_s=60)
    assert tokens().check(b"Bearer " + signed.encode()) == Claims(CUSTOMER, MERCHANT, NOW_S + 60)


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
def test_the_scheme_has_no_case(scheme):
    assert not refused(scheme + GOOD[6:])


def test_pyjwt_reads_what_we_sign():
    signed = tokens().sign(customer_id=CUSTOMER, merchant_id=MERCHANT, ttl_s=60)
    options: Any = {"verify_exp": False}  # our clock stands still, its does not
    assert jwt.decode(signed, NEW, algorithms=["HS256"], options=options) == CLAIMS
    assert jwt.get_unverified_header(signed) == HEADER


def test_we_read_what_pyjwt_signs():
    signed = jwt.encode(CLAIMS | {"iss": "somebody", "aud": ["pond"]}, NEW, headers={"kid": "2027"})
    assert tokens().check(b"Bearer " + signed.encode()).sub == CUSTOMER


@pytest.mark.parametrize("after_s", [LEEWAY_S, LEEWAY_S + 1, 10_000])
def test_an_expired_token_is_refused(after_s):
    assert refused(made(HEADER, CLAIMS | {"exp": NOW_S - after_s}))


@pytest.mark.parametrize("ahead_s", [LEEWAY_S + 1, 10_000])
def test_a_token_that_is_not_good_yet_is_refused(ahead_s):
    assert refused(made(HEADER, CLAIMS | {"nbf": NOW_S + ahead_s}))


def test_clocks_that_differ_a_little_do_no_harm():
    assert not refused(made(HEADER, CLAIMS | {"exp": NOW_S - LEEWAY_S + 1}))
    assert not refused(made(HEADER, CLAIMS | {"nbf": NOW_S + LEEWAY_S}))


def test_a_token_lapses_while_the_clock_goes_on():
    clock = FakeClock()
    ours = Tokens({"2027": NEW}, clock)
    signed = b"Bearer " + ours.sign(customer_id=CUSTOMER, merchant_id=MERCHANT, ttl_s=10).encode()
    clock.advance(s=10 + LEEWAY_S - 1)
    ours.check(signed)
    clock.advance(s=1)
    assert refused(signed, ours)


WRONG_HEADERS = {
    "alg none": {"alg": "none", "kid": "2027"},
    "alg None": {"alg": "None", "kid": "2027"},
    "alg RS256": {"alg": "RS256", "kid": "2027"},
    "alg hs256": {"alg": "hs256", "kid": "2027"},
    "alg HS512": {"alg": "HS512", "kid": "2027"},
    "no alg": {"kid": "2027"},
    "alg null": {"alg": None, "kid": "2027"},
    "alg a list": {"alg": ["HS256"], "kid": "2027"},
    "no kid": {"alg": "HS256"},
    "unknown kid": {"alg": "HS256", "kid": "2026"},
    "kid a path": {"alg": "HS256", "kid": "../../etc/passwd"},
    "kid a number": {"alg": "HS256", "kid": 2027},
    "kid null": {"alg": "HS256", "kid": None},
    "crit": {"alg": "HS256", "kid": "2027", "crit": ["b64"]},
    "a list": ["HS256", "2027"],
    "nothing": b"",
    "no JSON": b"HS256",
    "not UTF-8": b'{"alg": "HS256", "kid": "\xff"}',
}


@pytest.mark.parametrize("header", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_a_header_that_asks_for_anything_else_is_refused_though_the_signature_is_right(header):
    assert refused(made(header, CLAIMS))


def test_no_signature_is_no_signature():
    for header in ({"alg": "none"}, {"alg": "none", "kid": "2027"}, HEADER):
        unsigned = b64(json.dumps(header).encode()) + b"." + b64(json.dumps(CLAIMS).encode())
        assert refused(b"Bearer " + unsigned + b".")
        assert refused(b"Bearer " + unsigned)


def test_a_header_with_alg_twice_changes_nothing_about_how_it_is_checked():
    for header in (b'{"alg":"none","alg":"HS256","kid":"2027"}', b'{"alg":"HS256","kid":"2027","alg":"none"}'):
        unsigned = b64(header) + b"." + b64(json.dumps(CLAIMS).encode())
        assert refused(b"Bearer " + unsigned + b".")
        assert refused(made(header, CLAIMS, secret=OLD))


def test_a_claim_said_twice_is_the_last_one_and_it_is_ours_to_say():
    twice = f'{{"sub":"{MERCHANT}","mid":"{MERCHANT}","exp":{NOW_S + 60},"sub":"{CUSTOMER}"}}'.encode()
    assert tokens().check(made(HEADER, twice)).sub == CUSTOMER
    assert refused(made(HEADER, twice, secret=OLD))


@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS | {"sub": "hua"},
        CLAIMS | {"sub": CUSTOMER.upper()},
        CLAIMS | {"mid": ""},
        CLAIMS | {"typ": "staff"},
        CLAIMS | {"exp": "tomorrow"},
        CLAIMS | {"exp": None},
        {name: value for name, value in CLAIMS.items() if name != "exp"},
        {name: value for name, value in CLAIMS.items() if name != "mid"},
        {name: value for name, value in CLAIMS.items() if name != "sub"},
        [CUSTOMER, MERCHANT, NOW_S + 60],
        b"{",
        b"\xff",
        b"",
    ],
)
def test_claims_that_we_would_never_make_are_refused_though_the_signature_is_right(claims):
    assert refused(made(HEADER, claims))


@pytest.mark.parametrize("algorithm", ["sha1", "sha512", "md5"])
def test_another_hash_is_another_signature(algorithm):
    assert refused(made(HEADER, CLAIMS, algorithm=algorithm))


def test_another_secret_is_a_forgery():
    assert refused(made(HEADER, CLAIMS, secret=NEW + "!"))
    assert refused(made(HEADER, CLAIMS, secret=""))


def test_truncated_anywhere_it_is_refused():
    assert all(refused(GOOD[:length]) for length in range(len(GOOD)))


def test_one_token_has_one_spelling():
    for tail in (b"=", b"==", b"!", b".", b" ", b"\n", b"\x00", b"A", b"\xff"):
        assert refused(GOOD + tail), tail
    head, signature = GOOD.rsplit(b".", 1)
    assert refused(head + b"." + signature[:10] + b"!" + signature[10:])
    assert refused(head + b".." + signature)


@given(st.integers(min_value=7, max_value=len(GOOD) - 1), st.integers(min_value=0, max_value=255))
def test_any_byte_changed_it_is_refused(place, byte):
    forged = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    assert (forged == GOOD) is not refused(forged)


@given(st.binary(max_size=3_000))
def test_whatever_is_sent_is_refused_and_nothing_breaks(sent):
    assert refused(sent)
    assert refused(b"Bearer " + sent)


def test_a_huge_token_is_refused_before_it_is_looked_at():
    claims = CLAIMS | {"note": "x" * TOKEN_BYTES_MAX}
    assert refused(made(HEADER, claims))
    assert refused(b"Bearer " + b"." * 1_000_000)


def test_a_signature_is_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(module, "hmac", type("hmac", (), {"compare_digest": compare, "digest": hmac.digest}))
    assert refused(GOOD[:-1])
    assert not refused(GOOD)
    assert [len(one) for one, _ in compared] == [43, 43]


def test_a_key_that_was_replaced_verifies_until_it_is_taken_out():
    before = tokens(**{"2026": OLD})
    signed = b"Bearer " + before.sign(customer_id=CUSTOMER, merchant_id=MERCHANT, ttl_s=60).encode()
    both = tokens(**{"2027": NEW, "2026": OLD})
    assert not refused(signed, both)
    fresh = both.sign(customer_id=CUSTOMER, merchant_id=MERCHANT, ttl_s=60)
    assert jwt.get_unverified_header(fresh)["kid"] == "2027", "the first key signs"
    assert refused(signed, tokens(**{"2027": NEW}))


def test_a_key_id_stands_for_its_own_key_only():
    assert refused(made({"alg": "HS256", "kid": "2026"}, CLAIMS, secret=NEW), tokens(**{"2027": NEW, "2026": OLD}))


def test_headers_that_are_remembered_are_few():
    ours = tokens()
    for n in range(3 * HEADERS_MAX):
        assert not refused(made(HEADER | {"n": n}, CLAIMS), ours)
        assert refused(made(HEADER | {"n": n}, CLAIMS, secret=OLD), ours)
    assert len(ours._key_by_header) <= HEADERS_MAX


def test_a_token_is_checked_in_microseconds():
    ours, times_s = tokens(), [time.perf_counter()]
    for _ in range(200):
        ours.check(GOOD)
        times_s.append(time.perf_counter())
    assert min(after - before for before, after in pairwise(times_s)) < 100e-6
