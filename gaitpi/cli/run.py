"""``gaitpi run``: the daemon in the foreground."""

import argparse
import contextlib
import functools
import gc
import importlib
import importlib.util
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gaitpi.cli import add_set_argument, complain, load_with_targets
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, GaitpiError, OutputError

if TYPE_CHECKING:
    import socket

    from gaitpi.config import Config
    from gaitpi.cues.button import Button
    from gaitpi.cues.outputs import Outputs
    from gaitpi.device.companions import Companion
    from gaitpi.device.keeper import Work
    from gaitpi.device.notify import Watcher
    from gaitpi.device.status import StatusFile
    from gaitpi.hostclock import SystemClock
    from gaitpi.imu.reader import Reader

HELP: Final = (
    "Measure, coach and record until stopped (Ctrl-C or SIGTERM). Needs the sensor: without it"
    " this ends with what is missing. It is what the service runs."
)
EPILOG: Final = """examples:
  gaitpi run
  gaitpi run --set coach.target_spm=172"""

AGAIN_S: Final = 60.0
"""A status older than this is of another outing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--set``."""
    add_set_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run the daemon. Raises ConfigError in words; what else fails is told by its process."""
    config = load_with_targets(args)
    # one thread does all there is to compute, and a keeper must have no others
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gaitpi.device.companions import Companions
    from gaitpi.device.keeper import Keeper
    from gaitpi.device.notify import Notifier
    from gaitpi.device.status import StatusFile, own_path

    companions, radio = _companions(config)
    # in the middle of a run all was there a moment ago, and no light is wanted
    look = None if cut_off() else _looking(config)
    status = StatusFile(own_path())
    try:
        status.starting("loading")
        return Keeper(
            functools.partial(_work, config, radio),
            Notifier(),
            functools.partial(replaced, status),
            look=look,
            load=functools.partial(load, status),
            companions=Companions(companions, say),
        ).run()
    finally:
        status.never_begun()


def _companions(config: "Config") -> "tuple[list[Companion], socket.socket | None]":
    """The radio's programs that may be wanted, and the daemon's end of what they tell."""
    from gaitpi import pairedfile
    from gaitpi.device.companions import Companion, python, socket_pair

    if importlib.util.find_spec("bleak") is None:
        return [], None  # an installation without Bluetooth; 'gaitpi ble' says so
    ble, runs = config.ble, runs_directory(config)
    paired = pairedfile.path_in(runs)
    found, radio = [], None
    adapter = ["--adapter", ble.adapter] if ble.adapter else []
    if ble.enabled:
        radio, theirs = socket_pair()
        found.append(
            Companion(
                "Bluetooth",
                python("gaitpi.ble.central", "--paired", str(paired), *adapter),
                lambda: bool(pairedfile.load(paired).in_force),
                theirs,
            )
        )
    if ble.out:
        more = ["--relay-heart-rate"] if ble.relay_heart_rate else []
        more += ["--one-foot"] if ble.out_one_foot else []
        argv = python("gaitpi.ble.peripheral", "--name", ble.out_name, *adapter, *more)
        found.append(Companion("Bluetooth out", argv))
    return found, radio


def say(text: str) -> None:
    """A sentence on stdout, at once."""
    print(text, flush=True)


def replaced(status: "StatusFile", text: str) -> None:
    """Say why the daemon is started anew, for those too who ask before it has begun."""
    say(text)
    status.starting(f"{text[0].lower()}{text[1:]}".rstrip("."))


def cut_off() -> bool:
    """Whether a daemon was killed in the middle of a run a moment ago, by the status it left."""
    from gaitpi.device.status import boot_id, own_path, read

    try:
        status = read(own_path())
    except GaitpiError:
        return False
    return (
        status is not None
        and status.run_id is not None
        and status.boot_id == boot_id()
        and 0.0 <= time.monotonic() - status.updated_s <= AGAIN_S
    )


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a run needs, opened."""

    clock: "SystemClock"
    reader: "Reader"
    outputs: "Outputs"
    button: "Button | None"


def _opened(config: "Config") -> Hardware:
    """Open sensor, outputs and button, without numba. Raises SensorError or OutputError."""
    from gaitpi.cues.button import Button
    from gaitpi.cues.outputs import Outputs, fitted, lgpio_factory, open_outputs
    from gaitpi.hostclock import SystemClock
    from gaitpi.imu.reader import open_reader
    from gaitpi.imu.recovery import fitted as recovery
    from gaitpi.imu.smbus import SMBusTransport

    clock = SystemClock()
    pin = config.cues.button_pin
    with contextlib.ExitStack() as opened:
        transport = SMBusTransport(config.imu.bus)
        opened.callback(transport.close)
        # before the sensor: one that died may have left them on, and opening silences them
        factory = lgpio_factory() if fitted(config.cues) or pin is not None else None
        outputs = open_outputs(config.cues, factory, said=complain) if factory else Outputs([])
        opened.callback(outputs.close)
        reader = open_reader(transport, clock, config.imu, recovery(config.imu, lgpio_factory))
        button = _button(pin, lambda pin: Button(pin, factory, clock))
        opened.pop_all()  # from here on they are the daemon's to close
    return Hardware(clock, reader, outputs, button)


def _looking(config: "Config") -> "Work":
    """What looks whether all is there, and shows the light of a start until it is told to end."""

    def look(keeper: "Watcher") -> int:
        stop = _until_told()
        hardware = _opened(config)
        for problem in hardware.outputs.problems:
            complain(str(problem))
        from gaitpi.cues.player import Player

        player = Player(hardware.outputs, hardware.clock)
        player.light("boot")
        keeper.send("READY=1")
        stop.wait()
        player.close()
        if hardware.button is not None:
            hardware.button.close()
        hardware.reader.close()
        return EXIT_OK

    return look


LOADED: Final = (
    *("numpy", "numba", "gpiozero", "gpiozero.pins.local", "smbus2.smbus2"),
    *("gaitpi.calibrationfile", "gaitpi.cues.button", "gaitpi.device.daemon"),
    *("gaitpi.device.virtual", "gaitpi.imu.smbus"),
)
"""Loaded once for every worker. lgpio is not: it starts a thread when it is loaded."""


def load(status: "StatusFile") -> Iterator[None]:
    """Load all that takes long, once for every worker, step by step; ``status`` tells of it."""
    for module in LOADED:
        importlib.import_module(module)
        yield
    from gaitpi.device.warmup import COMPILING, warm_up
    from gaitpi.gait import is_cached

    if not is_cached():
        say(f"{COMPILING[0].upper()}{COMPILING[1:]} ...")
        status.starting(COMPILING)
    warm_up()
    gc.collect()
    gc.freeze()  # shared by the workers as long as nobody writes to it


def _until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def _work(config: "Config", radio: "socket.socket | None", keeper: "Watcher") -> int:
    """The daemon itself."""
    stop = _until_told()
    hardware = _opened(config)
    from gaitpi import calibrationfile
    from gaitpi.device.calibrating import Stands
    from gaitpi.device.ceiling import Ceilings
    from gaitpi.device.control import Board
    from gaitpi.device.controlsocket import Server, path_beside
    from gaitpi.device.daemon import Daemon
    from gaitpi.device.heat import Thermometer
    from gaitpi.device.programme import Desk
    from gaitpi.device.resting import Resting
    from gaitpi.device.resume import LastCue
    from gaitpi.device.status import StatusFile, boot_id, own_path
    from gaitpi.device.supply import Supply
    from gaitpi.device.virtual import recorder_in

    runs = runs_directory(config)
    board = Board()
    daemon = Daemon(
        config,
        hardware.reader,
        hardware.clock,
        hardware.outputs,
        recorder_in(runs, synchronous=False, keep_free_mb=config.runs.keep_free_mb),
        status=StatusFile(own_path()),
        notifier=keeper,
        said=say,
        button=hardware.button,
        programme=Desk(runs, hardware.clock.wall),
        ceilings=Ceilings(runs, asked=config.coach.ceiling_sound),
        resting=Resting(runs, hardware.clock.wall, threaded=True),
        auto=config.runs.auto == "on",
        thermometer=Thermometer(),
        supply=Supply(),
        stands=Stands(calibrationfile.path_in(runs), boot_id()),
        unfinished_in=runs,
        heard=LastCue(own_path().with_name("heard.json")),
        board=board,
        radio=radio,
    )
    with Server(path_beside(own_path()), board):
        ended = daemon.run(stop.is_set)
    if ended.path is not None:
        print(f"{ended.steps} steps, {ended.cues} cues. 'gaitpi show {ended.run_id}' tells more.")
    if ended.power_off:
        from gaitpi.device.power import power_off

        power_off()
    return EXIT_PROBLEM if ended.problems else EXIT_OK


def _button(pin: int | None, build: "Callable[[int], Button]") -> "Button | None":
    """The button where one is configured; a run goes on without one that cannot be used."""
    if pin is None:
        return None
    try:
        return build(pin)
    except OutputError as error:
        complain(str(error))
        return None
