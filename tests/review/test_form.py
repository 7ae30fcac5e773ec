"""The form of a run, its course, its exposure."""

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.madeup import pod, strap
from gaitpi.review.form import Block, Cell, Course, Exposure, exposure, measure, read
from gaitpi.review.metrics import METRICS
from gaitpi.review.outside import Facts
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import HeartRow, PodRow
from gaitpi.runs.writer import RunWriter
from tests.runs.sample import batches, counts, header, second, step

Value = Callable[[float], float]


def course(
    path: Path,
    minutes: int = 12,
    *,
    seconds: Callable[[float], dict[str, Any]] = lambda _t: {},
    steps: Callable[[float, int], dict[str, Any]] = lambda _t, _side: {},
    readings: Iterable[HeartRow | PodRow] = (),
    **header_args: Any,
) -> Course:
    """A run at 171.4 spm: contact 240 ms, bounce 80 mm, lean 6; with what is given instead."""
    writer = RunWriter(path, header(**header_args))
    for batch in batches(counts(300)):
        writer.batch(batch)
    usual = {"lean_deg": 6.0, "side_lean_deg": 0.5, "lean_from": 2}
    writer.seconds(second(float(t), **usual | seconds(t)) for t in range(60 * minutes))
    writer.steps(_steps(60.0 * minutes, steps))
    for row in readings:
        writer.reading(row)
    writer.close({})
    with RunReader(path) as run:
        return read(run)


def _steps(
    until_s: float, more: Callable[[float, int], dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    t, side = 0.0, 1
    usual = {"contact_s": 0.24, "flight_s": 0.11, "bounce_m": 0.08, "impact_ms2": 19.6133}
    while t < until_s:
        row = step(t, **{"side": side} | usual | more(t, side))
        yield row
        t, side = t + row["step_s"], -side


def test_what_was_recorded(tmp_path: Path) -> None:
    form = course(tmp_path / "a.gaitpi").form
    means = {key: round(form[key].mean, 6) for key in METRICS if not METRICS[key].outside}
    assert means == {
        "cadence_spm": round(60 / 0.35, 6),
        "lean_deg": 6.0,
        "side_lean_deg": 0.5,
        "contact_ms": 240.0,
        "flight_ms": 110.0,
        "bounce_mm": 80.0,
        "impact_g": 2.0,
        "stride_cv_pct": 0.0,
        "contact_symmetry_pct": 0.0,
        "step_symmetry_pct": 0.0,
    }
    # three minutes of warm-up are left out
    assert form.steady_s == 9 * 60
    assert form["lean_deg"].n == 540
    assert form["lean_deg"].blocks == 9
    assert form["lean_deg"].u == pytest.approx(0.0, abs=1e-9)
    assert form["contact_ms"].n == pytest.approx(540 / 0.35, abs=2)
    assert form.lean_from == 2


def test_left_and_right(tmp_path: Path) -> None:
    def limp(_t: float, side: int) -> dict[str, Any]:
        return {"contact_s": 0.24 + 0.012 * side, "step_s": 0.35 + 0.007 * side}

    form = course(tmp_path / "a.gaitpi", steps=limp).form
    assert form["contact_symmetry_pct"].mean == pytest.approx(10.0)
    assert form["step_symmetry_pct"].mean == pytest.approx(4.0)
    # a limp is no variability of strides
    assert form["stride_cv_pct"].mean == pytest.approx(0.0, abs=1e-6)
    assert form["cadence_spm"].mean == pytest.approx(60 / 0.35, rel=1e-3)


def test_sides_that_are_hardly_known_say_nothing(tmp_path: Path) -> None:
    def some(t: float, side: int) -> dict[str, Any]:
        return {"side": side if int(t) % 4 else 0}

    form = course(tmp_path / "a.gaitpi", steps=some).form
    assert math.isnan(form["contact_symmetry_pct"].mean)
    assert form["contact_ms"].mean == pytest.approx(240.0)


def test_variability_of_strides(tmp_path: Path) -> None:
    rng = random.Random(1)
    form = course(
        tmp_path / "a.gaitpi",
        steps=lambda _t, _side: {"step_s": rng.gauss(0.35, 0.007)},
    ).form
    # independent steps of 2 %: strides of 1.41 %
    assert form["stride_cv_pct"].mean == pytest.approx(2.0 / math.sqrt(2.0), rel=0.05)
    assert form["cadence_spm"].sd == pytest.approx(0.02 * 60 / 0.35, rel=0.05)


BAD: dict[str, dict[str, Any]] = {
    "walking": {"activity": 2},
    "a gap": {"gap_s": 0.5},
    "a knock": {"clipped": 9},
    "a hill": {"grade": 0.08, "grade_sd": 0.015},
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_steady_running_on_the_level_is_left_out(tmp_path: Path, what: str) -> None:
    def off(t: float) -> bool:
        return 480.0 <= t < 520.0

    def seconds(t: float) -> dict[str, Any]:
        return BAD[what] | {"lean_deg": 20.0} if off(t) else {}

    def steps(t: float, _side: int) -> dict[str, Any]:
        return {"contact_s": 0.3, "step_s": 0.3} if off(t) else {}

    form = course(tmp_path / "a.gaitpi", seconds=seconds, steps=steps).form
    assert form["contact_ms"].mean == pytest.approx(240.0)
    assert form["cadence_spm"].mean == pytest.approx(60 / 0.35)
    assert form["lean_deg"].mean == pytest.approx(6.0)
    settling = {"walking": 30, "a hill": 0}.get(what, 29)
    assert form.steady_s == 540 - 40 - settling


def test_a_level_that_is_sure_is_no_hill(tmp_path: Path) -> None:
    form = course(
        tmp_path / "a.gaitpi", seconds=lambda _t: {"grade": 0.019, "grade_sd": 0.001}
    ).form
    assert form.steady_s == 540


@pytest.mark.parametrize("belt", [2, 3])
def test_lean_on_a_bad_belt_is_left_out(tmp_path: Path, belt: int) -> None:
    def seconds(t: float) -> dict[str, Any]:
        return {"belt": belt, "lean_deg": 30.0, "side_lean_deg": 9.0} if t >= 480 else {}

    form = course(tmp_path / "a.gaitpi", seconds=seconds).form
    assert (form["lean_deg"].mean, form["lean_deg"].n) == (6.0, 300)
    assert form["side_lean_deg"].mean == 0.5
    assert form["contact_ms"].blocks == 9


def test_lean_of_no_lasting_origin_is_not_known(tmp_path: Path) -> None:
    own_mean = course(tmp_path / "a.gaitpi", seconds=lambda _t: {"lean_from": 3}).form
    changed = course(
        tmp_path / "b.gaitpi", seconds=lambda t: {"lean_from": 1 if t < 300 else 2}
    ).form
    assert math.isnan(own_mean["lean_deg"].mean)
    assert math.isnan(changed["lean_deg"].mean)
    assert own_mean.lean_from == changed.lean_from == 0


def test_an_impact_beyond_the_range_is_not_known(tmp_path: Path) -> None:
    form = course(tmp_path / "a.gaitpi", seconds=lambda t: {"clipped": int(t) % 60 == 0}).form
    assert math.isnan(form["impact_g"].mean)
    assert form["contact_ms"].blocks == 9


def test_what_is_not_measured_is_not_known(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("contact_s", "flight_s", "bounce_m", "impact_ms2"), math.nan)
    form = course(
        tmp_path / "a.gaitpi",
        seconds=lambda _t: {"lean_deg": math.nan, "lean_from": 0},
        steps=lambda _t, _side: nothing,
    ).form
    assert set(form.measures) == {"cadence_spm", "stride_cv_pct", "step_symmetry_pct"}
    assert math.isnan(form["lean_deg"].mean)


def test_impossible_values_are_left_out(tmp_path: Path) -> None:
    def steps(t: float, _side: int) -> dict[str, Any]:
        return {"contact_s": math.inf, "bounce_m": -1e300} if int(t) % 2 else {}

    form = course(tmp_path / "a.gaitpi", steps=steps).form
    assert form["contact_ms"].mean == pytest.approx(240.0)
    assert form["bounce_mm"].mean == pytest.approx(80.0)


def test_too_short_a_run_has_no_form(tmp_path: Path) -> None:
    form = course(tmp_path / "a.gaitpi", minutes=3).form
    assert form.measures == {}
    short = course(tmp_path / "b.gaitpi", minutes=6).form
    # three blocks: a mean, but how sure it is cannot be told
    assert short["contact_ms"].mean == pytest.approx(240.0)
    assert math.isnan(short["contact_ms"].u)


def test_a_run_without_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.gaitpi"
    writer = RunWriter(path, header())
    writer.commit()
    writer.abandon()
    with RunReader(path) as run:
        made = read(run)
    assert (made.blocks, dict(made.form.measures)) == ((), {})


FINITE = st.floats(-1e3, 1e3)
CELL = st.tuples(st.integers(1, 200), FINITE, st.floats(0, 10)).map(lambda v: Cell(*v))


@given(cells=st.lists(CELL, min_size=4, max_size=40), more=FINITE)
def test_a_constant_shifts_the_mean_alone(cells: list[Cell], more: float) -> None:
    def of(shift: float) -> Any:
        return measure(
            [
                Block(k, 60, {"lean_deg": cell._replace(mean=cell.mean + shift)})
                for k, cell in enumerate(cells)
            ],
            "lean_deg",
        )

    plain, moved = of(0.0), of(more)
    assert moved.mean == pytest.approx(plain.mean + more, abs=1e-6)
    assert moved.sd == pytest.approx(plain.sd, abs=1e-6)
    assert moved.u == pytest.approx(plain.u, abs=1e-6)
    assert moved.n == plain.n


@given(cells=st.lists(CELL, min_size=4, max_size=20), factor=st.floats(0.01, 100))
def test_another_unit_scales_all(cells: list[Cell], factor: float) -> None:
    def of(by: float) -> Any:
        return measure(
            [Block(k, 60, {"x": Cell(c.n, c.mean * by, c.sd * by)}) for k, c in enumerate(cells)],
            "x",
        )

    plain, scaled = of(1.0), of(factor)
    for a, b in zip(plain, scaled, strict=True):
        if isinstance(a, float):
            assert b == pytest.approx(a * factor, rel=1e-6, abs=1e-9)


def test_exposure(tmp_path: Path) -> None:
    form = course(tmp_path / "a.gaitpi").form

    def known(distance_m: float, unknown_s: float = 0.0) -> Exposure:
        return exposure(replace(form, facts=Facts(distance_m=distance_m, unknown_s=unknown_s)))

    assert known(2000.0).steps_km == pytest.approx(form.steps / 2.0)
    assert known(2000.0, 30.0).running_steps == form.running_steps
    assert known(2000.0, 30.0).steps_km > 0.0
    for nothing in ((math.nan, 0.0), (0.0, 0.0), (2000.0, 60.0)):
        assert math.isnan(known(*nothing).steps_km)


def test_what_strap_and_pod_say_of_steady_running(tmp_path: Path) -> None:
    """Minute by minute; what they did not send is no value."""
    drops = [(300.0, 350.0)]
    rows: list[HeartRow | PodRow] = [
        *strap(720.0, lambda t: 140.0 + t / 60.0, drops),
        *pod(720.0, lambda _t: 3.0, drops),
    ]
    found = course(tmp_path / "a.gaitpi", readings=rows)
    assert found.form["speed_kmh"].mean == pytest.approx(10.8)
    assert found.form["step_length_m"].mean == pytest.approx(3.0 * 60.0 / 170.0)
    assert found.form["heart_rate_bpm"].mean == pytest.approx(147.5, abs=0.6)
    assert found.form.facts.distance_m == pytest.approx(3.0 * 718.36, abs=0.2)
    minutes = {block.minute: block for block in found.blocks}
    assert 5 not in {m for m, block in minutes.items() if "heart_rate_bpm" in block.cells}
    assert minutes[6].mean("heart_rate_bpm") == pytest.approx(146.5, abs=0.6)
    # walking and warm-up are in what is said of the run, not in its form
    assert found.form.facts.heart_rate_bpm < found.form["heart_rate_bpm"].mean
