"""Ten seconds of standing: measured, refused when moving, kept, and used by the next run."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi import calibrationfile
from gaitpi.calibrationfile import StandRecord
from gaitpi.device.calibrating import Stands, record_of
from gaitpi.device.replay import open_recording
from gaitpi.device.stand import MEASURE_S, SETTLE_S, Stand, StandMeasurement, axis_up
from gaitpi.device.start import decode, from_record, worn_otherwise
from gaitpi.gait import Start
from gaitpi.imu.batch import Floats
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import RecordingSource
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader
from gaitpi.units import DEG_PER_RAD, G0, RAD_PER_DEG
from tests.device.bench import Bench, recorded, replayed
from tests.runs.sample import SENSOR

RATE_HZ = 208.0
BIAS = np.array([0.02, -0.03, 0.01])


class Swaying:
    """Somebody who stands, as a signal: sways forward and sideways about ``up``."""

    rate_hz: float | None = None

    def __init__(self, sway_deg: float = 0.4, *, up: tuple[float, ...] = (0.0, 0.0, 1.0)) -> None:
        self.duration_s = 60.0
        self._up = np.array(up)
        self._sway = sway_deg * RAD_PER_DEG

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        t = np.arange(first, first + n) / rate_hz
        acc, gyr = np.zeros((n, 3)), np.tile(BIAS, (n, 1))
        turn = np.zeros((n, 3))
        for k, hz in enumerate((0.23, 0.31)):
            w = 2.0 * math.pi * hz
            angle = self._sway * np.sin(w * t + k)
            turn[:, k] = angle
            gyr[:, k] += self._sway * w * np.cos(w * t + k)
        acc[:] = G0 * (self._up - np.cross(turn, self._up))
        rng = np.random.Generator(np.random.Philox(key=[7, first]))
        return acc + 0.02 * rng.standard_normal((n, 3)), gyr + 1e-3 * rng.standard_normal((n, 3))


def measured(
    source: Swaying | SimulatedRunner, *, chunk: int = 40, seconds: float = 14.0
) -> Stand | None:
    measurement = StandMeasurement(RATE_HZ)
    total = int(seconds * RATE_HZ)
    acc, gyr = source.samples(0, total, RATE_HZ)
    for k in range(0, total, chunk):
        part = slice(k, min(k + chunk, total))
        times = np.arange(part.start, part.stop) / RATE_HZ
        measurement.add(acc[part], gyr[part], times)
    return measurement.stand


def test_somebody_who_stands_is_measured() -> None:
    stand = measured(Swaying())
    assert stand is not None
    assert stand.verdict == "good"
    assert stand.seconds == MEASURE_S
    error = np.abs(np.array(stand.gyro_bias) - BIAS)
    assert (error < 3.0 * stand.gyro_bias_sd + 1e-4).all()
    assert math.degrees(math.acos(min(1.0, stand.up[2]))) < 0.3
    assert stand.gravity == pytest.approx(G0, rel=0.01)
    assert axis_up(stand.up) == "+z, 0 deg off"


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        (Swaying(0.0), "lying"),
        (Swaying(4.0), "moved"),
        (SimulatedRunner((Phase("walk", 60.0),)), "moved"),
        (SimulatedRunner((Phase("run", 60.0),)), "moved"),
        (Swaying(up=(0.0, 0.0, 1.2)), "faulty"),
    ],
)
def test_what_is_no_stand_is_refused(source: Swaying | SimulatedRunner, verdict: str) -> None:
    stand = measured(source)
    assert stand is not None
    assert stand.verdict == verdict
    assert stand.usable == (verdict == "lying")
    assert any(letter.isdigit() for letter in stand.why) or verdict == "lying"


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 700))
def test_however_the_samples_are_cut(chunk: int) -> None:
    assert measured(Swaying(), chunk=chunk) == measured(Swaying(), chunk=40)


def test_a_gap_begins_anew() -> None:
    measurement = StandMeasurement(RATE_HZ)
    acc, gyr = Swaying().samples(0, int(22 * RATE_HZ), RATE_HZ)
    times = np.arange(len(acc)) / RATE_HZ
    times[int(8 * RATE_HZ) :] += 1.0
    cut = int((8.0 + SETTLE_S + MEASURE_S - 1.0) * RATE_HZ)
    measurement.add(acc[:cut], gyr[:cut], times[:cut])
    assert measurement.stand is None
    measurement.add(acc[cut:], gyr[cut:], times[cut:])
    assert measurement.stand is not None


def test_a_sensor_on_a_table_gives_its_bias_only(shared_data: Path) -> None:
    """A real MPU-6050: bias 4.5 deg/s about one axis."""
    path = next((shared_data / "mpu6050_static").glob("*.npz"))
    source = RecordingSource.from_npz(path)
    rate = source.rate_hz or 99.0
    n = int(14 * rate)
    acc, gyr = source.samples(0, n, rate)
    measurement = StandMeasurement(rate)
    measurement.add(acc, gyr, np.arange(n) / rate)
    assert measurement.stand is not None
    assert measurement.stand.verdict == "lying"
    assert max(map(abs, measurement.stand.gyro_bias)) * DEG_PER_RAD == pytest.approx(4.5, abs=0.5)


# ------------------------------------------------------------------ kept


def record(**other: object) -> StandRecord:
    stand = measured(Swaying())
    assert stand is not None
    made = record_of(stand, SENSOR, wall_s=1_795_453_320.0, boot_id="this-boot")
    return StandRecord(**({f: getattr(made, f) for f in made.__struct_fields__} | other))


def test_kept_line_by_line_and_damage_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "calibration.jsonl"
    assert calibrationfile.load(path).last() is None
    calibrationfile.add(path, record())
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"good", b"fair") + b"\xff torn")
    found = calibrationfile.load(path)
    assert found.last() is None
    assert found.unread == 2
    calibrationfile.add(path, record(address=0x69))
    found = calibrationfile.load(path)
    assert found.unread == 2
    last = found.last()
    assert last is not None
    assert last.address == 0x69
    assert b"torn" in path.read_bytes()


@given(st.integers(0, 10_000), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_is_never_used(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("flip") / "calibration.jsonl"
    calibrationfile.add(path, LONE)
    raw = bytearray(path.read_bytes())
    raw[at % (len(raw) - 1)] ^= 1 << bit
    path.write_bytes(bytes(raw))
    found = calibrationfile.load(path).last()
    assert found is None or found == LONE


LONE = record()


def test_another_sensor_and_an_old_one_are_not_used() -> None:
    now = LONE.wall_s + 3600.0
    assert calibrationfile.why_not(LONE, SENSOR.chip, SENSOR.address, now) == ""
    assert "this is" in calibrationfile.why_not(LONE, SENSOR.chip, 0x69, now)
    old = calibrationfile.why_not(LONE, SENSOR.chip, SENSOR.address, now + 91 * 86_400.0)
    assert "91 days old" in old
    # no clock battery: the age is not known, and that is no reason
    assert calibrationfile.why_not(LONE, SENSOR.chip, SENSOR.address, 60.0) == ""


def test_worth_less_when_older_or_worn_again() -> None:
    same = from_record(LONE, boot_id="this-boot", wall_s=LONE.wall_s + 60.0)
    later = from_record(LONE, boot_id="another", wall_s=LONE.wall_s + 864_000.0)
    unknown = from_record(LONE, boot_id="another", wall_s=0.0)
    assert same.fixed
    assert not later.fixed
    assert same.gyro_bias_sd < later.gyro_bias_sd <= unknown.gyro_bias_sd
    assert same.up_sd < later.up_sd


def test_a_belt_worn_otherwise_is_seen() -> None:
    upright = Start(up=(0.0, 0.0, 1.0), up_sd=0.01)
    tilted = np.tile([0.0, G0, 0.2 * G0], (100, 1))
    assert worn_otherwise(upright, tilted) == pytest.approx(78.7, abs=0.5)
    assert math.isnan(worn_otherwise(upright, np.tile([0.0, 0.05 * G0, G0], (100, 1))))


# ------------------------------------------------------------------ in the daemon


class Parts:
    """One signal after the other: (signal, its length in s)."""

    rate_hz: float | None = None

    def __init__(self, *parts: tuple[Swaying | SimulatedRunner, float]) -> None:
        self._parts = parts
        self.duration_s = sum(length for _, length in parts)

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        acc, gyr = np.empty((n, 3)), np.empty((n, 3))
        begin, done = 0, 0
        for source, length in self._parts:
            end = begin + int(length * rate_hz)
            take = max(0, min(end, first + n) - max(begin, first + done))
            if take and first + done >= begin:
                at = slice(done, done + take)
                acc[at], gyr[at] = source.samples(first + done - begin, take, rate_hz)
                done += take
            begin = end
        acc[done:], gyr[done:] = acc[done - 1], gyr[done - 1]
        return acc, gyr


def stood_and_ran() -> Parts:
    runner = SimulatedRunner(
        (Phase("run", 120.0, cadence_spm=160.0, lean_deg=5.0),),
        RunnerParams(gyr_bias=(0.02, -0.03, 0.01)),
    )
    return Parts((Swaying(), 30.0), (runner, 120.0))


def stands(path: Path | None) -> Stands:
    return Stands(path, "this-boot")


def heard(bench: Bench) -> list[str]:
    return [name for _, name in bench.heard.sounds]


def test_by_the_button_and_the_next_run_starts_from_it(tmp_path: Path) -> None:
    path = tmp_path / "calibration.jsonl"
    bench = Bench(tmp_path, stood_and_ran(), auto=True, stands=stands(path))
    bench.run(bench.hold(2.0, 6.0), until_s=145.0)
    names = heard(bench)
    assert names[:2] == ["hold", "hold-long"]
    assert 4 <= names.count("measuring") <= 5
    assert "set" in names
    assert "Measured (good)" in " ".join(bench.said)
    kept = calibrationfile.load(path).last()
    assert kept is not None
    (run_path,) = bench.paths()
    with RunReader(run_path) as run:
        start = decode(run.header.calibration)
        leans = {row.lean_from for row in run.seconds()}
    assert start is not None
    assert start.up == kept.up
    assert 2 in leans  # measured from his own standing
    assert [(c.time_s, c.cue, c.value) for c in replayed(run_path)] == recorded(run_path)
    assert open_recording(run_path).start == start
    # and a daemon that starts later knows it
    again = Bench(tmp_path / "again", stood_and_ran(), auto=True, stands=stands(path))
    again.run({}, until_s=145.0)
    with RunReader(again.paths()[0]) as run:
        start = decode(run.header.calibration)
    assert start is not None
    assert start.gyro_bias is not None


@pytest.mark.parametrize("broken", ["folder", "address"])
def test_what_cannot_be_kept_or_used_is_said(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "calibration.jsonl"
    if broken == "folder":
        path.mkdir()
        bench = Bench(tmp_path, stood_and_ran(), stands=stands(path))
        bench.run(bench.hold(2.0, 6.0), until_s=30.0)
        assert "no" in heard(bench)
        assert "It is used now but not kept" in " ".join(bench.said)
    else:
        calibrationfile.add(path, record(address=0x77))
        bench = Bench(tmp_path, stood_and_ran(), stands=stands(path))
        bench.run({}, until_s=20.0)
        assert "The stand that was kept is not used" in " ".join(bench.said)


def _raises(make: Callable[[], object]) -> bool:
    try:
        make()
    except ValueError:
        return True
    return False


def test_a_start_that_cannot_be_is_refused() -> None:
    assert _raises(lambda: Start(gyro_bias=(0.0, 0.0, math.nan), gyro_bias_sd=0.1))
    assert _raises(lambda: Start(gyro_bias=(0.0, 0.0, 0.0)))
    assert _raises(lambda: Start(up=(0.0, 0.0, 2.0), up_sd=0.1))
