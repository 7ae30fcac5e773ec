"""``python -m calibration.doctor``: the faults, and what the doctor says of each."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from calibration.doctor import hearing
from calibration.doctor.faults import FAULTS, Fault
from calibration.doctor.machine import Machine, first
from gaitpi.device.doctor.finding import Finding

EVIDENCE: Final = 96
"""Characters of the evidence that are shown."""


def main(argv: list[str] | None = None) -> int:
    """Put each fault in and print the table; 1 where one was not found."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.doctor",
        description="Put each fault into a healthy machine and show what gaitpi doctor says.",
    )
    parser.add_argument("--check", default="", help="only this check, e.g. wire")
    parser.add_argument(
        "--hearing",
        action="store_true",
        help="instead: how strong a buzzer must shake the sensor to be felt, and false alarms",
    )
    args = parser.parse_args(argv)
    if args.hearing:
        print("\n".join(hearing.table()))
        return 0
    missed = 0
    print("\n".join(HEADER))
    for fault in FAULTS:
        if args.check in ("", fault.check):
            line, found = look(fault)
            print(line)
            missed += not finds(fault, found)
    return 1 if missed else 0


HEADER: Final = ("| check | fault put in | finding | evidence |", "|---|---|---|---|")


def look(fault: Fault) -> tuple[str, Finding | None]:
    """A line of the table, and what the doctor says of a machine with this fault."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        machine = Machine(folder, feeling=fault.check == "heard")
        fault.inject(machine)
        found = first(machine, fault.check)
    if found is None:
        return f"| {fault.check} | {fault.what} | MISSED | |", None
    evidence = found.evidence.replace(f"{folder}/root", "").replace(f"{folder}/", "")
    if len(evidence) > EVIDENCE:
        evidence = f"{evidence[: EVIDENCE - 2]} …"
    status = found.status if finds(fault, found) else f"MISSED: {found.status}"
    return f"| {fault.check} | {fault.what} | {status} | {evidence} |", found


def finds(fault: Fault, found: Finding | None) -> bool:
    """Whether it says what it should."""
    return found is not None and found.status == fault.status and fault.words in found.evidence


if __name__ == "__main__":
    sys.exit(main())
