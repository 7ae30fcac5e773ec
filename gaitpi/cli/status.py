"""``gaitpi status``: what the running daemon is doing, from the file it writes each second."""

import argparse
import contextlib
import shutil
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gaitpi import faults
from gaitpi.ble.readings import STALE_S
from gaitpi.cli import complain, load_config, print_json
from gaitpi.cli.resting import resting
from gaitpi.config import runs_directory
from gaitpi.device import status as device
from gaitpi.device.controls import FOR_GOOD_S, span
from gaitpi.device.radio import CALLED, LinkStatus, state_words
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM
from gaitpi.plaintext import plain
from gaitpi.runs.schema import SUFFIX

HELP = "Say what the running daemon is doing, and whether runs can be kept."
EPILOG = """exit code 0: it records or waits for a run; 1: it does not, or not yet.

examples:
  gaitpi status
  watch gaitpi status"""

WIDTH = 80
START = "Start it with 'gaitpi run', or 'sudo systemctl start gaitpi' where it is a service."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the status; 0 while the daemon runs and records, else 1."""
    folder = runs_directory(load_config(args))
    status = device.find()
    problem = _problem(status)
    storage, last = _storage(folder), _last_run(folder)
    rests, _ = resting(folder)
    if args.json:
        print_json(
            {
                "running": not problem,
                "problem": problem,
                "status": status,
                "storage": storage,
                "last_run": last,
                "cues_rest": rests or None,
            }
        )
    else:
        if status is not None and not problem:
            _print_rows(_live_rows(status))
        free = f"{_room(storage['free_bytes'])} free for runs in {storage['directory']}"
        _print_rows([("last run", last or "none yet"), ("storage", free)])
        _print_rows([("pain", rests)] if rests else [])
        if problem:
            complain(f"{problem} {START}")
    failed = problem or (status is not None and (status.recorder_problem or status.starting))
    return EXIT_PROBLEM if failed else EXIT_OK


def _problem(status: device.Status | None) -> str:
    """Why there is no running daemon, as a sentence; empty if there is one."""
    if status is None:
        return "gaitpi is not running."
    why = device.judge(status)
    return f"gaitpi is not running: {why}." if why else ""


def _live_rows(status: device.Status) -> list[tuple[str, str]]:
    """What a running daemon says, row by row."""
    lived = f"(process {status.pid}, for {span(time.monotonic() - status.since_s)})"
    if status.starting:
        return [("gaitpi", f"{status.state}: {status.starting} {lived}")]
    activity = device.ACTIVITIES[status.activity] if 0 <= status.activity <= 3 else "unknown"
    return [
        ("gaitpi", f"{status.state} {lived}"),
        ("sensor", _sensor(status)),
        ("activity", activity),
        ("cadence", _number(status.cadence_spm, ".0f", "steps/min")),
        ("lean", _number(status.lean_deg, "+.1f", "deg forward")),
        ("belt", device.BELTS[status.belt] if 0 <= status.belt <= 3 else "not known"),
        ("worn", status.worn or "not known: some steps of running will tell"),
        ("coach", status.coach or "has said nothing"),
        ("run", status.run_id or ("none yet" if status.waiting else "not recording")),
        *_radio(status),
        *([("muted", _muted(status))] if status.muted_s > 0 or status.resting else []),
        *([("recorder", status.recorder_problem)] if status.recorder_problem else []),
        *([("control", status.control)] if status.control else []),
        ("faults", _faults(status.counters | status.recorder)),
    ]


def _radio(status: device.Status) -> list[tuple[str, str]]:
    """Strap and pod: values with their age, links with theirs; nothing where none is paired."""
    radio = status.radio
    if radio is None:
        return []
    late_s = max(0.0, time.monotonic() - status.updated_s)
    rows = []
    if radio.heart is not None:
        fresh = _fresh(radio.heart.age_s, late_s)
        value = _number(radio.heart.bpm if fresh else None, "d", "beats/min")
        value = "no skin contact" if fresh and radio.heart.contact is False else value
        rows.append(("heart", f"{value}{_age(radio.heart.age_s, late_s)}"))
    if radio.pod is not None:
        pod = radio.pod
        fresh = _fresh(pod.age_s, late_s)
        value = _number(pod.speed_ms if fresh else None, ".2f", "m/s")
        if fresh and pod.cadence_rpm is not None:
            value += f", {pod.cadence_rpm} a minute as sent"
        rows.append(("speed", f"{value}{_age(pod.age_s, late_s)}"))
    if radio.agreement is not None and radio.agreement.words:
        rows.append(("cadences", radio.agreement.words))
    return [*rows, *(("link", _link(link, late_s)) for link in radio.links)]


def _fresh(age_s: float | None, late_s: float) -> bool:
    """Whether a value is still one, by now: the status is some seconds old itself."""
    return age_s is not None and age_s + late_s <= STALE_S


def _age(age_s: float | None, late_s: float) -> str:
    return "" if age_s is None else f" ({age_s + late_s:.0f} s ago)"


def _link(link: LinkStatus, late_s: float) -> str:
    name = f' "{link.name}"' if link.name else ""
    words = f"{CALLED[link.role]}{name}: {state_words(link.state)}"
    words += f" for {span(link.for_s + late_s)}" if link.for_s >= 1.0 else ""
    if link.battery is not None:
        words += f", battery {link.battery} %"
    return f"{words}. {link.words}" if link.words else words


def _muted(status: device.Status) -> str:
    if status.resting:
        return f"for the rest of this run: {status.resting}"
    if status.muted_s > FOR_GOOD_S / 2:
        return "for the rest of this run"
    return f"for another {span(status.muted_s)}; 'gaitpi mute off' ends it"


def _faults(counters: Mapping[str, int]) -> str:
    """Every fault in words, the most frequent first, and what to do about it."""
    found = ", ".join(faults.told(counters))
    if not found:
        return "none"
    todo = faults.todo(counters)
    return f"{found}: {todo}" if todo else found


def _sensor(status: device.Status) -> str:
    sensor = status.sensor
    if sensor is None:
        return "none"
    known = "maker's own id" if sensor.identity == "tested" else f"{sensor.identity} id"
    kind = "virtual" if sensor.virtual else known
    rate = _number(status.rate_hz, ".1f", "Hz")
    return (
        f"{sensor.chip} at {sensor.address:#04x} on {sensor.bus} ({kind}), "
        f"{rate} of {sensor.rate_hz:.0f} Hz nominal"
    )


def _number(value: float | None, form: str, unit: str) -> str:
    return "not known" if value is None else f"{value:{form}} {unit}"


def _storage(folder: Path) -> dict[str, Any]:
    """Free bytes where runs go, also before the folder has been made."""
    free = 0
    for path in (folder, *folder.absolute().parents):
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(path).free
            break
    return {"directory": str(folder), "free_bytes": free}


def _room(free_bytes: int) -> str:
    return f"{free_bytes / 1e9:.1f} GB" if free_bytes >= 1e9 else f"{free_bytes / 1e6:.0f} MB"


def _last_run(folder: Path) -> str | None:
    """Id of the newest run, by the names of the files alone (they begin with the UTC start)."""
    return max((path.stem for path in folder.glob(f"*{SUFFIX}")), default=None)


def _print_rows(rows: list[tuple[str, str]]) -> None:
    for name, words in rows:
        print(
            textwrap.fill(
                plain(words),
                WIDTH,
                initial_indent=f"{name:<10}",
                subsequent_indent=" " * 10,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
