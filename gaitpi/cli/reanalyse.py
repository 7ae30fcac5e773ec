"""``gaitpi reanalyse``: recorded runs through today's code, and what that changes of them."""

import argparse
import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitpi.cli import add_set_argument, complain, load_with_targets
from gaitpi.config import check, load, runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError

if TYPE_CHECKING:
    from gaitpi.reanalysis.batch import Backend
    from gaitpi.reanalysis.sources import Source
    from gaitpi.reanalysis.task import Answer, Kind, Parameters

HELP: Final = (
    "Compute recorded runs once more, with today's code or with other parameters, and say what"
    " changed. A run is computed with its own configuration unless --config or --set say"
    " otherwise. The files are never altered. One that is damaged, foreign or still being"
    " recorded is listed with its reason (exit code 1), and the rest goes on. docs/reanalyse.md"
    " says what is guaranteed."
)
EPILOG: Final = """examples:
  gaitpi reanalyse all
  gaitpi reanalyse last --set coach.band_low=0.02 --against today
  gaitpi reanalyse all --set gait.flight_force=2.5 --json
  gaitpi reanalyse /media/season --workers 4 --out season.jsonl
  gaitpi reanalyse all --out all.jsonl --scheduler tcp://10.0.0.2:8786"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is computed, how, by whom, and where it is kept."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="run file, folder of run files (and those below it), CSV as 'replay' reads it, run"
        " id, 'last', or 'all' recorded runs",
    )
    add_set_argument(parser)
    parser.add_argument(
        "--against",
        choices=("recorded", "today"),
        default="recorded",
        help="compare with what was recorded (default), or with today's code without --set, which"
        " takes twice as long",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="keep the results there (a JSON object a line, with a checksum); what is there"
        " already, of the same file, code and parameters, is not done again",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="processes on this machine (default 0: this one does it)",
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="have a Dask cluster do it: the scheduler's address (needs the extra 'cluster';"
        " give only one you trust)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines, summary last")


def run(args: argparse.Namespace) -> int:
    """Compute, print and keep. Raises UsageError, ConfigError and ClusterError in words."""
    from gaitpi.reanalysis import words
    from gaitpi.reanalysis.backends import WORKERS_MAX
    from gaitpi.reanalysis.batch import Batch
    from gaitpi.reanalysis.sources import find
    from gaitpi.reanalysis.store import Store

    if not 0 <= args.workers <= WORKERS_MAX:
        raise UsageError(f"--workers is a number from 0 to {WORKERS_MAX}.")
    sets, gait = _split(args.set)
    args.set = sets
    sources = find(args.paths, runs_directory(load(args.config)))
    with ExitStack() as stack:
        store = None
        if args.out is not None:
            store = stack.enter_context(Store(args.out))
            if store.damaged:
                complain(f"{args.out}: {store.damaged} damaged lines, done once more.")
        batch = Batch(sources, _Parameters(args, gait), store)
        results: list[tuple[str, dict[str, Any]]] = []
        problems: list[tuple[str, str]] = []
        for source, answer in batch.answers(_backend(args)):
            if not (args.json or results or problems):
                print(words.HEAD)
            _print(source, answer, args.json)
            if answer.result is None:
                problems.append((source.shown, answer.problem or ""))
            else:
                results.append((source.shown, answer.result))
        if store is not None:
            store.sort()
    if args.json:
        print(json.dumps(words.totals(results, problems)))
    else:
        print("\n".join(words.summary(results, problems)))
    return EXIT_PROBLEM if problems else EXIT_OK


def _split(given: list[str]) -> tuple[list[str], dict[str, float]]:
    """``--set`` of the configuration, and those of the estimator (``gait.NAME=VALUE``), checked."""
    from gaitpi.reanalysis.work import GAIT, gait_params

    sets, gait = [], {}
    for one in given:
        name, equals, text = one.partition("=")
        if not name.strip().startswith(GAIT):
            sets.append(one)
            continue
        try:
            if not equals:
                raise ValueError
            gait[name.strip().removeprefix(GAIT)] = float(text)
        except ValueError:
            raise UsageError(
                f"'{one}' sets no number.", f"Write it as {GAIT}NAME=NUMBER."
            ) from None
    check(sets)  # what is wrong with one is said at once, not once a run
    gait_params(gait)
    return sets, gait


def _print(source: "Source", answer: "Answer", as_json: bool) -> None:
    """One recording, at once: somebody may be waiting for the next."""
    from gaitpi.reanalysis import words

    if as_json:
        line: dict[str, Any] = {"type": "recording", "file": str(source.path)}
        if answer.result is None:
            line |= {"status": "failed", "problem": answer.problem}
        else:
            line |= answer.result
            if answer.result["status"] in ("changed", "alike"):
                line["words"] = words.change(answer.result)
        print(json.dumps(line), flush=True)
    elif answer.result is None:
        print("\n".join(words.failed(source.shown, answer.problem or "")), flush=True)
    else:
        print("\n".join(words.row(source.shown, answer.result)), flush=True)


def _backend(args: argparse.Namespace) -> "Backend":
    """Who does the work."""
    from gaitpi.reanalysis import backends

    if args.scheduler is not None:
        return partial(backends.cluster, address=args.scheduler)
    return partial(backends.processes, n=args.workers) if args.workers else backends.in_turn


class _Parameters:
    """How recordings of a kind are computed: a CSV has no configuration of its own."""

    def __init__(self, args: argparse.Namespace, gait: dict[str, float]) -> None:
        self._args = args
        self._gait = gait
        self._known: dict[bool, Parameters] = {}

    def __call__(self, kind: "Kind") -> "Parameters":
        """Made when the first of that kind comes: who has no CSV needs no targets of his own."""
        own = kind == "run" and self._args.config is None
        if own not in self._known:
            self._known[own] = self._own() if own else self._whole()
        return self._known[own]

    def _own(self) -> "Parameters":
        """Those with the run's configuration."""
        from gaitpi.reanalysis.task import Parameters

        sets = tuple(self._args.set)
        return Parameters(sets=sets, gait=self._gait, against=self._args.against)

    def _whole(self) -> "Parameters":
        """Those with the caller's configuration, with and without ``--set``."""
        import msgspec

        from gaitpi.reanalysis.task import Parameters

        def json_of(args: argparse.Namespace) -> str:
            return msgspec.json.encode(load_with_targets(args)).decode()

        base = None
        if self._args.against == "today":
            base = json_of(argparse.Namespace(**vars(self._args) | {"set": []}))
        config = json_of(self._args)
        return Parameters(config=config, base=base, gait=self._gait, against=self._args.against)
