"""The process `millpond gateway`: listens, says how it is, and stops in order."""

import json
import signal

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from live.close_codes import CloseCode
from live.handshake import PATH
from tests.eventually import eventually
from tests.millpond.stacks import START_MAX_S, STOP_MAX_S, planned_stack


def test_it_serves_until_it_is_told_to_stop_and_sends_its_viewers_on(database_url, redis_url):
    stack = planned_stack(database_url, redis_url)
    stack.environment["MILLPOND_GATEWAY_PORT"] = str(stack.port)
    process = stack.start("gateway")
    url = f"http://127.0.0.1:{stack.port}"
    try:
        eventually(stack.answers, within_s=START_MAX_S)
        eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        with connect(url.replace("http", "ws") + PATH) as socket:
            socket.send('{"type":"hello"}')
            assert json.loads(socket.recv())["type"] == "welcome"
            process.send_signal(signal.SIGTERM)
            assert json.loads(socket.recv())["type"] == "bye"
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.DRAINING
        assert process.wait(STOP_MAX_S) == 0
    finally:
        process.kill()
        output, errors = process.communicate()
    assert "Traceback" not in output + errors
