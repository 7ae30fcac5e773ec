"""Every virtual chip before a judge that nobody here wrote: the kernel's own driver.

The same twin, behind the same wires, is read by Linux's driver (through sysfs) and by gaitpi's
(through /dev/i2c-1). Both are compared in counts, of the coarser of the two: the scales that Linux
prints are rounded, so they only tell by which power of two its range differs from ours.
"""

import functools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from gaitpi.imu.chips import CHIPS, twins
from gaitpi.imu.virtual.chip import Twin
from gaitpi.units import G0, RAD_PER_DEG
from tests.hil.bench import Make, Still
from tests.hil.build import Guest
from tests.hil.report import Report
from tests.hil.station import Station

VECTORS: Final = (
    ((0.0, 0.0, G0), (0.0, 0.0, 0.0)),
    ((0.31 * G0, -0.47 * G0, 0.83 * G0), (11.0, -23.0, 37.0)),
    ((1.73 * G0, 1.51 * G0, -1.87 * G0), (190.0, -170.0, 210.0)),
)
"""Accelerations within ±2 g, m/s²; rates within ±250 °/s: the smallest range of any driver."""

INTERRUPT: Final = 4
"""GPIO line of a sensor's interrupt pin."""

WIRED: Final = 0x69
"""Address in the device tree, kept from all others: where a driver insists on an interrupt."""

OURS: Final = """
import json, sys, time
import numpy as np
from gaitpi.config import Config
from gaitpi.hostclock import SystemClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.smbus import SMBusTransport

reader = open_reader(SMBusTransport(1), SystemClock(), Config().imu)
reader.start()
chip = reader.info
counts = []
end = time.monotonic() + 20.0
while sum(map(len, counts)) < 100 and time.monotonic() < end:
    time.sleep(0.05)
    for batch in reader.poll():
        counts.append(batch.counts)
counts = np.concatenate(counts)
print(json.dumps({
    "chip": chip.chip, "n": len(counts), "counts": np.median(counts, axis=0).tolist(),
}))
"""

LINUX: Final = """
import json, pathlib, sys
out = {}
for device in sorted(pathlib.Path("/sys/bus/iio/devices").glob("iio:device*")):
    name = (device / "name").read_text().strip()
    for kind in ("accel", "anglvel"):
        values = []
        for axis in "xyz":
            raw = device / f"in_{kind}_{axis}_raw"
            if not raw.exists():
                break
            scale = device / f"in_{kind}_{axis}_scale"
            scale = scale if scale.exists() else device / f"in_{kind}_scale"
            values.append((int(raw.read_text()), float(scale.read_text())))
        if values:
            out[kind] = values
            out[kind + "_device"] = name
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def kernel(guest: Guest, warm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A guest of its own: its device tree wires an interrupt to the chips that need one."""
    station = Station(guest, warm, tmp_path_factory.mktemp("chips"))
    nodes = [
        f'imu@{WIRED:x} {{ compatible = "{_vendor(twin)},{twin.linux}"; '
        f"reg = <{WIRED:#x}>; interrupt-parent = <&gpio>; "
        f"interrupts = <{INTERRUPT} 1>; }};"
        for twin in twins()
        if twin.linux and twin.linux_needs_irq
    ]
    try:
        station.boot(chip=nodes[0] if nodes else "")
        yield station
    finally:
        station.close()


def _vendor(twin: Twin) -> str:
    return "invensense" if str(twin.linux).startswith(("icm", "mpu")) else "st"


@pytest.mark.parametrize("twin", [t for t in twins() if t.linux], ids=lambda twin: twin.part)
def test_linux_and_ours_agree(kernel: Station, report: Report, twin: Twin) -> None:
    """Linux's driver and ours read the same."""
    worst = 0.0
    ours: dict[str, Any] = {}
    linux: dict[str, Any] = {}
    for acc, dps in VECTORS:
        gyr = (RAD_PER_DEG * dps[0], RAD_PER_DEG * dps[1], RAD_PER_DEG * dps[2])
        kernel.bench.plug(_make(twin), Still(acc, gyr))
        linux = _linux(kernel, twin)
        kernel.bench.live()
        ours = json.loads(kernel.machine.python(OURS))
        assert ours["n"] > 50
        chip = next(chip for chip in CHIPS if chip.name == twin.name)
        for kind, mine, count in (
            ("accel", ours["counts"][:3], chip.acc_scale),
            ("anglvel", ours["counts"][3:], chip.gyr_scale),
        ):
            for (raw, scale), counted in zip(linux[kind], mine, strict=True):
                worst = max(worst, _apart(raw, scale, counted, count))
    report(
        f"{twin.part}: {len(VECTORS)} accelerations and rates",
        f"{linux['accel_device']} and gaitpi's {ours['chip']} apart by {worst:.2f} counts at most",
    )
    assert worst <= 1.0


def _apart(raw: int, scale: float, counted: float, count: float) -> float:
    """Counts between Linux's ``raw`` of ``scale`` and what we ``counted`` in steps of ``count``."""
    power = 2.0 ** round(math.log2(scale / count))
    assert scale / count == pytest.approx(power, rel=2e-3)
    return abs(raw * power - counted) / max(power, 1.0)


def _make(twin: Twin) -> Make:
    """The twin, asked for one sample at a time: what it feels may be changed at once."""
    address = WIRED if twin.linux_needs_irq else twin.address
    return functools.partial(twin.make, look_ahead=1, address=address)


def _linux(kernel: Station, twin: Twin) -> dict[str, Any]:
    """What Linux's driver reads; it lets go of the chip afterwards."""
    bus = "/sys/bus/i2c/devices/i2c-1"
    machine = kernel.machine
    if twin.linux_needs_irq:
        name = f"1-{WIRED:04x}"
        driver = machine.shell("ls -d /sys/bus/i2c/drivers/*icm42600*").strip()
        machine.shell(f"echo {name} > {driver}/bind")
        release = f"echo {name} > {driver}/unbind"
    else:
        machine.shell(f"echo {twin.linux} {twin.address:#x} > {bus}/new_device")
        release = f"echo {twin.address:#x} > {bus}/delete_device"
    try:
        time.sleep(0.3)
        found = json.loads(machine.python(LINUX))
    finally:
        machine.shell(release)
    assert "accel" in found, machine.shell("dmesg | tail -5")
    assert "anglvel" in found
    return dict(found)
