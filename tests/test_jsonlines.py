"""Lines with a checksum: what the journals beside the runs share."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.errors import GaitpiError


class Note(Struct, frozen=True):
    text: str


class NoteError(GaitpiError):
    """Something is wrong with notes."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


NOTES = jsonlines.Kind("the notes in {path}", "a file of notes", NoteError)


@given(st.text())
def test_there_and_back(text: str) -> None:
    line = jsonlines.pack(Note(text))
    assert line.count(b"\n") == 1
    assert jsonlines.unpack(line.rstrip(b"\n"), Note) == Note(text)


@given(st.integers(0, 10_000), st.integers(0, 7))
@settings(max_examples=100)
def test_a_flipped_bit_makes_no_record(at: int, bit: int) -> None:
    line = bytearray(jsonlines.pack(Note("steady")).rstrip(b"\n"))
    line[at % len(line)] ^= 1 << bit
    found: Note | None = jsonlines.unpack(bytes(line), Note)
    assert found in (None, Note("steady"))


def test_a_torn_line_stays_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    assert NOTES.read(path) == []
    NOTES.append(path, [jsonlines.pack(Note("one"))])
    path.write_bytes(path.read_bytes() + b'["0123')
    NOTES.append(path, [jsonlines.pack(Note("two"))])
    found = [jsonlines.unpack(line, Note) for line in NOTES.read(path)]
    assert found == [Note("one"), None, Note("two")]
    NOTES.replace(path, [*NOTES.read(path), jsonlines.pack(Note("three"))])
    assert len(NOTES.read(path)) == 4


def test_problems_are_the_callers_own(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (jsonlines.SIZE_LIMIT + 1))
    with pytest.raises(NoteError, match="too large to be a file of notes"):
        NOTES.read(large)
    with pytest.raises(NoteError, match=r"the notes in .* cannot be read"):
        NOTES.read(tmp_path)
    with pytest.raises(NoteError, match="cannot be written"):
        NOTES.append(tmp_path, [b"x\n"])
    with pytest.raises(NoteError, match="cannot be written"):
        NOTES.replace(tmp_path, [b"x\n"])
