"""``gaitpi doctor``: every part looked at, with evidence and the next step."""

import argparse
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitpi.cli import load_config, print_json
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, ConfigError, GaitpiError

if TYPE_CHECKING:
    from gaitpi.config import Config
    from gaitpi.device.doctor.finding import Finding
    from gaitpi.device.doctor.surroundings import Surroundings

HELP: Final = (
    "Look at every part of the belt: bus, sensor, buzzer, LED, button, clock, storage, supply,"
    " software. Each is pass, warn, fail or skip, with what was measured and what to do. Lay the"
    " pack on a table first. It takes some 15 s, with --sound a minute."
)
EPILOG: Final = """exit code 0: nothing fails (there may be warnings); 1: something does.
What each check shows, and with which fault it was tried: docs/doctor.md

examples:
  gaitpi doctor
  gaitpi doctor --sound
  sudo gaitpi doctor --fix
  gaitpi doctor --virtual --sound"""

WIDTH: Final = 80
INDENT: Final = 17


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--sound",
        action="store_true",
        help="play, blink and listen: is the buzzer felt by the sensor, does a press come",
    )
    parser.add_argument(
        "--fix",
        action="store_true",
        help="mend what is safe to mend, and say what was done and what needs sudo",
    )
    parser.add_argument(
        "--virtual", action="store_true", help="with the virtual chip instead of the sensor"
    )


def run(args: argparse.Namespace) -> int:
    """Examine and tell; 0 when nothing fails, else 1."""
    from gaitpi.device.doctor import examine

    surroundings = _surroundings(args)
    found: list[Finding] = []
    for finding in examine(surroundings):
        found.append(finding)
        if not args.json:
            print("\n".join(lines(finding)), flush=True)
    mended = _mend(surroundings, found) if args.fix else []
    now = {finding.name: finding for finding in found}
    now |= {str(one["name"]): one["now"] for one in mended if one["now"] is not None}
    last = [now[f.name] if _is_only(f, found) else f for f in found]
    failed = [finding for finding in last if finding.status == "fail"]
    if args.json:
        print_json(
            {
                "problems": len(failed),
                "findings": [_plain(finding) for finding in found],
                "mended": [{**one, "now": _plain(one["now"])} for one in mended],
            }
        )
    else:
        _tell(mended)
        print(summary(last))
    return EXIT_PROBLEM if failed else EXIT_OK


def lines(finding: "Finding") -> list[str]:
    """A finding as it is printed: at most 80 columns."""
    head = f"{finding.name:<11}{finding.status:<5} "
    out = _folded(head, finding.evidence)
    if finding.todo:
        out += _folded(" " * (INDENT - 3) + "-> ", finding.todo)
    return out


def summary(found: Iterable["Finding"]) -> str:
    """How many of each."""
    counts = {"pass": 0, "warn": 0, "fail": 0, "skip": 0}
    for finding in found:
        counts[finding.status] += 1
    words = [f"{counts['pass']} pass", f"{counts['warn']} warn", f"{counts['fail']} fail"]
    return f"{', '.join(words)}, {counts['skip']} skipped."


def _folded(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * INDENT,
        break_on_hyphens=False,
    )


def _surroundings(args: argparse.Namespace) -> "Surroundings":
    from gaitpi.device.doctor.surroundings import machine

    config, file, problem = _config(args)
    here = machine(config, file, problem, sound=args.sound, asks=not args.json)
    if args.virtual:
        from gaitpi.device.doctor.virtual import virtual

        return virtual(here)
    return here


def _config(args: argparse.Namespace) -> "tuple[Config, Path, str]":
    """Configuration, its file and what is wrong with it: then the defaults."""
    from gaitpi.config import Config, default_path
    from gaitpi.device.doctor.surroundings import own_environment

    file = args.config or default_path(own_environment())
    if args.config is None and file != default_path() and file.exists():
        args.config = file  # behind sudo the user's is meant, not root's
    try:
        return load_config(args), file, ""
    except ConfigError as error:
        return Config(), file, str(error)


def _is_only(finding: "Finding", found: list["Finding"]) -> bool:
    return sum(one.name == finding.name for one in found) == 1


def _mend(s: "Surroundings", found: list["Finding"]) -> list[dict[str, Any]]:
    """Do what is safe; for each what was done or why not, and how it is now."""
    from gaitpi.device.doctor import again

    out: list[dict[str, Any]] = []
    for finding in found:
        if not finding.ill or finding.fix is None:
            continue
        try:
            done, refused = finding.fix(), ""
        except GaitpiError as error:
            done, refused = "", str(error)
        except OSError as error:
            done, refused = "", f"It did not work: {error.strerror or error}."
        now = again(s, finding.name) if done else None
        out.append({"name": finding.name, "done": done, "refused": refused, "now": now})
    return out


def _tell(mended: list[dict[str, Any]]) -> None:
    for one in mended:
        words = one["done"] or f"left alone. {one['refused']}"
        print("\n".join(_folded(f"{one['name']:<11}fix   ", words)))
        if one["now"] is not None:
            print("\n".join(lines(one["now"])))


def _plain(finding: "Finding | None") -> dict[str, Any] | None:
    """What goes into JSON."""
    if finding is None:
        return None
    return {
        "name": finding.name,
        "status": finding.status,
        "evidence": finding.evidence,
        "todo": finding.todo,
        "fixable": finding.fix is not None,
        "figures": dict(finding.figures),
    }
