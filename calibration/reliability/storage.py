"""The card: full, refusing, slow; files of one line a record; two boots at the same wall time.

The recorder is the real one in its thread, with real files. Samples come as fast as the loop of
these trials can give them, so that ten minutes of a run take a second; the time of each of its
calls is measured, since a call that waits for the card would make a cue late: the player drops what
is older than 250 ms.
"""

import contextlib
import random
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from calibration.madeup import RATE_HZ, SENSOR, WALL_S
from calibration.reliability import Outcome, Row
from calibration.reliability.card import Card
from gaitpi import calibrationfile, programmefile, tagfile, targetfile
from gaitpi.calibrationfile import RestRecord
from gaitpi.config import Config
from gaitpi.errors import GaitpiError, RunFileError
from gaitpi.imu.batch import Batch, ClockLine, Counts
from gaitpi.runs.header import RunHeader, new_run_id
from gaitpi.runs.reader import RunReader, list_runs
from gaitpi.runs.recorder import RING_S, Recorder
from gaitpi.runs.room import MB, Room, free_bytes
from gaitpi.runs.writer import RunWriter, run_path, settle

LATE_S: Final = 0.250
"""A sample older than this is not cued."""
WAITED_S: Final = 1.0
"""A call that waits for the card takes longer than this in all of these trials."""
TOLD_S: Final = 5.0
GAP_S: Final = 0.010
DAY_S: Final = 86_400.0
SIZE: Final = 50
"""Samples in a batch of these trials."""


def _header(wall_s: float = WALL_S, boot: str = "") -> RunHeader:
    made = RunHeader.new(
        mono_s=100.0,
        wall_s=wall_s,
        sensor=SENSOR,
        config=msgspec.json.encode(Config()).decode(),
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=RATE_HZ,
        has_gyro=True,
        virtual=False,
        source="trial",
    )
    return replace(made, boot_id=boot, run_id=new_run_id(wall_s, boot)) if boot else made


class _Loop:
    """Gives a recorder samples, and measures how long its calls keep it."""

    def __init__(self, recorder: Recorder, seed: int) -> None:
        self._recorder = recorder
        self._rng = np.random.default_rng(seed)
        self.samples: list[Counts] = []
        self.calls: list[float] = []

    def run(self, seconds: float, *, paced_s: float = 0.0) -> None:
        """So many seconds of samples, a row now and then; ``paced_s`` between two batches."""
        line = ClockLine(0, 0.0, 1 / RATE_HZ)
        for _ in range(round(seconds * RATE_HZ / SIZE)):
            k = len(self.samples)
            part = self._rng.integers(-2000, 2000, (SIZE, 6)).astype(np.int16)
            self.samples.append(part)
            self._timed(self._recorder.batch, Batch(k, SIZE * k, line, part))
            if k % 4 == 0:
                self._timed(self._recorder.event, SIZE * k / RATE_HZ, "mark", "a row")
            if paced_s:
                time.sleep(paced_s)

    def _timed(self, call: Callable[..., None], *values: object) -> None:
        before = time.perf_counter()
        call(*values)
        self.calls.append(time.perf_counter() - before)

    @property
    def given_s(self) -> float:
        """What it has given so far, s of samples."""
        return len(self.samples) * SIZE / RATE_HZ

    @property
    def worst_s(self) -> float:
        """The slowest call, s."""
        return max(self.calls)

    @property
    def held_up(self) -> bool:
        """Whether a call waited for the card. A busy machine makes one of a thousand slow."""
        return float(np.quantile(self.calls, 0.999)) > LATE_S or self.worst_s > WAITED_S

    def told(self) -> str:
        """The slowest of its calls, in words."""
        share = float(np.quantile(self.calls, 0.999))
        return f"call of the loop {1e3 * share:.1f} ms (99.9 %), {1e3 * self.worst_s:.1f} ms (max)"


def _until(true: Callable[[], bool], limit_s: float) -> float:
    """Seconds until it is true; infinite when it is not within ``limit_s``."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > limit_s:
            return float("inf")
        time.sleep(0.002)
    return time.monotonic() - began


class _Found:
    """What a finished run holds of the samples given."""

    def __init__(self, path: Path, loop: _Loop) -> None:
        with RunReader(path) as run:
            blocks = list(run.blocks())
            self.told_s = [
                (e.time_s, msgspec.json.decode(e.detail)["seconds"])
                for e in run.events()
                if e.kind == "dropout" and "rows" not in e.detail
            ]
            self.rows = sum(e.kind == "mark" for e in run.events())
        given = np.concatenate(loop.samples)
        at = np.concatenate([np.arange(b.index, b.index + len(b.counts)) for b in blocks])
        got = np.concatenate([b.counts for b in blocks])
        self.right = bool((given[at] == got).all())
        self.lost_s = (len(given) - len(got)) / RATE_HZ
        self.gaps_s = sum(b.gap_s for b in blocks)
        kept = np.zeros(len(given), bool)
        kept[at] = True
        holes = np.flatnonzero(~kept)
        after = len(given) - 1 - holes[-1] if len(holes) else len(given)
        self.last_s = after / RATE_HZ
        """How far back from the end all is there."""

    @property
    def error_s(self) -> float:
        """By how much the lengths told differ from what is missing."""
        told_s = float(sum(s for _, s in self.told_s))
        return max(abs(told_s - self.lost_s), abs(self.gaps_s - self.lost_s))


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"gaitpi-{prefix}-") as name:
        yield Path(name)


@contextlib.contextmanager
def _small_card(folder: Path, size: int) -> Iterator[Path | None]:
    """A file system of so many bytes, of the kernel; None where none can be mounted."""
    card = folder / "card"
    card.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(card)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield card
    finally:
        subprocess.run(["umount", "-l", str(card)], check=False)


@contextlib.contextmanager
def _no_growth(limit: int) -> Iterator[None]:
    """The kernel lets no file grow beyond ``limit`` bytes: as near to a full card without root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _trials(
    trials: int, seed: int, one: Callable[[random.Random], tuple[float, str, str]]
) -> Outcome:
    """Each trial with its own seed; it gives (how bad, in words, why the promise is broken)."""
    worst: tuple[float, str] = (-1.0, "")
    why = ""
    for k in range(trials):
        badness, words, broken = one(random.Random(seed + k))
        worst = max(worst, (badness, words))
        if broken and not why:
            why = f"{broken} (seed {seed + k})"
    return Outcome(trials, worst[1], not why, why)


def _write_earlier(path: Path, wall_s: float, n: int = 400) -> bytes:
    writer = RunWriter(path, _header(wall_s))
    counts = np.random.default_rng(n).integers(-2000, 2000, (n, 6)).astype(np.int16)
    writer.batch(Batch(0, 0, ClockLine(0, 0.0, 1 / RATE_HZ), counts))
    writer.close()
    return path.read_bytes()


def full(trials: int, seed: int) -> Outcome:
    """F13: not a byte is free."""

    def one(rng: random.Random) -> tuple[float, str, str]:
        with _folder("full") as top, _small_card(top, rng.randrange(400, 1500) * 4096) as card:
            folder = card or top
            earlier = folder / "earlier.gaitpi"
            before = _write_earlier(earlier, WALL_S - DAY_S)
            path = run_path(folder, "now")
            recorder = Recorder(RunWriter(path, _header()), room=Room(folder, floor_bytes=0))
            loop = _Loop(recorder, rng.randrange(2**32))
            loop.run(rng.uniform(2.0, 20.0), paced_s=0.001)
            with _no_growth(path.stat().st_size) if card is None else _filled(folder):
                began = time.monotonic()
                while recorder.problem is None and time.monotonic() - began < 2 * TOLD_S:
                    loop.run(SIZE / RATE_HZ, paced_s=0.01)
                told_s = time.monotonic() - began
                words = str(recorder.problem)
                loop.run(rng.uniform(20.0, 200.0))
                intact = earlier.read_bytes() == before
                listed = [entry.problem for entry in list_runs(folder)] == [None, None]
            problem = recorder.close()
            found = _Found(path, loop)
        broken = ""
        if told_s > TOLD_S or not words.startswith("No room left"):
            broken = f"told after {told_s:.1f} s: {words}"
        elif loop.held_up:
            broken = loop.told()
        elif not (intact and listed):
            broken = "an earlier run was touched"
        elif problem or not found.right or found.lost_s:
            broken = f"{found.lost_s:.2f} s lost although there was room again ({problem})"
        kind = "0 bytes free" if card else "no growth"
        return told_s, f"{kind}: told after {told_s:.1f} s; {loop.told()}; 0 lost", broken

    return _trials(trials, seed, one)


@contextlib.contextmanager
def _filled(folder: Path) -> Iterator[None]:
    fill = folder / "fill"
    with fill.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert free_bytes(folder) == 0
    yield
    fill.unlink()


def reserve(trials: int, seed: int) -> Outcome:
    """F13b: the oldest runs go for a reserve, and nothing else."""

    def one(rng: random.Random) -> tuple[float, str, str]:
        with _folder("reserve") as folder:
            ages = sorted((rng.choice([rng.uniform(0, 0.99), rng.uniform(1.01, 90)]), k)
                          for k in range(rng.randrange(3, 12)))  # fmt: skip
            starred = set()
            for age, k in ages:
                path = folder / f"run-{k}.gaitpi"
                _write_earlier(path, WALL_S - age * DAY_S, rng.randrange(200, 3000))
                if rng.random() < 0.3:
                    starred.add(path.stem)
            stars = [tagfile.Tag(wall_s=0.0, run=name, tag="star") for name in sorted(starred)]
            if stars:
                tagfile.add(tagfile.path_in(folder), stars)
            sizes = {p.stem: p.stat().st_size for p in folder.glob("*.gaitpi")}
            may = [f"run-{k}" for age, k in reversed(ages)
                   if age > 1.0 and f"run-{k}" not in starred]  # fmt: skip
            missing = rng.randrange(1, sum(sizes.values()))
            total = sum(p.stat().st_size for p in folder.iterdir()) + 20 * MB
            room = Room(
                folder,
                20 + missing / MB,
                wall=lambda: WALL_S,
                free=lambda f: total - sum(p.stat().st_size for p in f.iterdir()),
            )
            wanted, gained = [], 0
            for name in may:
                if gained < missing:
                    wanted.append(name)
                    gained += sizes[name]
            if gained < missing:  # not to be had: none of them goes for it
                wanted = []
            gone = [deleted.run_id for deleted in room.make()]
            left = {p.stem for p in folder.glob("*.gaitpi")}
        broken = ""
        if gone != wanted or left != set(sizes) - set(wanted):
            broken = f"deleted {gone} instead of {wanted}"
        elif bool(room.problem) == (gained >= missing):
            broken = f"told {room.problem!r}"
        return (
            len(sizes),
            f"{len(gone)} of {len(sizes)} deleted, {len(starred)} starred stayed",
            (broken),
        )

    return _trials(trials, seed, one)


def refusing(trials: int, seed: int) -> Outcome:
    """F14: the card gives errors, or is read-only, for a time, and comes back."""

    def one(rng: random.Random) -> tuple[float, str, str]:
        card = Card()
        card.late = rng.random() < 0.5
        name = rng.choice(["SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_READONLY"])
        out_s = rng.choice([rng.uniform(1.0, 60.0), rng.uniform(60.0, 1.5 * RING_S)])
        with _folder("refusing") as folder:
            path = run_path(folder, "now")
            recorder = Recorder(RunWriter(path, _header(), connect=card.connect))
            loop = _Loop(recorder, rng.randrange(2**32))
            loop.run(rng.uniform(1.0, 30.0))
            _until(lambda: recorder.queued_s == 0.0, 10.0)
            card.refuse(name)
            before_s = loop.given_s
            loop.run(1.0)  # all before may be on the card already
            told_s = _until(lambda: recorder.problem is not None, 2 * TOLD_S)
            loop.run(out_s - 1.0)
            out_s = loop.given_s - before_s  # in whole batches
            card.mend()
            back_s = _until(lambda: recorder.problem is None, 10.0)
            # what comes next would come in seconds here, and in its own time on the belt
            _until(lambda: recorder.queued_s < 0.5 * RING_S, 60.0)
            loop.run(rng.uniform(1.0, 10.0))
            problem = recorder.close()
            found = _Found(path, loop)
        slack = SIZE / RATE_HZ
        broken = ""
        if told_s > TOLD_S or back_s > TOLD_S:
            broken = f"told after {told_s:.1f} s, back after {back_s:.1f} s"
        elif loop.held_up:
            broken = loop.told()
        elif problem or not found.right:
            broken = f"not what was given ({problem})"
        elif found.lost_s > max(0.0, out_s - RING_S) + slack:
            broken = f"{found.lost_s:.2f} s lost in {out_s:.0f} s"
        elif found.lost_s and (found.error_s > GAP_S or found.last_s < RING_S - slack):
            broken = f"missing {found.lost_s:.3f} s told wrong by {found.error_s:.3f} s"
        words = (
            f"out for {out_s:.0f} s of samples: {found.lost_s:.0f} s lost, told to "
            f"{1e3 * found.error_s:.1f} ms; {loop.told()}"
        )
        return out_s, words, broken

    return _trials(trials, seed, one)


def slow(trials: int, seed: int) -> Outcome:
    """F16: a write that does not return for a time."""

    def one(rng: random.Random) -> tuple[float, str, str]:
        card = Card()
        out_s = rng.choice([rng.uniform(0.5, 30.0), rng.uniform(30.0, 1.5 * RING_S)])
        with _folder("slow") as folder:
            path = run_path(folder, "now")
            recorder = Recorder(RunWriter(path, _header(), connect=card.connect))
            loop = _Loop(recorder, rng.randrange(2**32))
            loop.run(rng.uniform(1.0, 30.0))
            with card.stalled():
                began = time.monotonic()
                while not card.waiting and time.monotonic() - began < TOLD_S:
                    loop.run(SIZE / RATE_HZ, paced_s=0.01)
                loop.run(out_s)
            _until(lambda: recorder.queued_s < 1.0, 20.0)
            loop.run(1.0)
            problem = recorder.close()
            found = _Found(path, loop)
        slack = 2 * SIZE / RATE_HZ + TOLD_S
        broken = ""
        if loop.held_up:
            broken = loop.told()
        elif problem or not found.right:
            broken = f"not what was given ({problem})"
        elif found.lost_s > max(0.0, out_s - RING_S) + (slack if out_s > 500 else 0.0):
            broken = f"{found.lost_s:.2f} s lost in a stall of {out_s:.0f} s"
        elif found.error_s > GAP_S:
            broken = f"missing {found.lost_s:.3f} s told wrong by {found.error_s:.3f} s"
        words = (
            f"stall of {out_s:.0f} s: {found.lost_s:.0f} s lost, told to "
            f"{1e3 * found.error_s:.1f} ms; {loop.told()}"
        )
        return out_s, words, broken

    return _trials(trials, seed, one)


def _journals() -> list[tuple[str, Callable[[Path, int], object], Callable[[Path], list[object]]]]:
    """Of each kind of file: its name, what adds a record, what reads all good ones."""

    def rest(path: Path, k: int) -> object:
        measured = {"wall_s": WALL_S + k, "boot_id": "b", "chip": "lsm6dsox", "address": 0x6A}
        values = {"gyro_bias": (0.01 * k, 0.0, 0.0), "gyro_bias_sd": 0.001, "gravity": 9.81}
        noise = {"acc_noise": 0.02, "gyro_noise": 0.001, "seconds": 10.0, "why": "trial"}
        record = RestRecord(**(measured | values | noise))  # type: ignore[arg-type]
        calibrationfile.add(path, record)
        return record

    def target(path: Path, k: int) -> object:
        record = targetfile.Accepted(
            wall_s=WALL_S + k, metric="cadence", value=170.0 + k, how="set"
        )
        targetfile.add(path, [record])
        return record

    def stopped(path: Path, k: int) -> object:
        record = programmefile.Stopped(wall_s=WALL_S + k, id=f"p{k}")
        programmefile.add(path, [record])
        return record

    def tag(path: Path, k: int) -> object:
        record = tagfile.Tag(wall_s=WALL_S + k, run=f"run-{k}", tag="star")
        tagfile.add(path, [record])
        return record

    return [
        ("calibration.jsonl", rest, lambda p: list(calibrationfile.load(p).records)),
        ("targets.jsonl", target, lambda p: list(targetfile.load(p).records)),
        ("programme.jsonl", stopped, lambda p: list(programmefile.load(p).records)),
        ("tags.jsonl", tag, lambda p: list(tagfile.load(p).records)),
    ]


def flipped(trials: int, seed: int) -> Outcome:
    """F24: every bit of the files beside the runs, one at a time; and writes that fail midway."""
    flips, missed, torn = 0, [], []
    for k in range(trials):
        rng = random.Random(seed + k)
        for name, add, load in _journals():
            with _folder("flip") as folder:
                path = folder / name
                records = [add(path, i) for i in range(3)]
                good = path.read_bytes()
                step = 1 if trials > 1 else 31
                for bit in range(rng.randrange(step), 8 * len(good), step):
                    bad = bytearray(good)
                    bad[bit // 8] ^= 1 << bit % 8
                    path.write_bytes(bad)
                    found = load(path)
                    flips += 1
                    # a line end that became a sign joins two lines: both are damaged then
                    last = bit // 8 == len(good) - 1
                    if any(r not in records for r in found) or (len(found) == 3 and not last):
                        missed.append(f"{name} bit {bit}")
                path.write_bytes(good)
                with _no_growth(rng.randrange(len(good))), contextlib.suppress(GaitpiError):
                    add(path, 3)
                after = path.read_bytes()
                whole = load(path) == records
                if not whole:
                    torn.append(f"{name}: {len(good)} -> {len(after)} bytes")
    why = ", ".join([*missed[:3], *torn[:3]])
    words = (
        f"{flips - len(missed)} of {flips} flips caught; {len(torn)} files lost by failed writes"
    )
    return Outcome(flips, words, not why, f"{why} (seed {seed})" if why else "")


def same_wall_time(trials: int, seed: int) -> Outcome:
    """F27: two boots at the same wall time, also with names that meet."""

    def one(rng: random.Random) -> tuple[float, str, str]:
        wall_s = rng.choice([0.0, WALL_S, rng.uniform(0, 4e9)])
        boots = [f"{rng.getrandbits(128):032x}" for _ in range(2)]
        boots[1] = rng.choice([boots[0][:4] + boots[1][4:], boots[1]])  # the same beginning even
        with _folder("boots") as folder:
            writers = []
            for k in range(6):
                made = _header(wall_s, boots[k // 3])
                writers.append(RunWriter(run_path(folder, made.run_id), made))
                if k == 2:
                    for writer in writers[1:]:
                        writer.abandon()  # the power went, but for one of another machine's clock
                    settle(folder)
            met = 0
            for writer in list(writers):
                made = _header(wall_s, boots[1])
                try:
                    RunWriter(writer.path, made)
                except RunFileError:
                    met += 1
            line = ClockLine(0, 0.0, 1 / RATE_HZ)
            for k, writer in enumerate(writers):
                if k in (1, 2):
                    continue
                writer.batch(Batch(0, 0, line, np.full((300, 6), k, np.int16)))
                writer.close()
            entries = list_runs(folder)
            mixed = 0
            for k, writer in enumerate(writers):
                with RunReader(writer.path) as run:
                    samples = [b.counts for b in run.blocks()]
                    own = run.header.boot_id == boots[k // 3] and run.run_id == writer.path.stem
                    wanted = [] if k in (1, 2) else [np.full((300, 6), k, np.int16).tobytes()]
                    got = [np.concatenate(samples).tobytes()] if samples else []
                    mixed += not own or got != wanted
        broken = ""
        if len(entries) != 6 or any(e.problem for e in entries) or met != 6 or mixed:
            broken = f"{len(entries)} of 6 runs, {met} of 6 names refused, {mixed} mixed"
        return 0.0, "6 runs of 2 boots: 6 files, 0 overwritten, 0 mixed", broken

    return _trials(trials, seed, one)


def many_runs(trials: int, seed: int) -> Outcome:
    """F15d: a start in a folder of 300 runs, one of them cut in the middle of a commit."""
    worst_s, why = 0.0, ""
    for k in range(trials):
        rng = random.Random(seed + k)
        with _folder("many") as folder:
            first = folder / "0.gaitpi"
            _write_earlier(first, WALL_S, 20_000)
            for i in range(1, 300):
                shutil.copyfile(first, folder / f"{i}.gaitpi")
            cut = folder / f"{rng.randrange(300)}.gaitpi"
            _cut_in_commit(cut)
            began = time.monotonic()
            undone = settle(folder)
            writer = RunWriter(run_path(folder, "new"), _header())
            worst_s = max(worst_s, time.monotonic() - began)
            writer.close()
            with RunReader(cut) as run, RunReader(first) as whole:
                same = [b.counts.tobytes() for b in run.blocks()] == [
                    b.counts.tobytes() for b in whole.blocks()
                ]
            if undone != [cut] or not same or worst_s > 2.0:
                why = why or f"{worst_s:.2f} s, undone {undone} (seed {seed + k})"
    return Outcome(trials, f"{1e3 * worst_s:.0f} ms to the header of the new run", not why, why)


def _cut_in_commit(path: Path) -> None:
    """Leave file and journal as a power cut in the middle of a commit does."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")  # pages reach the file before the commit
        db.execute("BEGIN")
        db.execute("UPDATE block SET data = randomblob(length(data)), crc32 = 0")
        torn, journal = path.read_bytes(), Path(f"{path}-journal").read_bytes()
        db.execute("ROLLBACK")
    path.write_bytes(torn)
    Path(f"{path}-journal").write_bytes(journal)


ROWS: Final = (
    Row(
        number="F13",
        fault="card full",
        injector="a file system of a few MB filled to the last byte (tmpfs; else RLIMIT_FSIZE)",
        promise="0 bytes free: told <= 5 s, no call of the loop waits (99.9 % < 250 ms), earlier"
        " runs intact, 0 lost when room returns within 10 min",
        counter="write_errors",
        judge=full,
        few=1,
        many=20,
    ),
    Row(
        number="F13b",
        fault="reserve wanted",
        injector="folders of 3 to 11 runs of random age, size and stars",
        promise="the oldest go until the reserve is there, none for one that cannot be; never a"
        " starred one, nor of 24 h",
        counter="deleted_runs",
        judge=reserve,
        few=5,
        many=200,
    ),
    Row(
        number="F14",
        fault="card read-only or with errors",
        injector="every commit and opening refused (EIO at write or sync, read-only; before or"
        " after it took effect) for up to 15 min of samples",
        promise="no call of the loop waits (99.9 % < 250 ms); told <= 5 s; the last 10 min kept"
        " when it returns, what is missing told to 10 ms",
        counter="write_errors",
        judge=refusing,
        few=1,
        many=20,
    ),
    Row(
        number="F15d",
        fault="power cut among 300 runs",
        injector="file and journal as in the middle of a commit",
        promise="a start to the next header takes <= 2 s; the cut run reads whole",
        counter="(none: nothing is lost)",
        judge=many_runs,
        few=1,
        many=20,
    ),
    Row(
        number="F16",
        fault="slow card",
        injector="a commit that does not return for up to 15 min of samples",
        promise="stalls <= 30 s (in fact 10 min): 0 lost; longer: told to 10 ms; no call of the"
        " loop waits (99.9 % < 250 ms)",
        counter="dropped_batches",
        judge=slow,
        few=2,
        many=30,
    ),
    Row(
        number="F24",
        fault="calibration, targets, programme or tags damaged",
        injector="every bit flipped; writes that fail midway (RLIMIT_FSIZE)",
        promise="100 % caught; a failed write leaves the file as it was",
        counter="in words, by the command and at the start of a run",
        judge=flipped,
        few=1,
        many=2,
    ),
    Row(
        number="F27",
        fault="no clock: two boots at the same wall time",
        injector="six runs of two boots, boot ids that begin alike, names used twice",
        promise="never overwritten or mixed",
        counter="boot_id and run_id in the header",
        judge=same_wall_time,
        few=2,
        many=100,
    ),
)


def main() -> None:
    """Judge every row of this subject with many trials."""
    for row in ROWS:
        outcome = row.judge(row.many, 1)
        kept = "kept" if outcome.kept else f"BROKEN: {outcome.why}"
        print(f"{row.number:<5} {outcome.trials:>6} trials  {outcome.worst}  {kept}", flush=True)


if __name__ == "__main__":
    main()
