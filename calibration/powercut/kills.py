"""The daemon, killed by SIGKILL: what a cut of the process leaves in earnest, on the real disk."""

import multiprocessing
import random
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

from calibration.powercut.experiment import Result
from calibration.powercut.runs import LOST_MAX_S, START_MAX_S, Content, content, look_at
from calibration.powercut.workload import RUNS, record, record_samples
from gaitpi.runs.schema import SUFFIX

KIND: Final = "process killed, by SIGKILL"
_LONG_S: Final = 3600.0
_SPARE_S: Final = 30.0
_SAMPLE: Final = 12
"""Bytes of a sample."""
_BEGIN_S: Final = 60.0
"""Longest wait for a daemon to begin its run, s."""


class Killed(NamedTuple):
    """When the run began and when its process was killed, CLOCK_MONOTONIC, s."""

    began_s: float
    instant_s: float


def _daemon(runs: Path, alone: bool, begun: Connection) -> None:
    """Record until killed; says when the run begins."""
    if alone:
        begun.send("Recording")
        record_samples(runs, _LONG_S)
    record(runs, _LONG_S, said=begun.send)


def _kill(context: Any, folder: Path, alone: bool, wait_s: float) -> Killed:
    """Start a daemon, kill it ``wait_s`` after its run began."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_daemon, args=(folder / RUNS, alone, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        while ours.poll(_BEGIN_S) and "Recording" not in ours.recv():
            pass
        began_s = time.monotonic()
        time.sleep(wait_s)
        return Killed(began_s, time.monotonic())  # samples after it are no loss
    finally:
        process.kill()
        process.join()


def kill_daemons(
    n: int,
    seed: int,
    *,
    longest_s: float = 4.0,
    at_once: int = 4,
    lost_max_s: float = LOST_MAX_S,
    alone: bool = False,
) -> Result:
    """Kill ``n`` daemons, each at a random time up to ``longest_s`` after its run began.

    Each records beside a finished run of the same samples, so that those are compared too. With
    ``alone`` it is the daemon's recorder alone, which starts sooner.
    """
    rng = random.Random(f"kills {seed}")
    waits = [rng.uniform(0.0, longest_s) for _ in range(n)]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["calibration.powercut.workload"])
    result = Result(KIND)
    with tempfile.TemporaryDirectory(prefix="gaitpi-kill-") as name:
        finished = Path(name, "finished")
        finished.mkdir()
        if alone:
            record_samples(finished / RUNS, longest_s + 1.0)
        else:
            record(finished / RUNS, _LONG_S, stop_s=longest_s + _SPARE_S, realtime=False)
        (path,) = (finished / RUNS).glob(f"*{SUFFIX}")
        folders = [Path(name, str(k)) for k in range(n)]
        for folder in folders:
            shutil.copytree(finished, folder)
        with ThreadPoolExecutor(at_once) as pool:
            killed = list(pool.map(lambda k: _kill(context, folders[k], alone, waits[k]), range(n)))
        whole = content(path)
        for folder, one, wait_s in zip(folders, killed, waits, strict=True):
            _judge(folder, path.name, whole, one, lost_max_s, result, f"seed {seed}, {wait_s=}")
    return result


def _among(samples: bytes, right: bytes) -> bool:
    """Whether ``samples`` are some in a row of ``right``."""
    at = right.find(samples)
    while at > 0 and at % _SAMPLE:
        at = right.find(samples, at + 1)
    return at >= 0


def _judge(
    folder: Path,
    earlier: str,
    whole: Content,
    killed: Killed,
    lost_max_s: float,
    result: Result,
    which: str,
) -> None:
    seen = look_at(folder / RUNS, go_on=True)
    wrong = list(seen.wrong)
    if seen.contents.get(earlier) != whole:
        wrong.append("the earlier run is not whole")
        result.unreadable += 1
    cut = [found for name, found in seen.contents.items() if name != earlier and found is not None]
    there = cut[0].end_s if cut and cut[0].blocks else killed.began_s
    lost_s = killed.instant_s - there
    if len(cut) > 1 or any(found.finished for found in cut):
        wrong.append("more than the one run that was cut")
    right = b"".join(block.counts for block in whole.blocks)
    for found in cut:
        # a busy machine may have missed some: then the next block begins later
        if not all(_among(block.counts, right) for block in found.blocks):
            wrong.append("wrong samples")
    if lost_s > lost_max_s:
        wrong.append(f"{lost_s:.2f} s lost")
    if seen.start_s > START_MAX_S:
        wrong.append(f"the next start took {seen.start_s:.2f} s")
    result.instants.add(killed.instant_s)
    result.lost.append(max(0.0, lost_s))
    result.start_s = max(result.start_s, seen.start_s)
    result.litter += bool(seen.litter)
    result.wrong += [f"{which}: {why}" for why in wrong]
