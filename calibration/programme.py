"""What faded cues leave in the simulated runner: ``python -m calibration.programme``.

A check of programme, coach, verdict and model together, no evidence about people
(docs/simulation.md): whether the verdict of the silent tests says what the model knows.
"""

import argparse
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from msgspec import structs

from gaitpi.coach.programme import Plan, faded
from gaitpi.device.trial import Trial, try_programme
from gaitpi.imu.virtual.answering import AnswerParams
from gaitpi.review.programme import SURE, Retention, retention

OWN_SPM: Final = 164.0
TARGET_SPM: Final = 172.0


def plans() -> dict[str, Plan]:
    """The faded programme, and the same with as many minutes of cues as there can be, or none."""
    own = faded("cadence")
    out = {"faded": own}
    for name, share in (("every minute", 1.0), ("no cues", 0.0)):
        sessions = tuple(structs.replace(one, share=share) for one in own.sessions)
        out[name] = structs.replace(own, sessions=sessions)
    return out


def verdicts(trial: Trial) -> list[tuple[Retention, float]]:
    """Of each silent test: the verdict, and the change of habit in the model, spm."""
    found = []
    for ran in trial.runs:
        if ran.done is not None and ran.done.part == "test":
            verdict = retention(trial.standing, ran.done.number)
            assert verdict is not None
            found.append((verdict, ran.habit_from_spm - OWN_SPM))
    return found


def row(name: str, trials: Sequence[Trial]) -> str:
    """One plan: means over the seeds."""
    found = [verdicts(trial) for trial in trials]
    cues = fmean(sum(r.done.cues for r in t.runs if r.done is not None) for t in trials)
    cells = []
    for test in (0, 1):
        truth = fmean(one[test][1] for one in found)
        measured = fmean(one[test][0].change_test for one in found)
        cells.append(f"{truth:+7.1f}{measured:+10.1f}")
    pairs = [pair for one in found for pair in one]
    held = sum(abs(v.change_test - truth) <= SURE * v.change_sd for v, truth in pairs)
    kept = [v.kept for v, _ in pairs[::2] if math.isfinite(v.kept)]
    share = f"{100 * fmean(kept):.0f} %" if kept else "-"
    return f"{name:14}{cues:6.0f}{cells[0]}{cells[1]}{share:>8}   {held} of {len(pairs)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    seeds = parser.parse_args().seeds
    print(f"Own {OWN_SPM:g}, target {TARGET_SPM:g} spm; 8 sessions, 180 min; {seeds} runners")
    print("                    after a day      after 28 days     kept   interval")
    print("plan            cues  model  measured  model  measured  (day)  holds truth")
    for name, plan in plans().items():
        trials = []
        for seed in range(1, seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                trials.append(
                    try_programme(
                        plan,
                        Path(folder),
                        target_spm=TARGET_SPM,
                        own_spm=OWN_SPM,
                        params=AnswerParams(seed=seed),
                    )
                )
        print(row(name, trials), flush=True)


if __name__ == "__main__":
    main()
