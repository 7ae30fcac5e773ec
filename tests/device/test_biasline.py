"""The gyroscope's bias over its temperature."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.device.biasline import MARGIN_C, REPEAT_SD, Rest, line
from gaitpi.units import RAD_PER_DEG

SLOPE = (0.03 * RAD_PER_DEG, -0.01 * RAD_PER_DEG, 0.0)
AT_25 = (4.5 * RAD_PER_DEG, 0.1 * RAD_PER_DEG, -1.1 * RAD_PER_DEG)
SD = 0.01 * RAD_PER_DEG


def rest(celsius: float, off: float = 0.0) -> Rest:
    x, y, z = (b + s * (celsius - 25.0) + off for b, s in zip(AT_25, SLOPE, strict=True))
    return Rest(celsius, (x, y, z), SD)


@given(st.lists(st.floats(-5.0, 45.0), min_size=3, max_size=12), st.floats(0.0, 1.0))
@settings(max_examples=100)
def test_a_true_line_is_found_between_what_was_seen(celsius: list[float], where: float) -> None:
    found = line([rest(c) for c in celsius])
    low, high = min(celsius), max(celsius)
    assert (found is not None) == (high - low >= 5.0)
    if found is None:
        return
    at = low + where * (high - low)
    got = found.at(at)
    assert got is not None
    for k in range(3):
        assert got[0][k] == pytest.approx(rest(at).bias[k], abs=1e-9)
    assert REPEAT_SD < got[1] < math.radians(0.2)
    assert found.left_out == 0


def test_outside_what_was_seen_it_is_not_believed() -> None:
    found = line([rest(c) for c in (15.0, 20.0, 25.0)])
    assert found is not None
    assert found.at(25.0 + MARGIN_C) is not None
    assert found.at(25.1 + MARGIN_C) is None
    assert found.at(14.9 - MARGIN_C) is None
    assert found.at(math.nan) is None


@pytest.mark.parametrize("count", [4, 5, 8, 12])
@pytest.mark.parametrize("where", [0, 1, -1])
def test_one_that_does_not_belong_is_left_out(count: int, where: int) -> None:
    rests = [rest(12.0 + 3.0 * k) for k in range(count)]
    whole = line(rests)
    celsius = rests[where].temperature_c
    rests[where] = rest(celsius, off=1.5 * RAD_PER_DEG)
    found = line(rests)
    assert found is not None
    assert whole is not None
    assert found.left_out == 1
    assert found.slope == pytest.approx(SLOPE, abs=1e-4 * RAD_PER_DEG)


def test_rests_that_scatter_are_worth_less() -> None:
    good = line([rest(10.0), rest(20.0), rest(30.0)])
    bad = line([rest(10.0), rest(20.0, off=0.5 * RAD_PER_DEG), rest(30.0)])
    assert good is not None
    assert bad is not None
    assert bad.left_out == 0  # three: nothing says which
    sure, unsure = good.at(20.0), bad.at(20.0)
    assert sure is not None
    assert unsure is not None
    assert unsure[1] > 5.0 * sure[1]


def test_without_a_thermometer_there_is_no_line() -> None:
    assert line([Rest(math.nan, AT_25, SD)] * 5) is None
    assert line([]) is None
