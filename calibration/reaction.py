"""From the foot's strike to the edge on the buzzer's pin, end to end and in real time.

``python -m calibration.reaction`` runs the whole daemon against a simulated runner on the virtual
chip: registers, FIFO, driver, estimator, recorder on a disk, player and gpiozero's own mock pins.
Only the policy is another: it ticks once a step, as soon as the step is known, so that there
are thousands of trials and not one a minute. The strike is the runner's true initial contact
on the host's clock; the edge is timed as the pin is set. What a real bus, a real pin and a piezo
add is not in it.
"""

import argparse
import math
import statistics
import tempfile
import time
from bisect import bisect
from pathlib import Path
from typing import Any, NamedTuple

from calibration.jitter import CONFIG, LOADS
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig, Config
from gaitpi.cues.outputs import open_outputs
from gaitpi.device.daemon import Daemon
from gaitpi.device.virtual import recorder_in
from gaitpi.hostclock import SystemClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import hold
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.recorder import Recorder

SETTLE_S = 25.0
"""Standing, and the first steps of the run, which wait until it is believed."""
NEAR_S = 0.15
"""A step belongs to the true contact nearest to it, if that is so near."""


class Trial(NamedTuple):
    """A step, s: strike to known by the signal, known to told the coach, told to pin edge."""

    known: float
    told: float
    edge: float

    @property
    def total(self) -> float:
        """Strike to edge, s."""
        return self.known + self.told + self.edge


class EveryStep(Coach):
    """Ticks once for every running step."""

    def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
        super().__init__(config, day_second=day_second)
        self.ticked: list[tuple[StepTaken, float]] = []
        """The step, and the host time at which it was answered."""
        self._new: StepTaken | None = None

    def step(self, step: StepTaken) -> None:
        """Take in a step."""
        super().step(step)
        if step.running:
            self._new = step

    def moment(self, m: Moment) -> list[Cue | Withheld]:
        """A tick when there is a new step."""
        super().moment(m)
        step, self._new = self._new, None
        if step is None:
            return []
        self.ticked.append((step, time.monotonic()))
        band = (-math.inf, math.inf)
        return [Cue(m.time_s, "mark", "cadence", 0.0, band, "every-step", "a step")]


class Pins:
    """gpiozero's mock pins; ``edges`` host times at which the buzzer's pin went up."""

    def __init__(self) -> None:
        from gpiozero.pins.mock import MockFactory, MockPWMPin

        edges: list[float] = []

        class Timed(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
            """Notes when it goes up."""

            def _set_state(self, value: Any) -> None:
                super()._set_state(value)
                if value > 0 and self.info.name == f"GPIO{CONFIG.buzzer_pin}":
                    edges.append(time.monotonic())

        self.edges = edges
        self.factory = MockFactory(pin_class=Timed)


def trials(seconds: float, folder: Path) -> tuple[list[Trial], int]:
    """Steps of so many seconds of running, and the number of ticks that never sounded."""
    pins, coaches, starts = Pins(), list[EveryStep](), list[float]()

    class Noted(EveryStep):
        """One that can be asked afterwards."""

        def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
            super().__init__(config, day_second=day_second)
            coaches.append(self)

    def record(header: RunHeader) -> tuple[Recorder, Path]:
        starts.append(header.anchor.mono_s)
        return recorder_in(folder, synchronous=False)(header)

    clock = SystemClock()
    runner = SimulatedRunner(hold(SETTLE_S + seconds), RunnerParams(seed=1))
    twin = VirtualMpu6050(runner, clock)
    reader = open_reader(VirtualTransport([twin]), clock, Config().imu)
    daemon = Daemon(
        Config(cues=CONFIG),
        reader,
        clock,
        open_outputs(CONFIG, pins.factory),
        record,
        source="virtual chip",
        recording="reaction",
        coach=Noted,
    )
    daemon.run(lambda: twin.ended)
    strikes = [twin.source_start_s + float(ic) for ic in runner.truth.steps["ic_s"]]
    return matched(coaches[0].ticked, starts[0], strikes, pins.edges)


def matched(
    ticked: list[tuple[StepTaken, float]], run0: float, strikes: list[float], edges: list[float]
) -> tuple[list[Trial], int]:
    """The trials, and how many ticks have no edge; all but run times are host times, s."""
    out, silent = [], 0
    ends = [at for _, at in ticked[1:]] + [math.inf]
    for (step, at), end in zip(ticked, ends, strict=True):
        i = bisect(edges, at)
        if i == len(edges) or edges[i] >= end:
            silent += 1
            continue
        ended = run0 + step.ic_s + step.step_s  # the contact that told how long the step was
        strike = min(strikes, key=lambda s, ended=ended: abs(s - ended))  # type: ignore[misc]
        if abs(strike - ended) <= NEAR_S:
            known = run0 + step.known_s
            out.append(Trial(known - strike, at - known, edges[i] - at))
    return out, silent


def row(name: str, values: list[float]) -> str:
    """p50, p99, p99.9 and worst in ms."""
    cuts = statistics.quantiles(values, n=1000, method="inclusive")
    ms = [1e3 * x for x in (cuts[499], cuts[989], cuts[998], max(values))]
    return f"| {name} | " + " | ".join(f"{x:.1f}" for x in ms) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=400.0, help="of running, each load")
    parser.add_argument("--load", choices=LOADS, action="append", help="only this (repeatable)")
    args = parser.parse_args()
    print("| load | steps | | p50, ms | p99, ms | p99.9, ms | worst, ms |")
    print("|---|---|---|---|---|---|---|")
    for name in args.load or LOADS:
        with LOADS[name](), tempfile.TemporaryDirectory() as folder:
            found, silent = trials(args.seconds, Path(folder))
        count = f"{len(found)}" + (f", {silent} without a sound" if silent else "")
        print(row(f"{name} | {count} | strike to edge", [t.total for t in found]))
        print(row("| | of it: until the signal shows it", [t.known for t in found]))
        print(row("| | until the coach is asked", [t.told for t in found]))
        print(row("| | until the edge", [t.edge for t in found]), flush=True)


if __name__ == "__main__":
    main()
