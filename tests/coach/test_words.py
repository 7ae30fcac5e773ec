"""What the coach says of a number."""

from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach.policy import apart

SPM = st.floats(100.0, 240.0)


@given(SPM, st.floats(0.0011, 20.0))
def test_what_is_below_an_edge_reads_so(edge: float, by: float) -> None:
    below, at = apart(edge - by, edge)
    assert float(below) < float(at)


@given(SPM, SPM)
def test_no_more_digits_than_it_takes(value: float, edge: float) -> None:
    said = apart(value, edge)
    if f"{value:.1f}" != f"{edge:.1f}":
        assert said == (f"{value:.1f}", f"{edge:.1f}")
    assert all(abs(float(s) - v) <= 0.05 + 1e-9 for s, v in zip(said, (value, edge), strict=True))


def test_one_that_was_taken_for_a_mistake() -> None:
    assert apart(164.86, 164.9) == ("164.86", "164.90")
