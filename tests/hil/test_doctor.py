"""``gaitpi doctor`` on a real kernel: real bus, real pins, as the service's own user."""

import json
from typing import Any

from gaitpi.imu.virtual.standing import Standing
from tests.hil.report import Report
from tests.hil.station import Station, make_of


def test_doctor(station: Station, report: Report) -> None:
    """The doctor, well and ill."""
    station.stop()
    station.bench.plug(make_of("MPU-6050"), Standing(3600.0))
    well = _findings(station)
    for name in ("config", "i2c", "rights", "chip", "wire", "rate"):
        assert well[name]["status"] == "pass", well[name]
    assert not [f for f in well.values() if f["status"] == "fail"], well
    station.bench.unplug()
    ill = _findings(station)
    assert ill["chip"]["status"] == "fail"
    station.bench.replug()
    report(
        "a sensor on the table; then its wire off",
        f'well: {_count(well)}; ill: chip fails: "{ill["chip"]["evidence"]}"',
    )


def _findings(station: Station) -> dict[str, dict[str, Any]]:
    done = station.machine.run(
        *("setpriv", "--reuid=gaitpi", "--regid=gaitpi", "--groups=i2c,gpio"),
        *("env", "-C", "/tmp", "HOME=/tmp", "STATE_DIRECTORY=/var/lib/gaitpi"),
        *("GAITPI_CONFIG=/mnt/share/config.toml", "NUMBA_CACHE_DIR=/var/cache/gaitpi"),
        *("/opt/gaitpi/current/bin/gaitpi", "doctor", "--json"),
        timeout=120.0,
    )
    print(done.out)
    return {finding["name"]: finding for finding in json.loads(done.out)["findings"]}


def _count(findings: dict[str, dict[str, Any]]) -> str:
    by: dict[str, int] = {}
    for finding in findings.values():
        by[finding["status"]] = by.get(finding["status"], 0) + 1
    return ", ".join(f"{n} {status}" for status, n in sorted(by.items()))
