"""``gaitpi silence``: buzzer, vibration motor and LED off."""

import argparse
from typing import Final

from gaitpi.cli import complain
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM

HELP: Final = (
    "Take buzzer, vibration motor and LED to their quiet level and let the pins go, whatever has"
    " left them on. The service does it by itself whenever the daemon ends."
)
EPILOG: Final = """exit code 0: all is quiet; 1: a pin could not be had (the daemon has it?).

examples:
  gaitpi silence"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(args: argparse.Namespace) -> int:
    """Silence. Raises ConfigError."""
    from gaitpi.config import read
    from gaitpi.device.silence import quiet, silence

    _, text = read(args.config)
    pins = quiet(text).pins
    problems = silence(text)
    for problem in problems:
        complain(f"Not silenced: {problem}.")
    if problems:
        return EXIT_PROBLEM
    print(f"Quiet: GPIO {', '.join(map(str, sorted(pins)))}." if pins else "Nothing is fitted.")
    return EXIT_OK
