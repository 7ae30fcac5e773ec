"""The whole daemon in virtual time, with a script of faults on bus, clock and signal."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs, TerminalOutput
from gaitpi.cues.vocabulary import Pattern
from gaitpi.device.daemon import Daemon, Ended
from gaitpi.device.virtual import recorder_in, twin_of
from gaitpi.hostclock import HostClock, VirtualClock
from gaitpi.imu.reader import Reader, open_reader
from gaitpi.imu.recovery import Recovery
from gaitpi.imu.virtual.faulty import (
    FaultScript,
    FaultyBus,
    FaultyClock,
    FaultySource,
    VirtualPins,
)
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import SignalSource
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import CueRow

OFTEN: Final = apply(
    Config(),
    [
        *("coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "coach.floor_s=60"),
        *("coach.backoff=1", "coach.unanswered_max=10", "cues.pwm=software"),
    ],
)
"""A coach that speaks as often as he may."""
SLOW: Final = (Phase("stand", 5.0), Phase("run", 235.0, cadence_spm=160.0))
WALL_S: Final = 1_795_453_320.0


class Heard(TerminalOutput):
    """When a sound began, on the host's clock, and its name."""

    def __init__(self, clock: HostClock) -> None:
        super().__init__(io.StringIO())
        self._clock = clock
        self.sounds: list[tuple[float, str]] = []

    def announce(self, sound: Pattern, time_s: float) -> None:  # noqa: ARG002
        """A sound begins."""
        self.sounds.append((self._clock.monotonic(), sound.name))


@dataclass
class Pack:
    """What became of a run: how it ended, what was said and heard, the parts it was made of."""

    ended: Ended
    said: list[str]
    heard: list[tuple[float, str]]
    reader: Reader
    bus: FaultyBus
    clock: FaultyClock

    @property
    def path(self) -> Path:
        """The run file."""
        assert self.ended.path is not None
        return self.ended.path

    def cues(self) -> list[CueRow]:
        """The coach's cues."""
        with RunReader(self.path) as run:
            return run.cues()

    def ages_s(self) -> list[float]:
        """How old the data behind each cue were when it began to sound, s."""
        cues = self.cues()
        names = {cue.cue for cue in cues}
        heard = [at for at, name in self.heard if name in names]
        with RunReader(self.path) as run:
            run0 = run.header.anchor.mono_s
        assert len(heard) == len(cues)
        return [at - run0 - cue.time_s for at, cue in zip(heard, cues, strict=True)]

    def gaps(self) -> list[tuple[float, float]]:
        """Where time was lost: from when to when, run time in s."""
        found = []
        with RunReader(self.path) as run:
            for block in run.blocks():
                if block.gap_s > 0.0:
                    first = float(block.times()[0])
                    found.append((first - block.gap_s, first))
        return found


def run(
    script: FaultScript,
    directory: Path,
    *,
    source: SignalSource | None = None,
    phases: Sequence[Phase] = SLOW,
    seed: int = 1,
    config: Config = OFTEN,
    chip: str = "mpu6050",
    clear: bool = True,
    rate_error: float = 0.0,
) -> Pack:
    """Run to the end of the signal; ``clear`` False: the wires cannot be clocked free."""
    source = source or SimulatedRunner(phases, RunnerParams(seed=seed))
    clock = FaultyClock(VirtualClock(wall_s=WALL_S), script)
    twin = twin_of(chip).make(FaultySource(source, script), clock, rate_error=rate_error)
    bus = FaultyBus(VirtualTransport([twin]), clock, script, chips=[twin])
    recovery = Recovery(VirtualPins(bus, refuse=not clear), threaded=False)
    reader = open_reader(bus, clock, config.imu, recovery)
    heard, said = Heard(clock), list[str]()
    daemon = Daemon(
        config,
        reader,
        clock,
        Outputs([heard]),
        recorder_in(directory, synchronous=True),
        realtime=False,
        said=said.append,
    )
    ended = daemon.run(lambda: twin.ended)
    return Pack(ended, said, heard.sounds, reader, bus, clock)


def data_root() -> Path | None:
    """The folder of the recordings: GAITPI_DATA, or ../shared/data beside the checkout."""
    named = os.environ.get("GAITPI_DATA")
    root = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    return root if root.is_dir() else None
