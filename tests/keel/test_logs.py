"""What is logged can be read by people and by machines."""

import json
import logging

import pytest

from keel.logs import REQUEST_ID, TALKATIVE, JsonLines, PlainLines, setup


def test_a_json_line_has_time_level_logger_message_and_error():
    try:
        raise ValueError("the reason")
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    record = logging.LogRecord("orders.lane", logging.WARNING, __file__, 1, "lost %d", (2,), caught)
    record.created = 1_800_000_000.25
    line = json.loads(JsonLines().format(record))
    assert {name: line[name] for name in ("at", "level", "logger", "message")} == {
        "at": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "orders.lane",
        "message": "lost 2",
    }
    assert line["error"].endswith("ValueError: the reason")


def test_libraries_that_write_whole_addresses_do_so_at_no_level(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # the test's own handlers stay
    for name in TALKATIVE:
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    setup("debug", as_json=False)
    assert not any(logging.getLogger(name).isEnabledFor(logging.INFO) for name in TALKATIVE)


def test_a_line_stays_one_line_whatever_the_message():
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "two\nlines", (), None)
    assert "\n" not in JsonLines().format(record)


@pytest.mark.parametrize("formatter", [JsonLines(), PlainLines("%(message)s%(request)s")])
def test_a_line_says_which_request_it_belongs_to(formatter):
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "done", (), None)
    token = REQUEST_ID.set("mine-7")
    try:
        assert "mine-7" in formatter.format(record)
        record.__dict__["request_id"] = "told-8"
        assert "told-8" in formatter.format(record)
    finally:
        REQUEST_ID.reset(token)
    del record.__dict__["request_id"]
    assert "request_id" not in formatter.format(record)
    assert "[" not in formatter.format(record)
