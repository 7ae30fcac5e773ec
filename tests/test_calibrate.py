"""``gaitpi calibrate``: every action on the virtual sensor, and what it says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import sensor
from calibration.validation.recordings import STATIC, Source
from gaitpi import calibrationfile
from gaitpi.calibrationfile import CalibrationError
from gaitpi.cli import Parser, calibrate, common_options, main
from gaitpi.cli.sixpicture import frame
from gaitpi.device.sixpositions import SIDES, SixPositions
from gaitpi.imu.virtual.posed import REAL, SIX, TILTED, box, upright
from gaitpi.imu.virtual.posed import bow as bowing
from gaitpi.imu.virtual.source import SignalSource
from gaitpi.units import G0

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)


def done(capsys: Capture, *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["calibrate", *words, "--virtual", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_each_action_keeps_its_measurement_and_check_shows_them(capsys: Capture) -> None:
    assert main(["calibrate", "check", "--virtual"]) == 1
    assert "gaitpi calibrate stand" in capsys.readouterr().err
    for words in (["stand"], ["rest"], ["bow"], ["six", "--edges"]):
        code, found = done(capsys, *words)
        assert code == 0, found
        assert found["kept"] is True
        assert found[words[0]] is not None
    code, found = done(capsys, "check")
    assert code == 0
    assert found["unread"] == 0
    for name in ("stand", "rest", "six", "bow"):
        record = found[name]
        assert record["grade"] == "good"
        assert (record["chip"], record["address"], record["serial"]) == ("MPU-6050", 0x68, "")
        assert record["temperature_c"] == pytest.approx(22.0, abs=1.0)
    assert np.abs(np.array(found["six"]["offset"]) - REAL.offset).max() / G0 < 0.002
    assert main(["calibrate", "--virtual"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    names = [part.split()[0] for part in out.split("\n\n") if part]
    assert names == ["stand", "rest", "six", "bow"]
    assert out.count("used       for") == 3
    assert "until the Pi is switched off" in out


def test_what_they_say_fits_a_terminal(capsys: Capture) -> None:
    for words in (["stand"], ["rest"], ["bow"], ["six"], ["six", "--squared"]):
        assert main(["calibrate", *words, "--virtual"]) in (0, 1)
        lines = capsys.readouterr().out.splitlines()
        assert all(len(line) <= 80 for line in lines if not line.startswith("Kept in "))
        assert any(line.startswith(("Measured", "Bow: ", "Not kept")) for line in lines)


def test_an_old_one_is_said_to_be_old(capsys: Capture, tmp_path: Path) -> None:
    done(capsys, "stand")
    done(capsys, "six")
    path = Path(done(capsys, "check")[1]["file"])
    kept = calibrationfile.load(path)
    path.unlink()
    for record in kept.records:
        fields = {f: getattr(record, f) for f in record.__struct_fields__}
        fields["wall_s"] -= 100 * 86_400.0
        calibrationfile.add(path, type(record)(**fields))
    assert main(["calibrate", "check", "--virtual"]) == 1
    assert "the stand is older than 90 days" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["six", "--gravity", "1.6"], "nowhere on Earth"),
        (["six", "--edges", "--squared"], "two ways to the same"),
    ],
)
def test_what_makes_no_sense_is_refused(capsys: Capture, words: list[str], wrong: str) -> None:
    assert main(["calibrate", *words, "--virtual"]) == 2
    assert wrong in capsys.readouterr().err


@pytest.mark.parametrize(
    ("action", "source", "wrong"),
    [
        ("bow", lambda: bowing(upright(), deep_deg=0.0, quiet_s=8.0, sways=True), "no bow within"),
        ("bow", lambda: box(SIX[4:5], REAL, hold_s=60.0), "Nobody stands"),
        ("bow", lambda: bowing(upright(), deep_deg=12.0, quiet_s=8.0, sways=True), "No bow: "),
        ("rest", calibrate._somebody, "somebody wears it"),
        ("six", lambda: box(SIX[:2], REAL), "no new position for 5 minutes"),
    ],
)
def test_what_is_not_measured_is_said_and_not_kept(
    capsys: Capture,
    action: str,
    source: Callable[[], SignalSource],
    wrong: str,
) -> None:
    parser = Parser(prog="gaitpi calibrate", parents=[common_options(None)])
    calibrate.add_arguments(parser)
    args = parser.parse_args([action, "--virtual"])
    args.source = source
    said = ""
    try:
        assert calibrate.run(args) == 1
    except CalibrationError as error:
        said = str(error)
    assert wrong in said + capsys.readouterr().out
    assert main(["calibrate", "check", "--virtual"]) == 1


def test_the_picture_shows_what_is_in_and_what_is_up() -> None:
    six = SixPositions(104.0, edges=True)
    source = box((*SIX[:3], TILTED[0], SIX[3]), REAL)
    n = int((source.duration_s - 4.0) * 104)
    acc, gyr = source.samples(0, n, 104.0)
    first = frame(six, "Lay it down with one side up.")
    six.add(acc, gyr, np.arange(n) / 104.0)
    picture = frame(six, "a tilted one is in. " * 6)
    for lines in (first, picture):
        assert len(lines) <= 24
        assert all(len(line) <= 80 and line.isascii() for line in lines)
    text = "\n".join(picture)
    assert "3 of 6 sides in" in text
    assert "tilted positions in: 1 of 6" in text
    assert "up now: -y" in text
    assert text.count(" in   ") >= 3
    assert "now" in picture[8]
    assert all(side in text for side in SIDES)


def test_a_real_sensor_is_repaired(shared_data: Path) -> None:
    """A real MPU-6050: 4.5 deg/s at rest, and nothing left of it."""
    static = Source(shared_data).get(STATIC)[0]
    lines = list(sensor.real_gyro(static))
    after = next(line for line in lines if "rate after" in line)
    numbers = [float(word) for word in after.split()[2:5]]
    assert max(map(abs, numbers)) < 0.02
    (_, alone) = sensor.real_accelerometer(static, [])
    assert "one position alone cannot repair it: +3.7%" in alone


def test_turned_by_hand_the_errors_are_found() -> None:
    """The robust fit of the script: windows of slow turning, some of them disturbed."""
    rng = np.random.default_rng(3)
    ups = rng.standard_normal((300, 3))
    true = G0 * ups / np.linalg.norm(ups, axis=1)[:, None]
    true *= 1.0 + 0.005 * rng.standard_normal((300, 1))
    true[::10] *= 1.15  # shaken
    found = sensor.fitted(true @ REAL.response.T + np.array(REAL.offset))
    assert np.abs(found.b - REAL.offset).max() * sensor.MG < 3.0
    np.testing.assert_allclose(found.k, np.linalg.inv(REAL.response), atol=0.003)
