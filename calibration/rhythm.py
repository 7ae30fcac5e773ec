"""How well ticks fall on the feet: the predicted next contact, and the ticks of the whole daemon.

``python -m calibration.rhythm`` predicts, ten times a second as the coach is asked, the first
contact that lies at least the lead ahead, and compares it with the contact that came: with the
outside truth where there is one (force plate, the simulated runner's own), else with what the
estimator itself found later. "last + step" is the plain way, the last contact and the last step
again and again.

``--live SECONDS`` runs the daemon in real time against a simulated runner who stays 6 % below the
target: registers, FIFO, estimator, recorder on a disk, player, gpiozero's mock pins. The policy
differs from the coach's in that it starts a metronome anew every few seconds. Each tick is
compared with its own deadline, the first one also with the runner's true contact. A tick is where
the pin goes up: the piezo's own rise (a few cycles, 1 ms) and the sound's way to the ear (2 ms)
are not in it.
"""

import argparse
import math
import statistics
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibration.jitter import CONFIG, LOADS
from calibration.reaction import Pins
from calibration.validation.recordings import ADEPT, RBDS, Source
from gaitpi.coach import rhythm
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Beats, Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig, Config
from gaitpi.cues.outputs import open_outputs
from gaitpi.cues.train import Train
from gaitpi.device.daemon import Daemon
from gaitpi.device.pipeline import MOMENTS_HZ
from gaitpi.device.virtual import recorder_in
from gaitpi.gait import RUNNING, estimate
from gaitpi.hostclock import SystemClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.recorder import Recorder

DATA: Final = Path(__file__).parents[2] / "shared" / "data"
RATE_HZ: Final = 208.0
TRAIN_S: Final = 6.0
"""Length of a metronome in the live run, s."""
TARGET_SPM: Final = 170.0


@dataclass
class Trials:
    """Predicted minus true contact, s: of the fit, of the plain way; and the fit's own sd."""

    fit: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    sd: list[float] = field(default_factory=list)


def predicted(steps: np.ndarray[Any, Any], truth: Sequence[float]) -> Trials:
    """Predictions from the steps of a trace, against ``truth`` (contacts, s, in order)."""
    out = Trials()
    contacts: list[float] = []
    taken = [
        StepTaken(float(s["known_s"]), float(s["ic_s"]), float(s["step_s"]), s["activity"] == 3)
        for s in steps
    ]
    ticks = range(math.ceil(taken[0].known_s * MOMENTS_HZ), int(taken[-1].ic_s * MOMENTS_HZ))
    done = 0
    for tick in ticks:
        t = tick / MOMENTS_HZ
        while taken[done].known_s <= t:
            rhythm.hear(contacts, taken[done])
            done += 1
        found = rhythm.predict(contacts, t + rhythm.LEAD_S)
        if found is None:
            continue
        error = _off(found.first_s, truth, found.step_s)
        if math.isnan(error):
            continue
        step_s = contacts[-1] - contacts[-2]
        n = max(1, math.ceil((t + rhythm.LEAD_S - contacts[-1]) / step_s))
        out.fit.append(error)
        out.plain.append(_off(contacts[-1] + n * step_s, truth, math.inf))
        out.sd.append(found.sd_s)
    return out


def _off(t: float, truth: Sequence[float], within_s: float) -> float:
    """How much later than the nearest true contact; NaN where there is none ``within_s``."""
    i = bisect_left(truth, t)
    near = min(truth[max(0, i - 1) : i + 1], key=lambda true: abs(t - true))
    return t - near if abs(t - near) < within_s else math.nan


def sources(data: Path) -> Iterator[tuple[str, Trials]]:
    """(name, trials) of the simulated runner and of the recordings that are there."""
    noises = (("simulated runner", 0.0, 0.015), ("the same, 4 % lopsided", 0.04, 0.015))
    for name, asymmetry, cv in noises:
        run = SimulatedRunner(
            (Phase("stand", 5.0), Phase("run", 600.0, asymmetry=asymmetry)),
            RunnerParams(seed=2, step_cv=cv),
        )
        acc, gyr = run.samples(0, int(run.duration_s * RATE_HZ), RATE_HZ)
        truth = run.truth.steps["ic_s"].tolist()
        yield name, predicted(estimate(acc, gyr, RATE_HZ).steps, truth)
    if not data.is_dir():
        return
    recordings = Source(data)
    for folder, against in ((RBDS, "force plate"), (ADEPT, "own contacts, later")):
        found = Trials()
        for rec in recordings.get(folder):
            steps = rec.trace.steps
            own = steps["ic_s"][steps["activity"] == RUNNING]
            one = predicted(steps, (own if rec.ic is None else rec.ic).tolist())
            for name, values in vars(found).items():
                values += getattr(one, name)
        yield f"{recordings.label(folder)}, {against}", found


def print_predictions(data: Path) -> None:
    """The table of predictions."""
    print("| runner | moments | bias | p50 | p95 | last + step: p50 | p95 | rms / own sd | sure |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, found in sources(data):
        bias = statistics.median(found.fit)
        # what is constant is the sensor's idea of a contact, not the prediction's error
        p50, p95 = np.percentile(np.abs(np.array(found.fit) - bias), [50, 95])
        plain = np.array(found.plain)
        plain50, plain95 = np.percentile(np.abs(plain - np.median(plain)), [50, 95])
        ratio = np.sqrt(np.mean((np.array(found.fit) - bias) ** 2 / np.array(found.sd) ** 2))
        sure = np.mean(np.array(found.sd) < rhythm.SURE * 0.36)
        print(
            f"| {name} | {len(found.fit)} | {1e3 * bias:.0f} | {1e3 * p50:.1f} | {1e3 * p95:.1f} "
            f"| {1e3 * plain50:.1f} | {1e3 * plain95:.1f} | {ratio:.2f} | {sure:.0%} |"
        )


class Often(Coach):
    """Starts a metronome whenever cadence is low and none ticks; each lasts ``TRAIN_S``."""

    def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
        super().__init__(config, day_second=day_second)
        self.said: list[Cue | Beats] = []
        """Starts, changes and ends, in order."""

    def moment(self, m: Moment) -> list[Cue | Withheld]:
        """As the coach, but noted."""
        out = super().moment(m)
        self.said += [*self.beats, *(c for c in out if isinstance(c, Cue))]
        return out

    def _giving_up(self) -> bool:
        return False

    def _spaced(self, t: float) -> tuple[str, str] | None:
        train = self._s.train
        return ("quiet.floor", f"ticking for {t - train[0]:.0f} s") if train else None

    def _enough(self, t: float, reading: Any) -> tuple[str, str] | None:
        if self._s.train and t - self._s.train[0] > TRAIN_S:
            return "metronome.limit", "long enough for this"
        return super()._enough(t, reading)


def deadlines(said: list[Cue | Beats]) -> list[list[float]]:
    """When each tick of each metronome was due, run time in s, by the player's own rules."""
    out: list[list[float]] = []
    train: Train | None = None
    for item in said:
        while train is not None and train.due_s <= item.time_s:
            out[-1].append(train.due_s)
            train.skip()
        if isinstance(item, Cue):
            train = Train(item, item.first_s, math.inf)
            out.append([])
        elif train is not None and not item.ends:
            train.follow(item.first_s, item.beat_s)
        else:
            train = None
    return out


def live(seconds: float, folder: Path) -> tuple[list[float], list[float], int, int]:
    """(edge minus deadline, first edge minus the true contact), s; ticks due, and missing."""
    pins, coaches, starts = Pins(), list[Often](), list[float]()

    class Noted(Often):
        """One that can be asked afterwards."""

        def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
            super().__init__(config, day_second=day_second)
            coaches.append(self)

    def record(header: RunHeader) -> tuple[Recorder, Path]:
        starts.append(header.anchor.mono_s)
        return recorder_in(folder, synchronous=False)(header)

    clock = SystemClock()
    phases = (Phase("stand", 5.0), Phase("run", seconds, cadence_spm=0.94 * TARGET_SPM))
    runner = SimulatedRunner(phases, RunnerParams(seed=3))
    twin = VirtualMpu6050(runner, clock)
    coach = CoachConfig(
        target_spm=TARGET_SPM, metronome="adaptive", warmup_s=0.0, hold_s=2.0, gate_s=0.0
    )
    config = Config(cues=CONFIG, coach=coach)
    daemon = Daemon(
        config,
        open_reader(VirtualTransport([twin]), clock, config.imu),
        clock,
        open_outputs(CONFIG, pins.factory),
        record,
        source="virtual chip",
        recording="rhythm",
        coach=Noted,
    )
    daemon.run(lambda: twin.ended)
    strikes = [twin.source_start_s + float(ic) for ic in runner.truth.steps["ic_s"]]
    late, phase, missing, total = list[float](), list[float](), 0, 0
    for train in deadlines(coaches[0].said):
        for k, due_s in enumerate(train):
            total += 1
            error = _off(starts[0] + due_s, pins.edges, 0.1)
            if math.isnan(error):
                missing += 1
                continue
            late.append(-error)
            if k == 0:
                phase.append(_off(starts[0] + due_s - error, strikes, math.inf))
    return late, phase, total, missing


def print_live(seconds: float, loads: Sequence[str]) -> None:
    """The table of the daemon's ticks."""
    print("| load | ticks, missing | tick late: p50 | p99 | worst | starts | first: p50 | p90 |")
    print("|---|---|---|---|---|---|---|---|")
    for name in loads:
        with LOADS[name](), tempfile.TemporaryDirectory() as folder:
            late, phase, total, missing = live(seconds, Path(folder))
        p50, p99, worst = (1e3 * x for x in np.percentile(np.abs(late), [50, 99, 100]))
        first = [1e3 * x for x in np.percentile(np.abs(phase), [50, 90])]
        print(
            f"| {name} | {total}, {missing} | {p50:.2f} | {p99:.2f} | {worst:.2f} "
            f"| {len(phase)} | {first[0]:.0f} | {first[1]:.0f} |",
            flush=True,
        )


def main() -> None:
    """Print a table; all times in ms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    parser.add_argument("--live", type=float, metavar="SECONDS", help="of running, each load")
    parser.add_argument("--load", choices=LOADS, action="append", help="only this (repeatable)")
    args = parser.parse_args()
    if args.live:
        print_live(args.live, args.load or list(LOADS))
    else:
        print_predictions(args.data)


if __name__ == "__main__":
    main()
