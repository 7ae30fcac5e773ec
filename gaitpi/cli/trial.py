"""``gaitpi simulate --program``: a whole programme on the simulated runner, in a table."""

import argparse
import dataclasses
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gaitpi.cli import print_json
from gaitpi.cli.program import print_rows, verdict_rows
from gaitpi.coach.programme import MINUTE_S, Plan, faded, percent, whole
from gaitpi.config import Config, apply
from gaitpi.errors import EXIT_OK, GaitpiError, UsageError
from gaitpi.prescription import Prescription, read

if TYPE_CHECKING:
    from gaitpi.device.trial import Ran, Trial
    from gaitpi.imu.virtual.answering import AnswerParams

CONFIG: Final = "gaitpi.toml"
"""What is written beside the run files, so that every command can be tried on them."""
HEAD: Final = "run        day    cued  min  cues answered      in band  cadence  habit (model)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what belongs to a programme only."""
    group = parser.add_argument_group("a whole programme")
    group.add_argument(
        "--program",
        metavar="NAME|FILE",
        help='"faded", or a prescription: run it, and show what the model makes of it',
    )
    group.add_argument("--sessions", type=int, metavar="N", help="the first N only")
    group.add_argument(
        "--own", type=float, default=164.0, metavar="SPM", help="his cadence at first (164)"
    )
    group.add_argument(
        "--chance", type=float, metavar="0..1", help="that he answers a cue (default: 0.8)"
    )
    group.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Run the programme and print it. Raises UsageError, PrescriptionError or GaitpiError."""
    from gaitpi.device.trial import try_programme
    from gaitpi.imu.virtual.answering import AnswerParams

    _check(args)
    plan, prescribed = _plan(args)
    params = AnswerParams(seed=args.seed)
    if args.chance is not None:
        params = dataclasses.replace(params, answers=args.chance)
    if not args.json:
        _print_model(args.program, plan, params)
        print(HEAD, flush=True)
    with ExitStack() as stack:
        kept = args.out is not None
        name = args.out if kept else stack.enter_context(tempfile.TemporaryDirectory())
        trial = try_programme(
            plan,
            Path(name),
            target_spm=args.target,
            own_spm=args.own,
            params=params,
            prescribed=prescribed,
            config=apply(Config(), args.set),
            told=None if args.json else lambda ran: print(_line(ran), flush=True),
        )
        if args.json:
            print_json(_json(trial, params))
        else:
            _print_end(trial)
        if kept:
            _write_config(args.out, trial, quiet=args.json)
    return EXIT_OK


def _check(args: argparse.Namespace) -> None:
    """Raise UsageError for what makes no sense."""
    if args.seed < 0:
        raise UsageError("--seed is a whole number from 0 on.")
    if not 130 <= args.own <= 200:
        raise UsageError(f"--own {args.own:g} is no cadence of running.", "Choose 130 to 200 spm.")
    if args.target is not None and not 120 <= args.target <= 240:
        raise UsageError(f"--target {args.target:g} is no cadence.", "Choose 120 to 240 spm.")
    if args.chance is not None and not 0 <= args.chance <= 1:
        raise UsageError("--chance goes from 0 to 1.")
    for name in ("answers", "truth", "no_gyro"):
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} does not go with --program.")
    if args.out is not None and args.out.exists() and (
        not args.out.is_dir() or any(args.out.iterdir())
    ):  # fmt: skip
        raise UsageError(f"{args.out} is there already.", "Name a new folder for the run files.")


def _plan(args: argparse.Namespace) -> tuple[Plan, tuple[Prescription, str, str] | None]:
    """What is to be run, and the prescription it comes from."""
    from gaitpi.device.trial import shortened

    prescribed = None
    if args.program == "faded":
        plan = faded("cadence")
    elif Path(args.program).exists():
        prescribed = read(Path(args.program))
        plan = prescribed[0].plan or faded(prescribed[0].focus)
    else:
        raise UsageError(
            f"there is no programme {args.program!r}, nor a file of that name.",
            "Say \"faded\", or name a prescription ('gaitpi program template' prints one).",
        )
    if args.sessions is not None:
        if not 1 <= args.sessions <= len(plan.sessions):
            raise UsageError(f"--sessions goes from 1 to {len(plan.sessions)}.")
        plan = shortened(plan, args.sessions)
    return plan, prescribed


def _print_model(name: str, plan: Plan, params: "AnswerParams") -> None:
    minutes = sum(session.minutes for session in plan.sessions)
    p = params
    print_rows(
        [
            ("simulated", "the runner is a model, not people: docs/simulation.md"),
            (
                "programme",
                f"{Path(name).name}: {len(plan.sessions)} sessions, {minutes:.0f} min, "
                f"{plan.cued_minutes} of them with cues; {len(plan.tests)} silent tests",
            ),
            (
                "answers",
                f"chance {p.answers:g} a cue, less from cue {p.patience + 1:.0f} in 10 min on; "
                f"makes {p.gain:g} of the change asked, ±{p.gain_sd:g}, after {p.react_steps:g} "
                f"steps; holds it {p.hold_s:g} s, forgets it in {p.forget_s:g} s",
            ),
            (
                "learns",
                f"{p.learn_per_min:g} of the effort a minute; a day later {p.keep_own:g} of it is "
                f"left, of what was done within {p.guided_s:g} s of a cue {p.keep_guided:g}",
            ),
            ("tires", f"from minute {p.tired_min:g} on, {whole(p.sag_per_h)} of cadence an hour"),
            ("seed", str(p.seed)),
        ]
    )
    print()


def _line(ran: "Ran") -> str:
    done = ran.done
    if done is None:
        return ""
    name = f"{done.part} {done.number}"
    inside = " / ".join(
        whole(a / b) if b else "-"
        for a, b in ((done.cued_in, done.cued_known), (done.free_in, done.free_known))
    )
    answered = f"{done.answered}/{done.judged}" if done.judged else "-"
    cadence = "-" if done.cadence_spm is None else f"{done.cadence_spm:.1f}"
    return (
        f"{name:10}{ran.day:4}{percent(done.share):>8}"
        f"{done.coached_s / MINUTE_S:5.0f}{done.cues:6}{answered:>9}{inside:>13}{cadence:>9}"
        f"  {ran.habit_from_spm:.1f} -> {ran.habit_to_spm:.1f}"
    )


def _print_end(trial: "Trial") -> None:
    from gaitpi.review.programme import SURE, own_sd

    print("in band: share of the time in minutes with cues / in those without\n")
    own = trial.own
    words = f"own cadence {own.cadence_spm:.1f} ±{SURE * own_sd(own):.1f} spm by a listening run"
    rows = [("measured", f"{words}; target {trial.target_spm:.1f}")]
    rows += verdict_rows(trial.standing, trial.ended_s)
    first, last = trial.runs[0], trial.runs[-1]
    gained = last.habit_from_spm - first.habit_from_spm
    rows.append(("model", f"the habit itself stands {gained:+.1f} spm at the last run's start"))
    rows += [("problem", problem) for problem in trial.problems]
    print_rows(rows)


def _json(trial: "Trial", params: "AnswerParams") -> dict[str, Any]:
    from gaitpi.review.programme import adherence, retention

    tests = range(1, len(trial.standing.plan.tests) + 1)
    return {
        "model": dataclasses.asdict(params),
        "target_spm": trial.target_spm,
        "own": dataclasses.asdict(trial.own),
        "runs": [
            {
                "day": ran.day,
                "habit_from_spm": ran.habit_from_spm,
                "habit_to_spm": ran.habit_to_spm,
                "run": msgspec.to_builtins(ran.done),
            }
            for ran in trial.runs
        ],
        "adherence": dataclasses.asdict(adherence(trial.standing)),
        "tests": [dataclasses.asdict(t) for n in tests if (t := retention(trial.standing, n))],
        "problems": trial.problems,
    }


def _write_config(directory: Path, trial: "Trial", *, quiet: bool) -> None:
    """A configuration by which the other commands find the runs."""
    path = directory / CONFIG
    text = (
        f"[runs]\ndirectory = {_quoted(str(directory.resolve()))}\n\n"
        f"[coach]\ntarget_spm = {trial.target_spm}\n"
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GaitpiError(f"{path} cannot be written: {error.strerror}.", "") from error
    if not quiet:
        print(f"\nRun files: {directory}. Every command reads them, e.g.")
        print(f"  gaitpi --config {path} program status --simulated")
        print(f"  gaitpi --config {path} show last")


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
