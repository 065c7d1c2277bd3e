"""The repository keeps its own style."""

import pytest

from tests.house.rules import RULES, bad_escapes, too_many_escapes
from tests.house.tree import repository


@pytest.mark.parametrize("name", RULES)
def test_the_house_keeps_the_rule(name):
    rule = RULES[name]
    broken = [str(finding) for finding in rule.broken(repository())]
    assert not broken, "\n".join([f"{name}: {rule.promise}", *broken])


def test_every_escape_names_a_rule_and_a_reason_and_is_still_needed():
    bad = [str(finding) for finding in bad_escapes(repository())]
    assert not bad, "\n".join(bad)


def test_escapes_stay_as_few_as_they_are():
    many = too_many_escapes(repository())
    assert not many, f"more escapes than tests/house/rules.py allows: {many}"
