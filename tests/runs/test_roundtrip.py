"""What goes into a run file comes out, bit for bit."""

import json
import math
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.errors import RunFileError
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.runs.header import new_run_id
from gaitpi.runs.reader import RawBlock, RunReader
from gaitpi.runs.rows import LATEST_S, HeartRow, PodRow, SecondRow, StepRow
from gaitpi.runs.schema import APPLICATION_ID, HEADER_COLUMNS, SCHEMA_VERSION, schema
from gaitpi.runs.writer import COMMIT_S, RunWriter

from .sample import batches, counts, cue, header, heart, pod, second, step, withheld, write_run


def read_blocks(path: Path) -> list[RawBlock]:
    with RunReader(path) as run:
        return list(run.blocks())


def joined(blocks: list[RawBlock]) -> tuple[bytes, bytes]:
    return (
        np.concatenate([b.counts for b in blocks]).tobytes(),
        np.concatenate([b.times() for b in blocks]).tobytes(),
    )


PIECE = st.tuples(
    st.integers(1, 700),  # samples
    st.sampled_from([0.0, 0.25, 3.75]),  # gap before
    st.floats(0.0009, 0.011),  # period
)


@settings(max_examples=12)
@given(
    pieces=st.lists(PIECE, min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_any_split_gives_the_same_bits_back(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[tuple[int, float, float]],
    cuts: list[int],
    seed: int,
) -> None:
    path = tmp_path_factory.mktemp("split") / "run.gaitpi"
    writer = RunWriter(path, header(virtual=True))
    index, time_s, seq, wanted_times, wanted_gaps = 0, 0.123, 0, [], {}
    samples = counts(sum(n for n, _, _ in pieces), seed)
    for n, gap_s, period_s in pieces:
        line = ClockLine(index, time_s + gap_s, period_s)
        wanted_times.append(line.times(index, n))
        wanted_gaps[index] = gap_s
        done = 0
        while done < n:
            take = min(cuts[seq % len(cuts)], n - done)
            part = samples[index + done : index + done + take]
            writer.batch(Batch(seq, index + done, line, part, gap_s if done == 0 else 0.0))
            done, seq = done + take, seq + 1
        index, time_s = index + n, float(line.times(index + n, 1)[0])
    writer.close()
    blocks = read_blocks(path)
    assert joined(blocks) == (samples.tobytes(), np.concatenate(wanted_times).tobytes())
    assert {b.index: b.gap_s for b in blocks if b.gap_s} == {
        i: g for i, g in wanted_gaps.items() if g
    }
    assert all(len(b.counts) * b.line.period_s <= 1.001 for b in blocks)
    assert [b.index for b in blocks] == list(np.cumsum([0] + [len(b.counts) for b in blocks[:-1]]))


def test_a_clock_line_or_gap_begins_a_block_and_clips_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header(virtual=True))
    a, b = ClockLine(0, 0.0, 0.005), ClockLine(20, 0.1, 0.00501)
    empty = counts(0)
    writer.batch(Batch(0, 0, a, counts(10), clipped=2))
    writer.batch(Batch(1, 10, a, counts(10), clipped=1))
    writer.batch(Batch(2, 20, b, counts(10)))
    writer.batch(Batch(3, 30, b, empty, gap_s=0.5))
    writer.batch(Batch(4, 30, ClockLine(30, 2.0, 0.005), counts(10)))
    writer.close()
    blocks = read_blocks(path)
    assert [(k.index, len(k.counts), k.gap_s, k.clipped, k.line.time_s) for k in blocks] == [
        (0, 20, 0.0, 3, 0.0),
        (20, 10, 0.0, 0, 0.1),
        (30, 10, 0.5, 0, 2.0),
    ]


def test_samples_skipped_on_the_way_become_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header(virtual=True))
    line = ClockLine(0, 0.0, 0.005)
    writer.batch(Batch(0, 0, line, counts(10)))
    writer.batch(Batch(9, 50, line, counts(10)))
    with pytest.raises(ValueError, match="sample 20 after 59"):
        writer.batch(Batch(10, 20, line, counts(10)))
    writer.close()
    assert [b.gap_s for b in read_blocks(path)] == [0.0, pytest.approx(40 * 0.005)]


@pytest.mark.parametrize(
    "bad",
    [
        Batch(0, 0, ClockLine(0, 0.0, 0.005), np.zeros((4, 3), np.int16)),
        Batch(0, 0, ClockLine(0, 0.0, 0.005), np.zeros((4, 6))),  # type: ignore[arg-type]
        Batch(0, 0, ClockLine(0, math.nan, 0.005), counts(4)),
        Batch(0, 0, ClockLine(0, 0.0, 0.005), counts(4), gap_s=math.inf),
    ],
)
def test_a_batch_that_cannot_be_stored_is_refused_at_once(tmp_path: Path, bad: Batch) -> None:
    writer = RunWriter(tmp_path / "run.gaitpi", header(virtual=True))
    with pytest.raises(ValueError, match=r"counts|number"):
        writer.batch(bad)
    writer.close()


NUMBER = st.floats(allow_nan=True, allow_infinity=True)
TIME = st.floats(-LATEST_S, LATEST_S)


@settings(max_examples=10)
@given(values=st.lists(NUMBER, min_size=10, max_size=10), at=TIME, side=st.integers(-1, 1))
def test_rows_come_back_with_nan_and_infinities(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], at: float, side: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "run.gaitpi"
    kinds = StepRow.__annotations__
    reals = [name for name, kind in kinds.items() if kind is float]
    given_step = dict(zip(reals, [*values, math.nan], strict=False)) | {"side": side}
    given_step |= {"activity": 3, "known_s": at}
    array = np.zeros(1, [(name, "f8" if kind is float else "i1") for name, kind in kinds.items()])
    for name, value in given_step.items():
        array[name] = value
    a_second = second(at, lean_deg=values[1], gap_s=values[2])
    del a_second["lean_from"], a_second["belt"], a_second["target_spm"]
    writer = RunWriter(path, header(virtual=True))
    writer.steps(array)
    writer.steps([given_step])
    writer.seconds([a_second])
    writer.cue(cue(at), None)
    writer.withheld(withheld(at))
    writer.event(at, "mark", "näht", who="ich", n=3)
    writer.close({"done": True})
    with RunReader(path) as run:
        for got in run.steps():
            np.testing.assert_array_equal(got, [given_step[name] for name in kinds])
        assert len(run.steps()) == 2
        lacks = {"lean_from": 0, "belt": 0, "target_spm": math.nan}
        wanted = [{**a_second, **lacks}[name] for name in SecondRow._fields]
        np.testing.assert_array_equal(run.seconds()[0], wanted)
        heard = run.cues()[0]
        np.testing.assert_array_equal([heard.time_s, heard.played_s], [at, math.nan])
        assert (heard.cue, heard.low, heard.high, heard.reason) == (
            *("step-up", 166.8, math.inf),
            "low 8 s",
        )
        assert run.withheld()[0].rule == "quiet.warmup"
        assert run.events()[0].detail == '{"who": "ich", "n": 3}'
        assert run.summary == {"done": True}
        assert run.finished


LEVEL = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=20)
@given(
    times=st.tuples(TIME, TIME),
    values=st.lists(LEVEL, min_size=4, max_size=4),
    whole=st.tuples(st.integers(0, 65535), st.integers(0, 255), st.integers(0, 1)),
    rr=st.lists(st.floats(0, 64).map(lambda x: round(x, 4)), max_size=300),
)
def test_readings_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    times: tuple[float, float],
    values: list[float | None],
    whole: tuple[int, int, int],
    rr: list[float],
) -> None:
    path = tmp_path_factory.mktemp("readings") / "run.gaitpi"
    nan = [math.nan if value is None else value for value in values]
    bpm, rpm, running = whole
    given_heart = HeartRow(*times, bpm, nan[0], nan[1], json.dumps(rr))
    given_pod = PodRow(*times, nan[0], rpm, nan[2], nan[3], running)
    writer = RunWriter(path, header(virtual=True))
    writer.reading(given_heart)
    writer.reading(given_pod)
    writer.close()
    with RunReader(path) as run:
        assert repr(run.hearts()) == repr([given_heart])
        assert run.hearts()[0].intervals_s == tuple(rr)
        assert repr(run.pods()) == repr([given_pod])


@pytest.mark.parametrize(
    "bad",
    [
        heart(math.nan),
        heart(1.0, known_s=math.inf),
        heart(1.0, bpm=math.nan),
        heart(1.0, rr_s="[0.4"),
        heart(1.0, rr_s="[65]"),
        heart(1.0, rr_s='["0.4"]'),
        pod(-2e8),
        pod(1.0, cadence_rpm="?"),
    ],
)
def test_a_reading_that_cannot_be_stored_is_refused_at_once(
    tmp_path: Path, bad: HeartRow | PodRow
) -> None:
    writer = RunWriter(tmp_path / "run.gaitpi", header(virtual=True))
    with pytest.raises(ValueError):
        writer.reading(bad)
    writer.reading(pod(1.0))
    writer.close()


def test_header_and_marks_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "run.gaitpi"
    head = write_run(path, calibration='{"stand": 1}')
    with RunReader(path) as run:
        assert run.header == head
        assert run.started.isoformat() == "2026-11-23T18:02:00+01:00"
        assert run.calibrated
        assert not run.virtual
        assert run.config["coach"]["focus"] == "cadence"
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    assert [p.name for p in path.parent.iterdir()] == ["run.gaitpi"]


def test_header_columns_are_those_of_the_table() -> None:
    db = sqlite3.connect(":memory:")
    db.executescript(schema())
    names = [row[1] for row in db.execute("PRAGMA table_info(run)")]
    db.close()
    assert names == ["id", *HEADER_COLUMNS, "crc32"]


def test_anchors_are_kept_when_the_clocks_move_apart_only(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    head = header(mono_s=50.0, wall_s=1000.0)
    writer = RunWriter(path, head)
    writer.anchor(60.0, 1010.009)
    writer.anchor(70.0, 1020.011)
    writer.anchor(80.0, 1030.011)
    writer.anchor(90.0, 1e8 + 1040.0)
    writer.anchor(95.0, math.nan)
    writer.close()
    with RunReader(path) as run:
        assert [a.mono_s for a in run.anchors()] == [50.0, 70.0, 90.0]
        assert run.started.timestamp() == 1e8 + 1000.0
        assert run.header.anchor == head.anchor


def test_two_runs_never_share_a_name_or_a_file(tmp_path: Path) -> None:
    names = {new_run_id(0.0, boot) for boot in ("aaaa", "bbbb") for _ in range(200)}
    assert len(names) == 400
    assert new_run_id(1e300, "aaaa").startswith("00000000-000000-aaaa-")
    path = tmp_path / "run.gaitpi"
    write_run(path)
    before = path.read_bytes()
    with pytest.raises(RunFileError, match="exists already"):
        RunWriter(path, header())
    assert path.read_bytes() == before


def test_recording_is_a_name_not_a_path() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="not a path"):
        replace(header(), recording="/home/me/run.csv")
    with pytest.raises(ValueError):
        replace(header(), config="{")


def test_commits_by_time_and_reader_sees_them_while_writing(tmp_path: Path) -> None:
    now = [0.0]
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header(), monotonic=lambda: now[0])
    data = batches(counts(60))
    with RunReader(path) as run:
        for k, batch in enumerate(data):
            now[0] = k * 0.99 * COMMIT_S / 2
            writer.batch(batch)
            writer.steps([step(k * 0.3)])
            seen = sum(len(b.counts) for b in run.blocks())
            assert seen >= 10 * (k - 2)
            assert (k + 1) * 10 - seen <= 30
        assert run.summary == {}
        writer.close({"end": 1})
        assert run.summary == {"end": 1}
        assert len(run.steps()) == len(data)
        assert run.totals().steps == len(data)


def test_a_reader_in_mid_query_only_delays_a_commit(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header())
    writer._db.execute("PRAGMA busy_timeout = 10")
    writer.batch(batches(counts(10))[0])
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN")
    shell.execute("SELECT * FROM run").fetchall()
    with pytest.raises(RunFileError, match="locked by another program"):
        writer.commit()
    shell.execute("COMMIT")
    shell.close()
    writer.commit()
    assert [len(b.counts) for b in read_blocks(path)] == [10]
    writer.close()
    writer.close()


def test_an_hour_of_running_fits_nine_megabytes(tmp_path: Path, shared_data: Path) -> None:
    record = np.load(shared_data / "rbds_semisynthetic" / "002_T45.npz")
    running = np.hstack([record["acc"], record["gyr"]]).astype(np.int16)
    now = [0.0]
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header(), monotonic=lambda: now[0])
    rows = dict.fromkeys(StepRow._fields, 1 / 3) | {"side": 1, "activity": 3}
    line = ClockLine(0, 0.0, 1 / 208.0)
    sizes = []
    for k in range(300 * 20):
        index = k * 208 // 20
        n = (k + 1) * 208 // 20 - index
        now[0] = k / 20
        part = np.take(running, range(index, index + n), axis=0, mode="wrap")
        writer.batch(Batch(k, index, line, part))
        if k % 20 == 0:
            writer.steps([rows] * 3)
            writer.seconds([second(k / 20, lean_deg=1 / 3, side_lean_deg=1 / 3)])
        if k % 2000 == 0:
            writer.commit()
            sizes.append(path.stat().st_size)
    writer.close()
    each_s = (sizes[-1] - sizes[0]) / 200  # the first pages of the tables count only once
    assert sizes[0] + 3600 * each_s < 9e6
