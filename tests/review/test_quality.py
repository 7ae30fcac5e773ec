"""How good the data are, in a grade and in words."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.review.quality import assess, line
from gaitpi.runs.rows import EventRow, SecondRow
from tests.runs.sample import second


def rows(n: int, **other: float) -> list[SecondRow]:
    return [SecondRow(**second(float(t), **other)) for t in range(n)]


def event(kind: str, detail: str = "{}") -> EventRow:
    return EventRow(1.0, kind, "", detail)


FINE = rows(1000)
GRADES: list[tuple[str, dict[str, Any]]] = [
    ("fair", {"gap_s": 1.0}),
    ("fair", {"clipped": 5}),
    ("fair", {"belt": 2}),
]


def test_good() -> None:
    q = assess(FINE, [], 1000.0)
    assert (q.quality, q.belt, q.missing) == ("good", "steady", 0.0)
    assert line(q, 69) == "good: belt steady, no gaps, nothing clipped, no faults"


@pytest.mark.parametrize(("grade", "other"), GRADES)
def test_anything_found_is_fair_and_much_of_it_poor(grade: str, other: dict[str, Any]) -> None:
    one = assess([*FINE[:-1], *rows(1, **other)], [], 1000.0)
    assert one.quality == grade
    assert line(one, 69).startswith("fair: ")
    much = {"gap_s": 0.2, "clipped": 5, "belt": 3}
    many = assess(rows(1000, **{key: much[key] for key in other}), [], 1000.0)
    assert many.quality == "poor"
    assert line(many, 69).startswith("poor: ")


def test_faults_and_dropouts() -> None:
    q = assess(FINE, [event("fault", '{"nack": 3}'), event("resumed")], 1000.0)
    assert (q.quality, q.faults, q.counters) == ("fair", 2, {"nack": 3, "resumed": 1})
    lost = assess(FINE, [event("dropout", '{"seconds": 60}')], 1000.0)
    assert (lost.quality, lost.missing) == ("poor", 0.06)


def test_nothing_is_not_known() -> None:
    q = assess([], [], 0.0)
    assert (q.quality, q.belt) == (None, None)
    assert math.isnan(q.missing)
    assert "not known" in line(q, 69)


@given(st.text(max_size=60))
def test_any_detail_is_borne(text: str) -> None:
    q = assess(FINE[:5], [event("dropout", text), event("fault", text)], 5.0)
    assert q.dropout_s >= 0.0


@pytest.mark.parametrize(
    "detail",
    ["[]", "null", '{"seconds": 1e999}', '{"seconds": null}', '{"seconds": NaN}', "[" * 5000],
)
def test_damaged_details_count_nothing(detail: str) -> None:
    assert assess(FINE[:5], [event("dropout", detail)], 5.0).dropout_s == 0.0
