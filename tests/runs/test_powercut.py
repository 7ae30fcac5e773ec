"""Cuts at chance instants: what was promised is there; each weakening of the writer is found."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from calibration.powercut.experiment import (
    SYNCLESS,
    Result,
    Traced,
    cut_journals,
    judged,
    run_judge,
    trace,
)
from calibration.powercut.kills import kill_daemons
from calibration.powercut.operations import Operation, possible
from calibration.powercut.storage import PROMISED, Storage
from calibration.powercut.workload import WRITERS
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.runs.reader import RunReader, list_runs
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.writer import RunWriter, run_path, settle

from .sample import RATE_HZ, batches, counts, header

needs_strace = pytest.mark.skipif(bool(possible()), reason=possible() or "-")
INSTANTS = 16
LATE_S = 4.0
"""A busy test machine stops a process for seconds; ``make powercut`` judges by 1.0 s."""


@pytest.fixture(scope="module")
def traces() -> Iterator[dict[str, Traced]]:
    """By the name of the weak writer, "" = ours, "daemon" = the whole daemon."""
    wanted = {"": "samples", "daemon": "runs", **dict.fromkeys(WRITERS, "samples")}
    with ExitStack() as stack, ThreadPoolExecutor(len(wanted)) as pool:

        def begin(name: str) -> Traced:
            seconds = ["0.5", "2.5"] if name == "slow" else ["0.5", "1.5"]
            weaken = ["--weaken", name] if name in WRITERS else []
            return stack.enter_context(trace(wanted[name], "--seconds", *seconds, *weaken))

        yield dict(zip(wanted, pool.map(begin, wanted), strict=True))


def promised(results: list[Result]) -> list[str]:
    return [f"{r.kind}: {why}" for r in results if r.kind in PROMISED for why in r.wrong]


def seed() -> int:
    drawn = random.SystemRandom().randrange(10**6)
    print(f"seed {drawn}")
    return drawn


@needs_strace
@pytest.mark.parametrize("name", ["", "daemon"])
def test_no_cut_spoils_a_run(traces: dict[str, Traced], name: str) -> None:
    done = traces[name]
    results = judged(done, run_judge(done, lost_max_s=LATE_S), INSTANTS, seed())
    assert promised(results) == []
    assert all(result.lost for result in results)
    assert [result.unreadable for result in results if result.kind in PROMISED] == [0] * 4


@needs_strace
@pytest.mark.parametrize("weaken", [*WRITERS, *SYNCLESS])
def test_each_weakening_is_found(traces: dict[str, Traced], weaken: str) -> None:
    done = traces[weaken if weaken in WRITERS else ""]
    limit = 1.0 if weaken == "slow" else LATE_S
    judge = run_judge(done, lost_max_s=limit)
    for drawn in range(20):
        if promised(judged(done, judge, 3, drawn, weaken=weaken)):
            return
    pytest.fail("a writer that loses runs passed")


@needs_strace
def test_small_files_are_as_before_or_after() -> None:
    assert promised(cut_journals(16, 2 * INSTANTS, seed())) == []
    assert promised(cut_journals(16, INSTANTS, seed(), weaken="nodir"))


def test_a_killed_recorder_leaves_its_run() -> None:
    result = kill_daemons(2, seed(), longest_s=0.8, at_once=2, lost_max_s=LATE_S, alone=True)
    assert result.wrong == []
    assert len(result.lost) == 2


# ------------------------------------------------------------- the model itself

FOLDER = "/f"
FILE = "/f/a"


def storage(*operations: Operation) -> Storage:
    made = Storage(Path(FOLDER))
    for operation in operations:
        made.do(operation)
    return made


def op(kind: str, path: str = FILE, at: float = 0.0, **other: object) -> Operation:
    return Operation(kind, path, at, at + 0.5, **other)  # type: ignore[arg-type]


def test_only_what_was_synced_survives() -> None:
    made = storage(op("create"), op("write", data=b"x" * 600))
    assert made.killed() == {"a": b"x" * 600}
    assert made.applied([]) == {}
    made.do(op("sync", at=1.0))
    assert made.applied([]) == {}  # the name is not
    made.do(op("sync", FOLDER, at=1.0))
    assert made.applied([]) == {"a": b"x" * 600}
    made.do(op("truncate", at=2.0))
    made.do(op("write", at=2.0, data=b"yy", offset=1))
    assert made.killed() == {"a": b"\0yy"}
    assert made.applied([]) == {"a": b"x" * 600}
    made.do(op("unlink", at=3.0))
    assert made.killed() == {}
    assert made.applied(made.pending) == {}


def test_a_write_that_ends_after_the_sync_began_is_not_in_it() -> None:
    made = storage(op("create"), op("sync", FOLDER, at=1.0), op("write", at=1.0, data=b"z"))
    made.do(op("sync", at=1.2))
    assert made.applied([]) == {"a": b""}
    made.do(op("sync", at=1.6))
    assert made.applied([]) == {"a": b"z"}


def test_a_rename_is_both_names_or_neither() -> None:
    made = storage(op("create", "/f/new"), op("write", "/f/new", data=b"n"))
    made.do(op("sync", "/f/new", at=1.0))
    made.do(op("sync", FOLDER, at=1.0))
    made.do(op("rename", "/f/new", at=2.0, target=FILE))
    assert made.applied([]) == {"new": b"n"}
    assert made.applied(made.pending) == {"a": b"n"}
    made.do(op("sync", FOLDER, at=3.0))
    assert made.applied([]) == {"a": b"n"}


def test_sectors_come_in_any_of_their_states() -> None:
    made = storage(op("create"), op("write", data=b"0" * 1024))
    made.do(op("sync", at=1.0))
    made.do(op("sync", FOLDER, at=1.0))
    made.do(op("write", at=2.0, data=b"1" * 1024))
    made.do(op("write", at=2.0, data=b"2" * 512, offset=512))
    rng = random.Random(1)
    seen = {made.sectors(made.pending, rng, 0.0)["a"] for _ in range(200)}
    assert seen == {
        first * 512 + second * 512 for first in (b"0", b"1") for second in (b"0", b"1", b"2")
    }
    made.do(op("truncate", at=3.0))
    made.do(op("write", at=4.0, data=b"3" * 512, offset=512))
    seen = {made.sectors(made.pending, rng, 0.0)["a"] for _ in range(500)}
    cut = {b"", bytes(1024), bytes(512) + b"3" * 512}  # cut off is cut off, and then are zeros
    assert {one for one in seen if one is not None and not one.startswith((b"0", b"1"))} == cut


def test_torn_sectors_spoil_what_was_written_and_no_more() -> None:
    made = storage(op("create"), op("write", data=b"0" * 4096))
    made.do(op("sync", at=1.0))
    made.do(op("sync", FOLDER, at=1.0))
    made.do(op("write", at=2.0, data=b"1" * 600, offset=1000))
    rng = random.Random(1)
    for neighbours in (False, True):
        whole = made.applied(made.pending)
        spoilt = [
            made.spoilt(whole, made.pending, rng, neighbours=neighbours)["a"] or b""
            for _ in range(50)
        ]
        beyond = any(one[:1000] + one[1600:] != b"0" * 3496 for one in spoilt)
        assert beyond is neighbours
        assert all(one != whole["a"] for one in spoilt)


# ------------------------------------------------------------- what the cuts found


def test_a_run_cut_before_its_first_sample_is_no_damaged_run(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run.gaitpi", header()).abandon()
    (entry,) = list_runs(tmp_path)
    assert entry.problem is None
    assert entry.totals is not None
    assert entry.totals.duration_s == 0.0


def test_what_came_before_a_run_is_safe_at_once(tmp_path: Path) -> None:
    """Half a minute was kept: it does not wait for the next half second (here it never comes)."""
    path = run_path(tmp_path, "run")
    told = header()
    recorder = Recorder.opening(told, lambda: RunWriter(path, told, monotonic=lambda: 0.0))
    kept = batches(counts(30 * int(RATE_HZ)))
    recorder.before(kept)
    n = 0
    for _ in range(200):
        if path.exists() and not list_runs(tmp_path)[0].problem:
            with RunReader(path) as run:
                n = sum(len(block.counts) for block in run.blocks())
        if n:
            break
        recorder._closing.wait(0.05)
    recorder.batch(Batch(0, len(kept) * 10, ClockLine(0, 0.0, 1 / RATE_HZ), counts(10)))
    assert n == 30 * int(RATE_HZ)
    recorder.close()


def test_a_start_survives_a_file_of_garbage(tmp_path: Path) -> None:
    """SQLite quotes it, and its bytes are no text."""
    path = tmp_path / "run.gaitpi"
    RunWriter(path, header()).close()
    data = bytearray(path.read_bytes())
    place = data.index(b"tablerunrun")
    data[place + 5 : place + 8] = b"\xbb" * 3
    data[place + 12 : place + 18] = b"CREATX"
    path.write_bytes(data)
    path.with_name("run.gaitpi-journal").touch()
    settle(tmp_path)
    assert list_runs(tmp_path)[0].problem
