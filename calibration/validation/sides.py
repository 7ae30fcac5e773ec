"""Left and right in running, with no foot known: by what the body itself shows.

- Alternating: of two named steps in a row (the second begins where the first ends), the sides
  must differ.
- Never swapped: the rate of turn about the vertical is a wave of the stride. Its phase against
  the named feet, in blocks of eight steps, must stay within 90° of the whole trial's; whatever
  that phase is (it differs between runners), naming the feet the other way round turns it by 180°.
- The push: the ground pushes the body away from the standing foot, so over the first 60 % of a
  right step the mean level acceleration, less the trial's mean, goes to the left. What is level is
  our own attitude's (the roll of the pelvis would else bring gravity into it); left is by the
  documented front of the mounting.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.validation.metrics import Floats
from calibration.validation.recordings import JOGGING, RBDS, SISFALL, Recording, Source
from calibration.validation.report import Row
from gaitpi.gait import RUNNING

BLOCK = 8
PUSH_PART = 0.6
NEXT_S = 1e-6


@dataclass(frozen=True)
class Feet:
    """Named running steps of a trial: how many there are, and what speaks against them."""

    name: str
    steps: int
    named: int
    pairs: int
    same: int
    blocks: int
    swapped: int
    push_ms2: float


def measure(rec: Recording) -> Feet:
    """Judge the sides of one trial."""
    steps = rec.trace.steps
    run = steps[steps["activity"] == RUNNING]
    follows = np.abs(run["ic_s"][1:] - run["ic_s"][:-1] - run["step_s"][:-1]) < NEXT_S
    both = follows & (run["side"][1:] != 0) & (run["side"][:-1] != 0)
    named = run[(run["side"] != 0) & np.isfinite(run["step_s"])]
    waves, push = _evidence(rec, named["ic_s"], named["step_s"], named["side"])
    whole = waves.sum()
    blocks = [waves[k : k + BLOCK].sum() for k in range(0, len(waves) - BLOCK + 1, BLOCK)]
    return Feet(
        name=rec.name,
        steps=len(run),
        named=int(np.sum(run["side"] != 0)),
        pairs=int(both.sum()),
        same=int(np.sum(both & (run["side"][1:] == run["side"][:-1]))),
        blocks=len(blocks),
        swapped=sum(bool((b * np.conj(whole)).real < 0.0) for b in blocks),
        push_ms2=float(np.mean(push)) if len(push) else np.nan,
    )


def _evidence(
    rec: Recording, ic_s: Floats, step_s: Floats, side: Floats
) -> tuple[NDArray[np.complex128], Floats]:
    """Of each step: the turn's wave against the named feet (complex, rad/s), and its push."""
    assert rec.gyr is not None
    assert rec.forward is not None
    mean = rec.acc.mean(axis=0)
    up = mean / np.linalg.norm(mean)
    left = np.cross(up, rec.forward)
    left /= np.linalg.norm(left)
    yaw = rec.gyr @ up
    level = rec.trace.up
    force = rec.acc - np.einsum("ij,ij->i", rec.acc, level)[:, None] * level
    across = np.nan_to_num(force @ left)
    rest = float(across.mean())
    waves, push = [], []
    for ic, step, foot in zip(ic_s, step_s, side, strict=True):
        a, b = int(np.ceil(ic * rec.rate_hz)), int(np.ceil((ic + step) * rec.rate_hz))
        u = (np.arange(a, b) / rec.rate_hz - ic) / step
        phase = np.pi * (u + (0.0 if foot > 0 else 1.0))
        part = yaw[a:b]
        waves.append(complex(np.mean(part * np.exp(-1j * phase))) if len(part) == b - a else 0j)
        push.append(float(foot) * (float(across[a:b][u < PUSH_PART].mean()) - rest))
    return np.array(waves, np.complex128), np.array(push)


def rows(source: Source) -> list[Row]:
    """Three rows a data set."""
    out = []
    for folder in (RBDS, SISFALL):
        recordings = [r for r in source.get(folder) if folder == RBDS or r.activity in JOGGING]
        feet = [measure(r) for r in recordings]
        data = source.label(folder)
        pushes = [f for f in feet if np.isfinite(f.push_ms2)]
        unnamed = [f.name for f in feet if not f.named]
        share = 100.0 * sum(f.named for f in feet) / max(1, sum(f.steps for f in feet))
        out += [
            Row(
                "two steps in a row of one side",
                data,
                f"{sum(f.pairs for f in feet)} pairs",
                float(sum(f.same for f in feet)),
                "",
                0,
                limit=0.0,
                note=f"{share:.1f} % of the running steps have a side"
                + (f"; none in {', '.join(unnamed)}" if unnamed else ""),
                parts=tuple((f.name, float(f.same)) for f in feet),
            ),
            Row(
                "blocks of 8 steps with sides swapped",
                data,
                f"{sum(f.blocks for f in feet)} blocks",
                float(sum(f.swapped for f in feet)),
                "",
                0,
                limit=0.0,
                parts=tuple((f.name, float(f.swapped)) for f in feet),
            ),
            Row(
                "trials with sides against the push",
                data,
                f"{len(pushes)} trials",
                float(sum(f.push_ms2 <= 0.0 for f in pushes)),
                "",
                0,
                note="a belt before or behind the axis of the pelvis feels its turning as a push; "
                "mean push away from the named foot, m/s²: "
                + ", ".join(f"{f.push_ms2:.2f}" for f in pushes),
            ),
        ]
    return out
