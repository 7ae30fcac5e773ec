"""``gaitpi run``: the daemon in the foreground."""

import argparse
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gaitpi.cli import add_set_argument, complain, load_with_targets
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, OutputError

if TYPE_CHECKING:
    from gaitpi.cues.button import Button

HELP: Final = (
    "Measure, coach and record until stopped (Ctrl-C or SIGTERM). Needs the sensor: without it"
    " this ends with what is missing. It is what the service runs."
)
EPILOG: Final = """examples:
  gaitpi run
  gaitpi run --set coach.target_spm=172"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--set``."""
    add_set_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run the daemon. Raises SensorError, OutputError or ConfigError in words."""
    config = load_with_targets(args)
    # everything that needs the hardware is opened before numba is loaded: a fault is told at once
    from gaitpi.cues.button import Button
    from gaitpi.cues.outputs import Outputs, fitted, lgpio_factory, open_outputs
    from gaitpi.hostclock import SystemClock
    from gaitpi.imu.reader import open_reader
    from gaitpi.imu.smbus import SMBusTransport

    clock = SystemClock()
    transport = SMBusTransport(config.imu.bus)
    try:
        reader = open_reader(transport, clock, config.imu)
        pin = config.cues.button_pin
        factory = lgpio_factory() if fitted(config.cues) or pin is not None else None
        outputs = open_outputs(config.cues, factory, said=complain) if factory else Outputs([])
        button = _button(pin, lambda pin: Button(pin, factory, clock))
    except BaseException:
        transport.close()
        raise
    from gaitpi import calibrationfile
    from gaitpi.device.calibrating import Stands
    from gaitpi.device.daemon import Daemon
    from gaitpi.device.heat import Thermometer
    from gaitpi.device.notify import Notifier
    from gaitpi.device.programme import Desk
    from gaitpi.device.status import StatusFile, boot_id, own_path
    from gaitpi.device.virtual import recorder_in

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    for problem in outputs.problems:
        complain(str(problem))
    daemon = Daemon(
        config,
        reader,
        clock,
        outputs,
        recorder_in(runs_directory(config), synchronous=False),
        status=StatusFile(own_path()),
        notifier=Notifier(),
        said=lambda text: print(text, flush=True),
        button=button,
        programme=Desk(runs_directory(config), clock.wall),
        auto=config.runs.auto == "on",
        thermometer=Thermometer(),
        stands=Stands(calibrationfile.path_in(runs_directory(config)), boot_id()),
    )
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
