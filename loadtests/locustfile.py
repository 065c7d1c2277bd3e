"""A load test of a whole deployment: `locust -f loadtests/locustfile.py`, with its page or --headless.

    the stage is made (a rehearsal with unreal stock) ─► viewers and buyers ─► they stop ─► the audit of the sale ─►
    the stage is put away

The process that was asked for the test (the only one, or the master) makes the stage and the customers, is the host,
and judges; generators elsewhere are told the stage and their share of the customers. Exit code: 0, 1 where requests
failed, 2 where nothing could be said, 3 where the audit found a broken promise. See docs/load-tests.md.
"""

from typing import Any, Final

from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtests.locust_buyers import HttpBuyer, SocketBuyer
from loadtests.locust_generator import take_part
from loadtests.locust_options import add_options
from loadtests.locust_run import LoadTest
from loadtests.locust_viewers import Viewer

__all__ = ["HttpBuyer", "SocketBuyer", "Viewer"]

STOP_MAX_S: Final = 10.0  # for what is under way, unless --stop-timeout says otherwise


def on_init(environment: Environment, **_: Any) -> None:
    """Locust is there: who asks for the test, and who only takes part."""
    environment.stop_timeout = environment.stop_timeout or STOP_MAX_S
    if isinstance(environment.runner, WorkerRunner):
        take_part(environment.runner)
        return
    test = LoadTest(environment)
    events.test_start.add_listener(test.begin)
    events.test_stop.add_listener(test.end)
    events.quitting.add_listener(test.stop_first)


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(on_init)
