"""The file of the programme: what was written stays, what is damaged is left out and said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach.programme import faded
from gaitpi.jsonlines import SIZE_LIMIT
from gaitpi.programmefile import (
    Journal,
    Prescribed,
    ProgrammeFileError,
    Record,
    Skipped,
    Started,
    Stopped,
    add,
    load,
    path_in,
)

texts = st.text(max_size=12).filter(lambda t: t.encode("utf-8", "ignore").decode() == t)
walls = st.floats(0, 4e9)
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(Started, wall_s=walls, id=st.just("own-1"), plan=st.just(faded("cadence"))),
    st.builds(Stopped, wall_s=walls, id=st.just("own-1"), reason=texts),
    st.builds(
        Skipped,
        wall_s=walls,
        id=st.just("own-1"),
        part=st.just("session"),
        number=st.integers(1, 8),
        reason=texts,
    ),
    st.builds(Prescribed, wall_s=walls, sha256=texts, text=texts, kind=st.just("toml")),
)


@given(st.lists(st.lists(records, min_size=1, max_size=3), max_size=4))
def test_what_is_added_is_kept(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Record]]
) -> None:
    path = path_in(tmp_path_factory.mktemp("p"))
    for batch in batches:
        add(path, batch)
    assert load(path) == Journal(tuple(r for batch in batches for r in batch))


@given(st.lists(records, min_size=1, max_size=4), st.lists(records, max_size=2), st.data())
def test_a_torn_write_loses_only_itself(
    tmp_path_factory: pytest.TempPathFactory,
    kept: list[Record],
    later: list[Record],
    data: st.DataObject,
) -> None:
    """Wherever the last line is cut: the lines before it and those written afterwards are whole."""
    path = path_in(tmp_path_factory.mktemp("p"))
    add(path, kept[:-1])
    begin = path.stat().st_size
    add(path, kept[-1:])
    raw = path.read_bytes()
    path.write_bytes(raw[: data.draw(st.integers(begin, len(raw)))])
    before = load(path).records
    assert before in (tuple(kept), tuple(kept[:-1]))
    add(path, later)
    assert load(path).records == (*before, *later)


@given(st.lists(records, min_size=2, max_size=4), st.data())
def test_a_damaged_line_stays_and_is_said(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Record], data: st.DataObject
) -> None:
    path = path_in(tmp_path_factory.mktemp("p"))
    add(path, kept)
    lines = path.read_bytes().splitlines()
    which = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(1, len(lines[which]) - 1))
    spoilt = bytearray(lines[which])
    spoilt[at] = (spoilt[at] - 0x20 + 1) % 0x5E + 0x20
    lines[which] = bytes(spoilt)
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = load(path)
    assert found.records == tuple(r for k, r in enumerate(kept) if k != which)
    assert "1 damaged line" in found.problems[0]
    add(path, kept[:1])
    assert path.read_bytes().startswith(b"\n".join(lines))


def test_a_lost_prescription_is_noticed_until_there_is_another(tmp_path: Path) -> None:
    path = path_in(tmp_path)
    prescribed = Prescribed(wall_s=1.0, sha256="a", text="x", kind="toml")
    add(path, [prescribed, Stopped(wall_s=2.0, id="own-1")])
    path.write_bytes(path.read_bytes().replace(b'"x"', b'"y"'))
    assert load(path).prescription_lost
    add(path, [prescribed])
    assert not load(path).prescription_lost


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    path = path_in(tmp_path)
    path.write_bytes(b"x" * (SIZE_LIMIT + 1))
    with pytest.raises(ProgrammeFileError, match="too large"):
        load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ProgrammeFileError, match="cannot be read"):
        load(path)
    with pytest.raises(ProgrammeFileError, match="cannot be written"):
        add(path, [Stopped(wall_s=2.0, id="own-1")])
    assert load(path_in(tmp_path, simulated=True)) == Journal()
