"""Room on the card: what may be deleted, what never, and what happens when there is none."""

import contextlib
import itertools
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gaitpi import editfile, importfile, tagfile
from gaitpi.config import Config, apply
from gaitpi.errors import RunFileError
from gaitpi.runs.reader import RunReader, list_runs
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.room import BACK, MB, Room, free_bytes
from gaitpi.runs.writer import RunWriter, run_path

from .sample import NOW_S, batches, counts, header, write_run
from .test_recorder import until

DAY_S = 86_400.0


def runs_of(folder: Path, *days: float, finish: bool = True) -> list[Path]:
    """A run for each: so many days before ``NOW_S``."""
    made = []
    for day in days:
        path = folder / f"day-{day:g}.gaitpi"
        write_run(path, wall_s=NOW_S - day * DAY_S, finish=finish)
        made.append(path)
    return made


def card_of(size: int) -> Callable[[Path], int]:
    """How much is free on a card of that many bytes with nothing else on it."""
    return lambda folder: size - sum(p.stat().st_size for p in folder.iterdir())


def star(path: Path, on: bool = True) -> None:
    record = tagfile.Tag(wall_s=0.0, run=path.stem, tag="star", on=on)
    tagfile.add(tagfile.path_in(path.parent), [record])


def names(folder: Path) -> set[str]:
    return {p.stem for p in folder.glob("*.gaitpi")}


def used(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.iterdir())


def test_nothing_is_deleted_unless_it_is_wanted(tmp_path: Path) -> None:
    runs_of(tmp_path, 20, 10)
    room = Room(tmp_path, None, wall=lambda: NOW_S, free=lambda _: 0)
    assert not room.look()
    assert room.low
    assert list(room.make()) == []
    assert names(tmp_path) == {"day-20", "day-10"}
    assert Config().runs.keep_free_mb is None
    assert apply(Config(), ["runs.keep_free_mb=500"]).runs.keep_free_mb == 500


def test_the_oldest_go_until_the_reserve_is_there(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, 20, 15, 10, 5, 2)
    runs_of(tmp_path, 12, finish=False)
    size = runs[0].stat().st_size
    beside = [(importfile.path_of(run), editfile.path_of(run)) for run in runs]
    for path in itertools.chain(*beside):
        path.write_bytes(b"")
    card = card_of(used(tmp_path) + 20 * MB)
    room = Room(tmp_path, 20 + 2.5 * size / MB, wall=lambda: NOW_S, free=card)
    assert [run.run_id for run in room.make()] == ["day-20", "day-15", "day-12"]
    assert names(tmp_path) == {"day-10", "day-5", "day-2"}
    there = [tuple(path.exists() for path in two) for two in beside]
    assert there == [(False, False)] * 2 + [(True, True)] * 3
    assert not room.problem
    # the one being recorded stays also where a card knows no locks
    full = Room(tmp_path, 20, wall=lambda: NOW_S, free=lambda _: 0)
    assert [run.run_id for run in full.make(runs[2])] == ["day-5", "day-2"]


def test_a_reserve_that_cannot_be_had_costs_no_run(tmp_path: Path) -> None:
    """A slip of the pen (MB for GB), or a card full of other things: nothing would be gained."""
    runs = runs_of(tmp_path, 20, 15, 10)
    size = runs[0].stat().st_size
    free = [200 * MB]
    room = Room(tmp_path, 500, wall=lambda: NOW_S, free=lambda _: free[0])
    assert room.look()
    assert list(room.make()) == []
    assert room.problem.startswith("runs.keep_free_mb = 500 MB cannot be had on this card")
    # what recording needs it gets all the same, and no more
    card = card_of(used(tmp_path) + 20 * MB - size // 2)
    tight = Room(tmp_path, 1e6, wall=lambda: NOW_S, free=card)
    assert [run.run_id for run in tight.make()] == ["day-20"]
    assert "to keep 20 MB free" in tight.problem
    # all are needed, and all of them suffice
    card = card_of(20 * MB + sum(p.stat().st_size for p in runs[1:]))
    exact = Room(tmp_path, 20 + 2 * size / MB, wall=lambda: NOW_S, free=card)
    assert [run.run_id for run in exact.make()] == ["day-15", "day-10"]
    assert not exact.problem


def test_the_runners_own_words_stay_when_a_run_goes(tmp_path: Path) -> None:
    noted, trimmed, torn = runs_of(tmp_path, 20, 15, 10)
    editfile.add(editfile.path_of(noted), [editfile.Note(wall_s=0.0, number=1, text="hamstring")])
    editfile.add(editfile.path_of(trimmed), [editfile.Trim(wall_s=0.0, start_s=1.0)])
    editfile.path_of(torn).write_text("half a li")
    room = Room(tmp_path, 20, wall=lambda: NOW_S, free=lambda _: 0)
    assert len(list(room.make())) == 3
    there = [editfile.path_of(run).exists() for run in (noted, trimmed, torn)]
    assert there == [True, False, True]
    assert editfile.load(editfile.path_of(noted)).notes[1].text == "hamstring"


def test_starred_recent_undated_damaged_and_running_ones_stay(tmp_path: Path) -> None:
    starred, going, *_ = runs_of(tmp_path, 20, 19, 18, 0.9, -0.5)
    star(starred)
    write_run(tmp_path / "undated.gaitpi", wall_s=1000.0)
    (tmp_path / "damaged.gaitpi").write_text("not a run")
    (tmp_path / "note.txt").write_text("mine")
    current = run_path(tmp_path, "current")
    writer = RunWriter(current, header(wall_s=NOW_S - 25 * DAY_S))
    other = RunWriter(run_path(tmp_path, "other"), header(wall_s=NOW_S - 25 * DAY_S))
    room = Room(tmp_path, 20, wall=lambda: NOW_S, free=lambda _: 0)
    assert [run.run_id for run in room.make(current)] == ["day-19", "day-18"]
    assert "no run is left" in room.problem
    stay = {"day-20", "day-0.9", "day--0.5", "undated", "damaged", "current", "other"}
    assert names(tmp_path) == stay
    assert (tmp_path / "note.txt").exists()
    writer.close()
    other.close()
    # with a clock that was never set no age is known
    assert list(Room(tmp_path, 20, wall=lambda: 1000.0, free=lambda _: 0).make(current)) == []
    star(starred, on=False)
    assert [r.run_id for r in Room(tmp_path, 20, wall=lambda: NOW_S, free=lambda _: 0).make()] == [
        *("current", "other", starred.stem)
    ]
    assert going not in tmp_path.iterdir()


def test_where_a_star_may_be_lost_nothing_goes(tmp_path: Path) -> None:
    starred, _ = runs_of(tmp_path, 20, 19)
    star(starred)
    file = tagfile.path_in(tmp_path)
    good = bytearray(file.read_bytes())
    for bit in range(0, 8 * len(good), 5):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bad)
        room = Room(tmp_path, 20, wall=lambda: NOW_S, free=lambda _: 0)
        list(room.make())
        assert starred.exists()
        assert room.problem
    file.unlink()
    file.mkdir()
    room = Room(tmp_path, 20, wall=lambda: NOW_S, free=lambda _: 0)
    assert list(room.make()) == []
    assert "No run is deleted" in room.problem


def test_the_recorder_deletes_in_its_thread_and_tells_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, kept = runs_of(tmp_path, 20, 19)
    star(kept)
    path = run_path(tmp_path, "now")
    room = Room(tmp_path, 20, wall=lambda: NOW_S, free=lambda _: 0)
    with caplog.at_level(logging.WARNING):
        recorder = Recorder.opening(header(), lambda: RunWriter(path, header()), room=room)
        for batch in batches(counts(300)):
            recorder.batch(batch)
        until(lambda: recorder.counters["deleted_runs"] == 1)
        assert recorder.close() is None
    assert (old.exists(), kept.exists()) == (False, True)
    assert "deleted run day-20" in caplog.text
    with RunReader(path) as run:
        told = [e for e in run.events() if e.kind == "room"]
        assert [e.text.split(" (")[0] for e in told] == [
            "deleted run day-20",
            "Too little is free on the card, and no run is left that may be deleted",
        ]
        assert '"run": "day-20"' in told[0].detail
        assert sum(len(b.counts) for b in run.blocks()) == 300


def test_a_nearly_full_card_gets_the_rows_and_later_the_samples(tmp_path: Path) -> None:
    free = [100 * MB]
    path = run_path(tmp_path, "run")
    room = Room(tmp_path, floor_bytes=8 * MB, free=lambda _: free[0])
    recorder = Recorder(RunWriter(path, header()), room=room)
    parts = batches(counts(1200))
    for batch in parts[:40]:
        recorder.batch(batch)
    until(lambda: recorder.queued_s == 0.0)
    free[0] = 8 * MB - 1
    until(lambda: recorder.problem is not None)
    assert str(recorder.problem).startswith("No room left to record into run.gaitpi.")
    for batch in parts[40:80]:
        recorder.batch(batch)
    recorder.event(2.0, "mark", "a row all the same")
    with RunReader(path) as run:
        until(lambda: "mark" in {e.kind for e in run.events()})
        assert sum(len(b.counts) for b in run.blocks()) == 400
    assert recorder.queued_s > 1.9
    free[0] = 8 * MB  # not so soon: it would go to and fro
    time.sleep(0.7)
    assert recorder.problem is not None
    free[0] = int(8 * BACK * MB)
    until(lambda: recorder.problem is None)
    free[0] = 0
    until(lambda: recorder.problem is not None)
    for batch in parts[80:]:
        recorder.batch(batch)
    assert recorder.close() is None  # what waits of it still fits
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == counts(1200).tobytes()
        assert [e.text.split(":")[0] for e in run.events() if e.kind == "room"] == [
            *("the card is nearly full", "room again on the card", "the card is nearly full")
        ]
        assert run.finished


def test_free_is_asked_of_the_nearest_folder_there_is(tmp_path: Path) -> None:
    assert abs(free_bytes(tmp_path / "not" / "yet") - free_bytes(tmp_path)) < 100 * MB
    room = Room(tmp_path, 1e6, free=lambda _: (_ for _ in ()).throw(OSError()))
    assert (room.look(), room.low, room.free()) == (False, False, None)


@pytest.fixture
def small_card(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of the real kernel."""
    folder = tmp_path / "card"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_card_with_no_byte_left(small_card: Path) -> None:
    """The kernel's own error: words within seconds, the earlier run intact, all of it later."""
    write_run(small_card / "earlier.gaitpi")
    before = (small_card / "earlier.gaitpi").read_bytes()
    path = run_path(small_card, "run")
    recorder = Recorder(RunWriter(path, header()), room=Room(small_card, floor_bytes=0))
    fill = small_card / "fill"
    with fill.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert free_bytes(small_card) == 0
    data = counts(20_000)
    started = time.monotonic()
    for batch in batches(data, size=100):
        recorder.batch(batch)
    until(lambda: recorder.problem is not None)
    assert time.monotonic() - started < 5.0
    assert str(recorder.problem).startswith("No room left to record into run.gaitpi.")
    assert (small_card / "earlier.gaitpi").read_bytes() == before
    assert [e.problem for e in list_runs(small_card)] == [None, None]
    fill.unlink()
    until(lambda: recorder.problem is None)
    assert recorder.close() is None
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == data.tobytes()


def test_a_run_that_cannot_begin_leaves_nothing(small_card: Path) -> None:
    fill = small_card / "fill"
    with fill.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with pytest.raises(RunFileError, match="No room left"):
        RunWriter(run_path(small_card, "run"), header())
    assert list(small_card.iterdir()) == [fill]
