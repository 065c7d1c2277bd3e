"""One load test in the process that was asked for it: the stage, every generator's share, the host, the judgement."""

import logging
import time
from typing import Any, Final

import gevent
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner

from loadtests.locust_buyers import API_URL
from loadtests.locust_generator import Generators
from loadtests.locust_host import perform
from loadtests.locust_stage import Stage, standing
from loadtests.locust_staging import AUDIT_BROKEN, AUDIT_HOLDS, Plan, StageFailed, Staging
from loadtests.locust_tally import HERE, Tally

log = logging.getLogger(__name__)

NOTHING_SAID: Final = 2
PROMISE_BROKEN: Final = 3


class LoadTest:
    """The test that runs, in the process that was asked for it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._staging: Staging | None = None
        self._stage: Stage | None = None
        self._tokens: list[str] = []
        self._host: gevent.Greenlet[..., None] | None = None
        self._began_s = 0.0
        self.tally = Tally()
        runner = environment.runner
        self._elsewhere = Generators(runner, self.tally.add) if isinstance(runner, MasterRunner) else None
        options = environment.parsed_options
        self._is_prepared = options is not None and (options.headless or options.autostart)
        if self._is_prepared:  # or --run-time would begin before the test
            self.prepare()

    def prepare(self) -> None:
        """Make the stage. Where that fails, nothing of it is left, and there is no test."""
        try:
            self._staging = Staging(self._plan())
            self._stage, self._tokens = self._staging.make(), self._staging.customers()
        except StageFailed as failed:
            log.error("the stage could not be made: %s", failed)
            self._environment.process_exit_code = NOTHING_SAID
            self._clear()
        except BaseException:
            self._clear()
            raise

    def begin(self, **_: Any) -> None:
        """Tell everybody where the stage is. Without one the test is called off."""
        if self._stage is None and not self._is_prepared:
            self.prepare()
        self._is_prepared = False  # another test from the page makes its own
        if self._stage is None:
            self._call_off()
            return
        assert self._staging is not None
        log.info("rehearsal %s sells %s", self._stage.session_id, self._stage.sale_id)
        self.tally.take()
        HERE.take()
        self._began_s = time.monotonic()
        standing.begin(self._stage, self._tokens)
        if self._elsewhere is not None:
            self._elsewhere.begin(self._tokens)
        self._host = gevent.spawn(perform, self._environment, self._stage, self._staging.staff_token)

    def end(self, **_: Any) -> None:
        """Judge, and put away. Safe to repeat."""
        if self._elsewhere is not None:
            self._elsewhere.stop()
        standing.end()
        if self._host is not None:
            self._host.kill()
        try:
            if self._host is not None and self._staging is not None:
                self._judge(self._staging)
        finally:
            self._clear()

    def _call_off(self) -> None:
        """End what has just begun; on the page one may begin another one."""
        runner, options = self._environment.runner, self._environment.parsed_options
        assert runner is not None
        assert options is not None
        gevent.spawn(runner.quit if options.headless else runner.stop)

    def _clear(self) -> None:
        """Put the stage away, if it stands."""
        staging, self._staging, self._stage, self._host = self._staging, None, None, None
        if staging is not None:
            staging.put_away()

    def stop_first(self, **_: Any) -> None:
        """Ctrl-C and SIGTERM end a test as --run-time does: locust makes up its exit code after this."""
        runner = self._environment.runner
        if runner is not None and runner.state not in {STATE_INIT, STATE_STOPPED}:
            runner.stop()

    def _judge(self, staging: Staging) -> None:
        self.tally.add(HERE.take())
        lines = self.tally.lines(time.monotonic() - self._began_s)
        code, text = staging.audit()
        print("", text, "", *lines, sep="\n", flush=True)
        if code != AUDIT_HOLDS:
            self._environment.process_exit_code = PROMISE_BROKEN if code == AUDIT_BROKEN else NOTHING_SAID

    def _plan(self) -> Plan:
        options = self._environment.parsed_options
        assert options is not None
        return Plan(
            api_url=(self._environment.host or API_URL).rstrip("/"),
            socket_url=options.socket_url,
            millpond=options.millpond,
            staff_token=options.staff_token,
            room_id=options.room,
            customers=options.customers,
            units=options.units,
            items=options.items,
        )
