"""Finds inputs that no reader can stand: with atheris where it is, else with an engine of its own.

Runs in a process of its own for each target (``python -m tests.fuzz.engine``): it writes every
input to the file ``current`` before it is read, so that one that ends the interpreter is known.
"""

import argparse
import contextlib
import faulthandler
import hashlib
import importlib.util
import json
import logging
import os
import random
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Final

HANG_S: Final = 60.0
"""Wall seconds after which a process that has not come back from an input is ended."""


def has_atheris() -> bool:
    """Whether the coverage-guided engine is installed."""
    return importlib.util.find_spec("atheris") is not None


class Bench:
    """Judges inputs, counts them, keeps findings: one file each, in ``out``."""

    def __init__(
        self, target: Any, work: Path, out: Path, *, hang_s: float | None = HANG_S
    ) -> None:
        self._target, self._out, self._hang_s = target, out, hang_s
        self._folder = work / "folder"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._current = work / "current"
        self._stats = work / "stats.json"
        self.executions = self.accepted = 0
        self.worst_s = 0.0
        self.kinds: set[str] = set()
        self.findings: dict[str, str] = {}
        try:
            old = json.loads(self._stats.read_text())
            self.executions, self.accepted = old["executions"], old["accepted"]
            self.findings, self.worst_s = old["findings"], old["worst_s"]
            self.kinds = set(old["kinds"])
        except FileNotFoundError:
            pass

    def one(self, data: bytes) -> bool:
        """Judge ``data``; True when it fared unlike all before."""
        from tests.fuzz.target import judge

        self._current.write_bytes(data)
        if self._hang_s:
            faulthandler.dump_traceback_later(self._hang_s, exit=True)
        begun = time.process_time()
        outcome = judge(self._target, data, self._folder)
        self.worst_s = max(self.worst_s, time.process_time() - begun)
        if self._hang_s:
            faulthandler.cancel_dump_traceback_later()
        self.executions += 1
        self.accepted += not outcome.finding and outcome.words == "accepted"
        fresh = outcome.kind not in self.kinds
        self.kinds.add(outcome.kind)
        if outcome.finding and (fresh or outcome.kind not in self.findings):
            name = f"{hashlib.sha256(data).hexdigest()[:12]}.bin"
            (self._out / name).write_bytes(data)
            self.findings[outcome.kind] = f"{name}: {outcome.finding}"
            print(f"{self._target.name}: {name}: {outcome.finding}", flush=True)
        if fresh or self.executions % 64 == 0:
            self.save()
        return fresh

    def save(self) -> None:
        """Leave the counts for the process that waits."""
        scratch = self._stats.with_suffix(".new")
        scratch.write_text(
            json.dumps(
                {
                    "executions": self.executions,
                    "accepted": self.accepted,
                    "worst_s": self.worst_s,
                    "kinds": sorted(self.kinds),
                    "findings": self.findings,
                }
            )
        )
        scratch.replace(self._stats)


def changed_by(target: Any, data: bytes, rng: random.Random) -> bytes:
    """One change; one that knows the format may stumble over what it changed before."""
    from tests.fuzz.target import scramble

    try:
        changed: bytes = target.mutate(data, rng)
    except Exception:
        return scramble(data, rng)
    return changed


def own(target: Any, bench: Bench, seconds: float, seed: int) -> None:
    """Mutate inputs of a pool; one that fares unlike all before joins it."""
    from tests.fuzz.target import LARGEST

    rng = random.Random(seed)
    scratch = Path(bench._folder)
    pool = [bytes(one) for one in target.seeds(scratch)]
    for one in pool:
        bench.one(one)
    good, end = list(pool), time.monotonic() + seconds
    while time.monotonic() < end:
        data = rng.choice(good if rng.random() < 0.8 else pool)
        for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
            data = changed_by(target, data, rng)
        accepted = bench.accepted
        if bench.one(data):
            pool.append(data)
        if bench.accepted > accepted and len(data) <= LARGEST // 4:
            if len(good) >= 64:
                good.pop(rng.randrange(8, 64))
            good.append(data)
    bench.save()


def guided(target: Any, bench: Bench, seconds: float, seed: int, work: Path) -> None:
    """The same with atheris: an input that reaches new lines joins the pool."""
    import atheris

    from tests.fuzz.target import LARGEST

    corpus = work / "corpus"
    corpus.mkdir(exist_ok=True)
    for k, one in enumerate(target.seeds(Path(bench._folder))):
        (corpus / f"seed{k}").write_bytes(one)

    def mutate(data: bytes, size: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.3:
            changed: bytes = atheris.Mutate(data, size)
            return changed
        for _ in range(rng.choice((1, 1, 2, 4))):
            data = changed_by(target, data, rng)
        return data[:size]

    atheris.Setup(
        [
            "fuzz",
            str(corpus),
            f"-max_total_time={max(1, round(seconds))}",
            f"-max_len={LARGEST}",
            f"-seed={seed or 1}",
            *(
                "-rss_limit_mb=0",
                "-timeout=100000",
                "-verbosity=0",
                "-len_control=0",
                "-handle_int=0",
            ),
            f"-artifact_prefix={work}/",
        ],
        lambda data: (bench.one(data), None)[1],
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def warm(target: Any, folder: Path) -> None:
    """Load what is loaded late (kernels from their cache: by pickle, as numba does)."""
    from gaitpi.errors import GaitpiError

    for one in target.seeds(folder):
        with contextlib.suppress(GaitpiError):
            target.read(one, folder)
        _empty(folder)


def _empty(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
    folder.mkdir()


def main() -> None:
    """One target, in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    os.nice(10)
    warnings.simplefilter("error")
    tempfile.tempdir = str(args.work / "folder")
    faulthandler.enable()
    logging.disable()
    end = time.monotonic() + args.seconds
    from tests.fuzz import formats

    if args.engine == "atheris":
        import atheris

        import gaitpi.device.pipeline  # noqa: F401  numba takes no instrumented kernels

        with atheris.instrument_imports(include=["gaitpi", "fitdecode"]):
            target = formats.target(args.name)
    else:
        target = formats.target(args.name)
    from tests.fuzz.target import limit_memory

    bench = Bench(target, args.work, args.out)
    warm(target, args.work / "folder")
    limit_memory()
    left = end - time.monotonic()
    if args.engine == "atheris":
        guided(target, bench, left, args.seed, args.work)
    else:
        own(target, bench, left, args.seed)


if __name__ == "__main__":
    main()
