"""Each check passes on a healthy machine and finds each fault that is put in."""

import re
from pathlib import Path

import pytest

from calibration.doctor.__main__ import HEADER, finds, look
from calibration.doctor.faults import FAULTS, Fault
from calibration.doctor.machine import Machine, findings, first, running
from gaitpi.device.doctor import BEFORE, again, examine
from gaitpi.imu.chip import Chip
from gaitpi.imu.chips import CHIPS, twins
from gaitpi.imu.transport import Transport
from gaitpi.imu.virtual.chip import Twin

DOCS = Path(__file__).parents[3] / "docs" / "doctor.md"
CHECKS = sorted({fault.check for fault in FAULTS} - {"outputs"})
PASSES_ELSEWHERE = {"daemon": "skip"}
"""A healthy machine on which no daemon runs."""


@pytest.fixture(scope="module")
def looked() -> dict[tuple[str, str], str]:
    return {}


@pytest.mark.parametrize("check", CHECKS)
def test_a_healthy_part_passes(check: str, tmp_path: Path) -> None:
    found = first(Machine(tmp_path, feeling=check == "heard"), check)
    assert found is not None
    assert found.status == PASSES_ELSEWHERE.get(check, "pass"), found
    assert found.fix is None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}: {fault.what}")
def test_a_fault_is_found(fault: Fault, looked: dict[tuple[str, str], str]) -> None:
    line, found = look(fault)
    looked[fault.check, fault.what] = line
    assert finds(fault, found), found
    assert found is not None
    # whoever has something to mend is told how
    assert found.todo or not found.ill


def test_the_table_of_the_docs_is_what_was_found(looked: dict[tuple[str, str], str]) -> None:
    if len(looked) < len(FAULTS):
        pytest.skip("only some of the faults were looked at in this run")
    rows = [looked[fault.check, fault.what] for fault in FAULTS]
    table = "\n".join((*HEADER, *rows))
    # a chip that begins a millisecond later has other noise: words and verdicts are compared
    assert _masked(table) in _masked(DOCS.read_text()), "python -m calibration.doctor prints it"


def _masked(text: str) -> str:
    return re.sub(r"[-+]?\d+(\.\d+)?", "#", text)


def test_every_check_has_a_fault_and_is_in_the_docs() -> None:
    with_fault = {fault.check for fault in FAULTS}
    assert {name for name, _ in BEFORE} <= with_fault
    text = DOCS.read_text()
    for name in with_fault:
        assert f"| {name} |" in text


def test_each_fault_stands_alone() -> None:
    """No two are the same, so none hides behind another."""
    assert len({(fault.check, fault.what) for fault in FAULTS}) == len(FAULTS)


def test_a_healthy_machine_as_a_whole(tmp_path: Path) -> None:
    found = list(examine(Machine(tmp_path, feeling=True).surroundings()))
    assert [one.name for one in found if one.status not in ("pass", "skip")] == []
    assert {one.name for one in found if one.status == "skip"} == {"daemon"}
    assert [one.name for one in found] == [name for name, _ in BEFORE] + [
        *("chip", "wire", "self-test", "rate", "jitter", "noise", "bias", "gravity", "stand"),
        *("buzzer", "LED pin", "heard", "LED", "button"),
    ]


def test_a_running_daemon_keeps_bus_and_pins(tmp_path: Path) -> None:
    def touched() -> Transport:
        raise AssertionError("the bus belongs to the daemon")

    machine = Machine(tmp_path)
    machine.change |= {"status": running(), "transport": touched, "outputs": touched}
    found = {one.name: one for one in examine(machine.surroundings())}
    assert found["chip"].status == "pass"
    assert "by the daemon" in found["chip"].evidence
    assert found["outputs"].status == "skip"
    assert "systemctl stop" in found["daemon"].todo


def test_another_computer_skips_and_does_not_fail(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for name in (
        "proc/device-tree/model",
        "dev/i2c-1",
        "dev/gpiochip0",
        "sys/devices/platform/soc/soc:firmware/get_throttled",
    ):
        machine.remove(name)
    machine.change["has_pins"] = False
    found = list(examine(machine.surroundings()))
    assert not [one for one in found if one.ill]
    skipped = {one.name for one in found if one.status == "skip"}
    assert {"board", "power", "i2c", "rights", "chip", "outputs"} <= skipped
    assert all(one.evidence for one in found)


def test_a_bus_on_another_computer_is_looked_at(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.remove("proc/device-tree/model")
    found = first(machine, "chip")
    assert found is not None
    assert found.status == "pass"


def test_a_check_that_breaks_is_a_finding(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    def broken() -> bool:
        raise PermissionError(13, "Permission denied")

    machine.change["synchronised"] = broken
    found = again(machine.surroundings(), "clock")
    assert found is not None
    assert (found.status, found.evidence) == ("fail", "cannot be looked at: Permission denied")


def test_figures_are_numbers_with_their_units(tmp_path: Path) -> None:
    found = {one.name: one.figures for one in findings(Machine(tmp_path), "all")}
    assert found["rate"]["rate_hz"] == pytest.approx(200.0, abs=0.01)
    assert found["noise"]["acc_noise_mg"] == pytest.approx(4.5, rel=0.05)
    assert found["bias"]["y_dps"] == pytest.approx(-1.72, abs=0.02)
    assert found["self-test"]["gyr_z_dps"] == pytest.approx(53.7, abs=0.5)
    assert found["wire"]["read_backs"] == 1000


def test_the_wire_is_timed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.wire["byte_s"] = 9 / 400_000
    found = first(machine, "wire")
    assert found is not None
    assert found.status == "pass"
    assert "as of a 400 kHz clock" in found.evidence


@pytest.mark.parametrize("twin", twins(), ids=lambda twin: twin.part)
def test_every_virtual_part_is_well(twin: Twin, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.part = twin.who_am_i
    found = {one.name: one for one in findings(machine, "all")}
    assert list(found)[-1] == "gravity"
    worth = chip_of(twin).identity(twin.who_am_i)
    assert found["chip"].status == ("pass" if worth == "tested" else "warn")
    assert twin.part in found["chip"].evidence
    tests_itself = chip_of(twin).self_test is not None
    assert found["self-test"].status == ("pass" if tests_itself else "skip")
    others = {name: one for name, one in found.items() if name not in ("chip", "self-test")}
    assert [one for one in others.values() if one.status != "pass"] == []


def chip_of(twin: Twin) -> Chip:
    return next(c for c in CHIPS if c.name == twin.name and c.identity(twin.who_am_i) != "unknown")


@pytest.mark.parametrize(
    ("release", "debian", "refuses"),
    [
        ("6.6.31+rpt-rpi-v8", "1:6.6.31-1+rpt1", True),
        ("6.1.0-20-amd64", "6.1.85-1", True),
        ("6.1.0-25-amd64", "6.1.106-3", False),
        ("6.6.51+rpt-rpi-2712", "1:6.6.51-1+rpt3", False),
        ("6.12.25+rpt-rpi-v8", "1:6.12.25-1+rpt1", False),
        ("6.9.3", "", True),
        ("unknown", "", False),
    ],
)
def test_kernels_that_refuse_straps(
    tmp_path: Path, release: str, debian: str, refuses: bool
) -> None:
    machine = Machine(tmp_path)
    machine.paired("heart")
    machine.linux(release, debian)
    found = again(machine.surroundings(), "radio")
    assert found is not None
    assert found.status == ("warn" if refuses else "pass")
    machine.write("etc/bluetooth/main.conf", "[LE]\n#MaxConnectionInterval=\n")
    assert again(machine.surroundings(), "radio") == found
    machine.write("etc/bluetooth/main.conf", "[LE]\nMaxConnectionInterval=400\n")
    found = again(machine.surroundings(), "radio")
    assert found is not None
    assert found.status == "pass"


def test_the_radio_of_whoever_has_paired_nothing(tmp_path: Path) -> None:
    """It is not even looked at."""

    def touched() -> None:
        raise AssertionError("nothing is paired")

    machine = Machine(tmp_path)
    machine.change["bluetooth"] = touched
    machine.linux("6.6.31+rpt-rpi-v8")
    found = again(machine.surroundings(), "radio")
    assert found is not None
    assert "nothing is paired" in found.evidence
