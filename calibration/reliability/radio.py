"""F19: a radio gone wild: what it does to cues and samples, which is nothing."""

import tempfile
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from calibration.load import Figures, lost
from calibration.radio import PROMISE_MS, late_ms, measured, together
from calibration.reliability import Outcome, Row
from gaitpi.ble.readings import Heart, Link, Pod, packed
from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs
from gaitpi.device.companions import socket_pair
from gaitpi.device.daemon import Daemon
from gaitpi.device.virtual import recorder_in, twin_of
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader

CONFIG: Final = apply(
    Config(), ["coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "runs.auto=off"]
)
RUN_S: Final = 150.0
MEASURE_S: Final = 20.0
BUSY_MS: Final = 5.0
"""Left alone its edges are later than this: the machine is no measure of anything."""
AGAIN: Final = 4


def _datagrams(dice: Random, now_s: float) -> list[bytes]:
    """What such a radio sends between two turns of the loop."""
    found = []
    for _ in range(dice.choice((0, 0, 1, 3, 12))):
        time_s = now_s + dice.choice((0.0, 0.0, -1.0, -30.0, -100.0, 0.5, 1e6, -1e6))
        kind = dice.randrange(5)
        if kind == 0:
            found.append(packed(Heart(time_s=time_s, bpm=dice.randrange(65536), rr_s=(0.4,) * 9)))
        elif kind == 1:
            speed = dice.choice((0.0, 2.8, -5.0, 1e9))
            found.append(
                packed(Pod(time_s=time_s, speed_ms=speed, cadence_rpm=dice.randrange(256)))
            )
        elif kind == 2:
            state: Any = dice.choice(("off", "lost", "connected", "silent"))
            found.append(packed(Link(time_s=time_s, role="pod", state=state, since_s=time_s)))
        elif kind == 3:
            found.append(dice.randbytes(dice.randrange(5000)))
        else:
            found.append(packed(Pod(time_s=time_s, speed_ms=2.8, cadence_rpm=85))[:-1])
    return found


def _recorded(folder: Path, seed: int, dice: Random | None) -> tuple[list[Any], dict[str, int]]:
    """A run in virtual time, with such a radio or without: what is in it; what was counted."""
    clock = VirtualClock()
    runner = SimulatedRunner(
        (Phase("stand", 5.0), Phase("run", RUN_S, cadence_spm=162.0)), RunnerParams(seed=seed)
    )
    reader = open_reader(
        VirtualTransport([twin_of("mpu6050").make(runner, clock)]), clock, CONFIG.imu
    )
    ours, theirs = socket_pair()
    record = recorder_in(folder, synchronous=True)
    daemon = Daemon(
        CONFIG, reader, clock, Outputs([]), record, realtime=False, radio=ours if dice else None
    )

    def over() -> bool:
        for datagram in _datagrams(dice, clock.monotonic()) if dice else ():
            try:
                theirs.send(datagram)
            except BlockingIOError:
                break
        return clock.monotonic() >= RUN_S

    ended = daemon.run(over)
    ours.close()
    theirs.close()
    assert ended.path is not None
    with RunReader(ended.path) as run:
        blocks = list(run.blocks())
        samples = np.concatenate([block.counts for block in blocks]).tobytes()
        times = np.concatenate([block.times() for block in blocks]).tobytes()
        rows = [run.steps(), run.seconds(), run.cues(), run.withheld()]
        found = [repr(table) for table in rows]
        readings = len(run.hearts()) + len(run.pods())
    return [*found, samples, times], daemon.counters | {"readings": readings}


def anything(trials: int, seed: int) -> Outcome:
    """The same run with and without: the same decisions and samples to the last bit."""
    dice = Random(seed)
    counted = readings = 0
    for k in range(trials):
        with tempfile.TemporaryDirectory() as name:
            alone, _ = _recorded(Path(name) / "alone", k, None)
            wild, counters = _recorded(Path(name) / "wild", k, Random(dice.random()))
        counted += sum(n for fault, n in counters.items() if fault.startswith("radio-"))
        readings += counters["readings"]
        if wild != alone:
            where = [i for i, (a, b) in enumerate(zip(alone, wild, strict=True)) if a != b]
            return Outcome(k + 1, f"tables {where} differ", False, f"seed {seed}, run {k}")
    told = f"0 of {trials} runs differ in a bit; {counted:,} left out and counted"
    return Outcome(trials, f"{told}, {readings:,} believed", counted > 0 and readings > 0)


def wild(trials: int, seed: int) -> Outcome:
    """In real time, in turn with and without: lateness of the edges, samples, ticks."""
    found: list[tuple[Figures, Figures]] = []
    tried = 0
    while len(found) < trials and tried < trials + AGAIN:
        tried += 1
        order = (False, True) if (seed + tried) % 2 else (True, False)
        both = {storm: measured(MEASURE_S, wild=storm) for storm in order}
        # a machine that cannot do it undisturbed tells nothing of the radio
        if lost(both[False]) or late_ms(both[False])[1] > BUSY_MS:
            continue
        found.append((both[False], both[True]))
    if not found:
        return Outcome(tried, "the machine was too busy to tell", True)
    alone, storm = (together([pair[i] for pair in found]) for i in (0, 1))
    (median, most), (median_wild, most_wild) = late_ms(alone), late_ms(storm)
    missing = [words for _, pair in found for words in lost(pair)]
    spread = max(late_ms(pair[0])[1] for pair in found) - min(late_ms(p[0])[1] for p in found)
    kept = not missing and most_wild - most <= max(PROMISE_MS, spread)
    worst = f"p99 {most:.2f} -> {most_wild:.2f} ms, median {median:.2f} -> {median_wild:.2f} ms"
    gone = "; ".join(missing)
    return Outcome(len(found), f"{worst}; {gone or '0 samples and ticks'} lost", kept, gone)


ROWS: Final = (
    Row(
        "F19a",
        "strap, pod or their radio tell nonsense",
        "runs in virtual time with datagrams of any kind, time and number at the daemon's socket",
        "decisions, steps and samples the same to the last bit as without a radio",
        "radio-malformed, radio-time, radio-many",
        anything,
        few=1,
        many=40,
    ),
    Row(
        "F19b",
        "the radio's process gone wild",
        "it floods socket and journal, hangs and dies, minded as the keeper does; real time, in"
        " turn with an undisturbed daemon",
        f"edges' p99 grows by at most {PROMISE_MS:g} ms; no sample and no tick lost",
        "radio-malformed; the link in gaitpi status",
        wild,
        few=1,
        many=12,
    ),
)
