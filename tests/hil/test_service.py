"""The service as it is installed: what it may, how it ends, and how it is updated and removed."""

import io
import json
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gaitpi.imu.virtual.standing import Standing
from tests.hil.build import CHECKOUT, Guest
from tests.hil.machine import Done
from tests.hil.report import Report
from tests.hil.station import BUZZER, CONFIG, GAITPI, RUNS, UNIT, Station, make_of, steady

EXPOSURE: Final = 2.0
SILENT_S: Final = 1.0
WAITING = CONFIG.replace('auto = "off"', 'auto = "on"')
"""No run begins by itself while the runner stands."""
BACKOFF_S = 30.0


# ---------------------------------------------------------------------- what systemd says


def test_exposure(station: Station, report: Report) -> None:
    """What the service may do."""
    machine = station.machine
    assert machine.must("systemd-analyze", "verify", UNIT, "gaitpi-warmup.service") == ""
    found = {}
    for unit in (UNIT, "gaitpi-warmup.service"):
        out = machine.must("systemd-analyze", "security", "--no-pager", unit)
        match = re.search(r"exposure level for \S+: ([\d.]+)", out)
        assert match is not None
        found[unit] = float(match[1])
        assert found[unit] <= EXPOSURE, out
    station.start(steady())
    assert station.property("NotifyAccess") == "main"
    assert station.property("WatchdogUSec") == "3s"
    kicked = int(station.property("WatchdogTimestampMonotonic"))
    time.sleep(2.0)
    assert int(station.property("WatchdogTimestampMonotonic")) > kicked
    uptime_us = 1e6 * float(machine.must("cat", "/proc/uptime").split()[0])
    assert uptime_us - int(station.property("WatchdogTimestampMonotonic")) < 1.5e6
    group = station.property("ControlGroup")
    peak = int(machine.must("cat", f"/sys/fs/cgroup{group}/memory.peak")) / 2**20
    limit = int(station.property("MemoryMax")) / 2**20
    assert peak < 0.8 * limit
    report(
        "systemd-analyze security; the unit running with bus and pins",
        f"exposure {found[UNIT]:.1f} (warm-up {found['gaitpi-warmup.service']:.1f}), watchdog "
        f"3 s and kicked, memory {peak:.0f} MiB at most of {limit:.0f}",
    )


def test_bus_within(station: Station, report: Report) -> None:
    """What is left to it."""
    unit = (CHECKOUT / "systemd" / UNIT).read_text()
    keys = (
        *("User", "Group", "Supplementary", "Device", "Capab", "NoNew", "Protect", "Private"),
        *("Restrict", "IPAddress", "Remove", "Lock", "Keyring", "SystemCall", "Limit", "UMask"),
    )
    lines = [line for line in unit.splitlines() if line.startswith(keys)]
    assert len(lines) > 30
    limits = [word for line in lines for word in ("-p", line)]
    within = ("systemd-run", "--wait", "--pipe", "--quiet", *limits)
    bus = ("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "ListNames")
    assert "org.freedesktop.systemd1" in station.machine.must(*within, "busctl", "call", *bus)
    python = ("/opt/gaitpi/current/bin/python", "-c")
    station.machine.must(
        *within,
        *python,
        "import os; [os.open(f'/dev/{name}', os.O_RDWR) for name in ('i2c-1', 'gpiochip0')]",
    )
    for refused in (
        "import socket; socket.socket(socket.AF_INET)",
        "import os; os.open('/dev/ubda', os.O_RDONLY)",
        "open('/etc/gaitpi.test', 'w')",
        "import os; os.listdir('/root')",
    ):
        assert station.machine.run(*within, *python, refused).code != 0, refused
    report(
        "programs with the limits of the unit",
        "may use the system bus, I2C and GPIO; not a network socket, the disk, /etc or /root",
    )


def test_silenced(station: Station, report: Report) -> None:
    """Killed in the middle of a sound."""
    station.bench.keep_levels(True)
    try:
        since = station.bench.now()
        station.start(steady())
        took = []
        for _ in range(3):
            station.rising(BUZZER, since, 60.0)
            killed, was_on = station.kill_all(BUZZER)
            took.append((station.silent_after(BUZZER, killed, SILENT_S + 0.3), was_on))
            since = killed + took[-1][0] + 0.02
        assert max(seconds for seconds, _ in took) <= SILENT_S, took
    finally:
        station.bench.keep_levels(False)
    on = sum(was_on for _, was_on in took)
    report(
        f"SIGKILL of all its processes, three times, {on} with the buzzer on; lines keep their "
        "level when they are let go, as on a Pi",
        f"pin low {max(seconds for seconds, _ in took):.2f} s after the kill at worst",
    )


def test_bad_configuration(station: Station, report: Report) -> None:
    """A configuration that cannot be used."""
    station.stop()
    station.machine.shell("systemctl reset-failed")  # starts of an earlier scenario do not count
    station.configure("[imu]\nrate_hz = 3\n")
    done = station.machine.run("systemctl", "start", UNIT, timeout=120.0)
    assert done.code != 0
    time.sleep(3.0)
    assert station.property("ActiveState") == "failed"
    assert station.property("ExecMainStatus") == "78"
    assert station.property("NRestarts") == "0"
    assert "imu.rate_hz" in station.journal(20)
    station.machine.shell("systemctl reset-failed")
    report("imu.rate_hz = 3", "exit 78 with the key in the journal, not started again")


def test_busy_pin(station: Station, report: Report) -> None:
    """Every output's pin held by another program."""
    station.stop()
    station.bench.plug(make_of("MPU-6050"), steady())
    holder = (
        "import lgpio, time; h = lgpio.gpiochip_open(0); "
        "[lgpio.gpio_claim_output(h, pin, 0) for pin in (17, 18)]; time.sleep(600)"
    )
    machine = station.machine
    python = "/opt/gaitpi/current/bin/python"
    machine.shell(f"cd /tmp; {python} -c '{holder}' >/dev/null 2>&1 & echo $! >/tmp/holder")
    time.sleep(3.0)
    try:
        began = time.monotonic()
        done = machine.run("systemctl", "start", UNIT, timeout=120.0)
        took = time.monotonic() - began
        said = station.journal(20)
        assert done.code != 0
        for pin in (17, 18):
            assert re.search(rf'GPIO {pin} \(\w+\) cannot be used: .*busy.*held by "lg"', said), (
                said
            )
    finally:
        machine.shell("kill $(cat /tmp/holder)")
    ready = station.until_true(station.active, BACKOFF_S + 60.0, "up once the pins are free")
    report(
        "another program holds the pins of buzzer and LED, then lets them go",
        f"each pin and its holder named, ended {took:.1f} s after the start; up by itself "
        f"{ready:.0f} s after they were free",
    )


def test_sensor_comes_late(station: Station, report: Report) -> None:
    """Switched on without a sensor."""
    station.stop()
    station.bench.plug(make_of("MPU-6050"), Standing(3600.0))
    station.bench.unplug()
    assert station.machine.run("systemctl", "start", UNIT, timeout=120.0).code != 0
    time.sleep(20.0)
    tried = int(station.property("NRestarts"))
    assert 1 <= tried <= 8
    station.bench.replug()
    took = station.until_true(station.active, BACKOFF_S + 60.0, "up by itself")
    report(
        "SDA off at the start and for 20 s",
        f"started anew {tried} times in them, less and less often; up {took:.0f} s after the wire",
    )


# ---------------------------------------------------------------------- installing


@pytest.fixture(scope="module")
def installed(
    guest: Guest, warm: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Station]:
    """A station with the installed package itself, for the scenarios that change it."""
    station = Station(guest, warm, tmp_path_factory.mktemp("installed"))
    try:
        station.boot(live=False)
        station.configure(WAITING)
        station.bench.plug(make_of("MPU-6050"), Standing(36_000.0))
        print(station.install())
        yield station
    finally:
        station.close()


def test_install_again(installed: Station, report: Report) -> None:
    """Installed twice."""
    machine = installed.machine
    before = _state(installed)
    began = time.monotonic()
    said = installed.install()
    took = time.monotonic() - began
    assert "installed and in use" in said
    assert _state(installed) == before
    assert installed.active()
    assert machine.must("systemctl", "is-enabled", UNIT).strip() == "enabled"
    assert machine.must("systemctl", "show", "-P", "RuntimeWatchdogUSec").strip() == "14s"
    owner = machine.must(
        "stat", "-c", "%U:%G %a", "/var/lib/gaitpi", "/dev/i2c-1", "/dev/gpiochip0"
    )
    assert owner.split("\n")[:3] == ["gaitpi:gaitpi 2775", "root:i2c 660", "root:gpio 660"]
    report("make install twice", f"the second time nothing changes ({took:.0f} s), the service up")


def test_mended(installed: Station, report: Report) -> None:
    """What gaitpi doctor --fix mends."""
    machine = installed.machine
    machine.shell(
        "systemctl disable gaitpi; rm /etc/udev/rules.d/99-gaitpi.rules; "
        "echo >>/etc/systemd/system/gaitpi.service; rm -r /var/cache/gaitpi/*/warm-*"
    )
    ill = _doctor(installed)["service"]
    assert ill["status"] == "fail"
    for words in ("99-gaitpi.rules is missing", "gaitpi.service is of", "at boot", "not compiled"):
        assert words in str(ill["evidence"])
    _doctor(installed, "--fix")
    assert _doctor(installed)["service"]["status"] == "pass"
    report("a rule deleted, a unit changed, not enabled, the cache gone", "found, mended, passes")


def test_update_and_back(installed: Station, report: Report) -> None:
    """Updated from a file, a bad one taken back, and rolled back."""
    machine = installed.machine
    machine.shell(
        f"mkdir -p {RUNS}; echo kept >{RUNS}/kept.jsonl; echo '# own' >>/etc/gaitpi/config.toml"
    )
    first = _version(installed)
    _archive(installed.share / "good.tar", "9.9.8")
    _archive(installed.share / "bad.tar", "9.9.9", {"gaitpi/cli/run.py": _BROKEN})
    began = time.monotonic()
    said = machine.must(GAITPI, "update", "/mnt/share/good.tar", timeout=600.0)
    took = time.monotonic() - began
    good = _version(installed)
    assert good.startswith("9.9.8-")
    assert "The service is up" in said
    assert installed.active()
    done = machine.run(GAITPI, "update", "/mnt/share/bad.tar", timeout=600.0)
    assert done.code == 1
    assert "was taken back" in done.out
    assert _version(installed) == good
    assert installed.active()
    machine.must(GAITPI, "update", "--rollback", timeout=300.0)
    assert _version(installed) == first
    assert installed.active()
    assert machine.must("cat", f"{RUNS}/kept.jsonl") == "kept\n"
    assert machine.must("tail", "-1", "/etc/gaitpi/config.toml") == "# own\n"
    report(
        "gaitpi update with a good archive, with one whose daemon fails, then --rollback",
        f"in use after {took:.0f} s; the bad one taken back by itself; the first one up again; "
        "runs and configuration as they were",
    )


def test_no_update_in_a_run(installed: Station, report: Report) -> None:
    """An update in the middle of a run."""
    installed.configure(CONFIG)
    installed.start(steady())
    time.sleep(3.0)
    _archive(installed.share / "good.tar", "9.9.7")
    done = installed.machine.run(GAITPI, "update", "/mnt/share/good.tar", timeout=300.0)
    assert done.code == 1
    assert "A run is being recorded" in done.out
    assert installed.active()
    report("gaitpi update while a run is recorded", "refused, the run goes on")


def test_power_cut_in_an_update(installed: Station, report: Report) -> None:
    """Power cut in the middle of an update."""
    installed.configure(WAITING)
    installed.bench.plug(make_of("MPU-6050"), Standing(36_000.0))
    first = _version(installed)
    cuts = []
    for number, wait_s in enumerate((1.0, 4.0)):
        machine = installed.machine
        _archive(installed.share / "good.tar", f"9.8.{number}")
        machine.shell(f"{GAITPI} update /mnt/share/good.tar --anyway >/dev/null 2>&1 &")
        time.sleep(wait_s)
        machine.cut()
        installed.boot(live=False)
        after = _version(installed)
        cuts.append(after == first)
        installed.until_true(installed.active, 90.0, "the service is up again")
        first = after
    said = installed.machine.must(GAITPI, "update", "/mnt/share/good.tar", timeout=600.0)
    assert "The service is up" in said
    report(
        "power cut 1 s and 4 s after an update began",
        f"up at the next start, {sum(cuts)} of {len(cuts)} with the old version; the update then "
        "goes through",
    )


def test_boot_alone(installed: Station, report: Report) -> None:
    """Boot without network and Bluetooth."""
    installed.configure(WAITING)
    machine = installed.machine
    assert machine.run("systemctl", "is-active", "bluetooth.service").out.strip() != "active"
    # sit0 is the kernel's own tunnel, and down
    assert set(machine.must("ls", "/sys/class/net").split()) <= {"lo", "sit0"}
    machine.off()
    installed.boot(live=False)
    took = installed.until_true(installed.active, 90.0, "the service is up")
    after = installed.property("After").split()
    assert not [unit for unit in after if "network" in unit or "bluetooth" in unit]
    report(
        "power on; no network device, no radio, the unit enabled by make install",
        f"up {took:.0f} s after the system took commands",
    )


def test_uninstall(installed: Station, report: Report) -> None:
    """Uninstalled."""
    machine = installed.machine
    machine.shell(f"mkdir -p {RUNS}; echo kept >{RUNS}/kept.jsonl")
    make = ("make", "--no-print-directory", "-C", "/mnt/checkout", "uninstall")
    said = machine.must(*make, timeout=120.0)
    assert f"Kept: runs and journals in {RUNS.removesuffix('/runs')}" in said
    left = machine.shell(
        "ls -d /opt/gaitpi /var/cache/gaitpi /usr/local/bin/gaitpi /etc/systemd/system/gaitpi* "
        "/etc/udev/rules.d/99-gaitpi.rules /etc/polkit-1/rules.d/*gaitpi* 2>/dev/null || true"
    ).split()
    # the drop-in is the bench's own
    assert left == ["/etc/systemd/system/gaitpi.service.d"]
    assert "not-found" in machine.must("systemctl", "show", "-P", "LoadState", UNIT)
    assert machine.must("cat", f"{RUNS}/kept.jsonl") == "kept\n"
    machine.must("test", "-f", "/etc/gaitpi/config.toml")
    report("make uninstall", "nothing of the software left; runs and configuration kept")


# -- helpers --

_BROKEN = b'''"""A daemon that ends at once."""
HELP = "x."
EPILOG = "gaitpi run"

def add_arguments(parser):
    pass

def run(args):
    return 1
'''


def _archive(path: Path, version: str, changed: dict[str, bytes] | None = None) -> None:
    """A tar of the checkout with another version, and with some files changed."""
    init = "gaitpi/__init__.py"
    text = re.sub(
        r'__version__ = ".*"', f'__version__ = "{version}"', (CHECKOUT / init).read_text()
    )
    other = {init: text.encode(), **(changed or {})}
    with tarfile.open(path, "w") as tar:
        for name in ("gaitpi", "systemd", "pyproject.toml", "README.md"):
            for one in sorted((CHECKOUT / name).rglob("*")) or [CHECKOUT / name]:
                if one.is_dir() or "__pycache__" in one.parts:
                    continue
                inner = one.relative_to(CHECKOUT).as_posix()
                data = other.get(inner, one.read_bytes())
                info = tarfile.TarInfo(f"gaitpi-{version}/{inner}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def _version(station: Station) -> str:
    """The version in use."""
    return Path(station.machine.must("readlink", "/opt/gaitpi/current").strip()).name


def _state(station: Station) -> str:
    """What an installation consists of, with times."""
    return station.machine.shell(
        "ls -lR --time-style=full-iso /opt/gaitpi/versions/*/bin /opt/gaitpi/versions/*/share "
        "/etc/systemd /etc/udev/rules.d /etc/polkit-1/rules.d /usr/local/bin; "
        "readlink /opt/gaitpi/current; systemctl show -P MainPID gaitpi"
    )


def _doctor(station: Station, *options: str) -> dict[str, dict[str, object]]:
    done: Done = station.machine.run(GAITPI, "doctor", "--json", *options, timeout=600.0)
    return {finding["name"]: finding for finding in json.loads(done.out)["findings"]}
