"""Views: what is kept of a trimmed run, and the parts of a split one, against the whole."""

import contextlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi import editfile
from gaitpi.coach.types import Cue
from gaitpi.editfile import Split, Trim
from gaitpi.errors import RunFileError, UsageError
from gaitpi.review.ledger import ledger
from gaitpi.review.verdict import judge
from gaitpi.runs.reader import RunReader, list_runs
from gaitpi.runs.view import (
    RunView,
    Window,
    as_edited,
    cut,
    find,
    opened,
)
from gaitpi.runs.writer import RunWriter

from .sample import (
    RATE_HZ,
    batches,
    counts,
    cue,
    header,
    heart,
    pod,
    second,
    step,
    withheld,
    write_run,
)

LONG_S = 60
GAP_S = 1.25


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute with walking, a gap, clipped samples, steps without contact, cues and events."""
    path = tmp_path_factory.mktemp("view") / "20261124-005534-cab6-57aa15.gaitpi"
    writer = RunWriter(path, header())
    n = int(20.3 * RATE_HZ)
    for batch in batches(counts(n, 1) // 64):
        writer.batch(replace(batch, clipped=1))
    later = n / RATE_HZ + GAP_S
    samples = counts(int((LONG_S - later) * RATE_HZ), 2) // 64
    samples[::100] = 32767
    first, *others = batches(samples, start=n, time_s=later)
    writer.batch(replace(first, gap_s=GAP_S))
    for batch in others:
        writer.batch(replace(batch, clipped=int((batch.counts == 32767).any(axis=1).sum())))
    walking = range(40, 47)
    writer.seconds(
        second(float(k), activity=2 if k in walking else 3, gap_s=GAP_S if k == 20 else 0.0)
        for k in range(LONG_S)
    )
    for k in range(150):
        at_s = 0.37 * k + 0.3
        known = {} if k % 11 else {"ic_s": math.nan, "step_s": math.nan, "known_s": at_s}
        activity = 2 if int(at_s) in walking else 3
        writer.steps([step(at_s, activity=activity) | known])
    for k, name in enumerate(("step-up", "back", "step-up", "back")):
        writer.cue(cue(10.0 + 9.5 * k, name), 10.0 + 9.5 * k)
    for k in range(LONG_S):
        writer.reading(heart(k + 0.4, bpm=100 + k))
        writer.reading(pod(k + 0.7, distance_m=2.8 * k))
    writer.withheld(withheld(3.0))
    writer.event(2.0, "mark", "button")
    writer.event(30.0, "mark", "button")
    writer.close({})
    return path


@contextlib.contextmanager
def parts_of(run: Path, times: list[float]) -> Iterator[list[RunView]]:
    edges = [-math.inf, *times, math.inf]
    with contextlib.ExitStack() as held:
        yield [
            held.enter_context(RunView(run, Window(a, b), k))
            for k, (a, b) in enumerate(itertools.pairwise(edges), start=1)
        ]


moments = st.lists(
    st.integers(1, LONG_S - 1).map(float) | st.floats(0.01, LONG_S - 0.01), max_size=4, unique=True
).map(sorted)


@given(moments)
def test_the_parts_add_up_to_the_run(run: Path, times: list[float]) -> None:
    before = run.read_bytes()
    with RunReader(run) as whole, parts_of(run, times) as parts:
        for name in ("steps", "seconds", "cues", "withheld", "events", "hearts", "pods"):
            rows = getattr(whole, name)()
            found = [row for part in parts for row in getattr(part, name)()]
            assert sorted(map(repr, found)) == sorted(map(repr, rows))
        totals = [part.totals() for part in parts]
        for part, total in zip(parts, totals, strict=True):
            # SQL and Python draw the line at the same place
            assert total.steps == len(part.steps())
            assert total.running_s == sum(s.activity == 3 for s in part.seconds())
            assert total.duration_s == pytest.approx(part.end_s - part.start_s)
        for name, value in whole.totals()._asdict().items():
            if name != "cadence_spm":
                assert sum(getattr(t, name) for t in totals) == pytest.approx(value)
    assert run.read_bytes() == before


@settings(max_examples=40)
@given(moments)
def test_the_samples_of_the_parts_are_those_of_the_run_bit_for_bit(
    run: Path, times: list[float]
) -> None:
    with RunReader(run) as whole:
        all_times = np.concatenate([b.times() for b in whole.blocks()])
        all_counts = np.concatenate([b.counts for b in whole.blocks()])
        gaps, clips = [(b.gap_s, b.clipped) for b in whole.blocks()], 0
    found_times, found_counts = [all_times[:0]], [all_counts[:0]]
    with parts_of(run, times) as parts:
        for part in parts:
            blocks = list(part.blocks())
            for block in blocks:
                found_times.append(block.times())
                found_counts.append(block.counts)
                assert block.gap_s <= GAP_S + 0.01
                clips += block.clipped
            own = [b.times() for b in blocks]
            if own:
                assert own[0][0] >= part.start_s
                assert own[-1][-1] < part.window.end_s
                last = part.last_block()
                assert last is not None
                assert last.index == blocks[-1].index
    assert np.array_equal(np.concatenate(found_times), all_times)
    assert np.array_equal(np.concatenate(found_counts), all_counts)
    assert clips <= sum(clipped for _, clipped in gaps)


def test_a_gap_counts_from_the_beginning_of_the_window(run: Path) -> None:
    with RunReader(run) as whole:
        longest = max(b.gap_s for b in whole.blocks())
    with RunView(run, Window(21.0)) as view:
        first = next(view.blocks())
        assert first.gap_s == pytest.approx(float(first.times()[0]) - 21.0)
        assert first.gap_s < longest
        assert max(b.gap_s for b in view.blocks()) == first.gap_s


@given(moments)
def test_verdicts_and_answers_of_the_parts_add_up(run: Path, times: list[float]) -> None:
    """What the coach knew is taken of the whole run: a part has no warm-up of its own."""
    with RunReader(run) as whole:
        judged, entries = judge(whole), ledger(whole)
    with parts_of(run, times) as parts:
        verdicts = [judge(part) for part in parts]
        found = [entry for part in parts for entry in ledger(part)]
    assert repr(found) == repr(entries)
    for name in ("cueable_s", "steps", "running_s", "cues", "judged", "answered", "samples"):
        assert sum(getattr(v, name) for v in verdicts) == getattr(judged, name)
    assert [v.run_id for v in verdicts] == [
        f"{judged.run_id}.{k}" for k in range(1, len(verdicts) + 1)
    ]


def edited(run: Path, folder: Path, *records: editfile.Record) -> Path:
    copy = folder / run.name
    copy.write_bytes(run.read_bytes())
    editfile.add(editfile.path_of(copy), records)
    return copy


def test_opened_as_edited_untrimmed_and_in_parts(run: Path, tmp_path: Path) -> None:
    trim, split = Trim(wall_s=1.0, start_s=5.0, end_s=50.0), Split(wall_s=1.0, cuts=(20.0, 55.0))
    path = edited(run, tmp_path, trim, split)
    with opened(path) as view, RunReader(path) as whole:
        assert (view.start_s, view.end_s, view.totals().duration_s) == (5.0, 50.0, 45.0)
        assert view.whole.totals() == whole.totals()
        assert view.whole.steps() == view.whole.steps()
        assert (view.began - whole.started).total_seconds() == 5.0
        assert view.started == whole.started  # of run time 0
        assert view.run_id == whole.run_id
        assert not view.keeps(50.0)
        assert (whole.start_s, whole.end_s) == (0.0, whole.totals().duration_s)
        assert whole.whole is whole
        assert whole.keeps(1e9)
    with opened(path, untrimmed=True) as view:
        assert type(view) is RunReader
    with opened(path, 2) as view:
        assert (view.start_s, view.end_s) == (20.0, 50.0)
        assert view.run_id.endswith(".2")
    with pytest.raises(UsageError, match="has 2 parts, no part 3"):
        opened(path, 3)
    with pytest.raises(UsageError, match="has no parts"):
        opened(run, 1)
    (entry,) = as_edited(list_runs(tmp_path), tmp_path)
    assert entry.kept == (5.0, 50.0)
    assert entry.totals is not None
    assert [part.kept for part in entry.parts] == [(5.0, 20.0), (20.0, 50.0)]
    assert sum(part.totals.steps for part in entry.parts if part.totals) == entry.totals.steps
    (entry,) = list_runs(tmp_path)
    assert (entry.kept, entry.parts) == (None, ())


def test_an_untouched_run_is_read_as_ever(run: Path, tmp_path: Path) -> None:
    for path in (run, edited(run, tmp_path, editfile.Note(wall_s=1.0, number=1, text="x"))):
        with opened(path) as view:
            assert type(view) is RunReader


def test_damaged_edits_are_said_and_all_is_shown(run: Path, tmp_path: Path) -> None:
    path = edited(run, tmp_path, Trim(wall_s=1.0, end_s=50.0))
    beside = editfile.path_of(path)
    beside.write_bytes(beside.read_bytes() + b"half a li")
    said: list[str] = []
    with opened(path, said=said.append) as view:
        assert type(view) is RunReader
    assert len(said) == 1
    assert "shown untrimmed" in said[0]
    assert "Nothing recorded is lost" in said[0]
    assert as_edited(list_runs(tmp_path), tmp_path)[0].kept is None
    beside.unlink()
    beside.mkdir()
    with opened(path, said=said.append) as view:
        assert type(view) is RunReader
    assert "cannot be read" in said[1]


def test_names_of_parts(run: Path, tmp_path: Path) -> None:
    name = run.name.removesuffix(".gaitpi")
    folder = run.parent
    assert find(folder, name) == (run, 0)
    assert find(folder, f"{name}.2") == (run, 2)
    assert find(folder, "last.12") == (run, 12)
    assert find(folder, "20261124.1") == (run, 1)
    assert find(folder, str(run)) == (run, 0)
    assert find(folder, f"{run}.3") == (run, 3)
    for wrong in ("last.0", "last.100", "last.x", "zz.1", "last."):
        with pytest.raises(UsageError):
            find(folder, wrong)
    odd = tmp_path / "mine.2.gaitpi"
    odd.write_bytes(run.read_bytes())
    assert find(tmp_path, "mine.2") == (odd, 0)
    assert find(tmp_path, "mine.2.1") == (odd, 1)


def test_a_run_that_is_gone_on_with_keeps_its_trim(tmp_path: Path) -> None:
    """Trimmed when it was cut short, gone on with and finished: what was cut off stays so."""
    path = tmp_path / "a.gaitpi"
    write_run(path, seconds=[second(float(k)) for k in range(30)], finish=False)
    editfile.add(editfile.path_of(path), [Trim(wall_s=1.0, start_s=10.0)])
    with opened(path) as view:
        assert [s.time_s for s in view.seconds()] == [float(k) for k in range(10, 30)]
    writer = RunWriter.resume(path)
    writer.seconds(second(float(k)) for k in range(31, 50))
    writer.close({})
    with opened(path) as view:
        assert view.finished
        assert view.totals().running_s == 39.0
        assert view.end_s == view.whole.totals().duration_s


def test_a_damaged_run_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.gaitpi"
    path.write_text("not a run")
    editfile.add(editfile.path_of(path), [Trim(wall_s=1.0, end_s=50.0)])
    with pytest.raises(RunFileError, match="not a gaitpi run file"):
        opened(path)
    assert as_edited(list_runs(tmp_path), tmp_path)[0].problem is not None


def test_a_cue_before_the_window_answers_for_one_within(tmp_path: Path) -> None:
    """The answer to a cue just before the end of a part came in the next: it is an answer."""
    path = tmp_path / "a.gaitpi"
    asked = Cue(20.0, "step-up", "cadence", 160.0, (166.8, math.inf), "cadence.low", "low", 0.35)
    back = Cue(26.0, "back", "cadence", 168.0, (166.8, math.inf), "cadence.back", "back", 0.0)
    write_run(path, seconds=[second(float(k)) for k in range(60)], cues=[asked, back])
    with parts_of(path, [22.0]) as (first, later):
        assert judge(first).answered == 1
        assert judge(later).cues == 0
    with RunView(path, Window(22.0), 1) as view:
        assert [e.number for e in ledger(view)] == [2]


def test_windows() -> None:
    assert Window().holds(math.nan)
    assert Window().holds(math.inf)
    assert not Window(end_s=5.0).holds(math.nan)
    assert not Window(start_s=5.0).holds(math.nan)
    assert not Window(end_s=5.0).holds(5.0)
    assert Window(start_s=5.0).holds(5.0)
    assert cut(editfile.Edits(), 10.0).window.open
