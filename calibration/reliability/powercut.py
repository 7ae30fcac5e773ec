"""F15: the power is cut at any instant. The whole of it is ``make powercut``, docs/powercut.md."""

from collections.abc import Callable, Sequence
from typing import Final

from calibration.powercut.experiment import Result, cut_journals, cut_runs
from calibration.powercut.kills import kill_daemons
from calibration.powercut.storage import PROMISED
from calibration.reliability import Outcome, Row

_DAEMON: Final = 100
"""From so many trials on it is the daemon that is cut, else its recorder alone (for the tests)."""


def _outcome(trials: int, results: Sequence[Result], told: Callable[[Result], str]) -> Outcome:
    kept = [result for result in results if result.kind in PROMISED or len(results) == 1]
    worst = max(kept, key=lambda result: result.worst)
    start_s = max(result.start_s for result in kept)
    states = sum(len(result.lost) for result in kept)
    wrong = [f"{result.kind}: {why}" for result in kept for why in result.wrong]
    unreadable = sum(result.unreadable for result in kept)
    text = (
        f"{told(worst)} lost, {unreadable} earlier runs unreadable, next start "
        f"{1000 * start_s:.0f} ms ({states} states)"
    )
    return Outcome(trials, text, not wrong, wrong[0] if wrong else "")


def _seconds(result: Result) -> str:
    return f"{result.worst:.2f} s"


def _power(trials: int, seed: int) -> Outcome:
    if trials >= _DAEMON:
        results = cut_runs([4.0, 30.0], trials, seed)
    else:
        results = cut_runs([0.3, 1.0], trials, seed, what="samples")
    return _outcome(trials, results, _seconds)


def _small_files(trials: int, seed: int) -> Outcome:
    results = cut_journals(52 if trials >= _DAEMON else 12, trials, seed)
    return _outcome(trials, results, lambda result: f"{result.worst:.0f} writes")


def _kill(trials: int, seed: int) -> Outcome:
    if trials >= 10:
        result = kill_daemons(trials, seed)
    else:
        result = kill_daemons(trials, seed, longest_s=0.8, at_once=2, alone=True)
    return _outcome(trials, [result], _seconds)


ROWS: Final = (
    Row(
        "F15a",
        "power cut while a run is recorded",
        "states of the storage from a trace of the daemon: what was synced, and any part of the "
        "rest, sectors torn",
        "≤ 1.0 s lost, no earlier run unreadable, next start ≤ 2 s",
        "a run without an end in the list",
        _power,
        few=6,
        many=500,
        needs="strace",
    ),
    Row(
        "F15b",
        "power cut while a small file is written",
        "the same of configuration, calibration, targets and programme",
        "each as before or after; nothing whose writing had returned is lost",
        "-",
        _small_files,
        few=20,
        many=500,
        needs="strace",
    ),
    Row(
        "F15c",
        "daemon killed while it records",
        "SIGKILL",
        "≤ 1.0 s lost, no earlier run unreadable, next start ≤ 2 s",
        "a run without an end in the list",
        _kill,
        few=1,
        many=60,
    ),
)
