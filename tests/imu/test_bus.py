"""The bus: bounded, retried, counted; and the words when it cannot be opened."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.errors import SensorError
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.bus import BusFault, FaultCounters, I2CBus, fault_name
from gaitpi.imu.smbus import SMBusTransport, need_all, opening_error

Outcome = tuple[int, float]  # errno (0 = success), seconds it takes


class ScriptedTransport:
    """Plays outcomes in order, then succeeds for ever."""

    name = "scripted"

    def __init__(self, clock: VirtualClock, script: list[Outcome], short: int = 0) -> None:
        self._clock = clock
        self._script: Iterator[Outcome] = iter(script)
        self._short = short
        self.calls = 0
        self.written: list[bytes] = []

    def _play(self) -> None:
        self.calls += 1
        code, took_s = next(self._script, (0, 0.0))
        self._clock.sleep(took_s)
        if code:
            raise OSError(code, "scripted")

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        self._play()
        return bytes(n - self._short)

    def write(self, address: int, out: bytes) -> None:
        self._play()
        self.written.append(out)

    def close(self) -> None:
        pass


def make(script: list[Outcome], short: int = 0) -> tuple[I2CBus, ScriptedTransport, VirtualClock]:
    clock = VirtualClock()
    transport = ScriptedTransport(clock, script, short)
    return I2CBus(transport, 0x68, clock), transport, clock


def test_two_missing_acknowledges_are_repeated_and_counted() -> None:
    bus, transport, _ = make([(errno.EREMOTEIO, 0.0), (errno.EIO, 0.0)])
    assert bus.read(0x75, 3) == bytes(3)
    assert transport.calls == 3
    assert bus.faults.snapshot() == {"nack": 1, "io": 1}


def test_the_third_failure_is_told() -> None:
    bus, transport, _ = make([(errno.EREMOTEIO, 0.0)] * 3)
    with pytest.raises(BusFault, match="nack at 0x68 writing 0x6B") as caught:
        bus.write(0x6B, b"\x01")
    assert caught.value.fault == "nack"
    assert caught.value.errno == errno.EREMOTEIO
    assert transport.calls == 3
    assert transport.written == []
    bus.write(0x6B, b"\x01")
    assert transport.written == [b"\x6b\x01"]


def test_a_timeout_is_not_repeated() -> None:
    bus, transport, clock = make([(errno.ETIMEDOUT, 0.050)])
    with pytest.raises(BusFault) as caught:
        bus.read(0x75)
    assert caught.value.fault == "timeout"
    assert transport.calls == 1
    assert clock.monotonic() == pytest.approx(0.050)


def test_a_quick_timeout_is_not_repeated_either() -> None:
    bus, transport, _ = make([(errno.ETIMEDOUT, 0.001)])
    with pytest.raises(BusFault):
        bus.read(0x75)
    assert transport.calls == 1


def test_a_short_answer_is_a_fault() -> None:
    bus, _, _ = make([], short=1)
    with pytest.raises(BusFault):
        bus.read(0x75, 2)
    assert bus.faults.snapshot() == {"io": 3}


def test_an_unnamed_error_is_counted_under_its_errno() -> None:
    bus, _, _ = make([(errno.ENOMEM, 0.0)] * 3)
    with pytest.raises(BusFault):
        bus.read(0x75)
    assert bus.faults.snapshot() == {"enomem": 3}


failures = st.tuples(
    st.sampled_from([errno.EREMOTEIO, errno.EIO, errno.ETIMEDOUT, errno.EBUSY]),
    st.floats(0.0, 0.050),
)


@given(st.lists(failures, max_size=6))
def test_no_call_takes_longer_than_60_ms(script: list[Outcome]) -> None:
    bus, transport, clock = make(script)
    while transport.calls < len(script):
        before, counted = clock.monotonic(), bus.faults.total
        calls = transport.calls
        try:
            bus.read(0x3B, 14)
            failed = transport.calls - calls - 1
        except BusFault:
            failed = transport.calls - calls
        assert clock.monotonic() - before <= 0.060 + 1e-9
        assert bus.faults.total - counted == failed
        assert failed <= 3


def test_counters_tell_what_is_new() -> None:
    counters = FaultCounters()
    counters.add("nack")
    earlier = counters.snapshot()
    counters.add("nack")
    counters.add("overflow")
    assert counters.since(earlier) == {"nack": 1, "overflow": 1}
    assert counters.since(counters.snapshot()) == {}
    assert earlier == {"nack": 1}
    assert counters.total == 3


def test_a_missing_bus_names_the_others(tmp_path: Path) -> None:
    (tmp_path / "i2c-20").touch()
    with pytest.raises(SensorError) as caught:
        SMBusTransport(1, devices=tmp_path)
    assert f"{tmp_path}/i2c-1 does not exist" in str(caught.value)
    assert f"{tmp_path}/i2c-20" in str(caught.value)
    assert "raspi-config" in caught.value.todo


def test_no_bus_at_all_says_how_to_switch_i2c_on(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="I2C is off") as caught:
        SMBusTransport(1, devices=tmp_path)
    assert "sudo raspi-config nonint do_i2c 0" in caught.value.todo
    assert "dtparam=i2c_arm=on" in caught.value.todo


def test_a_file_that_is_no_bus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "i2c-1").touch()
    with pytest.raises(SensorError, match="is not an I2C bus"):
        SMBusTransport(1, devices=tmp_path)


def test_a_forbidden_bus_names_the_group(tmp_path: Path) -> None:
    error = opening_error(PermissionError(errno.EACCES, "Permission denied"), tmp_path / "i2c-1")
    assert "may not be opened" in error.found
    assert "usermod -aG i2c" in error.todo
    assert "log in again" in error.todo


def test_any_other_opening_error_is_told_too(tmp_path: Path) -> None:
    error = opening_error(OSError(errno.EBUSY, "Device or resource busy"), tmp_path / "i2c-1")
    assert "Device or resource busy" in str(error)


def test_a_transfer_that_was_cut_short_is_an_error() -> None:
    need_all(2, 2)
    for done in (0, 1):
        with pytest.raises(OSError, match=f"{done} of 2") as caught:
            need_all(done, 2)
        assert fault_name(caught.value) == "nack"
