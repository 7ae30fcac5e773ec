"""``gaitpi simulate``: a simulated recording with its exact truth, as files."""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitpi.cli import add_set_argument, trial
from gaitpi.cli.demo import story_settings
from gaitpi.config import Config, apply, load
from gaitpi.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from gaitpi.coach.types import Cue
    from gaitpi.imu.virtual.live import AnsweringRunner
    from gaitpi.imu.virtual.runner import SimulatedRunner

HELP: Final = (
    "Write the samples of a simulated runner as a CSV that 'gaitpi replay' reads, and its exact"
    " truth as JSON lines: every step, and with --answers every cue the runner heard and how he"
    " answered it (by a model, docs/simulation.md). With --program a whole programme of sessions,"
    " step by step, as a table."
)
EPILOG: Final = """examples:
  gaitpi simulate --story fade --out fade.csv --truth fade.jsonl
  gaitpi simulate --story steady --rate 416 --loose 0.5 --out loose.csv
  gaitpi simulate --answers --target 172 --out x.csv --truth x.jsonl
  gaitpi simulate --program faded --target 172 --sessions 8 --seed 3"""

BLOCK_S: Final = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the story, the sensor's faults and the files."""
    parser.add_argument("--story", default="full", metavar="NAME", help="story (default: full)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: 1)")
    parser.add_argument("--rate", type=float, default=208.0, metavar="HZ", help="sample rate")
    parser.add_argument(
        "--loose", type=float, default=0.0, metavar="0..1", help="looseness of the belt"
    )
    parser.add_argument(
        "--answers", action="store_true", help="a coach speaks, and the runner answers his cues"
    )
    parser.add_argument(
        "--target", type=float, metavar="SPM", help="the coach's target (default: the story's)"
    )
    add_set_argument(parser)
    parser.add_argument("--no-gyro", action="store_true", help="accelerometer only")
    parser.add_argument(
        "--out", type=Path, metavar="CSV", help="samples (of a programme: a folder)"
    )
    parser.add_argument("--truth", type=Path, metavar="JSONL", help="exact truth")
    trial.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the files. Raises UsageError for what cannot be simulated or written."""
    if args.program is not None:
        return trial.run(args)
    if args.out is None:
        raise UsageError("--out is missing.", "Name the CSV to write, or give --program.")
    if args.sessions is not None or args.chance is not None or args.json:
        raise UsageError("--sessions, --chance and --json are for a programme.", "Give --program.")

    from gaitpi.device import csvfile
    from gaitpi.imu.virtual.answering import Answering, AnswerParams, as_json
    from gaitpi.imu.virtual.live import AnsweringRunner
    from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
    from gaitpi.imu.virtual.story import story

    if not 50 <= args.rate <= 1000:
        raise UsageError(f"--rate {args.rate:g} cannot be simulated.", "Choose 50 to 1000 Hz.")
    if args.seed < 0:
        raise UsageError("--seed is a whole number from 0 on.")
    if not 0 <= args.loose <= 1:
        raise UsageError("--loose goes from 0 (tight) to 1.")
    if not args.answers and (args.target is not None or args.set):
        raise UsageError("--target and --set are for a coach.", "Give --answers too.")
    if args.target is not None and not 120 <= args.target <= 240:
        raise UsageError(f"--target {args.target:g} is no cadence.", "Choose 120 to 240 spm.")
    phases, params = story(args.story), RunnerParams(seed=args.seed, looseness=args.loose)
    heard: list[dict[str, Any]] = []
    cues: list[Cue] = []
    runner: SimulatedRunner | AnsweringRunner
    if args.answers:
        answering = Answering(AnswerParams(seed=args.seed))
        runner = AnsweringRunner(phases, params, answering)
        written = csvfile.write(args.out, _coached(runner, _config(args), args, cues))
        heard = [as_json(reply) for reply in answering.all_replies()]
    else:
        runner = SimulatedRunner(phases, params)
        written = csvfile.write(args.out, _alone(runner, args))
    print(f"{written} samples of {runner.duration_s / 60:.1f} min at {args.rate:g} Hz: {args.out}")
    if args.answers:
        asked = [reply["answered"] for reply in heard if reply["chance"] is not None]
        print(f"{len(cues)} cues; {sum(asked)} of {len(asked)} that asked for something answered")
    if args.truth is not None:
        steps = [_step(step) for step in runner.truth.steps]
        _write_truth(args.truth, sorted(steps + heard, key=_when))
        print(f"{len(steps)} steps of truth: {args.truth}")
    return EXIT_OK


def _alone(runner: "SimulatedRunner", args: argparse.Namespace) -> Any:
    """Samples of a runner without a coach, block by block."""
    import numpy as np

    total, block = int(runner.duration_s * args.rate), int(BLOCK_S * args.rate)
    for first in range(0, total, block):
        n = min(block, total - first)
        acc, gyr = runner.samples(first, n, args.rate)
        yield np.arange(first, first + n) / args.rate, acc, None if args.no_gyro else gyr


def _coached(
    runner: "AnsweringRunner", config: Config, args: argparse.Namespace, cues: "list[Cue]"
) -> Any:
    """The same with a coach, whose cues are heard."""
    from gaitpi.device.closedloop import coached

    has_gyro = not args.no_gyro
    for times, acc, gyr in coached(runner, config, args.rate, cues, has_gyro=has_gyro):
        yield times, acc, gyr if has_gyro else None


def _config(args: argparse.Namespace) -> Config:
    config = apply(load(args.config), story_settings(args.story))
    if args.target is not None:
        config = apply(config, [f"coach.target_spm={args.target:g}"])
    return apply(config, args.set)


def _when(line: dict[str, Any]) -> float:
    """Time of a line of truth, s."""
    return float(line["ic_s"] if line["type"] == "step" else line["heard_s"])


def _write_truth(path: Path, lines: list[dict[str, Any]]) -> None:
    try:
        with path.open("x", encoding="ascii") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already.", "Name another file.") from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", "Name another place."
        ) from error


def _step(step: Any) -> dict[str, Any]:
    """A step of the truth for JSON; what there is not is null."""
    out: dict[str, Any] = {"type": "step"}
    for name in step.dtype.names:
        value = step[name].item()
        out[name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return out
