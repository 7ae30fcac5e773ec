"""Charts of plain text: never wider than asked, nothing drawn that is not known."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.madeup import pod, strap
from gaitpi.config import CoachConfig
from gaitpi.review import charts
from gaitpi.review.charts import LABEL, Series, Zero, column_s, draw, fits, plot, render, series
from gaitpi.review.outside import outside
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import CueRow, SecondRow, StepMeans
from gaitpi.runs.writer import RunWriter
from tests.runs.sample import cue, header, second, write_run

OPEN = (-math.inf, math.inf)
NO_ZERO = Zero(2, 0.0, "from your standing", OPEN)
ANY = st.floats(allow_nan=True, allow_infinity=True)
LIKELY = st.one_of(st.just(math.nan), st.floats(100.0, 220.0))


def cells(lines: Sequence[str]) -> list[str]:
    """The plot without its labels."""
    return [line[LABEL:] for line in lines]


def drawn(lines: Sequence[str], columns: int) -> set[int]:
    """Columns in which a value is drawn."""
    found = set()
    for line in cells(lines):
        found |= {k for k, sign in enumerate(line) if sign not in " -"}
    assert all(k < columns for k in found)
    return found


@given(
    values=st.lists(st.one_of(ANY, LIKELY), max_size=90),
    band=st.sampled_from([OPEN, (164.9, math.inf), (-4.0, 4.0), (0.0, 1e300)]),
    rows=st.integers(1, 12),
    span=st.sampled_from([6.0, 8.0, 32.0]),
    unicode=st.booleans(),
)
def test_a_plot_draws_what_is_known_and_nothing_else(
    values: list[float], band: tuple[float, float], rows: int, span: float, unicode: bool
) -> None:
    lines = plot(values, band, rows=rows, span=span, unicode=unicode)
    assert len(lines) == rows
    assert all(len(line) <= LABEL + len(values) for line in lines if values)
    assert all(line[LABEL - 1] == "|" for line in lines)
    assert drawn(lines, len(values)) == {k for k, v in enumerate(values) if math.isfinite(v)}
    assert all(line.isprintable() for line in lines)
    assert unicode or all(line.isascii() for line in lines)


@given(values=st.lists(st.floats(100.0, 220.0), min_size=2, max_size=90))
def test_what_is_higher_is_never_drawn_lower(values: list[float]) -> None:
    lines = plot(values, rows=6, span=8.0)
    rows = {
        k: row for row, line in enumerate(cells(lines)) for k, sign in enumerate(line) if sign > "-"
    }
    by_value = sorted(range(len(values)), key=lambda k: values[k])
    heights = [-rows[k] for k in by_value]
    assert heights == sorted(heights)


def test_little_looks_little_and_a_band_is_dashed() -> None:
    lines = cells(plot([170.0 + 0.1 * (k % 2) for k in range(40)], rows=6, span=8.0))
    assert sum(bool(line.strip()) for line in lines) <= 2
    lines = cells(plot([170.0] * 5, (165.0, math.inf), rows=5, span=8.0))
    assert [line.strip() for line in lines].count("- - -") == 1
    far = cells(plot([170.0] * 5, (5.0, math.inf), rows=5, span=8.0))
    assert not any("-" in line for line in far)  # a band so far away would make it a line


def test_one_that_is_far_beyond_is_a_cross_at_the_rim() -> None:
    lines = cells(plot([170.0] * 99 + [1e9], rows=4, span=8.0))
    assert lines[0].endswith("+")
    assert sum(line.count("+") for line in lines) == 1


@pytest.mark.parametrize("unicode", [True, False])
@given(
    values=st.lists(ANY, min_size=4, max_size=4),
    known=st.integers(0, 40),
    width=st.sampled_from([40, 80, 160]),
    height=st.integers(0, 60),
    ground=st.sampled_from("xbw/\\-"),
)
def test_all_charts_fit(
    values: list[float], known: int, width: int, height: int, ground: str, unicode: bool
) -> None:
    columns = min(width - LABEL, known)
    cadence, lean, contact, bounce = each = [[value] * columns for value in values]
    marks = [ground] * columns, [True] * columns
    found = Series(60, cadence, lean, contact, bounce, *marks)
    lines = render(found, (164.9, math.inf), NO_ZERO, width=width, height=height, unicode=unicode)
    assert all(len(line) <= width for line in lines)
    assert all(line.isprintable() and line == line.rstrip() for line in lines)
    assert "nan" not in "".join(lines)
    assert bool(lines) == any(math.isfinite(value) for row in each for value in row)


@pytest.mark.parametrize(("width", "height"), [(80, 15), (40, 15), (120, 31)])
@pytest.mark.parametrize("seconds", [0, 1, 120, 2700, 3 * 3600])
def test_a_run_of_any_length(tmp_path: Path, width: int, height: int, seconds: int) -> None:
    path = tmp_path / "run.gaitpi"
    rows = [second(float(t), lean_deg=5.0, lean_from=2) for t in range(seconds)]
    write_run(path, seconds=rows, cues=[cue(seconds / 2)], coach=CoachConfig(target_spm=170.0))
    with RunReader(path) as run:
        lines = draw(run, run.seconds(), width=width, height=height)
    assert bool(lines) == (seconds > 0)
    assert max(map(len, lines), default=0) <= width
    assert len(lines) <= height + 2 * (width == 40)
    assert len("\n".join(lines).encode()) < 4 * 1024


def _row(time_s: float, **other: float) -> SecondRow:
    return SecondRow(**second(time_s, **other))


def _cue(time_s: float, name: str = "step-up") -> CueRow:
    nan = math.nan
    return CueRow(time_s, name, "cadence", 164.0, 165.0, nan, "", "", nan, nan, nan, nan, nan)


def test_what_is_no_running_is_left_out_and_named() -> None:
    seconds = [_row(float(t), activity=2 if t < 10 else 3, lean_from=2) for t in range(20)]
    seconds += [_row(float(t), grade=0.08, grade_sd=0.02) for t in range(20, 30)]
    seconds += [_row(float(t), grade=-0.08, grade_sd=0.02) for t in range(30, 40)]
    seconds += [_row(float(t), grade=0.08, grade_sd=0.05) for t in range(40, 50)]  # perhaps
    seconds += [_row(float(t), belt=2, lean_deg=9.0, lean_from=2) for t in range(50, 60)]
    seconds += [_row(float(t)) for t in range(70, 80)]  # ten seconds are not in the file
    seconds += [_row(float(t), gap_s=3.0 * (t == 80)) for t in range(80, 90)]
    means = [StepMeans(1, 28, 0.24, 0.08), StepMeans(-3, 9, 1.0, 1.0), StepMeans(99, 9, 1.0, 1.0)]
    zero = Zero(2, 5.0, "", OPEN)
    found = series(seconds, means, [_cue(25.0), _cue(26.0, "back"), _cue(1e6)], zero, 10)
    assert "".join(found.ground) == "w-/\\-bx-x"
    assert [k for k, v in enumerate(found.cadence_spm) if math.isnan(v)] == [0, 6]
    assert all(math.isnan(v) for v in found.lean_deg)  # none known but those of a loose belt
    assert found.contact_ms[1] == pytest.approx(240.0)
    assert sum(math.isfinite(v) for v in found.bounce_mm) == 1
    assert found.cues == [False, False, True, *[False] * 6]


def test_lean_is_shown_from_the_runner_s_own_usual() -> None:
    known = [_row(float(t), lean_deg=6.0, lean_from=2) for t in range(60)]
    usual = {"coach": {"usual_lean_deg": 5.0, "lean_band_deg": 4.0}}
    zero = charts.zero_of(usual, known)
    assert (zero.lean_deg, zero.words, zero.band) == (5.0, "from your usual", (-4.0, 4.0))
    assert series(known, [], [], zero, 60).lean_deg == [pytest.approx(1.0)]
    elsewhere = {"coach": usual["coach"] | {"usual_lean_from": 1}}
    assert charts.zero_of(elsewhere, known).words == "from your standing"
    own = [_row(float(t), lean_deg=6.0, lean_from=3) for t in range(60)]
    assert charts.zero_of(usual, own).band == OPEN
    assert charts.zero_of({"coach": "?"}, []).origin == 0


def test_a_band_that_follows_the_speed_is_not_called_none(tmp_path: Path) -> None:
    rows = [second(float(t), target_spm=168.0 if t < 300 else 176.0) for t in range(600)]
    write_run(tmp_path / "a.gaitpi", seconds=rows, coach=CoachConfig(target_spm=172.0))
    with RunReader(tmp_path / "a.gaitpi") as run:
        lines = draw(run, run.seconds())
    assert lines[0] == "cadence, steps/min (band follows the speed)"
    assert "- -" not in lines[1]


@given(length_s=st.floats(0.0, 1e6), columns=st.integers(12, 200))
def test_a_run_fits_into_its_columns(length_s: float, columns: int) -> None:
    every = column_s(length_s, columns)
    assert every >= 1
    assert length_s <= every * columns


def test_which_terminals_show_blocks() -> None:
    assert fits("utf-8", "xterm-256color")
    assert fits("utf-8", None)
    assert not fits("utf-8", "linux")
    assert not fits("ascii", "xterm")
    assert not fits("latin-1", "xterm")
    assert not fits(None, "xterm")
    assert not fits("no such", "xterm")


# Strap and pod.


@pytest.mark.parametrize("height", [14, 18, 30])
def test_heart_rate_and_speed_are_rows_with_holes(tmp_path: Path, height: int) -> None:
    path = tmp_path / "r.gaitpi"
    writer = RunWriter(path, header())
    writer.seconds(second(float(k), cadence_spm=170.0) for k in range(700))
    drops = [(297.0, 400.0)]
    for heart in strap(700.0, lambda t: 130.0 + t / 20.0, drops):
        writer.reading(heart)
    for row in pod(700.0, lambda t: 2.5 + t / 1000.0, drops):
        writer.reading(row)
    writer.close({})
    with RunReader(path) as run:
        lines = draw(run, run.seconds(), outside(run), width=80, height=height)
    rows = {line.split()[0]: line for line in lines if line[:1].isalpha() and "," not in line}
    for name in ("heart", "speed"):
        cells = rows[name][LABEL:]
        assert len(cells) == 70
        # 10 s a column; five seconds after the last word nothing is known any more, and of the
        # column from 300 s on too little
        assert {k for k, sign in enumerate(cells) if sign == " "} == set(range(30, 40))
        assert cells[0] == "▁"
        assert cells[-1] == "█"
    assert "heart: ▁ 130, █ 165 bpm" in " ".join(lines)
    assert "speed: ▁ 9, █ 12 km/h" in " ".join(lines)
    assert not any("no room" in line for line in lines)


def test_what_has_no_room_is_named() -> None:
    values = [float(k) for k in range(30)]
    found = Series(
        1, [170.0] * 30, values, values, values, ["-"] * 30, [False] * 30, values, values
    )
    for height in range(10, 40):
        lines = render(found, OPEN, NO_ZERO, width=80, height=height, unicode=True)
        assert len(lines) <= max(14, height)
        shown = [line.split()[0] for line in lines if line[:1].isalpha() and "," not in line]
        left = [line.partition("no room: ")[2] for line in lines if "no room" in line]
        names = [*shown, *(left[0].split(", ") if left else [])]
        assert sorted(names) == ["bounce", "contact", "heart", "speed"]
        assert shown[:2] in (["contact", "heart"], ["contact", "bounce"])
