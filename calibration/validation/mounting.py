"""Any mounting: every recording with a gyroscope, turned every way.

Each is rotated by the 24 rotations that permute axes and by 200 random ones (the same for every
recording), and estimated anew, from nothing.

- Same steps: as many, each initial contact within 1 ms of the unrotated one, each cadence within
  0.1 spm. One that differs in any of these counts.
- Axes: where the unrotated run learned body axes and the rotated one too, they must agree within
  1° once rotated back; where one knows and the other does not, that is said in the note: "cannot
  tell" is allowed, "wrong" is not.
- Right axes: silently wrong is a forward axis more than 30° (as much as tells forward from
  sideways) from the documented front of the mounting, in walking and running trials, while lean
  is given (``lean_from`` is not 0). The belts of these data sets sit askew by some degrees
  themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from calibration.validation.metrics import Floats, angle_deg
from calibration.validation.recordings import (
    BROAD,
    IPOL,
    JOGGING,
    RBDS,
    REPOIMU,
    SISFALL,
    STATIC,
    Recording,
    Source,
    rotation,
)
from calibration.validation.report import Row
from gaitpi.gait import GaitEstimator, Trace

RANDOM = 200
IC_S = 1e-3
CADENCE_SPM = 0.1
AXES_DEG = 1.0
WRONG_DEG = 30.0
GAITS = (*JOGGING, "D01", "D02")


@dataclass(frozen=True)
class Answer:
    """The estimate of one (rotated) recording; ``axes`` (3, 3) rows body axes in the sensor."""

    trace: Trace
    axes: Floats | None


@dataclass
class Counts:
    """What differed between a recording and its rotations."""

    name: str
    turned: int = 0
    steps: int = 0
    axes: int = 0
    only_one_knows: int = 0
    worst_axes_deg: float = 0.0


def answer(rec: Recording, turn: Floats) -> Answer:
    """Estimate the recording as if its sensor had been mounted turned by ``turn`` (3, 3)."""
    assert rec.gyr is not None
    estimator = GaitEstimator(rec.rate_hz)
    trace = estimator.update(rec.acc @ turn.T, rec.gyr @ turn.T)
    mount = estimator.learned_mount
    return Answer(trace, None if mount is None else mount.rotation)


def same_steps(a: Trace, b: Trace) -> bool:
    """Whether both found the same steps and cadences."""
    if len(a.steps) != len(b.steps):
        return False
    late = np.abs(a.steps["ic_s"] - b.steps["ic_s"])
    spm = np.abs(a.steps["cadence_spm"] - b.steps["cadence_spm"])
    unknown = np.isnan(a.steps["cadence_spm"]) & np.isnan(b.steps["cadence_spm"])
    return bool((late <= IC_S).all() and (unknown | (spm <= CADENCE_SPM)).all())


def axes_apart_deg(turned: Floats, plain: Floats, turn: Floats) -> float:
    """Largest angle (deg) between body axes learned turned and those learned plain, turned."""
    return float(np.max(angle_deg(turned, plain @ turn.T)))


def quarter_turns() -> Iterator[Floats]:
    """The 24 rotations that permute axes, the identity among them."""
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if np.linalg.det(turn) > 0.0:
                yield turn


def turns(random: int = RANDOM) -> list[Floats]:
    """All rotations but the identity."""
    rng = np.random.default_rng(2024)
    made = [t for t in quarter_turns() if not np.array_equal(t, np.eye(3))]
    return made + [rotation(rng) for _ in range(random)]


def compare(rec: Recording, rotations: list[Floats]) -> Counts:
    """One recording against all its rotations."""
    plain = answer(rec, np.eye(3))
    out = Counts(rec.name)
    for turn in rotations:
        turned = answer(rec, turn)
        out.turned += 1
        out.steps += not same_steps(turned.trace, plain.trace)
        if turned.axes is None or plain.axes is None:
            out.only_one_knows += (turned.axes is None) != (plain.axes is None)
        else:
            apart = axes_apart_deg(turned.axes, plain.axes, turn)
            out.worst_axes_deg = max(out.worst_axes_deg, apart)
            out.axes += apart > AXES_DEG
    return out


def off_front_deg(rec: Recording) -> float:
    """Angle (deg) of the learned forward axis from the documented front, both level; NaN unknown.

    Level by the learned up axis, so that a lean of the mounting itself does not count.
    """
    found = answer(rec, np.eye(3))
    if found.axes is None or not found.trace.lean_from.any():
        return np.nan
    forward, _, up = found.axes
    front = np.asarray(rec.forward) - np.dot(rec.forward or up, up) * up
    return float(angle_deg(forward[None], (front / np.linalg.norm(front))[None])[0])


def rows(source: Source) -> list[Row]:
    """Steps, axes against the unrotated ones, axes against the documented front."""
    folders = (RBDS, SISFALL, IPOL, BROAD, REPOIMU, STATIC)
    recordings = [r for f in folders for r in source.get(f) if r.gyr is not None]
    if source.small:
        recordings = recordings[::3]
    rotations = turns(RANDOM)[:: 20 if source.small else 1]
    counts = [compare(r, rotations) for r in recordings]
    total = sum(c.turned for c in counts)
    n = f"{len(counts)} × {len(rotations)}"
    data = "simulated" if recordings[0].simulated else "all with gyro"
    walkers = [
        r
        for f in (RBDS, SISFALL, IPOL)
        for r in source.get(f)
        if f != SISFALL or r.activity in GAITS
    ]
    front = [(r.name, off_front_deg(r)) for r in walkers]
    known = [d for _, d in front if np.isfinite(d)]
    return [
        Row(
            "rotated recordings with other steps",
            data,
            n,
            100.0 * sum(c.steps for c in counts) / total,
            "%",
            3,
            limit=0.0,
            parts=tuple((c.name, 100.0 * c.steps / c.turned) for c in counts if c.steps),
        ),
        Row(
            "rotated recordings with other lean axes",
            data,
            n,
            100.0 * sum(c.axes for c in counts) / total,
            "%",
            3,
            limit=0.0,
            note=f"farthest apart {max(c.worst_axes_deg for c in counts):.2g}°; "
            f"only one of both could tell: {sum(c.only_one_knows for c in counts)} of {total}",
            parts=tuple((c.name, 100.0 * c.axes / c.turned) for c in counts if c.axes),
        ),
        Row(
            "trials with lean axes silently wrong",
            "simulated" if walkers[0].simulated else "rbds sisfall ipol",
            f"{len(known)} trials",
            float(sum(d > WRONG_DEG for d in known)),
            "",
            0,
            limit=0.0,
            note=f"front off by {np.mean(known):.1f}° in the mean, {max(known):.1f}° at most "
            f"({max(front, key=lambda f: np.nan_to_num(f[1]))[0]}); "
            f"{len(front) - len(known)} could not tell",
        ),
    ]
