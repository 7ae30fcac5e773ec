"""What ``python -m calibration.coldstart`` calls late; how long it takes is no test's matter."""

import pytest

from calibration.coldstart import FEW, SEASON, Spent, report


@pytest.mark.parametrize(
    ("command", "runs", "cpu_s", "late"),
    [
        ("gaitpi show", FEW, 0.14, False),
        ("gaitpi show", FEW, 0.16, True),
        ("gaitpi show", SEASON, 0.3, False),  # promised of a few runs
        ("gaitpi cues", FEW, 0.3, False),  # not promised
        ("gaitpi runs", SEASON, 0.45, False),
        ("gaitpi runs", SEASON, 0.55, True),
    ],
)
def test_what_is_late(
    command: str, runs: int, cpu_s: float, late: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"": [Spent(0.5, 0.1)] * 3, command: [Spent(9.0, cpu_s)] * 2 + [Spent(0.1, 9.0)]}
    assert report(found, runs) is late
    out = capsys.readouterr().out
    assert ("LATE" in out) is late
    assert "import numpy, sqlite3" in out
