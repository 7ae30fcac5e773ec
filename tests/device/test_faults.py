"""The whole daemon in virtual time while bus, sensor and clock go wrong."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from calibration.reliability.pack import run
from calibration.reliability.signal import quiet, tables
from gaitpi.device.daemon import LOST_S
from gaitpi.imu.virtual.faulty import FaultScript, Trouble
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader

LONG = (Phase("stand", 5.0), Phase("run", 120.0, cadence_spm=160.0))


@pytest.mark.parametrize(
    ("kind", "fields"), [("nack", {}), ("stuck", {"clocks": 0}), ("gone", {}), ("brown-out", {})]
)
def test_a_loss_is_said_once_and_nothing_is_cued_from_old_data(
    tmp_path: Path, kind: str, fields: dict[str, int]
) -> None:
    script = FaultScript((Trouble(kind, 60.0, 5.0, **fields),))
    pack = run(script, tmp_path, phases=LONG, clear=False)
    assert pack.cues()
    quiet(pack, script)
    gaps = pack.gaps()
    assert len(gaps) == 1
    begin, end = gaps[0]
    # run time 0 is a moment after the start of the script; back within a second
    assert 59.0 < begin < 60.5
    assert 5.0 - 0.1 < end - begin < 5.0 + 1.0
    assert not [cue.time_s for cue in pack.cues() if begin < cue.time_s < end]
    assert (
        sum(text.startswith(f"No samples from the sensor for {LOST_S:g} s") for text in pack.said)
        == 1
    )
    assert len(pack.ended.problems) == 1
    with RunReader(pack.path) as file:
        kinds = [event.kind for event in file.events()]
        assert kinds.count("sensor-lost") == kinds.count("sensor-back") == 1
        assert file.summary["counters"] == pack.reader.counters


def test_what_is_lost_for_good_is_said_in_words(tmp_path: Path) -> None:
    script = FaultScript((Trouble("stuck", 12.0, clocks=0),))
    pack = run(script, tmp_path, phases=(Phase("run", 24.0),), clear=False)
    said = [text for text in pack.said if "No samples" in text]
    assert len(said) == 1
    assert "it is lost until the wire is free (its pins cannot be taken" in said[0]


def test_a_held_wire_that_is_clocked_free_is_no_loss(tmp_path: Path) -> None:
    script = FaultScript((Trouble("stuck", 12.0, clocks=9),))
    pack = run(script, tmp_path, phases=(Phase("run", 24.0),))
    assert not any("No samples" in text for text in pack.said)
    assert pack.ended.problems == ()
    (gap,) = pack.gaps()
    assert gap[1] - gap[0] < 1.0
    assert pack.reader.counters["freed"] == 1


def test_steps_of_the_wall_clock_change_nothing_but_anchors(tmp_path: Path) -> None:
    steps = (Trouble("wall", 10.0, value=-1e8), Trouble("wall", 30.0, value=1.0))
    phases = (Phase("run", 60.0, cadence_spm=160.0),)
    clean = run(FaultScript(), tmp_path / "a", phases=phases)
    bent = run(FaultScript(steps), tmp_path / "b", phases=phases)
    assert tables(clean.path) == tables(bent.path)
    assert clean.cues()
    with RunReader(bent.path) as file:
        walls = [anchor.wall_s - anchor.mono_s for anchor in file.anchors()]
    assert min(np.diff(walls)) == pytest.approx(-1e8, abs=1e-3)


TROUBLES = st.builds(
    Trouble,
    st.sampled_from(["nack", "timeout", "stuck", "brown-out", "gone", "stall"]),
    at_s=st.floats(5.0, 30.0),
    for_s=st.floats(0.0, 5.0),
)


@given(troubles=st.lists(TROUBLES, min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=3)
def test_any_script_leaves_a_run_that_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, troubles: list[Trouble], seed: int
) -> None:
    script = FaultScript(tuple(troubles), seed)
    note(str(script))
    pack = run(script, tmp_path_factory.mktemp("runs"), phases=(Phase("run", 45.0),))
    gaps = pack.gaps()
    with RunReader(pack.path) as file:
        times = np.concatenate([block.times() for block in file.blocks()])
        steps = file.steps()
    assert (np.diff(times) > 0.0).all()
    # what is missing is told: no two samples lie apart without a gap
    assert (np.diff(times) > 0.02).sum() <= len(gaps)
    for begin, end in gaps:
        assert not [s for s in steps if s.ic_s < begin - 1.0 and s.ic_s + s.step_s > end + 1.0]
    told = sum("No samples" in text for text in pack.said)
    assert told == sum("answers again" in text for text in pack.said)
