"""The fan-out measurement measures: every side's viewers hear it, and the document has the promised figures."""

import pytest

from loadtests.fanout import FIGURES, bench
from loadtests.fanout_servers import FRAME_BYTES, SIDES
from loadtests.fanout_viewers import Viewer


@pytest.mark.long
def test_a_very_small_run_of_every_side(tmp_path):
    document = bench(viewers=20, rounds=1, seconds=1.0, folder=tmp_path)
    for side in SIDES:
        assert set(FIGURES) <= document[side].keys()
        assert 2 <= document[side]["frames_per_viewer_s"] <= 6.5, "five a second, and what lies on the edges"
        assert abs(document[side]["frame_bytes"] - FRAME_BYTES) <= 30
    assert document["millpond_to_broadcast"] > 0


async def test_frames_are_counted_however_they_are_cut():
    stream = b"\x81\x05hello" + b"\x81\x7e" + (300).to_bytes(2, "big") + b"x" * 300 + b"\x81\x00"
    before = Viewer.frames, Viewer.bytes_
    viewer = Viewer(b"")
    rest = b""
    for start in range(0, len(stream), 7):
        rest = viewer._count(rest + stream[start : start + 7])
    assert (Viewer.frames - before[0], Viewer.bytes_ - before[1], rest) == (3, 305, b"")
