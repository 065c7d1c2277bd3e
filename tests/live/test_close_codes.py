"""A code tells a client whether to come back, and the document tells the same."""

import re

from live.close_codes import MEANING, STANDARD, CloseCode, ComeBack, come_back
from tests.house.tree import ROOT

PROTOCOL = (ROOT / "docs/protocol.md").read_text()
ROW = re.compile(r"(?m)^\| (\d{4}) \| (yes|with a fresh token|no) \| (.+) \|$")
WORDS = {"yes": ComeBack.YES, "with a fresh token": ComeBack.WITH_TOKEN, "no": ComeBack.NO}


def test_the_hundred_says_whether_to_come_back():
    assert come_back(CloseCode.DRAINING) is ComeBack.YES
    assert come_back(CloseCode.TOKEN) is ComeBack.WITH_TOKEN
    assert come_back(CloseCode.FLOOD) is ComeBack.NO
    assert come_back(4099) is ComeBack.YES
    assert come_back(4299) is ComeBack.NO
    assert come_back(1006) is ComeBack.YES


def test_the_table_of_the_document_has_every_code():
    told = {int(code): (WORDS[word], meaning) for code, word, meaning in ROW.findall(PROTOCOL)}
    ours = {int(code): (come_back(code), meaning) for code, meaning in MEANING.items()}
    assert told == ours | STANDARD
