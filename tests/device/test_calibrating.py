"""Measured by button and sound, kept, applied to the next run, and replayed bit for bit."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi import calibrationfile
from gaitpi.calibrationfile import BowRecord, RestRecord, SixRecord, StandRecord
from gaitpi.config import apply
from gaitpi.device.calibrating import Site, Stands, six_record
from gaitpi.device.correction import MISFIT, Correction, misfit
from gaitpi.device.pipeline import Pipeline
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.sixpositions import solve
from gaitpi.device.start import decode, decode_correction, from_record
from gaitpi.gait.types import Floats
from gaitpi.imu.virtual.posed import REAL, SIX, TILTED, Posed, SensorErrors, bow, box
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import SecondRow
from gaitpi.units import G0, RAD_PER_DEG
from tests.device.bench import CONFIG, WALL_S, Bench
from tests.device.test_sixpositions import ideal
from tests.device.test_stand import LONE
from tests.runs.sample import SENSOR

K = ((0.99, 0.004, -0.002), (0.004, 1.01, 0.003), (-0.002, 0.003, 0.985))
OFFSET = (0.11, -0.2, 0.25)
CORRECTION = Correction(K, OFFSET)
BIAS = (0.02, -0.03, 0.01)


class Wrong:
    """Somebody's signal as a sensor with errors reads it."""

    rate_hz: float | None = None

    def __init__(self, runner: SimulatedRunner, errors: SensorErrors) -> None:
        self._runner, self._errors = runner, errors
        self.duration_s = runner.duration_s

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        acc, gyr = self._runner.samples(first, n, rate_hz)
        return acc @ self._errors.response.T + np.array(self._errors.offset), gyr


def heard(bench: Bench) -> list[str]:
    return [name for _, name in bench.heard.sounds]


def six(errors: SensorErrors = REAL, **other: object) -> SixRecord:
    positions = ideal(errors, (*SIX, *TILTED))
    made = six_record(solve(positions), positions, Site(SENSOR, WALL_S, "this-boot", 25.0))
    return SixRecord(**({f: getattr(made, f) for f in made.__struct_fields__} | other))


# ------------------------------------------------------------------ the correction


@given(rows=st.integers(1, 300), chunk=st.integers(1, 300), seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_the_same_bits_however_it_is_cut(rows: int, chunk: int, seed: int) -> None:
    acc = np.random.default_rng(seed).normal(0.0, 20.0, (rows, 3))
    whole = CORRECTION.apply(acc)
    parts = [CORRECTION.apply(acc[k : k + chunk]) for k in range(0, rows, chunk)]
    assert np.array_equal(np.concatenate(parts), whole)
    np.testing.assert_allclose(whole, (acc - OFFSET) @ np.array(K).T, rtol=0, atol=1e-9)


def test_another_sensor_is_seen_by_its_gravity() -> None:
    up = (0.0, 0.0, 1.0)
    read = np.linalg.inv(np.array(K)) @ np.array((0.0, 0.0, G0)) + OFFSET
    length = float(np.linalg.norm(read))
    x, y, z = (read / length).tolist()
    assert misfit(CORRECTION, (x, y, z), length) == ""
    assert "of another sensor" in misfit(CORRECTION, up, G0 * (1.05 + MISFIT))
    assert misfit(None, up, 20.0) == ""


def test_the_upright_of_a_stand_is_corrected_when_it_is_used() -> None:
    assert LONE.up is not None
    plain = from_record(LONE, boot_id="this-boot", wall_s=LONE.wall_s)
    found = from_record(LONE, boot_id="this-boot", wall_s=LONE.wall_s, correction=CORRECTION)
    assert plain.up == LONE.up
    assert found.up is not None
    want = CORRECTION.apply(np.array([LONE.up]) * LONE.gravity)[0]
    np.testing.assert_allclose(found.up, want / np.linalg.norm(want), atol=1e-12)


# ------------------------------------------------------------------ what is kept


def kept_in(path: Path, *records: object) -> Stands:
    for record in records:
        calibrationfile.add(path, record)  # type: ignore[arg-type]
    return Stands(path, "this-boot")


def test_each_expires_and_belongs_to_its_sensor(tmp_path: Path) -> None:
    stands = kept_in(tmp_path / "c.jsonl", LONE, six())
    day = 86_400.0
    assert stands.known(SENSOR, WALL_S + day).correction is not None
    later = stands.known(SENSOR, WALL_S + 100 * day)
    assert later.correction is not None
    assert later.start.up is None
    assert stands.known(SENSOR, WALL_S + 366 * day).correction is None
    assert "366 days old (at most 365)" in stands.why_not(SENSOR, WALL_S + 366 * day)
    other = kept_in(tmp_path / "d.jsonl", six(address=0x11)).known(SENSOR, WALL_S)
    assert other.correction is None
    numbered = kept_in(tmp_path / "e.jsonl", six(serial="17")).known(SENSOR, WALL_S)
    assert numbered.correction is None


def test_numbers_that_cannot_be_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    stands = kept_in(path, six(offset=(5.0, 0.0, 0.0)), six(matrix=((1.5, 0, 0), K[1], K[2])))
    assert stands.known(SENSOR, WALL_S).correction is None
    assert "2 lines" in stands.problem


def rest(celsius: float | None, bias_dps: float, **other: object) -> RestRecord:
    fields: dict[str, object] = {
        **Site(SENSOR, WALL_S, "before").fields(),
        "why": "stiller than anybody stands",
        "temperature_c": celsius,
        "gyro_bias": (bias_dps * RAD_PER_DEG, 0.0, 0.0),
        "gyro_bias_sd": 1e-4,
        "gravity": G0,
        "acc_noise": 0.04,
        "gyro_noise": 0.002,
        "seconds": 30.0,
    }
    return RestRecord(**(fields | other))  # type: ignore[arg-type]


def test_a_run_starts_from_the_bias_at_its_temperature(tmp_path: Path) -> None:
    old = WALL_S - 30 * 86_400.0
    rests = [rest(10.0, 1.0, wall_s=old), rest(20.0, 2.0, wall_s=old), rest(30.0, 3.0, wall_s=old)]
    stands = kept_in(tmp_path / "c.jsonl", *rests)
    warm = stands.known(SENSOR, WALL_S, 25.0)
    assert warm.bias_from == "line"
    assert warm.start.gyro_bias is not None
    assert warm.start.gyro_bias[0] == pytest.approx(2.5 * RAD_PER_DEG, abs=1e-6)
    assert warm.start.gyro_bias_sd < 0.2 * RAD_PER_DEG
    # out of what was seen, or without a thermometer: the last one, and worth less
    for celsius in (40.0, math.nan):
        cold = stands.known(SENSOR, WALL_S, celsius)
        assert cold.bias_from == "rest"
        assert cold.start.gyro_bias == rests[-1].gyro_bias
        assert cold.start.gyro_bias_sd > 5.0 * warm.start.gyro_bias_sd
    # a fresh one is worth more than the line
    fresh = kept_in(tmp_path / "c.jsonl", rest(25.0, 2.6, wall_s=WALL_S - 1.0))
    assert fresh.known(SENSOR, WALL_S, 25.0).bias_from == "rest"


def test_a_bow_is_of_one_wearing(tmp_path: Path) -> None:
    made = BowRecord(
        **Site(SENSOR, WALL_S, "this-boot").fields(),
        why="",
        grade="good",
        up=(0.0, 0.0, 1.0),
        front=(0.0, 1.0, 0.0),
        front_sd=0.1,
        depth_deg=30.0,
    )
    path = tmp_path / "c.jsonl"
    assert kept_in(path, made).known(SENSOR, WALL_S).start.front == made.front
    assert Stands(path, "the next boot").known(SENSOR, WALL_S).start.front is None
    assert Stands(path, "").known(SENSOR, WALL_S).start.front is None


# ------------------------------------------------------------------ by button and sound


def test_on_a_table_the_button_takes_the_rest_and_then_the_sides(tmp_path: Path) -> None:
    path = tmp_path / "calibration.jsonl"
    ups = (SIX[4], SIX[4] + 0.3 * SIX[0], SIX[0], SIX[1], SIX[0], SIX[2], SIX[3], SIX[5])
    at = [0.0, *(25.0 + 7.0 * k for k in range(len(ups) - 1))]
    poses = [replace(p, begin_s=t) for t, p in zip(at, box(ups).poses, strict=True)]
    table = Posed(poses, 90.0, REAL)
    bench = Bench(tmp_path, table, auto=True, stands=Stands(path, "this-boot"))
    bench.run(bench.hold(2.0, 6.0), until_s=88.0)
    kept = calibrationfile.load(path).records
    assert [type(record) for record in kept] == [RestRecord, SixRecord]
    assert kept[0].temperature_c == pytest.approx(22.0, abs=1.0)
    names = heard(bench)[2:]
    assert [n for n in names if n != "measuring"] == [
        *("set", "no", "mark", "mark", "no", "mark", "mark", "set")
    ]
    found = kept[1]
    assert isinstance(found, SixRecord)
    assert np.abs(np.array(found.offset) - REAL.offset).max() / G0 < 0.002
    assert np.abs(np.array(found.gyro_bias) - REAL.gyr_bias).max() < 1e-3
    assert "is in already: turn it to another" in " ".join(bench.said)


def test_sides_that_do_not_come_are_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "calibration.jsonl"
    table = box(SIX[4:5], REAL, hold_s=100.0)
    bench = Bench(tmp_path, table, auto=True, stands=Stands(path, "this-boot"))
    bench.run(bench.hold(2.0, 6.0), until_s=95.0)
    assert [type(r) for r in calibrationfile.load(path).records] == [RestRecord]
    assert "Six positions left unfinished" in " ".join(bench.said)
    assert [n for n in heard(bench)[2:] if n != "measuring"] == ["set"]


@pytest.mark.parametrize(
    ("deep_deg", "aside_deg", "answer"),
    [(30.0, 0.0, "set"), (11.0, 0.0, "no"), (30.0, 90.0, "no"), (0.0, 0.0, "")],
)
def test_after_the_chord_of_a_stand_a_bow_is_taken(
    tmp_path: Path, deep_deg: float, aside_deg: float, answer: str
) -> None:
    path = tmp_path / "calibration.jsonl"
    # let go at 8 s, measured from 10 to 20 s
    body = np.eye(3)
    source = bow(
        body, deep_deg=deep_deg, aside_deg=aside_deg, quiet_s=23.0, after_s=20.0, sways=True
    )
    config = apply(CONFIG, ["mount.axes=x,y,z"])
    bench = Bench(tmp_path, source, config=config, auto=True, stands=Stands(path, "this-boot"))
    bench.run(bench.hold(2.0, 6.0), until_s=45.0)
    kinds = [type(r) for r in calibrationfile.load(path).records]
    assert kinds == ([StandRecord, BowRecord] if answer == "set" else [StandRecord])
    names = [n for n in heard(bench)[2:] if n != "measuring"]
    assert names == ["set", *([answer] if answer else [])]


# ------------------------------------------------------------------ in the run


def seconds(path: Path) -> list[SecondRow]:
    with RunReader(path) as run:
        return list(run.seconds())


def test_applied_to_the_run_written_in_it_and_replayed_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "calibration.jsonl"
    turn = np.eye(3)
    phases = (Phase("stand", 8.0), Phase("run", 70.0, cadence_spm=165.0, lean_deg=6.0))
    runner = SimulatedRunner(phases, RunnerParams(mount=turn))
    errors = SensorErrors(response=np.diag([1.03, 0.97, 1.02]), offset=(0.6, -0.5, 0.7))
    chip = {"chip": "MPU-6050", "address": 0x68}
    calibrationfile.add(path, six(errors, **chip))
    bench = Bench(tmp_path, Wrong(runner, errors), stands=Stands(path, "this-boot"))
    bench.run({}, until_s=80.0)
    (made,) = bench.paths()
    with RunReader(made) as run:
        text = run.header.calibration
        raw = next(iter(run.blocks())).counts[20]
        read = run.header.sensor.si(raw[None])[0][0]
    # what is in the file is what the sensor read
    assert np.linalg.norm(read) / G0 > 1.05
    correction = decode_correction(text)
    assert correction == Correction(six(errors).matrix, six(errors).offset)
    assert np.linalg.norm(correction.one(tuple(read.tolist()))) / G0 == pytest.approx(1, abs=0.02)
    recording = open_recording(made)
    assert recording.correction == correction
    assert recording.start == decode(text)
    again = [item for item in replay(recording, CONFIG) if isinstance(item, SecondRow)]
    live = seconds(made)
    assert [repr(r) for r in again] == [repr(r) for r in live]
    # and it is better than none
    plain = Bench(tmp_path / "plain", Wrong(runner, errors))
    plain.run({}, until_s=80.0)
    bounce = [_lean(rows) for rows in (live, seconds(plain.paths()[0]))]
    assert abs(bounce[0] - 6.0) < 1.0
    assert abs(bounce[0] - 6.0) < abs(bounce[1] - 6.0) + 0.5


def _lean(rows: list[SecondRow]) -> float:
    return float(np.nanmean([r.lean_deg for r in rows[-20:]]))


def test_a_range_ends_where_the_sensor_ends_whatever_is_corrected() -> None:
    acc = np.full((104, 3), 1.0)
    acc[50] = (16 * G0, 0.0, 0.0)
    times = np.arange(104) / 104.0
    halved = Correction(((0.9, 0.0, 0.0), (0.0, 0.9, 0.0), (0.0, 0.0, 0.9)), (0.0, 0.0, 0.0))
    for correction in (None, halved):
        pipeline = Pipeline(CONFIG, 104.0, has_gyro=True, correction=correction)
        out = pipeline.update(acc, np.zeros((104, 3)), times)
        assert sum(r.clipped for r in (*out.seconds, *pipeline.finish())) == 1


def test_a_bow_to_the_side_leads_to_no_lean_and_is_said(tmp_path: Path) -> None:
    path = tmp_path / "calibration.jsonl"
    made = BowRecord(
        **(Site(SENSOR, WALL_S, "this-boot").fields() | {"chip": "MPU-6050", "address": 0x68}),
        why="",
        grade="good",
        up=(0.0, 0.0, 1.0),
        front=(0.0, 1.0, 0.0),
        front_sd=0.1,
        depth_deg=30.0,
    )
    calibrationfile.add(path, made)
    runner = SimulatedRunner((Phase("stand", 8.0), Phase("run", 50.0, lean_deg=6.0)))
    bench = Bench(tmp_path, runner, stands=Stands(path, "this-boot"))
    bench.run({}, until_s=60.0)
    (run_path,) = bench.paths()
    assert all(math.isnan(r.lean_deg) for r in seconds(run_path))
    assert any(math.isfinite(r.cadence_spm) for r in seconds(run_path))
    assert "no lean is told" in " ".join(bench.said)
    with RunReader(run_path) as run:
        assert [e.text for e in run.events() if e.kind == "worn"]
