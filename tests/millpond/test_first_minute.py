"""From `millpond up` to the first order: a line to copy."""

import re
import shlex
import subprocess


def pasted(line: str) -> str:
    """What a shell line answers."""
    return subprocess.run(shlex.split(line), check=True, capture_output=True, text=True).stdout


def test_the_first_order_is_one_line_to_copy_and_a_restart_shows_the_same_sale(up):
    first = up()
    line = first.line("curl -i ")
    answer = pasted(line)
    assert answer.startswith("HTTP/1.1 201 "), answer
    assert "idempotency-replayed: true" in pasted(line)
    sale = re.search(r"/v1/sales/([0-9a-f-]{36})/orders", line)
    assert sale is not None
    assert first.stop() == 0
    assert sale[0] in up().line("curl -i ")
