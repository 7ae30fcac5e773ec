"""A whole daemon on a bench: virtual time, virtual chip, a button on a mock pin, sounds noted."""

import io
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory

from gaitpi.coach.types import Cue
from gaitpi.config import Config, apply
from gaitpi.cues.button import Button
from gaitpi.cues.outputs import Outputs, TerminalOutput
from gaitpi.cues.vocabulary import Pattern
from gaitpi.device.calibrating import Stands
from gaitpi.device.control import Board
from gaitpi.device.daemon import Daemon, Ended
from gaitpi.device.heat import Thermometer
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.resting import Resting
from gaitpi.device.supply import Supply
from gaitpi.device.virtual import recorder_in
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.source import SignalSource
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader, list_runs

PHASES = (Phase("stand", 5.0), Phase("run", 300.0, cadence_spm=160.0))
CONFIG = apply(
    Config(), ["coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "cues.pwm=software"]
)


WALL_S = 1_795_453_320.0


class Heard(TerminalOutput):
    """Names of the sounds, with the time they began."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(io.StringIO())
        self._clock = clock
        self.sounds: list[tuple[float, str]] = []

    def announce(self, sound: Pattern, time_s: float) -> None:
        self.sounds.append((round(self._clock.monotonic(), 2), sound.name))


class Bench:
    """A daemon in virtual time with a button on a mock pin."""

    def __init__(
        self,
        tmp_path: Path,
        source: SignalSource | None = None,
        *,
        config: Config = CONFIG,
        auto: bool = False,
        stands: Stands | None = None,
        thermometer: Thermometer | None = None,
        supply: Supply | None = None,
        resting: bool = False,
        radio: socket.socket | None = None,
    ) -> None:
        self.clock = VirtualClock(wall_s=WALL_S)
        self.factory = MockFactory()
        source = SimulatedRunner(PHASES) if source is None else source
        self.twin = VirtualMpu6050(source, self.clock)
        self.transport = VirtualTransport([self.twin])
        self.heard = Heard(self.clock)
        self.said: list[str] = []
        self.directory = tmp_path / "runs"
        self.config = config
        self.auto = auto
        self.stands = stands
        self.thermometer = thermometer
        self.board = Board()
        self.supply = supply
        self.resting = Resting(self.directory, self.clock.wall) if resting else None
        self.radio = radio

    def hold(self, at_s: float, held_s: float) -> dict[float, Callable[[], None]]:
        pin: Any = self.factory.pin(27)
        return {at_s: pin.drive_low, at_s + held_s: pin.drive_high}

    def taps(self, at_s: float, n: int) -> dict[float, Callable[[], None]]:
        out: dict[float, Callable[[], None]] = {}
        for k in range(n):
            out |= self.hold(at_s + 0.3 * k, 0.1)
        return out

    def run(self, at: dict[float, Callable[[], None]], until_s: float = 200.0) -> Ended:
        due = sorted(at)

        def until() -> bool:
            while due and self.clock.monotonic() >= due[0]:
                at[due.pop(0)]()
            return self.clock.monotonic() >= until_s

        daemon = self.daemon = Daemon(
            self.config,
            open_reader(self.transport, self.clock, self.config.imu),
            self.clock,
            Outputs([self.heard]),
            recorder_in(self.directory, synchronous=True),
            realtime=False,
            said=self.said.append,
            button=Button(27, self.factory, self.clock),
            auto=self.auto,
            stands=self.stands,
            thermometer=self.thermometer,
            board=self.board,
            supply=self.supply,
            resting=self.resting,
            radio=self.radio,
        )
        return daemon.run(until)

    def paths(self) -> list[Path]:
        return sorted(entry.path for entry in list_runs(self.directory))


def events(path: Path) -> list[tuple[str, float, dict[str, Any]]]:
    with RunReader(path) as run:
        found = [(e.kind, e.time_s, json.loads(e.detail)) for e in run.events()]
    return [event for event in found if "gesture" in event[2]]


def replayed(path: Path) -> list[Cue]:
    return [item for item in replay(open_recording(path), CONFIG) if isinstance(item, Cue)]


def recorded(path: Path) -> list[tuple[float, str, float]]:
    with RunReader(path) as run:
        return [(c.time_s, c.cue, c.value) for c in run.cues()]
