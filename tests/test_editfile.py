"""Trims, splits and notes: the file beside a run, against a plain model of what it means."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi import jsonlines
from gaitpi.editfile import (
    EditFileError,
    Edits,
    Note,
    Record,
    Split,
    Trim,
    add,
    load,
    path_of,
    undone,
)
from gaitpi.runs.view import Window, cut

LONG_S = 100.0
times = st.integers(1, 120).map(float)
actions = st.one_of(
    st.tuples(st.just("trim"), st.none() | times, st.none() | times),
    st.tuples(st.just("split"), st.lists(times, max_size=4)),
    st.tuples(st.sampled_from(["undo trim", "undo split"])),
    st.tuples(st.just("note"), st.text(min_size=1, max_size=8)),
    st.tuples(st.just("delete"), st.integers(1, 5)),
)


class Model:
    """What a person would expect: two stacks, and a list of notes."""

    def __init__(self) -> None:
        self.trims: list[tuple[float | None, float | None]] = []
        self.splits: list[tuple[float, ...]] = []
        self.notes: list[str | None] = []

    def do(self, action: tuple[object, ...], edits: Edits) -> Record | None:
        """Change the model; the record that says the same, None where there is nothing to say."""
        match action:
            case ("trim", start_s, end_s):
                record = Trim(wall_s=1.0, start_s=start_s, end_s=end_s)  # type: ignore[arg-type]
                if not record.sane:
                    return None
                self.trims.append((record.start_s, record.end_s))
                return record
            case ("split", cuts):
                self.splits.append(tuple(sorted(set(cuts))))  # type: ignore[call-overload]
                return Split(wall_s=1.0, cuts=self.splits[-1])
            case ("undo trim",):
                assert (undone(edits, Trim, 1.0) is None) == (not self.trims)
                del self.trims[-1:]
                return undone(edits, Trim, 1.0)
            case ("undo split",):
                assert (undone(edits, Split, 1.0) is None) == (not self.splits)
                del self.splits[-1:]
                return undone(edits, Split, 1.0)
            case ("note", text):
                self.notes.append(str(text))
                return Note(wall_s=1.0, number=edits.next_note, text=str(text))
            case (_, int(number)):
                if number > len(self.notes):
                    return None
                self.notes[number - 1] = None
                return Note(wall_s=1.0, number=number)
        raise AssertionError(action)

    @property
    def trim(self) -> tuple[float | None, float | None]:
        return self.trims[-1] if self.trims else (None, None)

    @property
    def cuts(self) -> tuple[float, ...]:
        return self.splits[-1] if self.splits else ()


def agree(edits: Edits, model: Model) -> None:
    assert (edits.trim.start_s, edits.trim.end_s) == model.trim
    assert edits.cuts == model.cuts
    kept = {k: text for k, text in enumerate(model.notes, 1) if text is not None}
    assert {k: note.text for k, note in edits.notes.items()} == kept


def covers(edits: Edits, duration_s: float = LONG_S) -> None:
    """The window lies in the run and holds something; the parts cover it and do not overlap."""
    found = cut(edits, duration_s)
    start_s, end_s = max(0.0, found.window.start_s), min(found.window.end_s, duration_s)
    assert 0.0 <= start_s < end_s <= duration_s
    if found.parts:
        edges = [found.parts[0].start_s, *(part.end_s for part in found.parts)]
        assert [part.start_s for part in found.parts] == edges[:-1]
        assert (edges[0], edges[-1]) == (found.window.start_s, found.window.end_s)
        inner = [start_s, *edges[1:-1], end_s]
        assert inner == sorted(set(inner))
    for t in (-1.0, 0.0, start_s, end_s, 50.5, duration_s, math.inf, math.nan):
        inside = found.window.holds(t)
        assert sum(part.holds(t) for part in found.parts) <= (1 if inside else 0)
        if not math.isnan(t):
            assert sum(p.holds(t) for p in found.parts or (found.window,)) == inside


@given(st.lists(actions, max_size=12))
def test_any_sequence_means_what_a_plain_model_means(
    tmp_path_factory: pytest.TempPathFactory, todo: list[tuple[object, ...]]
) -> None:
    path = path_of(tmp_path_factory.mktemp("t") / "a.gaitpi")
    model, edits, before = Model(), load(path), b""
    for action in todo:
        record = model.do(action, edits)
        if record is not None:
            edits = add(path, [record])
            raw = path.read_bytes()
            assert raw.startswith(before)  # it only ever grows
            before = raw
        agree(edits, model)
        covers(edits)
    assert edits.damaged == 0


@given(st.lists(actions, max_size=8), st.data())
def test_damage_shows_the_run_untrimmed_until_it_is_said_anew(
    tmp_path_factory: pytest.TempPathFactory, todo: list[tuple[object, ...]], data: st.DataObject
) -> None:
    path = path_of(tmp_path_factory.mktemp("t") / "a.gaitpi")
    model, edits = Model(), load(path)
    records = []
    for action in todo:
        record = model.do(action, edits)
        if record is not None:
            edits = add(path, [record])
            records.append(record)
    if not records:
        return
    lines = path.read_bytes().splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    spoilt = bytearray(lines[at])
    where = data.draw(st.integers(0, len(spoilt) - 2))
    spoilt[where] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(b"".join([*lines[:at], bytes(spoilt), *lines[at + 1 :]]))
    edits = load(path)
    assert edits.damaged > 0
    covers(edits)
    later = records[at + 1 :]
    trimmed, split = (any(isinstance(r, kind) for r in later) for kind in (Trim, Split))
    assert (edits.lost(Trim), edits.lost(Split)) == (not trimmed, not split)
    # what was said after the damage holds; else nothing does
    assert (edits.trim.start_s, edits.trim.end_s) == (model.trim if trimmed else (None, None))
    assert edits.cuts == (model.cuts if split else ())
    edits = add(path, [Trim(wall_s=2.0, start_s=5.0), Split(wall_s=2.0, cuts=(9.0,))])
    assert not edits.lost(Trim)
    assert not edits.lost(Split)
    assert cut(edits, LONG_S).window == Window(5.0)
    assert len(cut(edits, LONG_S).parts) == 2
    nothing = undone(edits, Trim, 3.0)
    assert nothing is not None
    edits = add(path, [nothing])
    if not later:  # what was before the damage cannot be gone back to
        assert undone(edits, Trim, 4.0) is None
    covers(edits)


@pytest.mark.parametrize(
    "record",
    [
        {"type": "trim", "wall_s": 1.0, "start_s": 9.0, "end_s": 9.0},
        {"type": "trim", "wall_s": 1.0, "start_s": -1.0},
        {"type": "trim", "wall_s": 1.0, "end_s": 1e300},
        {"type": "split", "wall_s": 1.0, "cuts": [5.0, 4.0]},
        {"type": "split", "wall_s": 1.0, "cuts": [0.0]},
        {"type": "split", "wall_s": 1.0, "cuts": [float(k) for k in range(1, 200)]},
        {"type": "note", "wall_s": 1.0, "number": 1, "text": "x" * 100_000},
        {"type": "note", "wall_s": 1.0, "number": 0, "text": "x"},
        {"type": "crop", "wall_s": 1.0},
        {"type": "trim", "wall_s": 1.0, "more": 1},
        [1, 2],
    ],
)
def test_what_nobody_can_have_meant_is_damage(tmp_path: Path, record: object) -> None:
    path = path_of(tmp_path / "a.gaitpi")
    path.write_bytes(jsonlines.pack(record))
    edits = load(path)
    assert (edits.damaged, edits.trim.start_s, edits.cuts, edits.notes) == (1, None, (), {})


def test_a_window_beyond_the_run_is_left_out() -> None:
    edits = Edits((Trim(wall_s=1.0, start_s=50.0, end_s=90.0), Split(wall_s=1.0, cuts=(60.0,))))
    assert cut(edits, 40.0).window == Window()
    assert cut(edits, 40.0).parts == ()
    assert cut(edits, 70.0).window == Window(50.0)
    assert [p.end_s for p in cut(edits, 70.0).parts] == [60.0, math.inf]
    assert len(cut(edits, 55.0).parts) == 0


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = path_of(tmp_path / "a.gaitpi")
    assert load(path) == Edits()
    path.mkdir()
    with pytest.raises(EditFileError, match="cannot be read"):
        load(path)
    with pytest.raises(EditFileError, match="cannot be written"):
        add(path, [Note(wall_s=1.0, number=1, text="x")])
