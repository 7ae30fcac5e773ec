"""What coaching does to the simulated runner who answers: ``python -m calibration.answering``.

A check of model and policy together, not evidence about people (docs/simulation.md). Step by step
(:mod:`gaitpi.device.rehearsal`), 40-minute runs 5 % below the target, many seeds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gaitpi.coach.policy import Coach
from gaitpi.config import CoachConfig
from gaitpi.device.rehearsal import Rehearsal, rehearse
from gaitpi.imu.virtual.answering import Answering, AnswerParams, person
from gaitpi.imu.virtual.story import Phase

TARGET_SPM: Final = 172.0
HABIT_SPM: Final = 164.0
MINUTES: Final = 40
WARM_S: Final = 195.0
"""Standing and warm-up: nothing is cued before."""
LEAN: Final = CoachConfig(focus="lean", usual_lean_deg=6.0)
CADENCE: Final = CoachConfig(target_spm=TARGET_SPM)
SURE: Final = AnswerParams()
CORRECTIONS: Final = ("step-up", "beat", "tall", "sink")


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of runner: means over the seeds; ``answered`` of the corrections, NaN with none."""

    name: str
    cues: float
    answered: float
    rests: float
    in_band: float
    habit_spm: float


def phases(config: CoachConfig) -> tuple[Phase, ...]:
    """Half a minute of nothing, then the run: low in cadence, or too far forward."""
    run = Phase("run", 60.0 * MINUTES, cadence_spm=HABIT_SPM, lean_deg=6.0)
    if config.focus == "lean":
        run = replace(run, cadence_spm=TARGET_SPM, lean_deg=11.5)
    return Phase("stand", 15.0), run


def band_share(run: Rehearsal, config: CoachConfig) -> float:
    """Share of the running time after the warm-up in the band of the focus metric, as meant."""
    if config.focus == "cadence":
        edge = TARGET_SPM * (1.0 - config.band_low)
        return run.share(lambda step: step.meant_spm >= edge, WARM_S)
    return run.share(lambda step: abs(step.lean_deg - 6.0) <= config.lean_band_deg, WARM_S)


def row(
    name: str,
    config: CoachConfig,
    people: Sequence[AnswerParams | None],
) -> Row:
    """Each of ``people`` (None: hears nothing) in one run."""
    cues, answered, asked, rests, shares, habits = [], 0, 0, [], [], []
    for seed, params in enumerate(people):
        answering = None if params is None else Answering(params)
        run = rehearse(Coach(config), phases(config), answering, seed=seed)
        cues.append(sum(c.cue in CORRECTIONS for c in run.cues))
        rests.append(sum(c.cue == "let-go" for c in run.cues))
        asked += sum(np.isfinite(r.chance) for r in run.replies)
        answered += sum(r.answered for r in run.replies)
        shares.append(band_share(run, config))
        learned = 0.0 if answering is None else answering.memory.learned
        habits.append(HABIT_SPM * (1.0 + learned))
    share = answered / asked if asked else float("nan")
    means = [float(np.mean(x)) for x in (cues, rests, shares, habits)]
    return Row(name, means[0], share, means[1], means[2], means[3])


def table(seeds: int, config: CoachConfig) -> list[Row]:
    """Kinds of runners with this coach, and without."""
    off = CoachConfig(target_spm=TARGET_SPM, enabled=False)
    if config.focus == "lean":
        off = CoachConfig(focus="lean", usual_lean_deg=6.0, enabled=False)
    responders = [replace(SURE, seed=k) for k in range(seeds)]
    return [
        row("no coach", off, responders),
        row("hears nothing", config, [None] * seeds),
        row("never answers", config, [replace(one, answers=0.0) for one in responders]),
        row("answers 3 of 10", config, [replace(one, answers=0.3) for one in responders]),
        row("answers 8 of 10", config, responders),
        row("always answers", config, [replace(one, answers=1.0) for one in responders]),
        row("people, half respond", config, [person(k) for k in range(seeds)]),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables; 0."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.answering",
        description="What coaching does to the simulated runner who answers (a model, not people).",
        epilog="example: python -m calibration.answering --seeds 10",
    )
    parser.add_argument("--seeds", type=int, default=10, help="runs a row (default: %(default)s)")
    args = parser.parse_args(argv)
    if args.seeds < 1:
        parser.error("--seeds is 1 or more")
    for title, config in (
        (f"Cadence: habit {HABIT_SPM:g}, target {TARGET_SPM:g} spm", CADENCE),
        ("Lean: 11.5 deg, usual 6, band +-4", LEAN),
    ):
        print(f"{title}; {MINUTES} min, {args.seeds} runs, fresh, no hills")
        head = f"{'runner':22}{'cues':>6}{'answered':>10}{'rests':>7}{'in band':>9}"
        print(f"{head}{'habit at end':>14}")
        for r in table(args.seeds, config):
            share = f"{100 * r.answered:.0f} %" if r.answered == r.answered else "-"
            habit = f"{r.habit_spm:.1f} spm" if config.focus == "cadence" else "-"
            print(
                f"{r.name:22}{r.cues:6.1f}{share:>10}{r.rests:7.1f}"
                f"{100 * r.in_band:7.0f} %{habit:>14}",
                flush=True,
            )
        print()
    print(
        "cues: corrections a run; answered: by the model's own account; in band: running time\n"
        "after the warm-up, as meant. Fatigue from minute 30 (-3 % an hour) is in it."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
