"""A run that was cut off is gone on with: nothing twice, nothing lost, no file of others."""

import math
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.errors import RunFileError
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.schema import APPLICATION_ID, schema
from gaitpi.runs.writer import RunWriter

from .sample import batches, counts, cue, header, second, step, withheld, write_run
from .test_damage import cut_in_commit

PERIOD_S = 1 / 208.0
GAP_S = 2.0


def give(writer: RunWriter, batch: Batch, known: dict[str, int]) -> None:
    """A batch and the rows derived of it, without the first so many of each kind."""
    k = batch.seq
    writer.batch(batch)
    if k >= known["step"]:
        writer.steps([step(k * 0.05, known_s=k * 0.05 + 0.04)])
    if k >= known["second"]:
        writer.seconds([second(float(k))])
    if k >= known["cue"]:
        writer.cue(cue(float(k)))
    if k >= known["withheld"]:
        writer.withheld(withheld(float(k)))


@settings(max_examples=15)
@given(data=st.data())
def test_cut_anywhere_and_gone_on_with_is_the_same_run_with_a_gap(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("resume") / "run.gaitpi"
    n = data.draw(st.integers(2, 80), "batches")
    stops = sorted(data.draw(st.sets(st.integers(1, n - 1), max_size=3), "cuts"))
    commits = data.draw(st.sets(st.integers(0, n), max_size=20), "commits")
    samples = counts(10 * n)
    none = dict.fromkeys(("step", "second", "cue", "withheld"), 0)
    writer = RunWriter(path, header(), monotonic=lambda: 0.0)
    k, shift_s, gap_s = 0, 0.0, 0.0
    kept: list[tuple[bytes, float]] = []
    while k < n:
        if stops and k == stops[0]:
            stops.pop(0)
            writer.abandon()
            writer = RunWriter.resume(path, monotonic=lambda: 0.0)
            known = writer.counts()
            assert writer.next_index == 10 * known["step"] == 10 * known["cue"]
            for table, time_s in writer.reached().items():
                newest = known[table] - 1
                wanted = newest * 0.05 + 0.04 if table == "step" else float(newest)
                assert time_s == (wanted if known[table] else -math.inf)
            assert writer.next_index <= 10 * k
            k = writer.next_index // 10
            kept = kept[:k]
            assert writer.end_s == (kept[-1][1] if kept else 0.0)
            shift_s = writer.end_s - k * 10 * PERIOD_S + (GAP_S if kept else 0.0)
            gap_s = GAP_S if kept else 0.0
        line = ClockLine(10 * k, 10 * k * PERIOD_S + shift_s, PERIOD_S)
        batch = Batch(k, 10 * k, line, samples[10 * k : 10 * k + 10], gap_s)
        give(writer, batch, none)
        gap_s = 0.0
        kept.append((line.times(10 * k, 10).tobytes(), float(line.times(10 * k + 10, 1)[0])))
        if k in commits:
            writer.commit()
        k += 1
    writer.close({"end": 1})
    with RunReader(path) as run:
        blocks = list(run.blocks())
        assert b"".join(b.counts.tobytes() for b in blocks) == samples.tobytes()
        assert b"".join(b.times().tobytes() for b in blocks) == b"".join(t for t, _ in kept)
        assert [s.known_s for s in run.steps()] == [i * 0.05 + 0.04 for i in range(n)]
        assert [s.time_s for s in run.seconds()] == [float(i) for i in range(n)]
        assert [c.time_s for c in run.cues()] == [float(i) for i in range(n)]
        assert [w.time_s for w in run.withheld()] == [float(i) for i in range(n)]
        assert run.summary == {"end": 1}
        assert run.finished


def test_only_the_rows_that_are_missing_are_given_again(tmp_path: Path) -> None:
    """Samples of the last commits are there, their rows not: dropped on the way, say."""
    path = tmp_path / "run.gaitpi"
    all_of_it = batches(counts(600))
    none = dict.fromkeys(("step", "second", "cue", "withheld"), 0)
    writer = RunWriter(path, header(), monotonic=lambda: 0.0)
    for batch in all_of_it[:30]:
        give(writer, batch, none)
    for batch in all_of_it[30:40]:
        writer.batch(batch)
    writer.steps([step(30 * 0.05, known_s=30 * 0.05 + 0.04)])
    writer.commit()
    writer.abandon()
    writer = RunWriter.resume(path)
    known = writer.counts()
    assert (known["step"], known["second"], known["block"]) == (31, 30, 2)
    for k in range(40):  # played again
        if k >= known["step"]:
            writer.steps([step(k * 0.05, known_s=k * 0.05 + 0.04)])
        if float(k) > writer.reached()["second"]:
            writer.seconds([second(float(k))])
    known = {"step": 40, "second": 40, "cue": 60, "withheld": 60}
    for batch in all_of_it[40:]:
        give(writer, batch, known)
    writer.close()
    with RunReader(path) as run:
        assert [round((s.known_s - 0.04) / 0.05) for s in run.steps()] == list(range(60))
        assert [s.time_s for s in run.seconds()] == [float(k) for k in range(60)]
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == counts(600).tobytes()


def test_header_anchor_and_clock_come_back(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    head = header(mono_s=50.0, wall_s=1000.0, calibration='{"stand": 1}')
    writer = RunWriter(path, head)
    writer.anchor(60.0, 2010.0)
    writer.commit()
    writer.abandon()
    writer = RunWriter.resume(path)
    assert writer.header == head
    assert (writer.next_index, writer.end_s) == (0, 0.0)
    writer.anchor(70.0, 2020.005)
    writer.anchor(80.0, 2030.5)
    writer.close()
    with RunReader(path) as run:
        assert [a.mono_s for a in run.anchors()] == [50.0, 60.0, 80.0]
        assert run.header == head


def test_numbers_go_on_where_the_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    write_run(path, finish=False)
    writer = RunWriter.resume(path)
    assert writer.next_index == 300
    line = ClockLine(0, 0.0, PERIOD_S)
    with pytest.raises(ValueError, match="sample 290 after 299"):
        writer.batch(Batch(0, 290, line, counts(10)))
    writer.batch(Batch(1, 320, line, counts(10)))  # 20 were dropped on the way
    writer.close()
    with RunReader(path) as run:
        assert [b.gap_s for b in run.blocks()][-1] == pytest.approx(20 * PERIOD_S)


def test_half_a_commit_is_undone_first(tmp_path: Path) -> None:
    source = tmp_path / "run.gaitpi"
    write_run(source, samples=counts(4000), finish=False)
    cut = cut_in_commit(source, tmp_path / "cut")
    writer = RunWriter.resume(cut)
    assert writer.next_index == 4000
    line = ClockLine(0, 0.0, PERIOD_S)
    writer.batch(Batch(0, 4000, line, counts(10, 1)))
    writer.close()
    with RunReader(cut) as run:
        got = np.concatenate([b.counts for b in run.blocks()])
    assert got.tobytes() == counts(4000).tobytes() + counts(10, 1).tobytes()
    assert [p.name for p in cut.parent.iterdir()] == ["run.gaitpi"]


def test_the_recorder_takes_it_up_in_its_own_thread(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    write_run(path, finish=False)
    recorder = Recorder.opening(header(), lambda: RunWriter.resume(path))
    for batch in batches(counts(50, 1), start=300, time_s=9.0):
        recorder.batch(batch)
    assert recorder.close({"end": 1}) is None
    with RunReader(path) as run:
        got = np.concatenate([b.counts for b in run.blocks()])
        assert got.tobytes() == counts(300).tobytes() + counts(50, 1).tobytes()
        assert run.finished


def damaged(path: Path, sql: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("PRAGMA user_version = 99", "newer gaitpi"),
        ("PRAGMA application_id = 1", "not a gaitpi run file"),
        ("UPDATE run SET acc_scale = acc_scale * 2", "header cannot be trusted"),
        ("DELETE FROM anchor", "cannot be trusted"),
        ("UPDATE block SET crc32 = crc32 + 1", "raw block 2"),
        ("DELETE FROM block WHERE id = 1", "a block is missing"),
        ("DROP VIEW v_cues", "tables are not those"),
    ],
)
def test_a_file_that_is_not_to_be_trusted_is_left_alone(
    tmp_path: Path, sql: str, said: str
) -> None:
    path = tmp_path / "run.gaitpi"
    write_run(path, finish=False)
    damaged(path, sql)
    before = path.read_bytes()
    with pytest.raises(RunFileError, match=said):
        RunWriter.resume(path)
    assert path.read_bytes() == before


def test_finished_older_foreign_and_missing_files_are_refused(tmp_path: Path) -> None:
    done, text, empty = (tmp_path / f"{name}.gaitpi" for name in ("done", "text", "empty"))
    write_run(done)
    text.write_text("hello" * 1000)
    empty.touch()
    older = tmp_path / "older.gaitpi"
    fresh = tmp_path / "fresh.gaitpi"
    write_run(fresh, finish=False)
    db = sqlite3.connect(older, isolation_level=None)
    db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2;")
    db.executescript(schema(2))
    db.execute("ATTACH ? AS new", (str(fresh),))
    for table in ("run", "anchor"):
        db.execute(f"INSERT INTO main.{table} SELECT * FROM new.{table}")
    db.close()
    for path, said in [
        (done, "is finished"),
        (text, "not a gaitpi run file"),
        (empty, "is empty"),
        (older, "is of format 2"),
        (tmp_path / "none.gaitpi", "no longer there"),
    ]:
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(RunFileError, match=said):
            RunWriter.resume(path)
        assert (path.read_bytes() if path.exists() else None) == before


HOLD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from runs.sample import header
from gaitpi.runs.writer import RunWriter
writer = RunWriter(Path(sys.argv[1]), header())
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_run_that_another_process_records_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    command = [sys.executable, "-c", HOLD, str(path), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(RunFileError, match="recorded by another"):
            RunWriter.resume(path)
        child.kill()
    RunWriter.resume(path).close()
    writer = RunWriter(tmp_path / "here.gaitpi", header())
    with pytest.raises(RunFileError, match="recorded by another"):
        RunWriter.resume(writer.path)
    writer.close()
