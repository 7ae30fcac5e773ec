"""``gaitpi mute``: no cues for a while, from the shell."""

import argparse
import re
from typing import Final

from gaitpi.cli import print_json
from gaitpi.device.controls import MUTE_S
from gaitpi.errors import EXIT_OK, UsageError

HELP: Final = (
    "Ask the running daemon for silence: no cues for the time given, 30 minutes without one. It"
    " goes on measuring and recording. As by two presses of the button it lasts in this run only,"
    " is kept in the run file, and the first 10 s after it stay quiet too. 'off' ends it."
)
EPILOG: Final = """exit code 0: it was done; 1: it was not (no daemon, no run).

examples:
  gaitpi mute
  gaitpi mute 45m
  gaitpi mute 1h30m
  gaitpi mute off"""

UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0}
LONGEST_S: Final = 86_400.0
_LENGTH: Final = re.compile(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m(?:in)?)?(?:([0-9]{1,5})s)?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the time and ``--json``."""
    parser.add_argument(
        "time", nargs="?", metavar="TIME", help="e.g. 45m, 90s, 1h30m, or off (default: 30m)"
    )
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Mute or unmute. Raises ControlError when it was not done, UsageError for no time."""
    seconds = MUTE_S if args.time is None else None if args.time == "off" else length(args.time)
    from gaitpi.controlclient import connect

    with connect() as client:
        answer = client.ask("unmute") if seconds is None else client.ask("mute", seconds=seconds)
    if args.json:
        print_json(answer)
    else:
        said = str(answer["said"])
        print(f"{said[:1].upper()}{said[1:]}.")
    return EXIT_OK


def length(text: str) -> float:
    """Seconds in "30m", "1h30m", "90s"; a bare number is minutes. Raises UsageError."""
    found = _LENGTH.fullmatch(f"{text}m" if text.isascii() and text.isdigit() else text)
    parts = found.groups() if found and text else (None, None, None)
    seconds = sum(
        float(part) * unit for part, unit in zip(parts, UNITS.values(), strict=True) if part
    )
    if not 1.0 <= seconds <= LONGEST_S:
        raise UsageError(
            f"'{text[:20]}' is no time from 1 s to 24 h.",
            "Use e.g. 30m, 90s, 1h30m, or off.",
        )
    return seconds
