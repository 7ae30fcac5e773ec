"""The recorder: never in the way, never silent about what it lost."""

import math
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gaitpi.errors import RunFileError
from gaitpi.review.verdict import judge
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import RING_S, Recorder
from gaitpi.runs.writer import RunWriter

from .sample import RATE_HZ, batches, counts, cue, header, second, step, withheld


def until(true: Callable[[], bool], limit_s: float = 30.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@contextmanager
def stuck_card(path: Path) -> Iterator[None]:
    """Nobody can write while another program holds the file."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@contextmanager
def full_card(limit: int) -> Iterator[None]:
    """The kernel refuses to let files grow beyond ``limit`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("synchronous", [False, True])
def test_all_that_is_recorded_is_in_the_file(tmp_path: Path, synchronous: bool) -> None:
    path = tmp_path / "run.gaitpi"
    recorder = Recorder(RunWriter(path, header(virtual=synchronous)), synchronous=synchronous)
    data = counts(5000)
    dtype = [(name, "f8") for name in second(0.0)]
    reused = np.zeros(1, dtype)
    for k, batch in enumerate(batches(data)):
        recorder.batch(batch)
        reused["time_s"] = k
        recorder.seconds(reused)
        recorder.steps([step(k * 0.35)])
    recorder.cue(cue(3.0), 3.1)
    recorder.withheld(withheld(4.0))
    recorder.event(5.0, "command", "mute", minutes=30)
    recorder.anchor(200.0, 5000.0)
    assert recorder.close({"cues": 1}) is None
    assert recorder.close() is None
    assert set(recorder.counters.values()) == {0}
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == data.tobytes()
        assert [s.time_s for s in run.seconds()] == list(range(500))
        assert len(run.steps()) == 500
        assert run.cues()[0].played_s == 3.1
        assert [e.kind for e in run.events()] == ["command"]
        assert (len(run.withheld()), len(run.anchors())) == (1, 2)
        assert run.summary == {"cues": 1}


def test_what_the_runner_asked_for_is_on_the_card_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    never_due = RunWriter(path, header(), monotonic=lambda: 0.0)
    recorder = Recorder(never_due)

    def kinds() -> list[str]:
        with RunReader(path) as run:
            return [event.kind for event in run.events()]

    recorder.event(1.0, "fault", "not urgent")
    until(lambda: recorder.opened and not recorder._waiting())
    assert kinds() == []
    recorder.asked(2.0, "mute", "cues muted for 30 min by the button", until_s=1802.0)
    until(lambda: kinds() == ["fault", "mute"])
    recorder.close()


def test_a_stall_within_the_queue_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    recorder = Recorder(RunWriter(path, header()))
    data = counts(int(25 * RATE_HZ))
    slowest = 0.0
    with stuck_card(path):
        time.sleep(0.6)  # the first commit is due and stalls
        for batch in batches(data):
            before = time.perf_counter()
            recorder.batch(batch)
            slowest = max(slowest, time.perf_counter() - before)
    assert slowest < 0.25
    assert recorder.close() is None
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == data.tobytes()
        assert run.events() == []


def test_a_longer_stall_is_recorded_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    recorder = Recorder(RunWriter(path, header()))
    size, more_s = 50, 20.0
    all_of_it = batches(counts(int((RING_S + more_s) * RATE_HZ)), size=size)
    early, late = 5, 8
    for batch in all_of_it[:early]:
        recorder.batch(batch)
    until(lambda: recorder.queued_s == 0.0)
    with stuck_card(path):
        recorder.event(0.0, "mark", "so that a commit is due")
        time.sleep(0.6)
        recorder.event(0.0, "mark", "it stalls now")
        time.sleep(0.3)
        for batch in all_of_it[early:-late]:
            recorder.batch(batch)
        recorder.cue(cue(39.0), 39.1)
        assert RING_S - 1.0 < recorder.queued_s <= RING_S
    until(lambda: recorder.queued_s < 1.0)
    for batch in all_of_it[-late:]:
        recorder.batch(batch)
    assert recorder.close() is None
    dropped = recorder.counters["dropped_batches"]
    assert dropped > 0
    with RunReader(path) as run:
        blocks = list(run.blocks())
        kept = np.concatenate([b.times() for b in blocks])
        (gap,) = [b.gap_s for b in blocks if b.gap_s]
        (event,) = [e for e in run.events() if e.kind == "dropout"]
        assert [c.time_s for c in run.cues()] == [39.0]
        assert judge(run).dropout_s == pytest.approx(gap)
    wanted_s = dropped * size / RATE_HZ
    assert event.text == f"{wanted_s:.2f} s not recorded: the card was too slow"
    assert gap == pytest.approx(wanted_s, abs=1e-6)
    # the oldest of what waited went, and the last ten minutes are there
    assert event.time_s == pytest.approx(early * size / RATE_HZ)
    assert kept[-1] - (event.time_s + wanted_s) > RING_S - 1.0
    assert len(kept) + dropped * size == sum(len(b.counts) for b in all_of_it)


def test_a_full_card_is_said_in_words_and_mended_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    recorder = Recorder(RunWriter(path, header()))
    data = counts(3000)
    with full_card(path.stat().st_size):
        for batch in batches(data):
            recorder.batch(batch)
        until(lambda: recorder.problem is not None)
        assert "run.gaitpi" in str(recorder.problem)
        assert recorder.counters["write_errors"] >= 1
        with RunReader(path) as run:
            assert list(run.blocks()) == []
    until(lambda: recorder.problem is None)
    assert recorder.close() is None
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == data.tobytes()


@pytest.mark.parametrize("synchronous", [False, True])
def test_a_card_that_stays_full_ends_in_words_in_time(tmp_path: Path, synchronous: bool) -> None:
    path = tmp_path / "run.gaitpi"
    recorder = Recorder(RunWriter(path, header()), synchronous=synchronous)
    with full_card(path.stat().st_size):
        for batch in batches(counts(3000)):
            recorder.batch(batch)
        started = time.monotonic()
        problem = recorder.close(wait_s=0.2)
        assert time.monotonic() - started < 3.0
    assert problem is not None
    assert "run.gaitpi" in problem
    with RunReader(path) as run:
        assert not run.finished


def test_a_bad_row_is_counted_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.gaitpi"
    recorder = Recorder(RunWriter(path, header()))
    recorder.steps([{"ic_s": 1.0}])
    recorder.event(1.0, "mark", "\udc80")
    recorder.event(1.0, "mark", "x", what=object())
    recorder.seconds([second(1.0, samples=2**63)])
    recorder.seconds([second(math.nan)])  # a row without a time is none
    recorder.seconds([second(1.0, cadence_spm=math.nan)])
    recorder.event(2.0, "mark", "good")
    assert recorder.close() is None
    assert recorder.counters["bad_rows"] == 5
    assert "Traceback" not in caplog.text
    with RunReader(path) as run:
        assert [e.text for e in run.events() if e.kind == "mark"] == ["good"]
        told = [e.text for e in run.events() if e.kind == "fault"]
        assert sum(1 if text.startswith("1 ") else int(text.split()[0]) for text in told) == 5
        assert all(text.split(" ", 1)[1].startswith("record") for text in told)
        assert len(run.seconds()) == 1
        assert run.finished


def test_idle_rows_reach_the_card_though_nothing_follows(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    recorder = Recorder(RunWriter(path, header()))
    recorder.event(0.0, "fault", "sensor lost")
    with RunReader(path) as run:
        until(lambda: len(run.events()) == 1)
    recorder.close()
    assert threading.active_count() == 1 or "gaitpi-recorder" not in {
        t.name for t in threading.enumerate()
    }


def test_no_place_for_runs_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(RunFileError, match="Recording into run"):
        RunWriter(tmp_path / "runs" / "run.gaitpi", header())


def test_a_card_that_refuses_the_new_file_is_asked_again_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.gaitpi"
    goes = []
    takes = threading.Event()

    def create() -> RunWriter:
        goes.append(threading.current_thread())
        if not takes.is_set():
            raise RunFileError("the card refuses", "wait")
        return RunWriter(path, header())

    recorder = Recorder.opening(header(), create)
    # more from before the run than may wait of the run itself
    early, later = int(1.2 * RING_S * RATE_HZ), 500
    data = counts(early + later)
    parts = batches(data)
    n = sum(1 for batch in parts if batch.index < early)
    recorder.before(parts[:n])
    for batch in parts[n:]:
        recorder.batch(batch)
    until(lambda: recorder.problem is not None)
    assert "refuses" in str(recorder.problem)
    before = recorder.opened
    takes.set()
    until(lambda: recorder.problem is None)
    assert recorder.close() is None
    assert (before, recorder.opened) == (False, True)
    assert threading.main_thread() not in goes
    assert recorder.counters["dropped_batches"] == recorder.counters["bad_rows"] == 0
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == data.tobytes()
        assert run.finished


def test_a_card_that_never_takes_the_file_leaves_none_and_words(tmp_path: Path) -> None:
    def create() -> RunWriter:
        raise RunFileError("the card refuses", "wait")

    recorder = Recorder.opening(header(), create)
    for batch in batches(counts(300)):
        recorder.batch(batch)
    assert "refuses" in str(recorder.close(wait_s=0.2))
    assert not recorder.opened
