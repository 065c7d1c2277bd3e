"""The fan-out measurement measures: every side's viewers hear it, and the document has the promised figures."""

import pytest

from loadtests.budgets import fanout_budgets_of
from loadtests.fanout import FIGURES, bench, turns_of, worst_ms
from loadtests.fanout_servers import FRAME_BYTES, SIDES
from loadtests.fanout_viewers import Viewer

BUDGETS = {"millpond_to_broadcast", "kb_per_connection", "loop_stall_ms_max", "handshake_p99_ms", "frames_per_viewer_s"}


@pytest.mark.long
def test_a_very_small_run_of_every_side(tmp_path):
    document = bench(viewers=20, rounds=1, seconds=1.0, folder=tmp_path)
    for side in SIDES:
        assert set(FIGURES) <= document[side].keys()
        assert 2 <= document[side]["frames_per_viewer_s"] <= 6.5, "five a second, and what lies on the edges"
        assert abs(document[side]["frame_bytes"] - FRAME_BYTES) <= 30
        assert document[side]["loop_stall_ms_max"] >= document[side]["loop_stall_knocking_ms_max"]
    assert document["millpond_to_broadcast"] > 0
    assert document["budgets"].keys() == BUDGETS


def test_no_side_always_meets_the_machine_first():
    assert sorted(turns_of(0)) == sorted(turns_of(1)) == sorted(SIDES)
    assert turns_of(0) == turns_of(1)[::-1] == turns_of(2)


def test_each_promise_about_telling_a_room_has_its_budget():
    broadcast = {"cpu_us_per_message": 20.0}
    fine = {
        "cpu_us_per_message": 18.4, "kb_per_connection": 16.0, "loop_stall_ms_max": 10.0, "handshake_p99_ms": 30.0,
        "frames_per_viewer_s": 5.1,
    }  # fmt: skip
    budgets = fanout_budgets_of(fine, broadcast, seconds=10.0)
    assert budgets.keys() == BUDGETS
    assert all(budget.met for budget in budgets.values())
    for name, figure in fine.items():
        missed = fanout_budgets_of(fine | {name: figure + 0.1}, broadcast, seconds=10.0)
        assert sum(not budget.met for budget in missed.values()) == 1, name


def test_the_longest_stall_is_looked_for_between_two_moments(tmp_path):
    stalls = tmp_path / "stalls"
    stalls.write_text("1.0 90.0 1.0\n2.0 3.0 2.5\n3.0 7.0 0.5\n4.0 90.0 1.0\n")
    assert worst_ms(stalls, 1.5, 3.5) == {"wall": 7.0, "own": 2.5}
    assert worst_ms(stalls, 5.0, 6.0) == {"wall": 0.0, "own": 0.0}


async def test_frames_are_counted_however_they_are_cut():
    stream = b"\x81\x05hello" + b"\x81\x7e" + (300).to_bytes(2, "big") + b"x" * 300 + b"\x81\x00"
    before = Viewer.frames, Viewer.bytes_
    viewer = Viewer(b"")
    rest = b""
    for start in range(0, len(stream), 7):
        rest = viewer._count(rest + stream[start : start + 7])
    assert (Viewer.frames - before[0], Viewer.bytes_ - before[1], rest) == (3, 305, b"")
