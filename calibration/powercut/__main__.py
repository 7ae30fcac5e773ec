"""Cuts the power of the daemon some hundred times and says what was lost (``make powercut``)."""

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calibration.powercut.experiment import (
    SYNCLESS,
    WEAKENED,
    Result,
    cut_journals,
    cut_runs,
)
from calibration.powercut.kills import kill_daemons
from calibration.powercut.operations import possible
from calibration.powercut.storage import PROMISED
from calibration.powercut.workload import WRITERS
from gaitpi.device.warmup import warm_up

_TOLD = 5
"""Violations shown of each kind."""


def show(results: Sequence[Result], unit: str = "s") -> None:
    """A table, at most 80 columns."""
    print(
        f"{'':<34}{'':>8}{'':>8}{'lost, ' + unit:^15}{'unread-':>8}{'viola-':>7}\n"
        f"{'':<34}{'instants':>8}{'states':>8}{'median':>8}{'worst':>7}{'able':>8}{'tions':>7}"
    )
    form = ".2f" if unit == "s" else ".0f"
    for result in results:
        print(
            f"{result.kind:<34}{len(result.instants):>8}{len(result.lost):>8}"
            f"{result.median:>8{form}}{result.worst:>7{form}}"
            f"{result.unreadable:>8}{len(result.wrong):>7}"
        )


def main() -> None:
    """Parse the command line and run it; exit code 1 on any violation, 2 when it cannot be run."""
    parser = argparse.ArgumentParser(prog="make powercut ARGS=...", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the run, s")
    parser.add_argument("--instants", type=int, default=600, help="cuts of the run")
    parser.add_argument("--kills", type=int, default=60, help="daemons killed by SIGKILL")
    parser.add_argument("--writes", type=int, default=52, help="writes of the small files")
    parser.add_argument("--seed", type=int, help="where and how it is cut; default: by chance")
    parser.add_argument(
        "--weaken", choices=WEAKENED, default="", help="a writer that must be found"
    )
    parser.add_argument("--keep", type=Path, help="folder for states that break the promise")
    args = parser.parse_args()
    if missing := possible():
        print(missing, file=sys.stderr)
        sys.exit(2)
    seed = random.SystemRandom().randrange(10**6) if args.seed is None else args.seed
    begun = time.monotonic()
    processes = os.cpu_count() or 1
    print(f"Seed {seed}. The daemon records {args.seconds:g} s ...", flush=True)
    warm_up()
    weaken = args.weaken
    options: dict[str, Any] = {"weaken": weaken, "processes": processes, "keep": args.keep}
    runs = cut_runs([4.0, args.seconds], args.instants, seed, **options)
    kills = [] if weaken else [kill_daemons(args.kills, seed)]
    small: list[Result] = []
    if weaken not in WRITERS:
        small = cut_journals(args.writes, args.instants, seed, **options)
    if weaken:
        print(f"Weakened: {weaken}, {SYNCLESS.get(weaken, 'the writer is set otherwise')}.")
    kept = [result for result in runs if result.kind in PROMISED]
    beyond = [result for result in runs if result.kind not in PROMISED]
    small_kept = [result for result in small if result.kind in PROMISED]
    small_beyond = [result for result in small if result.kind not in PROMISED]
    print(f"\nA run of {args.seconds:g} s beside a finished one, cut while it is recorded")
    show(kept + kills)
    if small:
        print("\nConfiguration, calibration, targets, programme, cut while they are written")
        show(small_kept, "writes")
    print("\nNot promised: a card that spoils what lies beside the sectors it was writing")
    show(beyond)
    if small:
        show(small_beyond, "writes")
    promised = [*kept, *kills, *small_kept]
    litter = sum(result.litter for result in promised)
    start_s = max(result.start_s for result in promised)
    print(
        f"\nNext start {1000 * start_s:.0f} ms at worst."
        f" Useless journals were left over in {litter} states."
        f"\n{sum(len(r.lost) for r in promised)} states in {time.monotonic() - begun:.0f} s."
    )
    violations = [(result, why) for result in promised for why in result.wrong]
    for result in promised:
        for why in result.wrong[:_TOLD]:
            print(f"{result.kind}: {why}")
    print(f"{len(violations)} violations." if violations else "No violations.")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
