"""Which way round the pack is worn, said once it is known."""

import math
from pathlib import Path

import numpy as np
import pytest

from gaitpi.config import Config, apply
from gaitpi.device.virtual import play
from gaitpi.device.worn import words
from gaitpi.gait import Mount
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader

PHASES = (Phase("stand", 6.0), Phase("run", 30.0, lean_deg=6.0))


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ("x,y,z", "sensor's +z up, +x forward (given)"),
        ("x,-y,-z", "sensor's -z up, +x forward (given)"),
        ("-z,-x,y", "sensor's +y up, -z forward (given)"),
    ],
)
def test_axes_in_words(axes: str, said: str) -> None:
    assert words(Mount.from_axes(axes), given=True) == said


def test_askew_is_said_where_it_is_more_than_a_board() -> None:
    for deg, said in ((2.0, ""), (12.0, ", 12 deg askew")):
        a = math.radians(deg)
        turned = [[math.cos(a), math.sin(a), 0.0], [-math.sin(a), math.cos(a), 0.0], [0, 0, 1.0]]
        assert words(Mount(np.array(turned)), given=False) == (
            f"sensor's +z up, +x forward{said} (learned)"
        )


@pytest.mark.parametrize(
    ("axes", "settings"), [("-z,-x,y", []), ("x,-y,-z", []), ("-x,-y,z", ["mount.axes=-x,-y,z"])]
)
def test_the_run_says_it_once(axes: str, settings: list[str], tmp_path: Path) -> None:
    """Upright, upside down, and as configured; found from standing and gait, not from the truth."""
    # sensor <- body
    mount = Mount.from_axes(axes).rotation.T
    runner = SimulatedRunner(PHASES, RunnerParams(mount=mount))
    ended = play(runner, apply(Config(), settings), tmp_path, [], recording="worn")
    assert ended.path is not None
    with RunReader(ended.path) as run:
        (event,) = [e for e in run.events() if e.kind == "worn"]
    wanted = words(Mount.from_axes(axes), given=bool(settings))
    assert event.text.split(" (")[0].split(", ")[:2] == wanted.split(" (")[0].split(", ")
    assert event.text.endswith("(given)" if settings else "(learned)")
    assert event.time_s < 20.0


def test_nothing_is_said_of_a_pack_on_a_table(tmp_path: Path) -> None:
    ended = play(
        SimulatedRunner((Phase("stand", 15.0),)), Config(), tmp_path, [], recording="table"
    )
    assert ended.path is not None
    with RunReader(ended.path) as run:
        assert not [e for e in run.events() if e.kind == "worn"]
