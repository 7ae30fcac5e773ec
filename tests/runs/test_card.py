"""Cards that refuse, stall and come back: the last ten minutes are kept, the rest is told."""

import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from calibration.reliability.card import Card
from gaitpi.errors import RunFileError
from gaitpi.faults import FAULTS, told
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.review.quality import assess
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import COUNTED, MAX_ROWS, RING_S, Recorder
from gaitpi.runs.writer import RunWriter, settle

from .sample import RATE_HZ, batches, counts, cue, header, second
from .test_recorder import until


@pytest.mark.parametrize("name", ["SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_READONLY"])
@pytest.mark.parametrize("late", [False, True])
def test_one_error_is_tried_again_at_once_and_not_worth_a_word(
    tmp_path: Path, name: str, late: bool
) -> None:
    path, card = tmp_path / "run.gaitpi", Card()
    card.late = late
    recorder = Recorder(RunWriter(path, header(), connect=card.connect))
    data = counts(1000)
    parts = batches(data)
    for batch in parts[:50]:
        recorder.batch(batch)
    card.refuse(name, times=1)
    until(lambda: card.refused == 1)
    for batch in parts[50:]:
        recorder.batch(batch)
        assert recorder.problem is None
    assert recorder.close() is None
    assert recorder.counters["write_errors"] == 1
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == data.tobytes()
        assert [(e.kind, e.text) for e in run.events()] == [("fault", "once the card refused")]


def test_the_last_ten_minutes_are_kept_for_a_card_that_returns(tmp_path: Path) -> None:
    path, card = tmp_path / "run.gaitpi", Card()
    recorder = Recorder(RunWriter(path, header(), connect=card.connect))
    size, more_s = 50, 45.0
    samples = counts(int((RING_S + more_s) * RATE_HZ))
    all_of_it = batches(samples, size=size)
    for batch in all_of_it[:5]:
        recorder.batch(batch)
    until(lambda: recorder.queued_s == 0.0)
    card.refuse("SQLITE_IOERR_WRITE")
    recorder.event(1.2, "mark", "while it refuses")
    until(lambda: recorder.problem is not None)
    assert "dmesg" in str(recorder.problem)
    for batch in all_of_it[5:]:
        recorder.batch(batch)
    recorder.seconds([second(5.0)])
    recorder.cue(cue(600.0))
    until(lambda: recorder.counters["write_errors"] > 3)
    opened = card.opened
    card.mend()
    until(lambda: recorder.problem is None)
    assert card.opened > opened  # it may be another device to the kernel
    assert recorder.close({"end": 1}) is None
    with RunReader(path) as run:
        blocks = list(run.blocks())
        (event,) = [e for e in run.events() if e.kind == "dropout"]
        assert [e.text for e in run.events() if e.kind == "mark"] == ["while it refuses"]
        assert (len(run.seconds()), len(run.cues())) == (1, 1)
        assert run.finished
    lost = recorder.counters["dropped_batches"] * size
    got = np.concatenate([b.counts for b in blocks])
    first = 5 * size
    assert lost > 0
    assert got.tobytes() == np.delete(samples, slice(first, first + lost), axis=0).tobytes()
    assert len(got) - first > (RING_S - 1.0) * RATE_HZ
    assert event.time_s == pytest.approx(first / RATE_HZ)
    assert event.text == f"{lost / RATE_HZ:.2f} s not recorded: the card refused"
    assert sum(b.gap_s for b in blocks) == pytest.approx(lost / RATE_HZ, abs=0.010)


def test_what_never_came_back_is_told_as_missing_to_the_end(tmp_path: Path) -> None:
    """The card takes the end of the run, after the ring ran over."""
    path, card = tmp_path / "run.gaitpi", Card()
    recorder = Recorder(RunWriter(path, header(), connect=card.connect))
    with card.stalled():
        recorder.event(0.0, "mark", "a commit stalls")
        until(lambda: card.waiting)
        for batch in batches(counts(int((RING_S + 10.0) * RATE_HZ)), size=100):
            recorder.batch(batch)
        closing = threading.Thread(target=recorder.close)
        closing.start()
    closing.join(30.0)
    assert not closing.is_alive()
    with RunReader(path) as run:
        (event,) = [e for e in run.events() if e.kind == "dropout"]
        assert event.time_s == 0.0
        assert 9.0 < float(event.text.split()[0]) < 11.0
        assert run.finished


def test_what_waits_is_bounded_in_memory(tmp_path: Path) -> None:
    def create() -> RunWriter:
        raise RunFileError("the card refuses", "wait")

    recorder = Recorder.opening(header(), create)
    line = ClockLine(0, 0.0, 1 / RATE_HZ)
    tracemalloc.start()
    for k in range(int(1.3 * RING_S * RATE_HZ / 10)):
        recorder.batch(Batch(k, 10 * k, line, np.zeros((10, 6), np.int16)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert RING_S <= recorder.queued_s < RING_S + 2.0  # what waits is joined by the second
    assert peak < 4e6
    for _ in range(MAX_ROWS + 10):
        recorder.event(0.0, "mark", "")
    assert recorder.counters["dropped_rows"] == 10
    recorder.close(wait_s=0.0)


def test_what_waits_long_is_joined_and_nothing_of_it_changes(tmp_path: Path) -> None:
    """Gaps, faults, new lines and clipped samples between batches of a few samples."""
    path, card = tmp_path / "run.gaitpi", Card()
    writer = RunWriter(path, header(), connect=card.connect)
    rng = np.random.default_rng(3)
    given: list[Batch] = []
    index, line = 0, ClockLine(0, 0.0, 1 / RATE_HZ)
    for k in range(600):
        n = int(rng.integers(0, 12))
        gap_s = 0.0
        if rng.random() < 0.05:
            gap_s = 0.4 if rng.random() < 0.5 else 0.0
            line = ClockLine(index, float(line.times(index, 1)[0]) + gap_s, 1 / RATE_HZ)
        faults = {"nack": 1} if rng.random() < 0.03 else {}
        clipped = int(n > 0 and rng.random() < 0.03)
        given.append(Batch(k, index, line, counts(n, k), gap_s, clipped, faults))
        index += n
    plain = RunWriter(tmp_path / "plain.gaitpi", header())
    for batch in given:
        plain.batch(batch)
    plain.close()
    recorder = Recorder(writer)
    with card.stalled():
        recorder.event(0.0, "mark", "a commit stalls")
        until(lambda: card.waiting)
        for batch in given:
            recorder.batch(batch)
        assert len(recorder._batches) < 300
    assert recorder.close() is None
    with RunReader(path) as run, RunReader(tmp_path / "plain.gaitpi") as other:
        blocks, wanted = list(run.blocks()), list(other.blocks())
        assert [b.counts.tobytes() for b in blocks] == [b.counts.tobytes() for b in wanted]
        assert [b.times().tobytes() for b in blocks] == [b.times().tobytes() for b in wanted]
        assert [(b.gap_s, b.clipped) for b in blocks] == [(b.gap_s, b.clipped) for b in wanted]
        told = [(e.time_s, e.detail) for e in run.events() if e.kind == "fault"]
        assert told == [(e.time_s, e.detail) for e in other.events()]


def test_rows_that_had_to_go_are_told_with_their_time(tmp_path: Path) -> None:
    path, card = tmp_path / "run.gaitpi", Card()
    recorder = Recorder(RunWriter(path, header(), connect=card.connect))
    with card.stalled():
        recorder.event(0.0, "mark", "a commit stalls")
        until(lambda: card.waiting)
        for batch in batches(counts(416), size=104):
            recorder.batch(batch)
        for k in range(MAX_ROWS + 7):
            recorder.event(k * 1e-3, "mark", "")
    assert recorder.close() is None
    lost = recorder.counters["dropped_rows"]
    assert lost >= 7
    with RunReader(path) as run:
        (event,) = [e for e in run.events() if e.kind == "dropout"]
        assert len(run.events()) == MAX_ROWS + 8 - lost + 1
    assert event.time_s == pytest.approx(2.0)
    assert event.text.startswith(f"{lost} steps, seconds or cues not recorded")


def test_another_file_in_its_place_is_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header())
    writer.event(0.0, "mark", "kept")
    path.rename(tmp_path / "moved.gaitpi")
    with pytest.raises(RunFileError, match="no longer there"):
        writer.commit()
    with pytest.raises(RunFileError, match="no longer there"):
        writer.reopen()
    RunWriter(path, header()).close()
    before = path.read_bytes()
    with pytest.raises(RunFileError, match="another run"):
        writer.reopen()
    assert path.read_bytes() == before
    (tmp_path / "moved.gaitpi").replace(path)
    writer.reopen()
    writer.close()
    with RunReader(path) as run:
        assert [e.text for e in run.events()] == ["kept"]


def test_the_run_tells_how_often_the_card_refused(tmp_path: Path) -> None:
    """Nothing is lost, but such a card is to be replaced before it loses something."""
    path, card = tmp_path / "run.gaitpi", Card()
    recorder = Recorder(RunWriter(path, header(), connect=card.connect))
    for batch in batches(counts(300)):
        recorder.batch(batch)
    card.refuse("SQLITE_IOERR_WRITE")
    until(lambda: recorder.problem is not None)
    card.mend()
    until(lambda: recorder.problem is None)
    assert recorder.close() is None
    n = recorder.counters["write_errors"]
    with RunReader(path) as run:
        (event,) = run.events()
        assert (event.kind, event.text) == ("fault", f"{n} times the card refused")
        found = assess(run.seconds(), run.events(), 3.0)
    assert found.counters == {"write_errors": n}


def test_whatever_the_card_makes_of_the_file_recording_goes_on(tmp_path: Path) -> None:
    """The message of a damaged file may quote bytes that are no text: no thread may end of it."""
    path, card = tmp_path / "run.gaitpi", Card()

    class Odd(RunWriter):
        left = 2

        def reopen(self) -> None:
            if self.left > 0:
                self.left -= 1
                raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text")
            super().reopen()

    recorder = Recorder(Odd(path, header(), connect=card.connect))
    for batch in batches(counts(300)):
        recorder.batch(batch)
    card.refuse("SQLITE_IOERR_WRITE")
    until(lambda: "no text" in str(recorder.problem))
    card.mend()
    until(lambda: recorder.problem is None)
    assert recorder.close() is None
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == counts(300).tobytes()
        assert run.finished


def test_every_count_has_its_words() -> None:
    assert set(COUNTED) <= set(FAULTS)
    assert told({"write_errors": 2}) == ["2 times the card refused"]


def test_a_start_among_many_runs_is_quick(tmp_path: Path) -> None:
    """One of them cut in the middle: nothing is scanned but its journal."""
    path = tmp_path / "0.gaitpi"
    RunWriter(path, header()).close()
    text = path.read_bytes()
    for k in range(1, 300):
        (tmp_path / f"{k}.gaitpi").write_bytes(text)
    (tmp_path / "7.gaitpi-journal").write_bytes(b"")
    started = time.process_time()
    assert [cut.name for cut in settle(tmp_path)] == ["7.gaitpi"]
    RunWriter(tmp_path / "new.gaitpi", header()).close()
    assert time.process_time() - started < 2.0
