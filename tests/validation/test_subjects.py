"""Every subject on simulated data, and that each measure sees what it is there to see."""

import json
import sys
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.validation import (
    activity,
    cli,
    inclination,
    lean,
    mounting,
    outdoor,
    peers,
    running,
    sides,
    speed,
    walking,
)
from calibration.validation.recordings import RBDS, SISFALL, Recording, Source
from calibration.validation.report import Row
from gaitpi.gait import RUNNING, Trace
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.units import G0

SOURCE = Source(None, small=True)


def rows(subject: object) -> dict[str, Row]:
    """Rows of a subject by quantity; every one simulated."""
    found: list[Row] = subject.rows(SOURCE)  # type: ignore[attr-defined]
    assert all("simulated" in row.data for row in found)
    told = ("walking steps with the wrong foot", "lean, worst stride")
    judged = [row for row in found if not row.quantity.startswith(told)]
    assert all(row.limit is not None for row in judged if row.peer != "VQF not installed")
    return {row.quantity: row for row in found}


def fresh(folder: str = RBDS) -> Recording:
    """A simulated recording whose trace may be changed."""
    return Source(None, small=True).get(folder)[0]


@pytest.fixture(autouse=True)
def _without_slow_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers are looked at by their own tests; here each is as good as not installed."""
    for name in ("vqf", "imufusion", "skdh", "skdh.gait"):
        monkeypatch.setitem(sys.modules, name, None)


def test_running_and_outdoor() -> None:
    found = rows(running)
    assert found["running steps found"].value > 95.0
    assert found["running steps extra"].value == 0.0
    assert found["cadence of a trial, MAE"].value < 0.3
    outside = rows(outdoor)
    assert outside["cadence within 2 spm"].value == 100.0
    assert "not installed" in outside["cadence within 2 spm"].peer


def test_a_step_left_out_or_invented_is_seen() -> None:
    rec = fresh()
    whole = running.measure(rec)
    steps = rec.trace.steps
    rec.trace = with_steps(rec.trace, np.delete(steps, 10))
    less = running.measure(rec)
    twice = np.insert(steps, 10, steps[10])
    twice["ic_s"][10] -= 0.15
    rec.trace = with_steps(rec.trace, twice)
    more = running.measure(rec)
    assert whole is not None
    assert less is not None
    assert more is not None
    assert less.found == whole.found - 1
    assert (less.extra, more.extra) == (whole.extra, whole.extra + 1)


def test_activity_counts_seconds_of_running_anywhere_else() -> None:
    source = Source(None, small=True)
    walk = source.get(SISFALL)[1]
    walk.trace = copy(walk.trace)
    walk.trace._codes = np.stack([walk.trace.lean_from, walk.trace.activity])
    walk.trace._codes[1, :400] = RUNNING
    found = {row.quantity: row for row in activity.rows(source)}
    assert found["running claimed elsewhere"].value == pytest.approx(2.0, abs=0.01)
    assert found["cadence within 2 spm, jogging"].value == 100.0


def test_walking() -> None:
    found = rows(walking)
    assert found["walking contacts within 60 ms"].value > 90.0
    assert found["walking cadence, MAE"].value < 1.5


def with_steps(trace: Trace, steps: NDArray[Any]) -> Trace:
    """The same trace with other steps."""
    out = copy(trace)
    out.steps = steps
    return out


def test_sides_swapped_midway_are_seen_twice_over() -> None:
    rec = fresh(SISFALL)
    whole = sides.measure(rec)
    assert (whole.same, whole.swapped) == (0, 0)
    assert whole.push_ms2 > 0.0
    steps = rec.trace.steps.copy()
    steps["side"][len(steps) * 2 // 3 :] *= -1
    rec.trace = with_steps(rec.trace, steps)
    halved = sides.measure(rec)
    assert halved.same == 1
    assert halved.swapped >= 1
    assert all(row.value == 0.0 for row in sides.rows(SOURCE))


def test_sides_named_the_other_way_round_go_against_the_push() -> None:
    rec = fresh(SISFALL)
    steps = rec.trace.steps.copy()
    steps["side"] *= -1
    rec.trace = with_steps(rec.trace, steps)
    assert sides.measure(rec).push_ms2 < 0.0


def test_mounting() -> None:
    quarter = list(mounting.quarter_turns())
    assert len({t.tobytes() for t in quarter}) == 24
    assert all(np.linalg.det(t) == pytest.approx(1.0) for t in mounting.turns(5))
    rec = fresh()
    counts = mounting.compare(rec, [quarter[5], mounting.turns(1)[-1]])
    assert (counts.turned, counts.steps, counts.axes) == (2, 0, 0)
    assert mounting.off_front_deg(rec) < 10.0


def test_other_steps_and_axes_are_told() -> None:
    rec = fresh()
    plain = mounting.answer(rec, np.eye(3))
    assert plain.axes is not None
    assert mounting.same_steps(plain.trace, plain.trace)
    later = plain.trace.steps.copy()
    later["ic_s"][3] += 0.002
    assert not mounting.same_steps(with_steps(plain.trace, later), plain.trace)
    assert not mounting.same_steps(with_steps(plain.trace, later[:-1]), plain.trace)
    turn = next(iter(mounting.quarter_turns()))
    assert mounting.axes_apart_deg(plain.axes @ turn.T, plain.axes, turn) < 1e-6
    flipped = plain.axes * np.array([[-1.0], [-1.0], [1.0]])
    assert mounting.axes_apart_deg(flipped @ turn.T, plain.axes, turn) > 179.0


def test_inclination_without_peers_has_no_limit_to_keep() -> None:
    found = rows(inclination)
    for row in found.values():
        assert 0.0 < row.value < 2.0
        assert "not installed" in row.peer
        assert "VQF offline not installed" in row.note


def test_lean_of_known_directions() -> None:
    angle = np.radians(10.0)
    forward = np.array([-np.sin(angle), 0.0, np.cos(angle)])  # up seen from a body leaning forward
    right = np.array([0.0, np.sin(angle), np.cos(angle)])
    for up, expected in ((forward, (10.0, 0.0)), (right, (0.0, 10.0))):
        many = np.tile(up, (500, 1))
        found = lean.leans(many, np.array([0.5]), np.array([1.0]))
        np.testing.assert_allclose(found[:, 0], expected, atol=1e-9)


@pytest.mark.parametrize("number", [1, 2])
def test_the_simulated_bend_presses_outwards(number: int) -> None:
    """The story's force really is as far off the vertical as a = v²/r says."""
    story = lean.stories()[number]
    runner = SimulatedRunner(story.phases, RunnerParams())
    ends = np.cumsum([p.duration_s for p in story.phases])
    begin, end = ends[story.counted[0] - 1] + 0.5, ends[story.counted[0]] - 0.2
    t = np.arange(begin, end, 1.0 / lean.RATE_HZ)
    acc, _ = runner.truth.ideal(t)
    up = runner.truth.up(t)
    level = acc - np.einsum("ij,ij->i", acc, up)[:, None] * up
    left = np.cross(up, np.array([1.0, 0.0, 0.0]))
    sideways = float(np.mean(np.einsum("ij,ij->i", level, left)))
    assert np.degrees(np.arctan(sideways / G0)) == pytest.approx(story.force_deg, rel=0.25)


def test_level_running_leans_as_it_should() -> None:
    result = lean.measure(lean.stories()[0], 0)
    assert result.strides > 50
    assert result.ours.shape[1] == result.strides
    assert np.abs(result.ours).max() < 2.0
    assert result.vqf.shape[1] == 0  # not installed


def test_peers_that_are_missing() -> None:
    acc, gyr = np.tile([0.0, 0.0, G0], (50, 1)), np.zeros((50, 3))
    assert peers.vqf_up(acc, gyr, 100.0) is None
    assert peers.imufusion_up(acc, gyr, 100.0) is None
    assert peers.skdh_steps(acc, 100.0) is None


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = str(tmp_path / "nowhere")
    table = tmp_path / "table.md"
    arguments = ["walking", "--small", "--data", nowhere, "--markdown", str(table), "--parts"]
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "everything is simulated" in err
    assert "simulated ipol" in out
    assert "By trial" in out
    assert table.read_text(encoding="utf-8").startswith("| quantity |")
    for wrong in (["nonsense"], ["--documents", "--data", nowhere]):
        with pytest.raises(SystemExit):
            cli.main(wrong)


def test_speed_in_small_without_peers(tmp_path: Path) -> None:
    """It runs; no time is judged here."""
    table = tmp_path / "speed.json"
    parts = ["sample", "block", "linear", "replay", "memory"]
    assert speed.main(["--small", "--json", str(table), *parts]) == 0
    found = {row["quantity"]: row for row in json.loads(table.read_text(encoding="utf-8"))}
    first = found["per sample, of VQF's"]
    assert (first["peer"], first["value"], first["verdict"]) == ("VQF not installed", None, "")
    assert "The limit is" in found["replay"]["note"]
    assert all(row["value"] > 0.0 for name, row in found.items() if name.startswith("block"))
