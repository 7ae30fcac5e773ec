"""Faults and ordinary life of the real daemon on a real kernel, judged from outside."""

import functools
import itertools
import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from gaitpi.cues.vocabulary import PATTERNS
from gaitpi.device.keeper import STALL_S
from gaitpi.device.resume import KIND as RESUMED
from gaitpi.imu.chips.mpu6050 import MPU6050
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader
from tests.hil.bench import Make
from tests.hil.machine import GuestError
from tests.hil.observer import APART_S, shape
from tests.hil.report import Report
from tests.hil.station import (
    BUZZER,
    RUNS,
    UNIT,
    Station,
    events,
    last_sample_s,
    longest_gap,
    make_of,
    runner,
    steady,
)

TARGET_SPM = 172.0
RESTART_S = 3.0
"""Of a restart what is no computing, s: RestartSec, and the sound of starting before that of
recording. How fast this guest computes is no promise: a restart is compared with a start."""
PROMISE_S = 6.0
TRIALS = int(os.environ.get("GAITPI_TRIALS", "2"))
"""How often the daemon is killed in each of the ways."""
LONG_S: Final = 0.6
"""Nobody leans here, so only the sound of recording has a longer tone, s."""
WAITS_S = (3.0, 6.0) if TRIALS <= 10 else (1.6, 2.6)
"""How long it is left in peace before each, s: many trials would take too long otherwise."""
SEED = 1


def test_boot(own_station: Station, report: Report) -> None:
    """Boot to ready."""
    own_station.bench.plug(make_of("MPU-6050"), steady())
    own_station.boot(f"systemd.wants={UNIT}")
    hello = own_station.until("record", 90.0)
    power_on = own_station.machine.began_s
    assert own_station.property("NRestarts") == "0"
    own_station.until_true(own_station.active, 10.0, "the unit is active")
    level = [edge for edge in own_station.bench.edges() if edge.line == BUZZER]
    assert all(edge.time_s >= power_on for edge in level)
    report(
        "power on, the unit enabled",
        f"recording sounded {hello.start_s - power_on:.1f} s after power on "
        f"(the guest took {own_station.machine.up_s - power_on:.1f} s of it)",
    )


def test_cadence_drop(station: Station, report: Report) -> None:
    """A runner whose cadence drops."""
    held, dropped = 50.0, 40.0
    source = runner(
        Phase("run", held, cadence_spm=TARGET_SPM), Phase("run", dropped, cadence_spm=158.0)
    )
    switched_on = station.bench.now()
    station.start(source)
    begun = station.bench.source_start_s()
    drop = begun + 3.0 + held
    cue = station.until("step-up", held + dropped, begun)
    _wait_until(station, cue.end_s + APART_S + 0.3)
    before = [s.name for s in station.heard(switched_on) if s.start_s < drop]
    assert before == ["hello", "record"]
    assert 0.0 < cue.start_s - drop <= 15.0
    assert cue.beat_s == pytest.approx(60.0 / TARGET_SPM, abs=0.006)
    wanted = shape(PATTERNS["step-up"], 60.0 / TARGET_SPM)
    worst = max(abs(a - b) for a, b in zip(cue.spans, wanted, strict=True))
    path = station.run_file()
    with RunReader(path) as run:
        (recorded,) = [c for c in run.cues() if c.cue == "step-up"][:1]
    assert recorded.time_s > held
    report(
        f"cadence {TARGET_SPM:.0f} for {held:.0f} s, then 158 steps/min",
        f"silent before; step-up {cue.start_s - drop:.1f} s after the drop, "
        f"4 ticks {1e3 * cue.beat_s:.0f} ms apart, worst edge {1e3 * worst:.0f} ms off",
    )


def test_button(station: Station, report: Report) -> None:
    """Button pressed and answered."""
    station.start(steady())
    station.until("record", 20.0, station.bench.now() - 5.0)
    took = []
    for _ in range(8):
        pressed = station.bench.press(0.15)
        tick = station.until("mark", 5.0, pressed)
        took.append(tick.start_s - pressed - 0.15)
        _wait_until(station, tick.end_s + APART_S + 0.1)
    path = station.run_file()
    marks = [event for event in events(path, "mark") if event.get("gesture") == "short"]
    assert len(marks) == len(took)
    report(
        "8 short presses on GPIO 27",
        f"8 ticks, {np.median(took):.2f} s after letting go (median; a second press is waited "
        "for), 8 marks in the run",
    )


def test_unplugged_and_back(station: Station, report: Report) -> None:
    """Sensor unplugged and back."""
    station.start(steady())
    time.sleep(15.0)
    pid = station.pid()
    off = station.bench.now()
    station.bench.unplug()
    trouble = station.until("trouble", 15.0, off)
    _wait_until(station, off + 12.0)
    station.bench.replug()
    back = station.bench.now()
    took = station.until_true(lambda: _rate(station) > 100.0, 15.0, "samples again")
    time.sleep(6.0)
    assert station.pid() == pid
    said = [sound.name for sound in station.heard(off)]
    path = station.run_file()
    lost = longest_gap(path)
    assert lost == pytest.approx(back - off, abs=3.0)
    assert said.count("trouble") == 1
    report(
        f"SDA off for {back - off:.0f} s",
        f"trouble sounded once after {trouble.start_s - off:.1f} s, samples back {took:.1f} s "
        f"after the wire, same process, gap of {lost:.1f} s in the run",
    )


def test_nack_bursts(station: Station, report: Report) -> None:
    """NACK bursts."""
    station.start(steady())
    time.sleep(3.0)
    station.bench.nack_every(5)
    time.sleep(10.0)
    for _ in range(10):
        station.bench.nack(0.02)
        time.sleep(0.5)
    station.bench.nack_every(0)
    refused = station.bench.refused()
    time.sleep(2.0)
    assert refused > 50
    counted = sum(station.counters().values())
    path = station.run_file()
    assert longest_gap(path) < 0.05
    assert counted >= refused // 2
    assert station.heard(line=BUZZER)[-1].name != "trouble"
    report(
        "one transfer of five not acknowledged for 15 s, and ten bursts of 20 ms",
        f"{refused} refused outside, {counted} counted inside, no sample lost, no sound",
    )


def test_brown_out(station: Station, report: Report) -> None:
    """Brown-out reset of the sensor."""
    station.start(steady())
    time.sleep(10.0)
    station.bench.brown_out(0.05)
    at = station.bench.now()
    time.sleep(8.0)
    path = station.run_file()
    gap = longest_gap(path)
    assert 0.03 < gap < 2.0
    with RunReader(path) as run:
        acc = np.concatenate([block.counts[:, :3] for block in run.blocks()])
    size = np.linalg.norm(acc[-1000:].astype(float), axis=1) / 2048.0
    assert np.mean(size) == pytest.approx(1.1, abs=0.25)
    assert [s.name for s in station.heard(at)] in ([], ["trouble"], ["stopped"])
    report(
        "sensor without power for 50 ms: all registers as after a reset",
        f"range and rate set again; gap of {gap:.2f} s in the run",
    )


def test_fifo_overflow(station: Station, report: Report) -> None:
    """FIFO overflow."""
    station.start(steady())
    time.sleep(8.0)
    pid = station.pid()
    station.machine.shell(f"kill -STOP {pid}; sleep 1.5; kill -CONT {pid}")
    time.sleep(4.0)
    assert station.pid() == pid
    counters = station.counters()
    path = station.run_file()
    gap = longest_gap(path)
    assert any("overflow" in name for name in counters), counters
    assert 0.8 < gap < 2.5
    report(
        "daemon stopped for 1.5 s; the FIFO holds 0.35 s",
        f"overflow counted, FIFO emptied, gap of {gap:.2f} s in the run, no restart",
    )


def test_wrong_who_am_i(station: Station, report: Report) -> None:
    """Wrong WHO_AM_I."""
    station.stop()
    station.bench.plug(_mpu6050(0x12), steady())
    began = station.bench.now()
    done = station.machine.run("systemctl", "start", UNIT, timeout=120.0)
    said = station.journal(20)
    assert done.code != 0
    assert "0x12" in said
    assert "0x68" in said
    assert station.heard(began) == []
    report("a chip that answers 0x12", "refused with id and address in the journal; pin silent")


def test_clone(station: Station, report: Report) -> None:
    """Clone WHO_AM_I."""
    clone = next(iter(MPU6050.tolerated))
    station.stop()
    station.machine.shell(f"rm -rf {RUNS}; systemctl reset-failed")
    station.bench.plug(_mpu6050(clone), steady())
    station.machine.must("systemctl", "start", UNIT, timeout=120.0)
    time.sleep(4.0)
    sensor = station.status()["status"]["sensor"]
    assert sensor["identity"] == "tolerated"
    path = station.run_file()
    with RunReader(path) as run:
        assert run.header.sensor.identity == "tolerated"
    report(f"a clone that answers {clone:#04x}", "used; flagged in status and run file")


def test_sigkill(station: Station, report: Report) -> None:
    """SIGKILL of the daemon's process."""
    started = station.start(steady())
    again, lost = _strike(station, lambda pid: f"kill -KILL {pid}")
    report(
        f"kill -9 at {len(again)} random times",
        f"recording again after {np.median(again):.1f} s (worst {max(again):.1f}); the same run "
        f"goes on, at most {max(lost):.2f} s before it lost",
    )
    assert max(again) <= max(PROMISE_S, 2.0 * started)
    assert -0.1 <= max(lost) <= 1.0


def test_sigstop(station: Station, report: Report) -> None:
    """SIGSTOP of the daemon's process."""
    started = station.start(steady())
    again, lost = _strike(station, lambda pid: f"kill -STOP {pid}")
    report(
        f"hung for good at {len(again)} random times",
        f"killed and recording again after {np.median(again):.1f} s (worst {max(again):.1f}); the "
        f"same run goes on, at most {max(lost):.2f} s before it lost",
    )
    assert max(again) <= max(PROMISE_S, 2.0 * started + STALL_S)
    assert -0.1 <= max(lost) <= 1.0


def test_service_killed(station: Station, report: Report) -> None:
    """SIGKILL of all its processes."""
    started = station.start(steady())
    again, lost = _strike(station, lambda _: f"systemctl kill -s KILL {UNIT}")
    report(
        f"systemctl kill -s KILL at {len(again)} random times: systemd begins from nothing",
        f"recording again after {np.median(again):.1f} s (worst {max(again):.1f}; a start takes "
        f"{started:.1f} s here); the same run goes on, at most {max(lost):.2f} s before it lost",
    )
    assert max(again) <= RESTART_S + 2.5 * started
    assert -0.1 <= max(lost) <= 1.0


def test_watchdog(station: Station, report: Report) -> None:
    """SIGSTOP of all its processes."""
    started = station.start(steady())
    again, lost = _strike(station, lambda _: f"systemctl kill -s STOP {UNIT}")
    watchdog_s = int(station.property("WatchdogUSec").removesuffix("s"))
    report(
        f"systemctl kill -s STOP at {len(again)} random times (WatchdogSec {watchdog_s})",
        f"killed by systemd and recording again after {np.median(again):.1f} s (worst "
        f"{max(again):.1f}); the same run goes on, at most {max(lost):.2f} s before it lost",
    )
    assert max(again) <= 2.0 * watchdog_s + RESTART_S + 2.5 * started
    assert -0.1 <= max(lost) <= 1.0


def test_clock_set_back(station: Station, report: Report) -> None:
    """Clock set back a year."""
    station.start(steady())
    time.sleep(8.0)
    before = station.machine.must("date", "+%s").strip()
    station.machine.shell(f"date -s @$(({before} - 31536000))")
    pressed_at = station.bench.now()
    time.sleep(8.0)
    pressed = station.bench.press(0.15)
    station.until("mark", 5.0, pressed)
    station.machine.shell(f"date -s @$(({before} + 16))")
    path = station.run_file()
    assert longest_gap(path) < 0.05
    seconds = _seconds(path)
    assert seconds >= 15.0
    assert [s.name for s in station.heard(pressed_at)][:1] == ["mark"]
    report(
        "date set back by 365 days in the middle of a run",
        f"run of {seconds:.0f} s without a gap; the button answered",
    )


def test_disk_full(station: Station, report: Report) -> None:
    """Disk full."""
    held = 40.0
    station.start(
        runner(Phase("run", held, cadence_spm=TARGET_SPM), Phase("run", 60.0, cadence_spm=158.0))
    )
    begun = station.bench.source_start_s()
    time.sleep(6.0)
    station.machine.run("sh", "-c", "dd if=/dev/zero of=/var/fill bs=1M; sync", timeout=120.0)
    assert station.machine.run("sh", "-c", "echo x >/var/more && sync").code != 0
    try:
        cue = station.until("step-up", held + 40.0, begun)
        problem = station.status()["status"]["recorder_problem"]
    finally:
        station.machine.shell("rm -f /var/fill /var/more; sync")
    assert problem
    report(
        "no byte free on the card, then cadence drops",
        f"cued {cue.start_s - begun - 3.0 - held:.1f} s after the drop all the same; status: "
        f'"{problem}"',
    )


def test_power_cut(own_station: Station, report: Report) -> None:
    """Power cut."""
    own_station.boot()
    own_station.start(steady())
    earlier_s = 6.0
    time.sleep(earlier_s)
    own_station.stop()
    own_station.machine.must("sync")
    own_station.machine.must("systemctl", "start", UNIT, timeout=120.0)
    time.sleep(20.0)
    boot_s = own_station.boot_s()
    cut = own_station.bench.now()
    own_station.machine.cut()
    time.sleep(0.5)
    assert own_station.bench.edges(cut + 0.5) == []
    own_station.boot()
    first, second = own_station.runs()
    for path in (first, second):
        with sqlite3.connect(path) as data:
            assert data.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    lost = cut - (boot_s + last_sample_s(second))
    assert _seconds(first) > earlier_s - 2.0
    report(
        "power cut in the 20th second of a run, another one before it",
        f"both runs read without repair; the last {lost:.1f} s lost",
    )
    assert -0.1 <= lost <= 1.0


# -- helpers --


def _mpu6050(who_am_i: int) -> Make:
    """An MPU-6050 that gives this id."""
    return functools.partial(VirtualMpu6050, who_am_i=who_am_i)


def _strike(station: Station, command: Callable[[str], str]) -> tuple[list[float], list[float]]:
    """Do that to the running daemon ``TRIALS`` times: s until it recorded again, s lost before it.

    The one run goes on each time, with a gap for each.
    """
    dice = random.Random(SEED)
    boot_s = station.boot_s()
    struck, again = [], []
    for _ in range(TRIALS):
        time.sleep(dice.uniform(*WAITS_S))
        pid = station.pid()
        struck.append(station.bench.now())
        station.machine.shell(command(pid))
        again.append(_recording(station, struck[-1]) - struck[-1])
        # the status is written once a second
        station.until_true(functools.partial(_replaced, station, pid), 5.0, "another process")
    time.sleep(2.0)
    path = station.run_file()
    assert station.runs() == [path]
    with RunReader(path) as run:
        run0 = boot_s + run.header.anchor.mono_s
        times = run0 + np.concatenate([block.times() for block in run.blocks()])
        assert len([e for e in run.events() if e.kind == RESUMED]) == TRIALS
        assert run.finished
    lost = [float(at - times[times <= at][-1]) for at in struck]
    return again, lost


def _replaced(station: Station, pid: str) -> bool:
    return station.pid() != pid


def _recording(station: Station, since_s: float) -> float:
    """Wait for the sound of recording; when it began. Told by being the one long tone: on a busy
    machine its end may be later than a sound's shape allows."""
    began: list[float] = []

    def heard() -> bool:
        ours = [edge for edge in station.bench.edges(since_s) if edge.line == BUZZER]
        began[:] = [
            on.time_s
            for on, off in itertools.pairwise(ours)
            if on.level and not off.level and off.time_s - on.time_s > LONG_S
        ]
        return bool(began)

    try:
        station.machine.wait(heard, 60.0, "the sound of recording")
    except GuestError as error:
        sounds = [(h.start_s - since_s, h.name, h.spans) for h in station.heard(since_s)]
        raise GuestError(f"{error}\n{sounds}\n{station.journal(20)}") from error
    return began[0]


def _wait_until(station: Station, time_s: float) -> None:
    time.sleep(max(0.0, time_s - station.bench.now()))


def _rate(station: Station) -> float:
    status = station.status()["status"] or {}
    return float(status.get("rate_hz") or 0.0)


def _seconds(path: Path) -> float:
    """Time from the first sample to the last, s."""
    with RunReader(path) as run:
        times = np.concatenate([block.times() for block in run.blocks()])
    return float(times[-1] - times[0])
