"""Foreign, cut and damaged files: always words, never wrong numbers, never a traceback."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.errors import RunFileError, UsageError
from gaitpi.imu.batch import ClockLine
from gaitpi.review.drift import drifts
from gaitpi.review.form import read
from gaitpi.review.verdict import judge, lines
from gaitpi.runs.codec import checksum
from gaitpi.runs.reader import RunReader, list_runs, resolve
from gaitpi.runs.rows import SecondRow
from gaitpi.runs.schema import APPLICATION_ID, schema
from gaitpi.runs.writer import RunWriter, settle

from .sample import batches, counts, cue, header, heart, pod, second, write_run


def make(path: Path, **other: Any) -> Path:
    write_run(
        path,
        seconds=[second(float(i), target_spm=172.0) for i in range(5)],
        cues=[cue(2.0)],
        **other,
    )
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("whole") / "run.gaitpi")


def raw(path: Path) -> bytes:
    with RunReader(path) as run:
        return b"".join(b.counts.tobytes() + b.times().tobytes() for b in run.blocks())


def everything(path: Path) -> None:
    """Use all of the reader and the verdict."""
    with RunReader(path) as run:
        _ = (
            run.recording,
            run.config,
            run.anchors(),
            run.header,
            run.started,
            run.totals(),
            run.summary,
        )
        _ = run.steps(), run.seconds(), run.cues(), run.withheld(), run.events()
        _ = [row.intervals_s for row in run.hearts()], run.pods()
        assert len(lines(judge(run))) == 6
        drifts(read(run))
        list(run.blocks())


def words(error: RunFileError) -> None:
    assert error.found
    assert error.todo
    assert "Traceback" not in str(error)


@settings(max_examples=60)
@given(share=st.floats(0, 1))
def test_truncation_anywhere_gives_words(whole: Path, share: float) -> None:
    data = whole.read_bytes()
    cut = whole.with_name("cut.gaitpi")
    cut.write_bytes(data[: int(share * (len(data) - 1))])
    try:
        everything(cut)
    except RunFileError as error:
        words(error)
    else:
        pytest.fail("a cut file was read as if it were whole")
    (entry,) = [e for e in list_runs(whole.parent) if e.run_id == "cut"]
    assert entry.problem or entry.started
    cut.unlink()


@settings(max_examples=250)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_never_changes_raw_samples(whole: Path, place: float, bit: int) -> None:
    data = bytearray(whole.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    flipped = whole.with_name("flipped.gaitpi")
    flipped.write_bytes(data)
    try:
        assert raw(flipped) == raw(whole)
        everything(flipped)
    except RunFileError as error:
        words(error)
    finally:
        flipped.unlink()


def test_every_bit_of_a_block_is_guarded_and_named(tmp_path: Path) -> None:
    path = make(tmp_path / "run.gaitpi", samples=(counts(300) // 4096).astype(np.int16))
    with RunReader(path) as run:
        good = [b.counts.tobytes() for b in run.blocks()]
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA journal_mode = MEMORY")
    columns = "first_index n line_index0 line_time_s line_period_s gap_s clipped codec crc32 data"
    data = db.execute("SELECT data FROM block WHERE id = 2").fetchone()[0]
    rng = np.random.default_rng(1)
    for column in columns.split():
        kept = db.execute(f"SELECT {column} FROM block WHERE id = 2").fetchone()[0]
        for bit in range(0, 8 * len(data), 7) if column == "data" else rng.integers(0, 62, 6):
            if isinstance(kept, bytes):
                spoilt: Any = bytearray(kept)
                spoilt[bit // 8] ^= 1 << bit % 8
                spoilt = bytes(spoilt)
            elif isinstance(kept, float):
                bits = np.float64(kept).view(np.int64) ^ np.int64(1 << int(bit))
                spoilt = float(bits.view(np.float64))
            else:
                spoilt = kept ^ (1 << int(bit))
            db.execute(f"UPDATE block SET {column} = ? WHERE id = 2", (spoilt,))
            with RunReader(path) as run, pytest.raises(RunFileError, match=r"block 2 at 00:0\d is"):
                list(run.blocks())
        db.execute(f"UPDATE block SET {column} = ? WHERE id = 2", (kept,))
    db.execute("UPDATE block SET crc32 = crc32 + 1 WHERE id = 2")
    db.close()
    found: list[RunFileError] = []
    with RunReader(path) as run:
        rest = list(run.blocks(found.append))
        assert [b.counts.tobytes() for b in rest] == good[:1] + good[2:]
        assert len(found) == 1
        lost_s = len(good[1]) / 12 / 208
        assert sum(b.gap_s for b in rest) == pytest.approx(lost_s if len(good) > 2 else 0.0)


def spoil(path: Path, sql: str, *values: Any) -> Path:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(sql, values)
    db.close()
    return path


@pytest.mark.parametrize(("version", "lacks"), [(1, 8), (2, 6), (3, 1)])
def test_a_run_of_an_older_format_is_read(tmp_path: Path, version: int, lacks: int) -> None:
    """What it has not is not known; all else is there, and nothing of it is changed."""
    readings = [heart(1.0), pod(1.2)]
    new, old = make(tmp_path / "new.gaitpi", readings=readings), tmp_path / "old.gaitpi"
    db = sqlite3.connect(old, isolation_level=None)
    db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};")
    db.executescript(schema(version))
    db.execute("ATTACH ? AS new", (str(new),))
    for (table,) in db.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
    ).fetchall():
        names = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
        db.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}")
    db.close()
    with RunReader(old) as was, RunReader(new) as run:
        assert was.run_id == run.run_id
        np.testing.assert_array_equal(was.steps(), run.steps())
        before, now = np.array(was.seconds()), np.array(run.seconds())
        np.testing.assert_array_equal(before[:, :-lacks], now[:, :-lacks])
        missing = SecondRow._fields[-lacks:]
        for name in missing:
            column = before[:, SecondRow._fields.index(name)]
            assert (column == 0).all() if name == "belt" else np.isnan(column).all()
        assert len(was.cues()) == len(run.cues())
        if version < 3:
            assert all(np.isnan([heard.first_s, heard.from_s]).all() for heard in was.cues())
        assert (was.hearts(), was.pods()) == ([], [])
        assert [*run.hearts(), *run.pods()] == readings
        assert was.last_ids()["second"] == len(before)
    assert raw(old) == raw(new)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE heart SET rr_s = '[0.4, NULL]'",
        "UPDATE heart SET rr_s = '[0.4, NaN]'",
        "UPDATE heart SET rr_s = '[0.4, true]'",
        "UPDATE heart SET rr_s = '[-0.4]'",
        "UPDATE heart SET rr_s = '{}'",
        "UPDATE heart SET rr_s = '[' || replace(hex(zeroblob(301)), '00', '1,') || '1]'",
        "UPDATE heart SET known_s = NULL",
        "UPDATE heart SET time_s = 9e999",
        "UPDATE pod SET time_s = 1e30",
        "UPDATE pod SET known_s = NULL",
    ],
)
def test_a_reading_that_is_none_is_damage(tmp_path: Path, sql: str) -> None:
    readings = [heart(1.0), pod(1.2)]
    path = spoil(make(tmp_path / "run.gaitpi", readings=readings), sql)
    with RunReader(path) as run:
        with pytest.raises(RunFileError, match=r"table (heart|pod): ") as caught:
            _ = [row.intervals_s for row in run.hearts()], run.pods()
        words(caught.value)
        assert len(run.seconds()) == 5


def test_missing_blocks_are_noticed(tmp_path: Path) -> None:
    for number in (1, 2):
        path = spoil(make(tmp_path / f"{number}.gaitpi"), f"DELETE FROM block WHERE id = {number}")
        with RunReader(path) as run, pytest.raises(RunFileError, match="raw block"):
            list(run.blocks())


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    line = ClockLine(0, 0.0, 0.01)
    place = "n = 104, line_index0 = 0, line_time_s = 0.0, line_period_s = 0.01"
    sql = f"UPDATE block SET {place}, data = ?, crc32 = ? WHERE id = 1"
    crc = checksum(1, 0, 104, line, 0.0, 0, bomb)
    path = spoil(make(tmp_path / "run.gaitpi"), sql, bomb, crc)
    started = time.process_time()
    with RunReader(path) as run, pytest.raises(RunFileError, match="not 104 samples"):
        list(run.blocks())
    assert time.process_time() - started < 0.5
    crc = checksum(1, 0, 10**8, line, 0.0, 0, bomb)
    spoil(path, "UPDATE block SET n = 100000000, crc32 = ? WHERE id = 1", crc)
    with RunReader(path) as run, pytest.raises(RunFileError, match="100000000 samples"):
        list(run.blocks())
    spoil(path, "UPDATE block SET data = zeroblob(50000000)")
    with RunReader(path) as run, pytest.raises(RunFileError, match="too big"):
        list(run.blocks())


def test_a_view_of_a_strangers_making_is_not_run(tmp_path: Path) -> None:
    path = spoil(make(tmp_path / "run.gaitpi", finish=False), "DROP VIEW v_totals")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    names = "1 AS duration_s, 1 AS running_s, 1 AS steps, 1 AS running_steps, 1 AS cadence_spm"
    spoil(path, f"CREATE VIEW v_totals AS {endless} SELECT {names} FROM n")
    with pytest.raises(RunFileError, match="tables are not those of a run"):
        RunReader(path)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("PRAGMA user_version = 5", "newer gaitpi"),
        ("PRAGMA application_id = 1", "another program's mark"),
        ("DELETE FROM run", "header is missing"),
        ("UPDATE run SET acc_scale = acc_scale * 2", "header cannot be trusted"),
        ("UPDATE run SET recording = char(27) || '[2J'", "not a name"),
        ("DELETE FROM anchor", "no clock anchor"),
        ("UPDATE anchor SET wall_s = 1e300", "start time is impossible"),
        ("UPDATE anchor SET utc_offset_s = 1e9", "start time is impossible"),
        ("UPDATE run SET config = '['", "JSON"),
        ("UPDATE run SET config = CAST(x'ff' AS TEXT)", "damaged"),
    ],
)
def test_each_trouble_has_its_words(tmp_path: Path, sql: str, said: str) -> None:
    path = spoil(make(tmp_path / "run.gaitpi"), sql)
    with pytest.raises(RunFileError, match=said) as caught:
        everything(path)
    words(caught.value)


def test_foreign_files_are_entries_and_never_stop_the_list(tmp_path: Path) -> None:
    make(tmp_path / "b-good.gaitpi")
    make(tmp_path / "a-later.gaitpi", wall_s=1_795_453_999.0)
    (tmp_path / "empty.gaitpi").touch()
    (tmp_path / "text.gaitpi").write_text("hello" * 1000)
    (tmp_path / "folder.gaitpi").mkdir()
    (tmp_path / "dangling.gaitpi").symlink_to(tmp_path / "nowhere")
    sqlite3.connect(tmp_path / "other.gaitpi").execute("CREATE TABLE t (x)").connection.close()
    (tmp_path / "notes.txt").write_text("not a run")
    entries = list_runs(tmp_path)
    assert [e.run_id for e in entries if not e.problem] == ["a-later", "b-good"]
    problems = {e.run_id: e.problem or "" for e in entries if e.problem}
    assert set(problems) == {"empty", "text", "folder", "dangling", "other"}
    assert "power was cut before the first sample" in problems["empty"]
    assert "not a gaitpi run file" in problems["text"]
    assert resolve(tmp_path, "last").stem == "a-later"
    assert resolve(tmp_path, "b").stem == "b-good"
    assert resolve(tmp_path, "empty").stem == "empty"
    assert resolve(tmp_path, str(tmp_path / "x.gaitpi")) == tmp_path / "x.gaitpi"
    make(tmp_path / "b-go.gaitpi")
    assert resolve(tmp_path, "b-go").stem == "b-go"
    for name, said in [("b-", "beginning of 2 runs"), ("zz", "no run 'zz'"), ("", "no run ''")]:
        with pytest.raises(UsageError, match=said):
            resolve(tmp_path, name)
    assert list_runs(tmp_path / "nowhere") == []
    with pytest.raises(UsageError, match="no run in"):
        resolve(tmp_path / "nowhere", "last")


def cut_in_commit(source: Path, folder: Path) -> Path:
    """The file and its journal as a power cut in the middle of a commit leaves them."""
    folder.mkdir()
    copy = folder / "run.gaitpi"
    db = sqlite3.connect(source, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")  # pages reach the file before the commit
    db.execute("BEGIN")
    db.execute("UPDATE block SET data = randomblob(length(data)), crc32 = 0")
    db.execute("UPDATE step SET ic_s = -1")
    shutil.copyfile(source, copy)
    shutil.copyfile(f"{source}-journal", f"{copy}-journal")
    db.execute("ROLLBACK")
    db.close()
    return copy


def test_a_commit_that_was_cut_is_undone_without_touching_the_file(tmp_path: Path) -> None:
    source = make(tmp_path / "run.gaitpi", samples=counts(4000), finish=False)
    wanted = raw(source)
    cut = cut_in_commit(source, tmp_path / "cut")
    torn = cut.read_bytes()
    assert torn != source.read_bytes()
    assert raw(cut) == wanted
    everything(cut)
    assert [e.problem for e in list_runs(cut.parent)] == [None]
    assert cut.read_bytes() == torn
    assert settle(cut.parent) == [cut]
    assert raw(cut) == wanted
    assert [p.name for p in cut.parent.iterdir()] == ["run.gaitpi"]


def test_a_commit_that_was_cut_is_told_where_no_copy_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "run.gaitpi", samples=counts(4000), finish=False)
    cut = cut_in_commit(source, tmp_path / "cut")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(RunFileError, match="cannot be copied to be read: No such file") as caught:
        RunReader(cut)
    words(caught.value)
    (entry,) = list_runs(cut.parent)
    assert entry.problem is not None


def test_a_run_cut_before_its_first_sample_is_a_run(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run.gaitpi", header()).abandon()
    (entry,) = list_runs(tmp_path)
    assert (entry.problem, entry.finished) == (None, False)
    assert entry.totals is not None
    assert entry.totals.duration_s == 0.0
    everything(entry.path)


def test_settle_does_no_harm_to_a_run_in_use(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    data = counts(400)
    writer = RunWriter(path, header())
    for k, batch in enumerate(batches(data)):
        writer.batch(batch)
        if k % 5 == 0:
            writer.commit()
            settle(tmp_path)
    writer._db.execute("BEGIN IMMEDIATE")
    writer._db.execute("INSERT INTO event VALUES (1, 0.0, 'mark', 'half done', '{}')")
    settle(tmp_path)
    writer._db.execute("COMMIT")
    writer.close()
    with RunReader(path) as run:
        assert b"".join(b.counts.tobytes() for b in run.blocks()) == data.tobytes()
        assert [e.text for e in run.events()] == ["half done"]


WRITE_FOREVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from runs.sample import batches, counts, header
from gaitpi.runs.writer import RunWriter
now = [0.0]
writer = RunWriter(Path(sys.argv[1]), header(), monotonic=lambda: now[0])
for batch in batches(counts(200_000)):
    writer.batch(batch)
    now[0] += 0.6
    print(batch.index + 10, flush=True)
"""


def test_killed_at_any_moment_nothing_committed_is_lost(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    for k in range(4):
        path = tmp_path / f"{k}.gaitpi"
        command = [sys.executable, "-c", WRITE_FOREVER, str(path), tests]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(5 + 7 * k):
                child.stdout.readline()
            time.sleep(0.0007 * k)
            os.kill(child.pid, signal.SIGKILL)
            rest = child.stdout.read().split()
        told = int(rest[-1]) if rest else 10 * (5 + 7 * k)
        with RunReader(path) as run:
            got = np.concatenate([b.counts for b in run.blocks()])
            assert not run.finished
        assert told - 10 <= len(got) <= told + 20
        assert got.tobytes() == counts(200_000)[: len(got)].tobytes()
