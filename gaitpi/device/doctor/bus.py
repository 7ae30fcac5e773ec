"""The bus as the system has it: switched on, how fast, and who may use it."""

from functools import partial
from pathlib import Path
from typing import Final

from gaitpi.device.doctor import boot
from gaitpi.device.doctor.finding import Figure, Finding
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.errors import GaitpiError

SLOW_HZ: Final = 200_000
"""Slower, and a full read takes a good part of the time between two reads (23 of 50 ms)."""
LOOSE: Final = "Shorten the wires (20 cm), press the plugs home, keep them off the supply's lead."
_ON: Final = "dtparam=i2c_arm=on"
_FAST: Final = "dtparam=i2c_arm_baudrate=400000"
_OTHERS_SHOWN: Final = 4


def bus(s: Surroundings) -> Finding:
    """Whether the I2C bus is there, and the clock the device tree gives it."""
    node = s.node
    if s.virtual:
        return Finding("i2c", "skip", "the virtual chip needs no bus")
    if not node.exists():
        return _absent(s)
    hz = _clock_hz(s)
    if hz is None:
        return Finding("i2c", "pass", f"{node} is there; the device tree names no clock")
    figures = {"clock_hz": hz}
    evidence = f"{node}, {hz / 1000:.0f} kHz by the device tree"
    if hz >= SLOW_HZ:
        return Finding("i2c", "pass", evidence, figures=figures)
    if boot.has(s, _FAST):
        todo = f"{_FAST} is in config.txt already: restart the Pi."
        return Finding("i2c", "warn", evidence, todo, figures=figures)
    todo = f"Put {_FAST} into config.txt and restart: reads take a quarter of the time then."
    fix = partial(boot.add, s, _FAST) if boot.config_txt(s) else None
    return Finding("i2c", "warn", evidence, todo, fix, figures)


def _absent(s: Surroundings) -> Finding:
    node = s.node
    others = sorted(path.name for path in node.parent.glob("i2c-*"))
    if not s.is_pi:
        if others:
            return Finding("i2c", "fail", _missing(node, others), "Set imu.bus to the sensor's.")
        return Finding("i2c", "skip", "no I2C bus here: this is no Raspberry Pi")
    if s.path(f"sys/bus/i2c/devices/i2c-{s.config.imu.bus}").exists():
        evidence = f"the bus is on, but {node} is missing: module i2c-dev is not loaded"
        todo = "sudo modprobe i2c-dev, and a line i2c-dev in /etc/modules"
        return Finding("i2c", "fail", evidence, todo, partial(_load_module, s))
    if boot.has(s, _ON):
        evidence = f"{node} is missing, though {_ON} is in config.txt"
        return Finding("i2c", "fail", evidence, "Restart the Pi.")
    todo = "sudo raspi-config nonint do_i2c 0, then restart the Pi."
    fix = partial(boot.add, s, _ON) if boot.config_txt(s) else None
    return Finding("i2c", "fail", f"{_missing(node, others)}: I2C is off", todo, fix)


def _missing(node: Path, others: list[str]) -> str:
    here = ", ".join(others[:_OTHERS_SHOWN])
    return f"{node} is missing" + (f" (here: {here})" if others else "")


def _clock_hz(s: Surroundings) -> int | None:
    """The bus clock in the device tree (a big-endian 32-bit number), Hz."""
    place = f"sys/bus/i2c/devices/i2c-{s.config.imu.bus}/of_node/clock-frequency"
    try:
        raw = s.path(place).read_bytes()
    except OSError:
        return None
    return int.from_bytes(raw[:4], "big") or None


def _load_module(s: Surroundings) -> str:
    if not s.is_root:
        raise GaitpiError("Only root may load a module.", "Run: sudo gaitpi doctor --fix")
    s.command(("modprobe", "i2c-dev"))
    return "loaded i2c-dev until the next start; for good: a line i2c-dev in /etc/modules"


def rights(s: Surroundings) -> Finding:
    """Whether bus and pins may be used by whoever asks."""
    wanted = [(s.node, "i2c")] if s.node.exists() and not s.virtual else []
    if not s.virtual:
        wanted += [(path, "gpio") for path in sorted(s.node.parent.glob("gpiochip*"))[:1]]
    if not wanted:
        return Finding("rights", "skip", "neither bus nor pins here that would need rights")
    person = s.person
    refused = [(path, group) for path, group in wanted if not _may(s, path, group)]
    if not refused:
        what = " and ".join(str(path) for path, _ in wanted)
        return Finding("rights", "pass", f"{person.name} may use {what}")
    paths = ", ".join(str(path) for path, _ in refused)
    groups = [group for _, group in refused]
    evidence = f"{person.name} may not use {paths}"
    if all(group in person.listed and group not in person.groups for group in groups):
        evidence += f": in the group {' and '.join(groups)}, but not in this session"
        return Finding("rights", "fail", evidence, "Log in again (or restart the Pi).")
    if not s.behind_sudo and all(group in person.groups for group in groups):
        evidence += f", in spite of the group {' and '.join(groups)}"
        todo = "ls -l shows who may; the rules of udev in /lib/udev/rules.d give it to the group."
        return Finding("rights", "fail", evidence, todo)
    joined = ",".join(groups)
    todo = f"sudo usermod -aG {joined} {person.name}, then log in again."
    return Finding("rights", "fail", evidence, todo, partial(_join, s, joined))


def _may(s: Surroundings, path: Path, group: str) -> bool:
    """Root may everything: behind sudo it is asked for the user, by his groups."""
    if s.behind_sudo:
        return group in s.person.listed
    return s.may(path)


def _join(s: Surroundings, groups: str) -> str:
    if not s.is_root:
        raise GaitpiError("Only root may change groups.", "Run: sudo gaitpi doctor --fix")
    s.command(("usermod", "-aG", groups, s.person.name))
    return f"put {s.person.name} into {groups}; log in again"


def untouched(s: Surroundings) -> Finding | None:
    """Why the sensor itself is not looked at, or what is known of it all the same; else None."""
    if s.status is not None:
        return by_daemon(s)
    if not s.virtual and not s.node.exists():
        return Finding("chip", "skip", f"no {s.node} to look on")
    return None


def by_daemon(s: Surroundings) -> Finding:
    """The sensor as the running daemon sees it; the bus is left alone."""
    status = s.status
    sensor = status.sensor if status is not None else None
    if status is None or sensor is None:
        return Finding("chip", "skip", "the daemon has the bus and does not say what is on it")
    hz = status.rate_hz
    faults = ", ".join(f"{name} {n}" for name, n in sorted(status.counters.items()) if n)
    evidence = f"{sensor.chip} at 0x{sensor.address:02X}"
    evidence += f", {hz:.1f} Hz" if hz is not None else ", rate not known yet"
    evidence += f", by the daemon; faults: {faults or 'none'}"
    figures: dict[str, Figure] = {"chip": sensor.chip, "address": sensor.address, "rate_hz": hz}
    if faults:
        return Finding("chip", "warn", evidence, LOOSE, figures=figures)
    return Finding("chip", "pass", evidence, figures=figures)
