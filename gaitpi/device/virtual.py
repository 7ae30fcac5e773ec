"""The daemon on the virtual chip: the same driver, estimator, coach and run file.

Nothing here is reached by ``gaitpi run``: the real daemon never falls back to a simulator.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from gaitpi.config import Config
from gaitpi.cues.outputs import Output, Outputs
from gaitpi.device.control import Board
from gaitpi.device.controlsocket import Server
from gaitpi.device.daemon import Daemon, Ended, Progress
from gaitpi.device.ears import Ears
from gaitpi.device.notify import Watcher
from gaitpi.device.status import StatusFile
from gaitpi.errors import UsageError
from gaitpi.hostclock import HostClock, SystemClock, VirtualClock
from gaitpi.imu.chips import twins
from gaitpi.imu.reader import open_reader
from gaitpi.imu.recovery import Recovery
from gaitpi.imu.virtual.chip import LOOK_AHEAD, Twin
from gaitpi.imu.virtual.faulty import (
    FaultScript,
    FaultyBus,
    FaultyClock,
    FaultySource,
    VirtualPins,
)
from gaitpi.imu.virtual.live import AnsweringRunner
from gaitpi.imu.virtual.source import SignalSource
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.room import Room
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
    directory: Path, *, synchronous: bool, keep_free_mb: float | None = None
) -> Callable[[RunHeader], tuple[Recorder, Path]]:
    """What opens a run file in ``directory``; ``synchronous`` for virtual time.

    Otherwise the recorder's own thread makes the file: a card that is slow to take a new one holds
    up no sample. ``keep_free_mb``: old runs are deleted to keep so much free; None = none are.
    """
    settle(directory)

    def record(header: RunHeader) -> tuple[Recorder, Path]:
        path = run_path(directory, header.run_id)
        if synchronous:
            return Recorder(RunWriter(path, header), synchronous=True), path
        room = Room(directory, keep_free_mb)
        return Recorder.opening(header, lambda: RunWriter(path, header), room=room), path

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
    notifier: Watcher | None = None,
    resume: bool = False,
    control: Path | None = None,
    faults: FaultScript | None = None,
    wall_s: float | None = None,
) -> Ended:
    """Play ``source`` through a virtual ``chip`` (:func:`twin_of`) and the daemon into a run file.

    ``recording`` is the bare name for the header. In virtual time (``realtime`` False) it runs
    as fast as the machine can. ``until`` may end it early. With ``auto`` runs begin and end by
    themselves, else the whole of it is one. ``notifier`` is shown signs of life; with ``resume`` a
    run that was cut off just now goes on. ``control`` is where its control socket is to be, which
    is of use in real time only. An :class:`AnsweringRunner` hears what is played.
    ``faults`` go wrong on bus, clock and signal, from the start on; the bus's wires can be clocked
    free. ``wall_s`` is the wall clock at the start of virtual time, None = the machine's.
    Raises as the daemon does.
    """
    if source.rate_hz is not None:
        # the chip plays a recording at the recording's rate: ask for the nearest it offers
        wanted = min(max(source.rate_hz, 100.0), 1000.0)
        config = replace(config, imu=replace(config.imu, rate_hz=wanted))
    wall_s = time.time() if wall_s is None else wall_s
    true_clock: HostClock = SystemClock() if realtime else VirtualClock(wall_s=wall_s)
    clock = FaultyClock(true_clock, faults) if faults else true_clock
    sound_clock: HostClock = clock if realtime else VirtualClock()
    ahead = LIVE_SAMPLES if isinstance(source, AnsweringRunner) else LOOK_AHEAD
    felt = FaultySource(source, faults) if faults else source
    twin = twin_of(chip).make(felt, clock, rate_error=rate_error, look_ahead=ahead)
    if isinstance(source, AnsweringRunner):
        ears = Ears(source, lambda: clock.monotonic() - twin.source_start_s, sound_clock)
        outputs = [*outputs, ears]
    wires = FaultyBus(VirtualTransport([twin]), clock, faults, chips=[twin])
    recovery = Recovery(VirtualPins(wires), threaded=False) if faults else None
    reader = open_reader(wires, clock, config.imu, recovery)
    board = Board()
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
        notifier=notifier,
        unfinished_in=directory if resume else None,
        board=board,
    )
    with contextlib.ExitStack() as stack:
        if control is not None:
            stack.enter_context(Server(control, board))
        return daemon.run(lambda: twin.ended or (until is not None and until()))
