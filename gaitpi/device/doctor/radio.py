"""The radio: nothing without paired devices; with them all that lies between them and a run."""

import re
from typing import Final

from gaitpi import pairedfile
from gaitpi.ble import trouble
from gaitpi.device.doctor.finding import Figure, Finding, Verdict
from gaitpi.device.doctor.surroundings import Surroundings

REFUSES: Final[dict[tuple[int, int], tuple[int, int]]] = {
    (4, 19): (309, 317),
    (5, 4): (271, 279),
    (5, 10): (212, 221),
    (5, 15): (151, 162),
    (6, 1): (81, 95),
    (6, 6): (21, 35),
    (6, 7): (9, 999),
    (6, 8): (0, 999),
    (6, 9): (0, 6),
}
"""Linux of these series refuses a sensor's wish for a slower rhythm, from and before which release.

Commit e4b019515f95 brought it, 806a5198c059 took it back (docs/ble.md, the trap of straps).
"""
SLOWEST: Final = 400
"""What straps ask for at most, in units of 1.25 ms: half a second."""
_DEBIAN: Final = re.compile(r"Debian (?:[0-9]+:)?([0-9]+)\.([0-9]+)\.([0-9]+)")
_RELEASE: Final = re.compile(r"^([0-9]+)\.([0-9]+)\.([0-9]+)")
_MAX: Final = re.compile(r"^\s*MaxConnectionInterval\s*=\s*([0-9]+)\s*$", re.MULTILINE)
_UPDATE: Final = "sudo apt full-upgrade, then restart; docs/ble.md knows another way."


def radio(s: Surroundings) -> Finding:
    """Adapters, rfkill, BlueZ, this user's rights, and what Linux does to straps."""
    adapters = sorted(path.name for path in s.root.glob("sys/class/bluetooth/hci*"))
    devices = pairedfile.load(pairedfile.path_in(s.runs)).in_force
    names = ", ".join(adapters)
    figures: dict[str, Figure] = {"adapters": names, "paired": len(devices)}
    if not devices or not s.config.ble.enabled:
        why = "nothing is paired" if not devices else "ble.enabled is false"
        what = names or "no Bluetooth adapter"
        verdict: Verdict = "pass" if adapters and not devices else "skip"
        return Finding("radio", verdict, f"{what}; {why}, so none is needed", figures=figures)
    paired = ", ".join(device.called for device in devices)
    problem = trouble.BLOCKED if _blocked(s) else s.bluetooth()
    if problem is not None:
        figures["reason"] = problem.reason
        evidence = f"{problem.found.rstrip('.')}; paired: {paired}"
        return Finding("radio", "warn", evidence, problem.todo, figures=figures)
    version = refusing(s)
    if version and any(device.role == "heart" for device in devices):
        evidence = f"Linux {version} refuses straps a slower rhythm; many end the link for that"
        return Finding("radio", "warn", evidence, _UPDATE, figures=figures)
    evidence = f"{names or 'an adapter'}, BlueZ answers; paired: {paired}"
    return Finding("radio", "pass", evidence, figures=figures)


def refusing(s: Surroundings) -> str:
    """The version of a Linux that refuses what straps ask for; empty where it does not."""
    found = _DEBIAN.search(s.text("proc/version"))
    found = found or _RELEASE.match(s.text("proc/sys/kernel/osrelease"))
    if found is None:
        return ""
    major, minor, patch = (int(part) for part in found.groups())
    first, mended = REFUSES.get((major, minor), (1, 0))
    if not first <= patch < mended or _longest(s) >= SLOWEST:
        return ""
    return f"{major}.{minor}.{patch}"


def _longest(s: Surroundings) -> int:
    """The longest interval that is granted, as set in BlueZ or (read by root) in force."""
    limits = [0]
    if set_ := _MAX.search(s.text("etc/bluetooth/main.conf")):
        limits.append(int(set_[1]))
    for path in s.root.glob("sys/kernel/debug/bluetooth/hci*/conn_max_interval"):
        text = s.text(str(path.relative_to(s.root)))
        limits += [int(text)] if text.isdigit() else []
    return max(limits)


def _blocked(s: Surroundings) -> bool:
    return any(
        s.text(f"sys/class/rfkill/{switch.name}/type") == "bluetooth"
        and "1" in (s.text(f"sys/class/rfkill/{switch.name}/{kind}") for kind in ("soft", "hard"))
        for switch in s.root.glob("sys/class/rfkill/rfkill*")
    )
