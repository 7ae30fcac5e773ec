"""Every promise of the fault matrix, judged with few trials; docs/reliability.md has many."""

import re
import secrets
from pathlib import Path

import pytest

from calibration.reliability import Row
from calibration.reliability.__main__ import BEGIN, DOC, END, line, order, written
from calibration.reliability.rows import every_row, lacking
from gaitpi.faults import FAULTS, told

ROWS = every_row()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_promise(row: Row) -> None:
    if row.needs == "guest":
        pytest.skip("judged in the guest: make hil")
    if why := lacking(row.needs):
        pytest.skip(why)
    seed = secrets.randbelow(2**31)
    outcome = row.judge(row.few, seed)
    assert outcome.trials >= 1
    assert outcome.kept, f"seed {seed}: {outcome.why or outcome.worst}"


def test_every_row_is_in_the_document() -> None:
    table = DOC.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    numbers = re.findall(r"^\| (F\d+\w*) \|", table, re.MULTILINE)
    assert set(numbers) == {row.number for row in ROWS}
    assert numbers == sorted(numbers, key=order)


def test_no_promise_of_the_document_is_broken_in_silence() -> None:
    text = DOC.read_text(encoding="utf-8")
    for row in text.split(BEGIN)[1].split(END)[0].splitlines():
        if "**" in row:
            number = row.split("|")[1].strip()
            assert f"**{number}**" in text.split(END)[1], f"{number} is missed and not explained"


def test_the_whole_matrix_is_there() -> None:
    numbers = {order(row.number)[0] for row in ROWS}
    explained = re.findall(r"^- F(\d+):", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    assert numbers | {int(n) for n in explained} >= set(range(1, 29))


def test_lines_take_the_place_of_those_of_their_row() -> None:
    row = Row("F2", "f", "i", "p", "c", lambda n, seed: pytest.fail("not run here"), 1, 1)
    text = f"a\n{BEGIN}\n| F10 | x |\n| F2 | old |\n{END}\nb\n"
    new = written(text, [line(row, 1234, "so|so", kept=False)])
    rows = [r for r in new.splitlines() if r.startswith("| F")]
    assert rows == ["| F2 | f | i | 1,234 | **so\\|so** | p | c |", "| F10 | x |"]


def test_counters_are_told_in_words_the_most_frequent_first() -> None:
    assert told({"nack": 3, "overflow": 12, "never": 0, "odd": 1}) == [
        "12 times the sensor's memory ran over",
        "3 transfers not acknowledged",
        "1 odd",
    ]


def test_every_fault_belongs_to_a_row() -> None:
    assert all(re.fullmatch(r"F\d+", fault.row) for fault in FAULTS.values())
    assert Path(DOC).is_file()
