"""Versions of what the gate knows of a sale: even where PostgreSQL was written first, odd where the gate was.

A gate-first command whose commit failed leaves the gate above PostgreSQL, at an odd version. The next ledger-first
command takes an even one, so it can never look the same while it says something else: unequal versions are how the
reconciler sees that the two stores differ.
"""


def ledger_first(above: int) -> int:
    """The least even version above one."""
    return above + 2 - above % 2


def gate_first(above: int) -> int:
    """The least odd version above one."""
    return above + 1 + above % 2
