"""The software's side: configuration, daemon, storage, compiled kernels, what was calibrated."""

import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final

from gaitpi import calibrationfile
from gaitpi.device.doctor.finding import Figure, Finding
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.device.layout import Layout
from gaitpi.errors import GaitpiError
from gaitpi.kernelcache import compiled

MB_PER_HOUR: Final = 9.0
"""What a run takes: 208 samples a second of 12 bytes hardly compress. The simulated runner: 8.0."""
FREE_FAIL_H: Final = 1.0
FREE_WARN_H: Final = 10.0
SYNC_WARN_S: Final = 0.5
"""A run file is synced every half second."""
SYNC_FAIL_S: Final = 5.0
_FLEETING: Final = ("tmpfs", "ramfs", "overlay")


def configuration(s: Surroundings) -> Finding:
    """Whether the configuration can be used."""
    where = str(s.config_file)
    if s.config_problem:
        todo = "Until then the defaults are looked at here, and the daemon does not start."
        return Finding("config", "fail", s.config_problem, todo)
    there = "" if s.config_file.exists() else " is not there: the defaults"
    return Finding("config", "pass", f"{where}{there}", figures={"file": where})


def daemon(s: Surroundings) -> Finding:
    """Whether the daemon runs, and whether it is content."""
    status = s.status
    if status is None:
        return Finding("daemon", "skip", "not running, so the parts themselves are looked at")
    figures: dict[str, Figure] = {"pid": status.pid, "version": status.version}
    evidence = f"running (process {status.pid}): {status.state}"
    if status.recorder_problem:
        evidence = f"running, but not recording: {status.recorder_problem}"
        todo = "See storage below; 'gaitpi status' says when it goes on."
        return Finding("daemon", "fail", evidence, todo, figures=figures)
    todo = "It has sensor and pins; stop it to look closer: sudo systemctl stop gaitpi"
    return Finding("daemon", "pass", evidence, todo, figures=figures)


# ---------------------------------------------------------------------- storage


def storage(s: Surroundings) -> Finding:
    """Room, speed and kind of what the runs are kept on."""
    if not s.runs.is_dir():
        evidence = f"{s.runs} is not there yet"
        fix = partial(_make, s)
        return Finding("storage", "warn", evidence, "The first run makes it.", fix)
    kind, flags = _mounted(s)
    if kind in _FLEETING:
        evidence = f"{s.runs} is in memory ({kind}): switched off, the runs are gone"
        todo = "Set runs.directory to a folder on the card, or end the overlay (raspi-config)."
        return Finding("storage", "fail", evidence, todo, figures={"filesystem": kind})
    if "ro" in flags:
        evidence = f"{s.runs} is on a file system that is mounted read-only"
        todo = "dmesg says why; sudo mount -o remount,rw / may help, a new card surely."
        return Finding("storage", "fail", evidence, todo, figures={"filesystem": kind})
    try:
        took = sorted(s.sync_s(s.runs))
    except OSError as error:
        evidence = f"{s.runs} cannot be written: {error.strerror or error}"
        return Finding("storage", "fail", evidence, f"ls -ld {s.runs} shows who may.")
    return _room(s, kind, took)


def _room(s: Surroundings, kind: str, took: list[float]) -> Finding:
    free = s.free_bytes(s.runs)
    hours = free / (MB_PER_HOUR * 1e6)
    slowest, usual = took[-1], took[len(took) // 2]
    figures: dict[str, Figure] = {
        "free_bytes": free,
        "hours": round(hours, 1),
        "sync_median_s": round(usual, 4),
        "sync_max_s": round(slowest, 4),
        "filesystem": kind,
    }
    room = f"{free / 1e9:.1f} GB" if free >= 1e9 else f"{free / 1e6:.0f} MB"
    evidence = (
        f"{room} free: {hours:.1f} h" if hours < FREE_WARN_H else f"{room} free: {hours:.0f} h"
    )
    evidence += f"; synced in {usual * 1e3:.0f} ms"
    evidence += f" ({slowest * 1e3:.0f} at worst)"
    if hours < FREE_FAIL_H:
        todo = f"Delete or move old runs in {s.runs}."
        return Finding("storage", "fail", evidence, todo, figures=figures)
    if slowest > SYNC_FAIL_S:
        todo = "The card is failing or far too slow: take another."
        return Finding("storage", "fail", evidence, todo, figures=figures)
    if slowest > SYNC_WARN_S:
        todo = "A run is synced every half second: take a faster card (A1)."
        return Finding("storage", "warn", evidence, todo, figures=figures)
    if hours < FREE_WARN_H:
        todo = f"Delete or move old runs in {s.runs} soon."
        return Finding("storage", "warn", evidence, todo, figures=figures)
    return Finding("storage", "pass", evidence, figures=figures)


def _make(s: Surroundings) -> str:
    _not_for_another(s)
    s.runs.mkdir(parents=True, exist_ok=True)
    return f"made {s.runs}"


def _not_for_another(s: Surroundings) -> None:
    """What root made in a user's folders the user could not change."""
    if s.behind_sudo:
        raise GaitpiError(f"It is {s.person.name}'s own.", "Run: gaitpi doctor --fix (no sudo)")


def _mounted(s: Surroundings) -> tuple[str, tuple[str, ...]]:
    """Kind and flags of the file system that holds the runs, by /proc/mounts."""
    best: tuple[int, str, tuple[str, ...]] = (-1, "", ())
    runs = s.runs.absolute()
    for line in s.text("proc/mounts").splitlines():
        words = line.split()
        if len(words) >= 4:
            point = Path(words[1].replace("\\040", " "))
            if runs.is_relative_to(point) and len(point.parts) >= best[0]:
                best = len(point.parts), words[2], tuple(words[3].split(","))
    return best[1], best[2]


def card(s: Surroundings) -> Finding:
    """Errors that the file system has met."""
    counts: dict[str, Figure] = {}
    for path in sorted(s.root.glob("sys/fs/ext4/*/errors_count")):
        try:
            counts[path.parent.name] = int(path.read_text())
        except (OSError, ValueError):
            continue
    if not counts:
        return Finding("card", "skip", "no ext4 file system that would count its errors")
    bad = {name: n for name, n in counts.items() if n}
    if bad:
        evidence = ", ".join(f"{n} errors on {name}" for name, n in bad.items())
        todo = "Copy the runs away (gaitpi export), then take a new card."
        return Finding("card", "fail", evidence, todo, figures=counts)
    return Finding("card", "pass", f"no errors counted on {', '.join(counts)}", figures=counts)


# ---------------------------------------------------------------------- kernels


def cache(s: Surroundings) -> Finding:
    """Whether the estimator is compiled, so that the belt is ready seconds after the start."""
    if s.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        evidence = "NUMBA_DISABLE_JIT is set: the estimator runs as plain Python, too slowly"
        return Finding("cache", "fail", evidence, "unset NUMBA_DISABLE_JIT")
    if s.kernels.is_relative_to(Layout(s.root).versions):
        return Finding("cache", "skip", "this is the service's gaitpi: see service")
    there = next(path for path in (s.cache, *s.cache.parents) if path.exists())
    if not s.may(there):
        evidence = f"{there} may not be written, so the estimator is compiled at every start"
        return Finding("cache", "fail", evidence, "Check who owns it, or set NUMBA_CACHE_DIR.")
    kept = compiled(s.cache)
    version = metadata.version("numba")
    figures: dict[str, Figure] = {"kernels": len(kept), "directory": str(s.cache), "numba": version}
    # each index begins with the version of numba that wrote it
    old = [path for path in kept if version.encode() not in path.read_bytes()[:64]]
    warm = (sys.executable, "-m", "gaitpi", "warmup")
    if not kept or old:
        what = f"{len(old)} of {len(kept)} kernels are of another numba" if old else "not compiled"
        todo = "gaitpi warmup (a minute or so on a Pi), else the next start takes as long."
        fix = partial(_warm, s, warm)
        return Finding("cache", "warn", f"{what}, in {s.cache}", todo, fix, figures)
    return Finding(
        "cache", "pass", f"{len(kept)} kernels compiled by numba {version}", figures=figures
    )


def _warm(s: Surroundings, command: tuple[str, ...]) -> str:
    _not_for_another(s)
    s.command(command)
    return "compiled the estimator"


# ---------------------------------------------------------------------- calibration


def stand(s: Surroundings, chip: str, address: int) -> Finding:
    """Whether a stand is kept that this sensor can start from."""
    kept = calibrationfile.load(calibrationfile.path_in(s.runs, virtual=s.virtual))
    todo = "Stand tall for ten seconds: hold the button 5 s, or gaitpi calibrate stand."
    record = kept.last()
    if record is None:
        return Finding("stand", "warn", "none kept; upright is learned on the way", todo)
    wall = s.clock.wall()
    why = calibrationfile.why_not(record, chip, address, wall)
    age = record.age_s(wall)
    figures: dict[str, Figure] = {
        "grade": record.grade,
        "age_days": round(age / 86_400, 2) if age == age else None,
    }
    if why:
        return Finding("stand", "warn", f"kept, but not used: {why}", todo, figures=figures)
    when = f"{age / 86_400:.0f} days old" if age == age else "of unknown age"
    return Finding("stand", "pass", f"{record.grade}, {when}: {record.why}", figures=figures)
