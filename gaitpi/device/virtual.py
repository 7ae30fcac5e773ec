"""The daemon on the virtual chip: the same driver, estimator, coach and run file.

Nothing here is reached by ``gaitpi run``: the real daemon never falls back to a simulator.
"""

import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from gaitpi.config import Config
from gaitpi.cues.outputs import Output, Outputs
from gaitpi.device.daemon import Daemon, Ended, Progress
from gaitpi.device.ears import Ears
from gaitpi.device.status import StatusFile
from gaitpi.errors import UsageError
from gaitpi.hostclock import HostClock, SystemClock, VirtualClock
from gaitpi.imu.chips import twins
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.chip import LOOK_AHEAD, Twin
from gaitpi.imu.virtual.live import AnsweringRunner
from gaitpi.imu.virtual.source import SignalSource
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.writer import RunWriter, run_path, settle

LIVE_SAMPLES = 16
"""Samples asked at once of a runner who hears: what is made cannot answer any more."""


def twin_of(name: str) -> Twin:
    """The virtual part of a family's ``name``, or of a part's as the maker writes it.

    Capital letters and hyphens do not matter. Raises UsageError with the names there are.
    """
    wanted = _plain(name)
    for twin in twins():
        if wanted in (_plain(twin.name), _plain(twin.part)):
            return twin
    names = ", ".join(dict.fromkeys(twin.name for twin in twins()))
    raise UsageError(f"{name} is no virtual chip.", f"Use one of: {names}.")


def _plain(name: str) -> str:
    return name.lower().replace("-", "")


def recorder_in(
    directory: Path, *, synchronous: bool
) -> Callable[[RunHeader], tuple[Recorder, Path]]:
    """What opens a run file in ``directory``; ``synchronous`` for virtual time.

    Otherwise the recorder's own thread makes the file: a card that is slow to take a new one
    holds up no sample.
    """
    settle(directory)

    def record(header: RunHeader) -> tuple[Recorder, Path]:
        path = run_path(directory, header.run_id)
        if synchronous:
            return Recorder(RunWriter(path, header), synchronous=True), path
        return Recorder.opening(header, lambda: RunWriter(path, header)), path

    return record


def play(
    source: SignalSource,
    config: Config,
    directory: Path,
    outputs: list[Output],
    *,
    recording: str,
    has_gyro: bool = True,
    chip: str = "mpu6050",
    rate_error: float = 0.0,
    realtime: bool = False,
    status: StatusFile | None = None,
    until: Callable[[], bool] | None = None,
    told: Callable[[Progress], None] | None = None,
    said: Callable[[str], None] | None = None,
    auto: bool = False,
) -> Ended:
    """Play ``source`` through a virtual ``chip`` (:func:`twin_of`) and the daemon into a run file.

    ``recording`` is the bare name for the header. In virtual time (``realtime`` False) it runs
    as fast as the machine can. ``until`` may end it early. With ``auto`` runs begin and end by
    themselves, else the whole of it is one. An :class:`AnsweringRunner` hears what is played.
    Raises as the daemon does.
    """
    if source.rate_hz is not None:
        # the chip plays a recording at the recording's rate: ask for the nearest it offers
        wanted = min(max(source.rate_hz, 100.0), 1000.0)
        config = replace(config, imu=replace(config.imu, rate_hz=wanted))
    clock: HostClock = SystemClock() if realtime else VirtualClock(wall_s=time.time())
    sound_clock: HostClock = clock if realtime else VirtualClock()
    ahead = LIVE_SAMPLES if isinstance(source, AnsweringRunner) else LOOK_AHEAD
    twin = twin_of(chip).make(source, clock, rate_error=rate_error, look_ahead=ahead)
    if isinstance(source, AnsweringRunner):
        ears = Ears(source, lambda: clock.monotonic() - twin.source_start_s, sound_clock)
        outputs = [*outputs, ears]
    reader = open_reader(VirtualTransport([twin]), clock, config.imu)
    daemon = Daemon(
        config,
        reader,
        clock,
        Outputs(outputs),
        recorder_in(directory, synchronous=not realtime),
        realtime=realtime,
        has_gyro=has_gyro,
        source="virtual chip",
        recording=recording,
        status=status,
        told=told,
        said=said,
        auto=auto,
        sound_clock=sound_clock,
    )
    return daemon.run(lambda: twin.ended or (until is not None and until()))
