"""``gaitpi simulate``: a simulated recording with its exact truth, as files."""

import argparse
import json
import math
from pathlib import Path
from typing import Any, Final

from gaitpi.errors import EXIT_OK, UsageError

HELP: Final = (
    "Write the samples of a simulated runner as a CSV that 'gaitpi replay' reads, and its exact"
    " truth (steps, phases) as JSON lines."
)
EPILOG: Final = """examples:
  gaitpi simulate --story fade --out fade.csv --truth fade.jsonl
  gaitpi simulate --story steady --rate 416 --loose 0.5 --out loose.csv"""

BLOCK_S: Final = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the story, the sensor's faults and the files."""
    parser.add_argument("--story", default="full", metavar="NAME", help="story (default: full)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: 1)")
    parser.add_argument("--rate", type=float, default=208.0, metavar="HZ", help="sample rate")
    parser.add_argument(
        "--loose", type=float, default=0.0, metavar="0..1", help="looseness of the belt"
    )
    parser.add_argument("--no-gyro", action="store_true", help="accelerometer only")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="samples")
    parser.add_argument("--truth", type=Path, metavar="JSONL", help="exact truth")


def run(args: argparse.Namespace) -> int:
    """Write the files. Raises UsageError for what cannot be simulated or written."""
    import numpy as np

    from gaitpi.device import csvfile
    from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
    from gaitpi.imu.virtual.story import story

    if not 50 <= args.rate <= 1000:
        raise UsageError(f"--rate {args.rate:g} cannot be simulated.", "Choose 50 to 1000 Hz.")
    if args.seed < 0:
        raise UsageError("--seed is a whole number from 0 on.")
    if not 0 <= args.loose <= 1:
        raise UsageError("--loose goes from 0 (tight) to 1.")
    runner = SimulatedRunner(story(args.story), RunnerParams(seed=args.seed, looseness=args.loose))
    total = int(runner.duration_s * args.rate)
    block = int(BLOCK_S * args.rate)

    def blocks() -> Any:
        for first in range(0, total, block):
            n = min(block, total - first)
            acc, gyr = runner.samples(first, n, args.rate)
            yield np.arange(first, first + n) / args.rate, acc, None if args.no_gyro else gyr

    written = csvfile.write(args.out, blocks())
    print(f"{written} samples of {runner.duration_s / 60:.1f} min at {args.rate:g} Hz: {args.out}")
    if args.truth is not None:
        steps = runner.truth.steps
        try:
            with args.truth.open("x", encoding="ascii") as file:
                for step in steps:
                    file.write(json.dumps(_step(step)) + "\n")
        except FileExistsError as error:
            raise UsageError(f"{args.truth} is there already.", "Name another file.") from error
        except OSError as error:
            raise UsageError(
                f"{args.truth} cannot be written: {error.strerror}.", "Name another place."
            ) from error
        print(f"{len(steps)} steps of truth: {args.truth}")
    return EXIT_OK


def _step(step: Any) -> dict[str, Any]:
    """A step of the truth for JSON; what there is not is null."""
    out: dict[str, Any] = {"type": "step"}
    for name in step.dtype.names:
        value = step[name].item()
        out[name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return out
