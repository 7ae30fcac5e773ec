"""A short soak of the whole daemon, faster than real time; and that it sees what leaks.

In a process of its own: the memory is that of a daemon, not of these tests.
"""

import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.day import Day, make
from calibration.soak import Silent, theil_sen
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.player import Played, Player, system_cue
from gaitpi.hostclock import FastClock, SystemClock

ROOT = Path(__file__).parents[1]


def soaked(*args: str) -> tuple[int, str, str]:
    """Exit code, table and what was missed."""
    done = subprocess.run(
        # what the machine lets pass by in so short a time is not judged: only what stays
        [sys.executable, "-m", "calibration.soak", "--quiet", "--growth", "60", *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_run_comes_and_goes_and_nothing_stays() -> None:
    code, table, missed = soaked("--hours", "0.16", "--factor", "24")
    assert code == 0, table + missed
    # one, or more where the machine was so busy that the sensor's memory ran over for minutes
    assert re.search(r"\| runs, steps, cues \| [1-9]", table), table


def test_a_leak_is_seen() -> None:
    code, table, missed = soaked("--hours", "0.12", "--factor", "24", "--inject")
    assert code == 1, table
    for what in (
        "growth of RSS",
        "threads: least in",
        "descriptors: least in",
        "threads before",
        "descriptors before",
    ):
        assert f"Missed: {what}" in missed, table + missed


def test_a_fast_clock_is_so_many_times_as_fast() -> None:
    fast, real = FastClock(50.0), SystemClock()
    # each reading lies between two of the other clock, however long the machine takes
    before, began, after = real.monotonic(), fast.monotonic(), real.monotonic()
    wall = fast.wall()
    fast.sleep(5.0)
    least, passed = real.monotonic() - after, fast.monotonic() - began
    most = real.monotonic() - before
    assert passed >= 5.0
    assert most >= 0.1
    assert 50.0 * least - 1e-6 <= passed <= 50.0 * most + 1e-6
    assert fast.wall() - wall >= 5.0
    assert fast.real_s(5.0) == pytest.approx(0.1)
    fast.sleep(-1.0)
    with pytest.raises(ValueError, match="factor"):
        FastClock(0.0)


class Asked(FastClock):
    """Counts how often somebody who waits for a lock asks for how long that really is."""

    asked = 0

    def real_s(self, seconds: float) -> float:
        self.asked += 1
        return super().real_s(seconds)


def test_sounds_wait_in_the_fast_time() -> None:
    clock, over = Asked(5.0), threading.Event()
    told: list[Played] = []

    def played(one: Played) -> None:
        told.append(one)
        over.set()

    player = Player(Outputs([Silent()]), clock, played)
    player.submit(replace(system_cue("beat", 0.0), beat_s=0.35))
    assert over.wait(30.0)
    player.close()
    assert told[0].complete
    assert told[0].end_s - told[0].start_s >= 11 * 0.35
    # before every tick and after it, unless the machine was so late that nothing was left to wait
    assert clock.asked >= 12


def test_the_median_of_slopes_does_not_mind_a_jump() -> None:
    x = np.arange(100.0)
    y = 3.0 * x
    y[60:63] += 1e6
    assert theil_sen(x, y) == pytest.approx(3.0)
    assert np.isnan(theil_sen(x[:1], y[:1]))


def test_a_day_is_the_same_however_it_is_cut(tmp_path: Path) -> None:
    make(tmp_path, 50.0, 0.02)
    with Day(tmp_path, 50.0, 200.0) as day:
        n = int(200.0 * 50.0)
        whole = np.hstack(day.samples(0, n, 50.0))
        assert np.isfinite(whole).all()
        assert len(day.starts_s("long")) >= 1
        rng = np.random.default_rng(3)
        for _ in range(50):
            first, length = int(rng.integers(0, n - 1)), int(rng.integers(1, 700))
            length = min(length, n - first)
            part = np.hstack(day.samples(first, length, 50.0))
            assert np.array_equal(part, whole[first : first + length])
        with pytest.raises(ValueError, match="made at"):
            day.samples(0, 1, 51.0)
