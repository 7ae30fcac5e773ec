"""The daemon in real time under load: nothing is lost, whatever the time it takes."""

import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from calibration.jitter import BEAT_S
from calibration.load import EVERY_S, ROWS, TICKS, apart, firsts, loaded, lost, right, table, ticks
from gaitpi.config import Config
from gaitpi.cues.outputs import Outputs
from gaitpi.device.daemon import Daemon
from gaitpi.device.virtual import recorder_in, twin_of
from gaitpi.hostclock import FastClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport


def test_nothing_is_lost_under_load() -> None:
    # the longest FIFO: this machine may have other things to do besides
    with loaded():
        found = apart(8.0, (), "lsm6ds3")
    assert lost(found) == []
    assert found["read"] > 208 * 12
    assert found["rhythms"] >= 2
    # every tick before the last rhythm, which the end cuts off
    assert len(found["ticks"]) == (TICKS - 1) * (found["rhythms"] - 1)
    for _, key, _ in ROWS:
        assert len(found[key]) > 2, key
        assert np.isfinite(found[key]).all(), key
    due = f"{TICKS * (found['rhythms'] - 1)}, 0"
    assert f"| ticks due, not played |  | {due} → {due} |" in table({"here": (found, found)})


def test_the_loop_and_the_threads_it_starts_go_first_and_nothing_does_afterwards(
    tmp_path: Path,
) -> None:
    first = os.SCHED_RR if right() else os.SCHED_OTHER
    clock = FastClock(20.0)
    twin = twin_of("lsm6ds3").make(SimulatedRunner((Phase("stand", 60.0),)), clock)
    seen: dict[str, int] = {}

    def over() -> bool:
        seen.update(
            {t.name: os.sched_getscheduler(t.native_id or 0) for t in threading.enumerate()}
        )
        return twin.ended or seen.get("gaitpi-recorder") == first  # it begins, then goes first

    daemon = Daemon(
        Config(),
        open_reader(VirtualTransport([twin]), clock, Config().imu),
        clock,
        Outputs([]),
        recorder_in(tmp_path, synchronous=False),
    )
    daemon.run(over)
    assert {seen["MainThread"], seen["gaitpi-recorder"], seen["gaitpi-cues"]} == {first}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_tick_that_is_missing_or_late_is_seen() -> None:
    begun = [0.0, EVERY_S, 2.0 * EVERY_S]
    edges = [at + 0.01 + k * BEAT_S for at in begun for k in range(TICKS)]
    late, missing = ticks(begun, edges)
    assert missing == 0
    assert len(late) == 2 * (TICKS - 1)
    assert late == pytest.approx([0.0] * len(late), abs=1e-9)
    moved = list(edges)
    moved[5] += 0.03
    assert max(ticks(begun, moved)[0]) == pytest.approx(0.03)
    late, missing = ticks(begun, edges[: TICKS - 2] + edges[TICKS:])
    assert missing == 2
    assert all(map(math.isfinite, late))


def test_the_first_edge_is_held_against_the_coachs_word() -> None:
    """Ticks are told from the first of each rhythm: one that is late as a whole is seen here."""
    begun = [10.0, 15.0, 20.0]
    found = firsts(begun, [10.2, 10.5, 15.03, 15.4])
    assert found == pytest.approx([0.2, 0.03])
    assert firsts(begun, [15.03]) == pytest.approx([0.03]), "never played: counted as missing"


def test_what_was_lost_is_said() -> None:
    fine = {
        "gaps": 0,
        "dropouts": 0,
        "read": 100,
        "samples": 100,
        "finished": True,
        "missing": 0,
        "problems": [],
    }
    assert lost(fine) == []
    bad = (
        {"gaps": 1},
        {"dropouts": 1},
        {"samples": 99},
        {"finished": False},
        {"missing": 1},
        {"problems": ["x"]},
    )
    for change in bad:
        assert len(lost(fine | change)) == 1, change
