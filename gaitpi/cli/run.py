"""``gaitpi run``: the daemon in the foreground."""

import argparse
import signal
import sys
import threading
from typing import Final

from gaitpi.cli import add_set_argument, load_with_targets
from gaitpi.config import Config, runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM

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
    from gaitpi.cues.outputs import lgpio_factory, open_outputs
    from gaitpi.hostclock import SystemClock
    from gaitpi.imu.reader import open_reader
    from gaitpi.imu.smbus import SMBusTransport

    clock = SystemClock()
    transport = SMBusTransport(config.imu.bus)
    try:
        reader = open_reader(transport, clock, config.imu)
        outputs = open_outputs(config.cues, lgpio_factory()) if _fitted(config) else None
    except BaseException:
        transport.close()
        raise
    from gaitpi.cues.outputs import Outputs
    from gaitpi.device.daemon import Daemon
    from gaitpi.device.notify import Notifier
    from gaitpi.device.status import StatusFile, own_path
    from gaitpi.device.virtual import recorder_in

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    for problem in outputs.problems if outputs else []:
        print(f"gaitpi: {problem}", file=sys.stderr)
    daemon = Daemon(
        config,
        reader,
        clock,
        outputs or Outputs([]),
        recorder_in(runs_directory(config), synchronous=False),
        status=StatusFile(own_path()),
        notifier=Notifier(),
        said=lambda text: print(text, flush=True),
    )
    ended = daemon.run(stop.is_set)
    if ended.path is not None:
        print(f"{ended.steps} steps, {ended.cues} cues. 'gaitpi show {ended.run_id}' tells more.")
    return EXIT_PROBLEM if ended.problems else EXIT_OK


def _fitted(config: Config) -> bool:
    """Whether any output is configured at all."""
    cues = config.cues
    return cues.buzzer != "none" or cues.led_pin is not None or cues.vibration_pin is not None
