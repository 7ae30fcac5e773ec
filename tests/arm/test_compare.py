"""The comparison of two machines sees what it has to see; no machine is emulated here."""

import re
from typing import Any

import numpy as np
import pytest

from gaitpi.gait.types import SAMPLE_FIELDS, STEP_DTYPE
from tests.arm import compare
from tests.arm.probe import estimates
from tests.arm.system import BOARDS, CHECKOUT, lacking
from tests.gait.signals import RATE_HZ, simulated

FIELD = np.array([100.0, np.nan, 50.0, -np.inf])


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        (FIELD, ""),
        (FIELD + 5e-8, ""),
        (FIELD + 2e-7, "apart"),
        (np.array([np.nan, np.nan, 50.0, -np.inf]), "one machine only"),
        (np.array([100.0, 0.0, 50.0, -np.inf]), "one machine only"),
        (np.array([100.0, np.nan, 50.0, np.inf]), "one machine only"),
        (FIELD[:3], "are float64"),
        (FIELD.astype(np.float32), "are float64"),
    ],
)
def test_real_numbers_agree_to_the_limit_and_in_what_is_not_known(there: Any, problem: str) -> None:
    found = compare.arrays(FIELD, there)
    assert (problem in found.problem) if problem else not found.problem


def test_codes_are_the_same_or_not() -> None:
    here = np.array([0, 3, 3], np.uint8)
    assert not compare.arrays(here, here.copy()).problem
    found = compare.arrays(here, np.array([3, 3, 3], np.uint8))
    assert (found.problem, found.differ, found.apart) == ("1 differ", 1, 3.0)


def test_a_field_is_judged_over_all_cases_and_none_may_be_missing() -> None:
    here = {"a.up": np.ones(3), "b.up": np.full(2, 4.0)}
    there = {"a.up": np.ones(3), "b.up": np.array([4.0, 4.5])}
    (found,) = compare.fields(here, there).values()
    assert (found.values, found.differ, found.largest, found.apart) == (5, 1, 4.0, 0.5)
    assert found.problem
    with pytest.raises(ValueError, match=re.escape("['b.up']")):
        compare.fields(here, {"a.up": np.ones(3)})


def test_printed_words_are_the_same_and_printed_numbers_nearly() -> None:
    here = {"id": "one", "cue": "step-up", "at": [1.0, None, 2], "ok": True}
    near = {"id": "two", "cue": "step-up", "at": [1.0 + 1e-12, None, 2], "ok": True}
    assert compare.texts(here, near, besides=("id",)) == []
    assert compare.texts(here, near) == [".id: 'one' here, 'two' there"]
    others: tuple[dict[str, Any], ...] = (
        {"cue": "back"},
        {"at": [1.001, None, 2]},
        {"at": [1.0, None, 3]},
        {"at": [1.0, 0.0, 2]},
        {"at": [1.0, None]},
        {"ok": 1},
        {"more": 1},
    )
    for other in others:
        assert len(compare.texts(here, here | other)) == 1


def test_probe_gives_every_field_of_samples_steps_and_belt() -> None:
    acc, gyr = simulated("mixed")
    found = estimates(RATE_HZ, np.arange(len(acc)) / RATE_HZ, acc, gyr)
    assert set(SAMPLE_FIELDS) <= set(found)
    assert {f"step.{name}" for name in STEP_DTYPE.names or ()} <= set(found)
    assert len(found["step.ic_s"]) > 60
    assert all(len(found[name]) == len(acc) for name in SAMPLE_FIELDS)
    belt = {name: values for name, values in found.items() if name.startswith("belt.")}
    assert belt["belt.up"].shape[1] == belt["belt.push"].shape[1] == 3
    assert len(belt["belt.n"]) >= int(len(acc) / RATE_HZ)
    assert belt["belt.n"].sum() == len(acc)


def test_boards_are_the_systems_that_are_promised() -> None:
    assert {board.python for board in BOARDS.values()} == {"3.11", "3.13"}
    assert "Python 3.11" in (docs := (CHECKOUT / "docs/arm.md").read_text())
    for name, board in BOARDS.items():
        assert f"`{name}`" in docs
        assert board.part in board.cpuinfo


def test_a_machine_that_cannot_says_what_it_needs() -> None:
    pc = "Linux on x86_64"
    assert lacking(pc, root=True, apt=True, missing=["debootstrap"]) == ""
    assert lacking(pc, root=True, apt=False, missing=[]) == ""
    assert "needs debootstrap" in lacking(pc, root=True, apt=False, missing=["debootstrap"])
    assert "needs root" in lacking(pc, root=False, apt=True, missing=[])
    assert "this is Darwin on arm64" in lacking("Darwin on arm64", root=True, apt=True, missing=[])
