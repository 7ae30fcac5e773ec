"""The journal as a table: out and in again the same, read twice nothing changes."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.errors import UsageError
from gaitpi.journal import store, table
from gaitpi.journal.entries import AnyEntry, Note
from gaitpi.journal.store import Journal, Put
from gaitpi.plaintext import FORMULA
from tests.journal.made import (
    LINES,
    NOTES,
    PAINS,
    SHOES,
    STRENGTHS,
    in_memory,
    journal_of,
    pain,
    shoe,
    stamp,
    uses,
    worns,
)


@st.composite
def journals(draw: st.DrawFn) -> list[Put]:
    shoes = draw(st.lists(SHOES.filter(lambda one: one.sane), max_size=3))
    names = [f"pair{k}" for k in range(len(shoes))]
    others: st.SearchStrategy[AnyEntry] = st.one_of(
        PAINS, STRENGTHS, NOTES, uses(names), worns(names)
    )
    rest = draw(st.lists(others.filter(lambda one: one.sane), max_size=6))
    return [
        *(Put(one, name) for one, name in zip(shoes, names, strict=True)),
        *(Put(one) for one in rest),
    ]


@given(journals())
@settings(max_examples=60)
def test_out_and_in_again_is_the_same(puts: list[Put]) -> None:
    journal = in_memory(*puts)
    raw = table.text(journal).encode()
    again = table.puts(raw, Journal(), stamp())
    assert {put.name: put.entry for put in again} == dict(journal.entries)
    assert table.puts(raw, journal, stamp(wall_s=1.9e9)) == []  # nothing to do


@given(LINES)
def test_no_cell_is_reckoned_by_a_spreadsheet(text: str) -> None:
    entry = Note(day="2026-05-03", entered_s=1.0, text=text)
    if not entry.sane:
        return
    rows = list(csv.reader(io.StringIO(table.text(in_memory(Put(entry))))))
    assert all(cell[:1] not in FORMULA for row in rows for cell in row)


HAND = """kind,day,level,site,moment,text,what,minutes
pain,2026-05-03,3,lower-left,morning,,,
pain,2026-05-03,3,lower-left,morning,,,
strength,2026-05-02,,,,,legs,30
note,2026-05-01,,,,slept badly,,
"""


def test_a_table_by_hand_is_read_once_however_often(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)

    def read(text: str, wall_s: float) -> int:
        now = stamp(wall_s=wall_s)
        return len(
            store.change(path, lambda j: table.puts(text.encode(), j, now), now, act="import").rows
        )

    assert read(HAND, 1.8e9) == 4  # two that say the same are two
    assert read(HAND, 1.9e9) == 0
    # a spreadsheet of another country, with a mark of its encoding
    assert read("\ufeff" + HAND.replace(",", ";"), 1.9e9) == 0
    assert read(HAND.replace("lower-left,morning", "lower-left,after"), 1.9e9) == 2
    assert len(store.undo(path, stamp()).journal.pains) == 2


def test_an_edited_line_changes_its_entry(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, Put(pain(site="lower-left"), "abc"))
    raw = table.text(journal).replace(",3,lower-left", ",5,lower-left").encode()
    assert table.puts(raw, journal, stamp()) == [Put(pain(level=5, site="lower-left"), "abc")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("pain,2026-05-03,11,,,,,", "level '11' is no whole number from 0 to 10"),
        ("pain,2026-05-03,,,,,,", "level ''"),
        ("pain,03.05.2026,3,,,,,", "day '03.05.2026' is no day"),
        ("pain,2026-05-03,3,,later,,,", "moment 'later'"),
        ("pain,2026-05-03,3,,,words,,", "pain has no text"),
        ("mood,2026-05-03,3,,,,,", "kind 'mood'"),
        ("strength,2026-05-03,,,,,legs,nan", "minutes 'nan'"),
        ("strength,2026-05-03,,,,,legs,0", "minutes 0 is no session"),
        ("strength,2026-05-03,,,,,,30", "what"),
        ("pain,2026-05-03,3,Knee Left,,,,", "site 'Knee Left' is not words joined by hyphens"),
        ("pain,2062-05-03,7,,,,,", "2062-05-03 is still to come"),
        ("note,2026-05-03,,,,,,", "text"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(tmp_path: Path, line: str, why: str) -> None:
    path = store.path_in(tmp_path)
    raw = f"{HAND}{line}\n".encode()
    with pytest.raises(UsageError) as refused:
        store.change(path, lambda journal: table.puts(raw, journal, stamp()), stamp())
    assert f"line 6: {why}" in refused.value.found
    assert "Nothing was imported" in refused.value.todo
    assert store.load(path).entries == {}


def test_the_name_of_an_entry_is_not_taken_by_another_kind(tmp_path: Path) -> None:
    """Else a pair would be gone, and with it which runs were run in it."""
    journal = journal_of(tmp_path, Put(shoe("Ghost"), "g"))
    raw = b"kind,day,level,id\npain,2026-05-03,3,g\n"
    with pytest.raises(UsageError, match="line 2: id 'g' is that of a shoe in the journal"):
        table.puts(raw, journal, stamp())


def test_a_day_to_come_is_read_where_the_clock_may_be_behind() -> None:
    raw = b"kind,day,level\npain,2026-05-04,3\n"
    with pytest.raises(UsageError, match="still to come"):
        table.puts(raw, Journal(), stamp())
    assert len(table.puts(raw, Journal(), stamp(wall_s=100.0))) == 1


def test_many_bad_lines_are_counted() -> None:
    raw = (HAND + "pain,2026-05-03,99,,,,,\n" * 9).encode()
    with pytest.raises(UsageError, match=r"9 bad lines: line 6: .*; and 4 more"):
        table.puts(raw, Journal(), stamp())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "no UTF-8"),
        (b"day,level\n2026-05-03,3\n", "names the columns"),
        (b"kind,colour\npain,red\n", "'colour'"),
        (b"kind,kind\npain,pain\n", "each once"),
        (b'kind,text\nnote,"open\n', "line"),
        (b"kind,day\npain,2026-05-03,3,4\n", "too many cells"),
        (b"kind,text\nnote," + b"x" * 1001, "too long"),
        (b"x" * (table.BYTES_MAX + 1), "MiB"),
        (b"kind\n" + b"pain\n" * (table.LINES_MAX + 1), "20000 lines"),
        (b"kind,pair,run\nworn,zz,r\n", "no pair has the id|day"),
    ],
)
def test_what_is_no_table(raw: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        table.puts(raw, Journal(), stamp())


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.booleans())
def test_any_bytes_are_read_or_refused(raw: bytes, headed: bool) -> None:
    raw = b"kind,day,level,text,run,shoe,from\n" + raw if headed else raw
    try:
        puts: list[Any] = table.puts(raw, Journal(), stamp())
    except UsageError:
        return
    assert all(put.entry.sane for put in puts)
