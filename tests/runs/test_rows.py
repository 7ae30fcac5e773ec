"""Many rows at once are what each of them is."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.runs.rows import (
    Anchor,
    CueRow,
    EventRow,
    HeartRow,
    PodRow,
    SecondRow,
    StepRow,
    all_loaded,
    loaded,
)

KINDS = (Anchor, CueRow, EventRow, HeartRow, PodRow, SecondRow, StepRow)
GOOD = {
    float: st.one_of(st.none(), st.floats(-1e5, 1e5), st.just(math.inf)),
    int: st.integers(-9, 9),
    str: st.text(max_size=5),
}
ODD = (st.just(math.nan), st.floats(), st.integers(), st.text(max_size=3), st.binary(max_size=3))
ANY = st.one_of(st.none(), *ODD)


@given(data=st.data())
def test_rows_together_are_as_each_alone(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    columns: list[Any] = [GOOD[k] for k in kind.__annotations__.values()]
    rows: list[Any] = data.draw(st.lists(st.tuples(*columns), max_size=5))
    odd = data.draw(st.booleans())
    if rows and odd:  # one value that may be anything
        at = data.draw(st.integers(0, len(rows) - 1))
        column = data.draw(st.integers(0, len(columns) - 1))
        rows[at] = (*rows[at][:column], data.draw(ANY), *rows[at][column + 1 :])
    try:
        alone = [loaded(kind, row) for row in rows]
    except ValueError as error:
        with pytest.raises(ValueError, match="^" + str(error)):
            all_loaded(kind, rows)
        return
    together = all_loaded(kind, rows)
    assert all(type(row) is kind for row in together)
    assert repr(together) == repr(alone)  # NaN is not itself
