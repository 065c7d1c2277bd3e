"""A funnel in a terminal: every step with its figures, and what it means."""

import io

from rich.console import Console

from console.funnel_steps import DEFINITIONS, By, Counted, Funnel, part_of
from millpond.funnel import show
from tests.millpond.commands import run

SESSION = "01900000-0000-7000-8000-000000000001"


def drawn(found: Funnel) -> str:
    out = io.StringIO()
    show(found, Console(file=out, width=120))
    return out.getvalue()


def test_every_step_is_drawn_with_its_part_of_the_one_before_and_defined():
    text = drawn(Funnel(SESSION, None, part_of(Counted(None, 3, 1_500, 1_200, 3, 2, 1, 2)), []))
    assert "1,500" in text
    assert "80.0%" in text
    for name in DEFINITIONS:
        assert f"{name.replace('_', ' ')}:" in text


def test_parts_are_drawn_below_the_whole_and_one_without_a_name_is_said_to_be_so():
    part = part_of(Counted(None, None, 5, 4, 3, 2, 1, 2))
    text = drawn(Funnel(SESSION, By.COMMUNITY, part, [part]))
    assert "The whole session" in text
    assert "community: none" in text
    assert "–" in text


def test_a_session_that_is_not_there_is_said_to_be_so(database_url, redis_url):
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    ended = run("funnel", SESSION, environment=environment)
    assert ended.returncode == 2
    assert "no session" in ended.stderr
