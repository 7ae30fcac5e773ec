"""However the pack is worn: the right axes or "cannot tell", never silently wrong."""

import math
from collections import Counter

import numpy as np
import pytest

from calibration.mountings import CASES, GIVEN, case_table, judged, mountings, whole_path
from gaitpi.gait import GaitEstimator, Mount, Start
from gaitpi.gait.types import Floats
from gaitpi.imu.virtual.story import Phase

WAYS = mountings(10)
SHORT = (Phase("stand", 5.0), Phase("run", 18.0, cadence_spm=168.0, lean_deg=5.0))


def test_there_are_24_and_10() -> None:
    assert len({tuple(np.round(turn, 6).ravel()) for _, turn in WAYS}) == 34
    assert sum(np.isin(np.abs(turn), (0.0, 1.0)).all() for _, turn in WAYS) == 24
    assert sum(turn[2, 2] == -1.0 for _, turn in WAYS) == 4  # upside down
    for _, turn in WAYS:
        assert np.linalg.det(turn) == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "turn"), WAYS, ids=[name for name, _ in WAYS])
def test_through_chip_daemon_and_run_file(name: str, turn: Floats) -> None:
    found = whole_path(turn, SHORT)
    assert found.verdict == "right", name
    assert max(found.front_deg, found.up_deg) < 5.0
    assert found.lean_deg == pytest.approx(5.0, abs=1.0)
    assert found.said.startswith("sensor's ")


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("begun while running, nothing known", True),
        ("no gyroscope", True),
        ("a bow, 10 deg beside", True),
        ("a bow to the side", False),
        ("a bow of another wearing, 45 deg", False),
        ("bowed backwards", False),
        ("turned upside down in the run", False),
    ],
)
def test_what_is_known_wrongly_is_never_believed(name: str, right: bool) -> None:
    case = dict(CASES)[name]
    verdicts = Counter(case(turn).verdict for _, turn in WAYS[::3])
    assert set(verdicts) == {"right" if right else "cannot tell"}


@pytest.mark.parametrize("name", [name for name, _ in GIVEN])
def test_a_configured_mounting_that_is_wrong_is_noticed(name: str) -> None:
    case = dict(GIVEN)[name]
    assert {case(turn).verdict for _, turn in WAYS[:24:4]} == {"cannot tell"}


def test_the_measure_sees_what_it_is_there_to_see() -> None:
    turn = WAYS[5][1]
    true, backwards = Mount(turn.T), Mount(np.diag([-1.0, -1.0, 1.0]) @ turn.T)
    assert judged(true, turn, [5.0], moved=False).verdict == "right"
    assert judged(backwards, turn, [-5.0], moved=False).verdict == "WRONG"
    assert judged(backwards, turn, [-5.0], moved=True).verdict == "cannot tell"
    assert judged(None, turn, [], moved=False).verdict == "cannot tell"
    assert judged(None, turn, [5.0], moved=False).verdict == "WRONG"


def test_the_table_names_every_case() -> None:
    tally: Counter[str] = Counter()
    lines = list(case_table(tally, WAYS[:2]))
    assert len(lines) == 1 + len(CASES) + len(GIVEN)
    assert all(len(line) <= 80 for line in lines)
    assert tally["WRONG"] == 0
    assert sum(tally.values()) == 2 * (len(CASES) + len(GIVEN))


def test_the_front_is_handed_on_from_waiting_to_the_run() -> None:
    front = (0.0, 1.0, 0.0)
    estimator = GaitEstimator(104.0, start=Start(front=front))
    estimator.update(np.tile([0.0, 0.0, 9.8], (300, 1)), np.zeros((300, 3)))
    assert estimator.known.front == front
    with pytest.raises(ValueError, match="front must have length 1"):
        Start(front=(0.0, 0.0, math.nan))
