"""The board: what it is, its supply, its temperature, its clock."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gaitpi.device.doctor.finding import Figure, Finding
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.device.heat import HOT_C, STOP_C, ZONES, Thermometer
from gaitpi.device.supply import SINCE, UNDER_VOLTAGE, Supply
from gaitpi.runs.schema import SUFFIX
from gaitpi.targetfile import CLOCK_SET_S

LOAD_S: Final = 3.0
"""All cores busy for so long: what a weak supply does not stand."""
STEP_S: Final = 0.05
"""A clock that moves so much against the other within a second has been set."""
_NOW: Final = {0x1: "under-voltage", 0x2: "clock capped", 0x4: "throttled", 0x8: "hot"}
_LEAD: Final = "Use a 5 V supply of 2.5 A and a short, thick lead; runs may end early."


def board(s: Surroundings) -> Finding:
    """Which computer this is."""
    if s.is_pi:
        return Finding("board", "pass", s.model, figures={"model": s.model})
    what = s.model or "not a Raspberry Pi"
    evidence = f"{what}: what only a Pi has is skipped"
    return Finding("board", "skip", evidence, figures={"model": s.model})


# ---------------------------------------------------------------------- supply


def power(s: Surroundings) -> Finding:
    """The firmware's flags of under-voltage and throttling, before and after some load."""
    before = _flags(s)
    if before is None:
        what = "the firmware tells nothing of it" if s.is_pi else "no Raspberry Pi"
        return Finding("power", "skip", f"{what}; no flags of under-voltage here")
    s.load(LOAD_S)
    after = _flags(s) or 0
    figures: dict[str, Figure] = {"flags_before": before, "flags_after": after}
    now = [name for bit, name in _NOW.items() if after & bit]
    came = [name for bit, name in _NOW.items() if (after & ~before) >> SINCE & bit]
    was = [name for bit, name in _NOW.items() if after >> SINCE & bit]
    load = f"under {LOAD_S:.0f} s of load"
    if after & UNDER_VOLTAGE or "under-voltage" in came:
        evidence = f"{', '.join(came or now)} {load} (flags 0x{after:X})"
        return Finding("power", "fail", evidence, _LEAD, figures=figures)
    if now or came:
        evidence = f"{', '.join(dict.fromkeys((*now, *came)))} {load} (flags 0x{after:X})"
        return Finding("power", "warn", evidence, "Give the pack air.", figures=figures)
    if was:
        evidence = f"{', '.join(was)} since the start, but not {load} (flags 0x{after:X})"
        return Finding("power", "warn", evidence, _LEAD, figures=figures)
    return Finding("power", "pass", f"no flag before or {load} (0x{after:X})", figures=figures)


def _flags(s: Surroundings) -> int | None:
    """Bits 0-3 now, 16-19 since the start; None where nothing knows."""
    return Supply(s.root).flags()


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


# ---------------------------------------------------------------------- temperature


def heat(s: Surroundings) -> Finding:
    """The warmest zone against the limits of a run."""
    celsius = Thermometer(s.root / ZONES.relative_to("/")).celsius()
    if math.isnan(celsius):
        return Finding("heat", "skip", "no thermal zone can be read here")
    evidence = f"{celsius:.0f} °C (quiet from {HOT_C:.0f}, a run ends at {STOP_C:.0f})"
    figures: dict[str, Figure] = {"celsius": celsius}
    if celsius >= STOP_C:
        return Finding("heat", "fail", evidence, "Let it cool; give the pack air.", figures=figures)
    if celsius >= HOT_C:
        return Finding("heat", "warn", evidence, "Give the pack air.", figures=figures)
    return Finding("heat", "pass", evidence, figures=figures)


# ---------------------------------------------------------------------- clock


def clock(s: Surroundings) -> Finding:
    """Whether the wall clock is set, kept and steady. Cues do not depend on it, dates do."""
    wall, mono = s.clock.wall(), s.clock.monotonic()
    s.clock.sleep(1.0)
    jump = (s.clock.wall() - wall) - (s.clock.monotonic() - mono)
    synchronised = s.synchronised()
    rtc = any(s.root.glob("sys/class/rtc/rtc*"))
    figures: dict[str, Figure] = {
        "wall_s": wall,
        "jump_s": jump,
        "synchronised": synchronised,
        "rtc": rtc,
    }
    date = datetime.fromtimestamp(max(0.0, wall), UTC).strftime("%Y-%m-%d %H:%M UTC")
    kept = "set by the network" if synchronised else "not set by the network now"
    kept += f", {'a' if rtc else 'no'} battery clock"
    evidence = f"{date}; {kept}"
    if abs(jump) > STEP_S:
        evidence = f"{date}; it jumped by {jump:+.2f} s within a second; {kept}"
        todo = "Wait until the network has set it; a run is dated by its first second."
        return Finding("clock", "warn", evidence, todo, figures=figures)
    if wall < CLOCK_SET_S:
        todo = "Let the Pi see the network once, or: sudo date -s '2026-05-31 18:00'."
        return Finding("clock", "fail", f"{date}: never set; {kept}", todo, figures=figures)
    last = _last_start(s.runs)
    if last > wall:
        newest = datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%d %H:%M")
        evidence = f"{date} is before the newest run ({newest}); {kept}"
        todo = "Let the Pi see the network once: runs would be dated wrongly."
        return Finding("clock", "fail", evidence, todo, figures=figures)
    if not synchronised and not rtc:
        todo = "Without either it goes on where it was switched off: runs may be dated late."
        return Finding("clock", "warn", evidence, todo, figures=figures)
    return Finding("clock", "pass", evidence, figures=figures)


def _last_start(runs: Path) -> float:
    """When the newest run began by its name, s since 1970; 0 without one."""
    newest = 0.0
    for path in runs.glob(f"*{SUFFIX}"):
        try:
            begun = datetime.strptime(path.stem[:15], "%Y%m%d-%H%M%S")
        except ValueError:
            continue
        newest = max(newest, begun.replace(tzinfo=UTC).timestamp())
    return newest
