"""``python -m calibration.mountings``: every way to wear the pack, through the whole path.

A simulated runner wears the sensor in each of the 24 mountings that permute its axes (a quarter of
them upside down) and in 10 random ones. *Whole path*: his signal goes through the virtual chip, the
driver, the daemon and the run file; what the run file says is compared with the truth. The cases
below it go through the same pipeline as the daemon's, without chip and file.

Right: forward within 30 deg, and up within 10, of the truth. "Cannot tell": no axes, or lean
withheld, or the belt said to be moved. What is neither is wrong, and is counted.
"""

import argparse
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from calibration.belt import AFTER_S, CHANGE_S, tipped
from calibration.validation.metrics import Floats
from calibration.validation.mounting import quarter_turns
from calibration.validation.recordings import rotation
from gaitpi.coach.belt import MOVED
from gaitpi.config import Config, apply
from gaitpi.device.pipeline import Pipeline
from gaitpi.device.replay import open_recording
from gaitpi.device.virtual import play
from gaitpi.gait import Mount, Start
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader

RATE_HZ: Final = 104.0
RANDOM: Final = 10
FRONT_DEG: Final = 30.0
UP_DEG: Final = 10.0
STOOD: Final = (Phase("stand", 8.0), Phase("run", 80.0, cadence_spm=168.0, lean_deg=5.0))
BEGUN: Final = STOOD[1:]
LEAN_S: Final = 10.0
"""Of the last seconds lean is compared."""


@dataclass(frozen=True)
class Found:
    """What one mounting led to. Angles deg from the truth, NaN = not known; ``lean_deg`` mean."""

    verdict: str
    front_deg: float
    up_deg: float
    lean_deg: float
    said: str


def mountings(random: int = RANDOM) -> list[tuple[str, Floats]]:
    """Name and turn (3, 3), sensor <- body, of each."""
    rng = np.random.default_rng(20)
    made = [(_axes(turn), turn) for turn in quarter_turns()]
    return made + [(f"random {k + 1}", rotation(rng)) for k in range(random)]


def _axes(turn: Floats) -> str:
    """The sensor's axes forward, left, up, as ``mount.axes`` has them."""
    names = []
    for k in range(3):
        at = int(np.argmax(np.abs(turn[:, k])))
        names.append(("-" if turn[at, k] < 0 else "") + "xyz"[at])
    return ",".join(names)


def judged(
    mount: Mount | None, turn: Floats, leans: Sequence[float], moved: bool, said: str = ""
) -> Found:
    """A learned mounting against the true ``turn`` (3, 3); ``leans`` (deg) that were told."""
    lean = float(np.mean(leans)) if len(leans) else math.nan
    if mount is None:
        verdict = "cannot tell" if not len(leans) else "WRONG"
        return Found(verdict, math.nan, math.nan, lean, said)
    front, up = (_apart(mount.rotation[k], turn[:, k]) for k in (0, 2))
    if front <= FRONT_DEG and up <= UP_DEG:
        verdict = "right"
    else:
        verdict = "cannot tell" if moved or not len(leans) else "WRONG"
    return Found(verdict, front, up, lean, said)


def _apart(a: Floats, b: Floats) -> float:
    return math.degrees(math.acos(min(1.0, max(-1.0, float(a @ b)))))


def whole_path(turn: Floats, phases: Sequence[Phase] = STOOD) -> Found:
    """One mounting through virtual chip, daemon and run file."""
    runner = SimulatedRunner(phases, RunnerParams(mount=turn, gyr_bias=(0.08, -0.02, 0.02)))
    config = apply(Config(), ["imu.rate_hz=104"])
    with tempfile.TemporaryDirectory() as folder:
        ended = play(runner, config, Path(folder), [], recording="mounting")
        assert ended.path is not None
        with RunReader(ended.path) as run:
            rows = list(run.seconds())
            worn = [e.text for e in run.events() if e.kind == "worn"]
        said = worn[0] if worn else ""
        # the run file holds what the same estimator is to be given again, to the last bit
        again = open_recording(ended.path)
        assert again.config is not None
        pipeline = Pipeline(
            again.config,
            again.rate_hz,
            has_gyro=again.has_gyro,
            start=again.start,
            correction=again.correction,
        )
        for times, acc, gyr in again.blocks:
            pipeline.update(acc, gyr, times)
    late = [r for r in rows if r.time_s > rows[-1].time_s - LEAN_S]
    leans = [r.lean_deg for r in late if math.isfinite(r.lean_deg)]
    moved = any(r.belt == MOVED for r in late)
    return judged(pipeline.estimator.learned_mount, turn, leans, moved, said)


def through(
    turn: Floats,
    phases: Sequence[Phase],
    *,
    config: Config | None = None,
    start: Start | None = None,
    change: Callable[[Floats, Floats], tuple[Floats, Floats]] | None = None,
    then: Floats | None = None,
    has_gyro: bool = True,
) -> Found:
    """One mounting through the pipeline.

    ``change`` alters the signal in the body's axes first; the mounting is ``then`` (3, 3) at last.
    """
    runner = SimulatedRunner(phases, RunnerParams(gyr_bias=(0.0, 0.0, 0.0)))
    n = int(runner.duration_s * RATE_HZ)
    acc, gyr = runner.samples(0, n, RATE_HZ)
    if change is not None:
        acc, gyr = change(acc, gyr)
    pipeline = Pipeline(config or Config(), RATE_HZ, has_gyro=has_gyro, start=start)
    times = np.arange(n) / RATE_HZ
    out = pipeline.update(acc @ turn.T, gyr @ turn.T, times)
    rows = [*out.seconds, *pipeline.finish()]
    late = [r for r in rows if r.time_s > times[-1] - 15.0]
    leans = [r.lean_deg for r in late if math.isfinite(r.lean_deg)]
    moved = any(r.belt == MOVED for r in late)
    truth = turn if then is None else then
    return judged(pipeline.estimator.learned_mount, truth, leans, moved)


def _bowed(turn: Floats, aside_deg: float) -> Start:
    """A front measured ``aside_deg`` to the left of the true one."""
    angle = math.radians(aside_deg)
    x, y, z = (math.cos(angle) * turn[:, 0] + math.sin(angle) * turn[:, 1]).tolist()
    return Start(front=(x, y, z))


def _otherwise(turn: Floats) -> Config:
    """A configuration that says the sensor sits turned by a quarter about the vertical."""
    wrong = np.column_stack([turn[:, 1], -turn[:, 0], turn[:, 2]])
    return apply(Config(), [f"mount.axes={_axes(wrong)}"])


def _capsized(turn: Floats) -> Config:
    """A configuration that says the sensor sits upside down."""
    wrong = np.column_stack([turn[:, 0], -turn[:, 1], -turn[:, 2]])
    return apply(Config(), [f"mount.axes={_axes(wrong)}"])


def _over(acc: Floats, gyr: Floats) -> tuple[Floats, Floats]:
    """Turned upside down in the run, about the front-back axis."""
    return tipped(acc, gyr, 0, 180.0)


LONG: Final = (
    Phase("stand", 10.0),
    Phase("run", CHANGE_S + AFTER_S - 10.0, cadence_spm=168.0, lean_deg=5.0),
)

CASES: Final[tuple[tuple[str, Callable[[Floats], Found]], ...]] = (
    ("begun while running, nothing known", lambda turn: through(turn, BEGUN)),
    ("no gyroscope", lambda turn: through(turn, STOOD, has_gyro=False)),
    ("a bow, 10 deg beside", lambda turn: through(turn, STOOD, start=_bowed(turn, 10.0))),
    ("a bow to the side", lambda turn: through(turn, STOOD, start=_bowed(turn, 90.0))),
    ("a bow of another wearing, 45 deg", lambda turn: through(turn, STOOD, start=_bowed(turn, 45))),
    ("bowed backwards", lambda turn: through(turn, STOOD, start=_bowed(turn, 180.0))),
    (
        "turned upside down in the run",
        lambda turn: through(turn, LONG, change=_over, then=turn @ np.diag([1.0, -1.0, -1.0])),
    ),
)
GIVEN: Final[tuple[tuple[str, Callable[[Floats], Found]], ...]] = (
    (
        "mount.axes set, worn a quarter turn off",
        lambda turn: through(turn, LONG, config=_otherwise(turn)),
    ),
    (
        "mount.axes set, worn upside down",
        lambda turn: through(turn, LONG, config=_capsized(turn)),
    ),
)


Ways = Sequence[tuple[str, Floats]]


def path_table(tally: "Counter[str]", ways: Ways) -> Iterator[str]:
    """One line for each mounting of ``ways``; the verdicts are counted in ``tally``."""
    yield f"{'fwd, left, up':<13} {'verdict':<11} {'off':>7} {'lean':>5}  what the belt said"
    for name, turn in ways:
        found = whole_path(turn)
        tally[found.verdict] += 1
        axes = found.said.removeprefix("sensor's ")
        off = f"{max(found.front_deg, found.up_deg):.1f} deg"
        yield f"{name:<13} {found.verdict:<11} {off:>7} {found.lean_deg:>5.1f}  {axes}"
    yield f"{len(ways)} mountings: {_words(tally)}; true lean 5.0"


def case_table(tally: "Counter[str]", ways: Ways) -> Iterator[str]:
    """One line for each case; a mounting that can be configured is one along the axes."""
    yield f"{'case':<40} right  cannot tell  wrong  front off"
    along = [turn for _, turn in ways if np.isin(np.abs(turn), (0.0, 1.0)).all()]
    for name, case in (*CASES, *GIVEN):
        turns = along if (name, case) in GIVEN else [turn for _, turn in ways]
        found = [case(turn) for turn in turns]
        counts = Counter(one.verdict for one in found)
        tally += counts
        fronts = [one.front_deg for one in found if one.verdict == "right"]
        worst = f"{max(fronts):.0f} deg" if fronts else "-"
        yield (
            f"{name:<40} {counts['right']:>5}  {counts['cannot tell']:>11}  "
            f"{counts['WRONG']:>5}  {worst:>9}"
        )


def _words(counts: "Counter[str]") -> str:
    return ", ".join(f"{counts[name]} {name}" for name in ("right", "cannot tell", "WRONG"))


def main() -> int:
    """Print both tables; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.mountings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m calibration.mountings --random 10",
    )
    parser.add_argument("--random", type=int, default=RANDOM, help="random mountings beside the 24")
    args = parser.parse_args()
    wrong = 0
    for table in (path_table, case_table):
        tally: Counter[str] = Counter()
        for line in table(tally, mountings(args.random)):
            print(line, flush=True)
        print()
        wrong += tally["WRONG"]
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
