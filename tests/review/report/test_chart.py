"""What a chart draws, and what it leaves out."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.review.report.chart import (
    COLUMNS,
    HEIGHT,
    X_TICKS,
    Y_TICKS,
    Chart,
    Days,
    Dot,
    Line,
    Mark,
    Zone,
    decimated,
    draw,
    draw_days,
    pieces,
    scale,
    tick_seconds,
    ticks,
)
from gaitpi.review.report.html import Html
from tests.review.report.test_html import seen

VALUES = st.one_of(st.floats(-50.0, 300.0), st.just(math.nan))
SERIES = st.lists(VALUES, min_size=1, max_size=400).map(
    lambda values: [(float(k), v) for k, v in enumerate(values)]
)


def chart(points: list[tuple[float, float]], **other: object) -> Chart:
    end_s = points[-1][0] + 1.0 if points else 60.0
    fields: dict[str, object] = {"key": "x", "title": "X", "unit": "u", "says": "S."}
    return Chart(line=Line("x", points), end_s=end_s, **(fields | other))  # type: ignore[arg-type]


def known(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [point for point in points if math.isfinite(point[1])]


@given(SERIES, st.integers(1, 40))
def test_thinning_keeps_the_extremes_of_each_column_and_invents_nothing(
    points: list[tuple[float, float]], columns: int
) -> None:
    end_s = points[-1][0] + 1.0
    kept = decimated(points, end_s, columns)
    given_ = set(known(points))
    assert set(known(kept)) <= given_
    assert [t for t, _ in kept] == sorted(t for t, _ in kept)
    if len(points) <= 2 * columns:
        assert kept == points
        return
    assert len(kept) <= 2 * columns
    width_s = end_s / columns
    for column in {int(t / width_s) for t, _ in given_}:
        before = [v for t, v in given_ if int(t / width_s) == column]
        after = [v for t, v in known(kept) if int(t / width_s) == column]
        assert (min(after), max(after)) == (min(before), max(before))


@given(SERIES, st.sets(st.integers(0, 399)))
def test_no_line_leads_over_what_is_not_known(
    points: list[tuple[float, float]], missing: set[int]
) -> None:
    rows = [point for k, point in enumerate(points) if k not in missing]
    found = list(pieces(rows, 1.0))
    assert [point for piece in found for point in piece] == known(rows)
    for piece in found:
        assert all(b[0] - a[0] == 1.0 for a, b in pairwise(piece))


@given(SERIES, st.floats(100.0, 200.0))
def test_the_scale_holds_the_band_and_nearly_all_values(
    points: list[tuple[float, float]], low: float
) -> None:
    low_end, high_end = scale(chart(points, band=(low, math.inf)))
    assert low_end < low < high_end
    values = [v for _, v in known(points)]
    beyond = sum(not low_end <= v <= high_end for v in values)
    assert beyond <= 2 * (len(values) // 200)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_few_round_and_inside(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= Y_TICKS + 1
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in found)


@given(st.floats(1.0, 4 * 86_400.0))
def test_time_ticks_are_few(span_s: float) -> None:
    assert span_s / tick_seconds(span_s) <= X_TICKS


@given(SERIES)
def test_the_drawn_path_gives_the_values_back(points: list[tuple[float, float]]) -> None:
    """To a thousandth of the scale and a tenth of a second: what the script reads too."""
    made = chart(points, spread=10.0)
    if made.empty:
        return
    low, high = scale(made)
    html = draw(made, Html(""))
    match = re.search(r'<path d="([^"]*)" class="line"/>', html)
    assert match is not None
    found = []
    for piece in match[1].split("M")[1:]:
        x, y, *moves = map(float, re.findall(r"-?[\d.]+", piece.replace("h.01", "")))
        found.append((x, y))
        for dx, dy in zip(moves[::2], moves[1::2], strict=True):
            x, y = x + dx, y + dy
            found.append((x, y))
    wanted = known(points)
    assert len(found) == len(wanted)
    for (x, y), (t, v) in zip(found, wanted, strict=True):
        assert x == pytest.approx(t, abs=0.06)
        inside = min(max(v, low), high)
        assert y == pytest.approx(HEIGHT * (high - inside) / (high - low), abs=0.51)


def test_thinned_charts_and_values_beyond_the_scale_say_so() -> None:
    points = [(float(k), 170.0 + k % 3) for k in range(3 * COLUMNS)]
    points[7] = (7.0, 400.0)
    html = draw(chart(points), Html(""))
    assert "the lowest and the highest value of each 3.0 s" in html
    assert "1 values beyond the scale" in html


def test_a_chart_of_a_later_part_begins_where_that_does() -> None:
    """The times stay those of the recording; the labels are of what is shown alone."""
    points = [(float(k), 170.0 + k % 3) for k in range(1500, 2610)]
    html = draw(chart(points, start_s=1500.0, band=(165.0, math.inf)), Html(""))
    assert 'viewBox="1500 0 1110 1000"' in html
    assert 'data-start="1500" data-end="2610"' in html
    labels = re.findall(r'<text x="([\d.]+)%" y="1em"[^>]*>([\d:]+)<', html)
    assert [words for _, words in labels] == ["25:00", "30:00", "35:00", "40:00"]
    assert [float(x) for x, _ in labels] == pytest.approx([0.0, 27.03, 54.05, 81.08], abs=0.01)
    later = [(time_s + 3600.0, value) for time_s, value in points]
    assert decimated(later, 1110.0, 100) == [
        (time_s + 3600.0, value) for time_s, value in decimated(points, 1110.0, 100)
    ]


def test_zones_marks_and_legend_go_together() -> None:
    points = [(float(k), 170.0) for k in range(60)]
    zones = [Zone(3.0, 9.0, "hill"), Zone(20.0, 30.0, "gap")]
    marks = [Mark(5.0, 165.0, "answered", "<b>5 s</b>"), Mark(9.0, math.nan, "pain", "p")]
    html = draw(chart(points, zones=zones, marks=marks), Html(""))
    for words in ("slope", "samples missing", "answered within 30 s", "felt it here"):
        assert words in html
    assert "not running" not in html
    assert "&lt;b&gt;5 s&lt;/b&gt;" in html
    assert 'd="M3 0h6v1000h-6z"' in html


def test_a_chart_of_nothing_says_so() -> None:
    for points in ([], [(1.0, math.nan)]):
        html = draw(chart(points), Html(""))
        assert "Not known" in html
        assert "<svg" not in html
    assert "Not known" in draw_days(Days("k", "T", "u", "s", "n", [], []))


def test_a_run_of_no_use_does_not_flatten_the_others() -> None:
    dots = [Dot(float(k), 165.0 + k, 1.0, "r") for k in range(5)]
    wide = [*dots, Dot(9.0, 168.0, 60.0, "r")]
    lines = [
        draw_days(Days("k", "T", "u", "s", "n", some, [], spread=8.0)) for some in (dots, wide)
    ]
    labels = [re.findall(r"<text[^>]*>(\d+)</text>", html) for html in lines]
    assert labels[0] == labels[1]
    # the whisker goes to the edges, and no further
    assert "V1000" in lines[1]
    assert all(tag != "parsererror" for tag, _ in seen(lines[1]).elements)
