"""Two tables of rows compared: what holds for any two."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach.types import Cue, Withheld
from gaitpi.reanalysis import words
from gaitpi.reanalysis.compare import APART_S, SECOND, STEP, Rows, Table, figures, table, tables

NAMES = ("ic_s", "contact_s", "side")
values = st.one_of(st.just(math.nan), st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0]))


@st.composite
def rows(draw: st.DrawFn) -> Any:
    """Rows at rising times, steps apart as real ones are."""
    waits = draw(st.lists(st.floats(0.25, 1.0), max_size=12))
    times = np.cumsum(waits)
    return table([(t, draw(values), draw(values)) for t in times], NAMES)


def compared(old: Any, new: Any) -> Table:
    return tables(old, new, NAMES, "ic_s", NAMES)


@given(a=rows(), b=rows())
def test_every_row_is_counted_once(a: Any, b: Any) -> None:
    there, back = compared(a, b), compared(b, a)
    assert there.same + there.changed + there.gone == there.old == len(a)
    assert there.same + there.changed + there.added == there.new == len(b)
    # the other way round, what has come is gone
    assert (there.same, there.changed) == (back.same, back.changed)
    assert (there.gone, there.added) == (back.added, back.gone)
    assert {k: v["rows"] for k, v in there.columns.items()} == {
        k: v["rows"] for k, v in back.columns.items()
    }


@given(a=rows())
def test_a_table_is_itself(a: Any) -> None:
    assert compared(a, a).all_same
    assert compared(a, a.copy()).columns == {}


@given(a=rows(), data=st.data())
def test_rows_left_out_are_gone_and_nothing_else(a: Any, data: st.DataObject) -> None:
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(a), max_size=len(a))), bool)
    found = compared(a, a[kept])
    assert (found.same, found.changed, found.added) == (kept.sum(), 0, 0)
    assert found.gone == len(a) - kept.sum()


@given(a=rows(), shift=st.floats(-0.9, 0.9))
def test_a_step_that_moves_a_little_is_the_same_step(a: Any, shift: float) -> None:
    moved = a.copy()
    moved[:, 0] += shift * APART_S
    found = compared(a, moved)
    assert (found.gone, found.added) == (0, 0)


def whole(**other: Any) -> Rows:
    step = dict.fromkeys(STEP, 0.5) | {"activity": 3.0}
    second = dict.fromkeys(SECOND, 0.5) | {"activity": 3.0, "belt": 1.0, "samples": 208.0}
    cue = Cue(1.0, "step-up", "cadence", 160.0, (166.0, math.inf), "cadence.low", "low")
    held = Withheld(1.0, "step-up", "cadence", 160.0, (166.0, math.inf), "quiet.warmup", "warm-up")
    given: dict[str, Any] = {
        "steps": table([[step[n] for n in STEP]], STEP),
        "seconds": table(
            [[second[n] + (n == "time_s") * k for n in SECOND] for k in range(70)], SECOND
        ),
        "cues": [cue],
        "withheld": [held],
    }
    return Rows(**(given | other))


def test_a_digest_is_of_every_value_but_no_word() -> None:
    base = whole()
    assert base.digest() == whole().digest()
    for name in ("steps", "seconds"):
        for j in range(getattr(base, name).shape[1]):
            other = getattr(base, name).copy()
            other[0, j] = np.nextafter(other[0, j], math.inf)
            assert whole(**{name: other}).digest() != base.digest()
    cue = base.cues[0]
    said = replace(cue, reason="said otherwise")
    assert whole(cues=[said]).digest() == base.digest()
    assert whole(cues=[]).digest() != base.digest()
    assert whole(withheld=[]).digest() != base.digest()
    # as a file stores them: one NaN, one zero
    zero, minus = base.steps.copy(), base.steps.copy()
    zero[0, 2], minus[0, 2] = 0.0, -0.0
    assert whole(steps=zero).digest() == whole(steps=minus).digest()


def test_figures_say_not_known_where_there_is_nothing() -> None:
    nothing = Rows(table([], STEP), table([], SECOND), [], [])
    found = figures(nothing)
    assert found["steps"] == found["cues"] == 0
    assert [found[name] for name in ("cadence_spm", "lean_deg", "contact_ms", "bounce_mm")] == [
        None
    ] * 4
    assert figures(whole())["cadence_spm"] == 120.0
    loose = whole().seconds.copy()
    loose[:, SECOND.index("belt")] = 2.0
    assert figures(whole())["lean_deg"] == 0.5
    assert figures(whole(seconds=loose))["lean_deg"] is None


def test_words_are_of_what_is_shown() -> None:
    old = figures(whole())
    result: dict[str, Any] = {
        "status": "changed",
        "old": old,
        "new": old | {"cadence_spm": None, "lean_deg": -0.5, "steps": 1500},
        "cues": {"same": 2, "moved": 1, "gone": 0, "new": 0, "exact": False},
    }
    said = words.change(result)
    assert said == (
        "steps 1 -> 1,500; cadence 120.0 -> not known spm; lean +0.5 -> -0.5 deg;"
        " cues: 2 same, 1 moved"
    )
