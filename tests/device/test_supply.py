"""A supply that sags: said once, the motor rests, beeps go on; over after a minute without."""

from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.config import CuesConfig
from gaitpi.cues.outputs import open_outputs
from gaitpi.device.supply import LOOK_S, OVER_S, SINCE, SLOW, UNDER_VOLTAGE, Sag, Supply
from gaitpi.runs.reader import RunReader
from tests.device.bench import Bench

THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")


def firmware(root: Path, flags: int) -> None:
    (root / THROTTLED).parent.mkdir(parents=True, exist_ok=True)
    (root / THROTTLED).write_text(f"{flags:x}\n")


def test_flags_come_from_the_firmware_else_from_hwmon_else_not_at_all(tmp_path: Path) -> None:
    assert Supply(tmp_path / "elsewhere").flags() is None
    alarm = tmp_path / "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
    alarm.parent.mkdir(parents=True)
    (alarm.parent / "name").write_text("rpi_volt\n")
    alarm.write_text("1\n")
    assert Supply(tmp_path).flags() == UNDER_VOLTAGE
    alarm.write_text("0\n")
    firmware(tmp_path, 0x50005)
    supply = Supply(tmp_path)
    assert supply.flags() == 0x50005
    (tmp_path / THROTTLED).write_bytes(b"\xff\xfe nonsense")
    assert supply.flags() == 0
    (alarm.parent / "name").write_bytes(b"\xff\xfe")
    assert Supply(tmp_path).flags() is None
    alarm.unlink()
    assert supply.flags() is None


def test_said_once_and_over_after_a_minute_without() -> None:
    sag = Sag()
    old = UNDER_VOLTAGE << SINCE
    assert sag.update(old, 0.0) == "none"  # from before the start
    assert sag.update(old | UNDER_VOLTAGE, 1.0) == "sags"
    assert sag.update(old | UNDER_VOLTAGE, 2.0) == "none"
    assert sag.update(old | SLOW, 30.0) == "none"  # said already; but not over either
    assert sag.update(None, 30.0 + OVER_S - 1.0) == "none"
    assert bool(sag.sagging)
    assert sag.update(old, 30.0 + OVER_S) == "over"
    assert not bool(sag.sagging)
    assert sag.update(old, 1000.0) == "none"


def test_a_dip_between_two_looks_is_seen() -> None:
    sag = Sag()
    assert sag.update(0, 0.0) == "none"
    assert sag.update(UNDER_VOLTAGE << SINCE, 1.0) == "sags"


def test_a_slow_machine_is_told_and_nothing_is_left_out() -> None:
    sag = Sag()
    assert sag.update(SLOW, 0.0) == "slow"
    assert not sag.sagging
    assert sag.update(SLOW, 1.0) == "none"
    assert sag.update(0, 1.0 + OVER_S) == "none"
    assert sag.update(SLOW, 2.0 + OVER_S) == "slow"
    assert sag.update(UNDER_VOLTAGE, 3.0 + OVER_S) == "sags"


@given(st.lists(st.one_of(st.none(), st.integers(0, 0xFFFFF)), max_size=200))
def test_whatever_the_flags_do(course: list[int | None]) -> None:
    sag = Sag()
    last = -1e9
    for k, flags in enumerate(course):
        was, change = sag.sagging, sag.update(flags, k * 10.0)
        now = flags is not None and bool(flags & UNDER_VOLTAGE)
        last = k * 10.0 if now else last
        assert (change == "sags") == (sag.sagging and not was)
        assert (change == "over") == (was and not sag.sagging)
        assert sag.sagging or not now
        if sag.sagging and not was:
            assert flags
        if was and not sag.sagging:
            assert k * 10.0 - last >= OVER_S


@pytest.mark.parametrize("spared", [False, True])
def test_only_the_motor_rests(spared: bool) -> None:
    factory = MockFactory()
    config = CuesConfig(buzzer="active", buzzer_pin=18, vibration_pin=23, led_pin=24)
    outputs = open_outputs(config, factory)
    outputs.tone(2700.0, 1.0)
    outputs.spare(spared)
    assert bool(factory.pin(23).state) is not spared  # in the middle of a tone, too
    outputs.silence()
    outputs.tone(2700.0, 1.0)
    assert bool(factory.pin(23).state) is not spared
    assert factory.pin(18).state
    outputs.spare(False)
    outputs.tone(2700.0, 1.0)
    assert factory.pin(23).state
    outputs.close()


def test_a_sag_in_a_run_is_logged_within_two_seconds(tmp_path: Path) -> None:
    firmware(tmp_path, 0x0)
    bench = Bench(tmp_path, supply=Supply(tmp_path))
    begun = 30.3
    course = {
        begun: lambda: firmware(tmp_path, 0x50001),
        begun + 5.0: lambda: firmware(tmp_path, 0x50000),
        begun + 80.0: lambda: firmware(tmp_path, 0x50001),
    }
    bench.run(course, until_s=140.0)
    with RunReader(bench.paths()[0]) as run:
        events = [(e.kind, e.time_s) for e in run.events() if e.kind.startswith("supply")]
        counters = run.summary["counters"]
        cues = [cue for cue in run.cues() if cue.time_s > begun]
        start = run.header.anchor.mono_s
    assert [kind for kind, _ in events] == ["supply", "supply-back", "supply"]
    assert 0.0 <= start + events[0][1] - begun <= 2.0
    assert 0.0 <= start + events[1][1] - (begun + 5.0 + OVER_S) <= 2.0 * LOOK_S
    assert counters["supply"] == 2
    assert cues, "cues go on"
    said = [text for text in bench.said if "supply" in text]
    assert len(said) == 3
    assert "motor rests" in said[0]
