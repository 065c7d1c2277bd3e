"""What is logged can be read by people and by machines."""

import json
import logging

from keel.logs import JsonLines


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


def test_a_line_stays_one_line_whatever_the_message():
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "two\nlines", (), None)
    assert "\n" not in JsonLines().format(record)
