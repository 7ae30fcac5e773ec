"""CSV: what is written is read back bit for bit; what is wrong is said in words."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gaitpi.device import csvfile
from gaitpi.errors import InputFileError, UsageError

HEADER = "time_s,ax,ay,az,gx,gy,gz"
ROWS = [f"{k / 100},0.1,0.2,9.8,0.01,0.02,0.03" for k in range(50)]


def _file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "samples.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _text(rows: list[str], header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


@settings(max_examples=20)
@given(
    arrays(np.float64, (30, 3), elements=st.floats(-150, 150)),
    arrays(np.float64, (30, 3), elements=st.floats(-30, 30)),
    st.booleans(),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, acc: np.ndarray, gyr: np.ndarray, with_gyr: bool
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    acc[:, 2] = 9.81 + acc[:, 2] * 1e-3
    times = np.cumsum(np.full(30, 1 / 208.3)) + 17.123
    assert csvfile.write(path, [(times, acc, gyr if with_gyr else None)]) == 30
    back = csvfile.read(path)
    assert (back.time_s == times).all()
    assert (back.acc == acc).all()
    if with_gyr:
        assert back.gyr is not None
        assert (back.gyr == gyr).all()
    else:
        assert back.gyr is None


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = _file(tmp_path, "mine")
    with pytest.raises(UsageError, match="is there already"):
        csvfile.write(path, [])
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "found", "todo"),
    [
        ("", "does not begin with the line", "Add it"),
        ("a,b,c\n1,2,3\n", "does not begin with the line", "units are s"),
        (HEADER + "\n", "holds no samples", "few seconds"),
        (_text(ROWS)[:-16], "line 51: 4 values where 7 are expected: the file was cut", "Delete"),
        (_text(ROWS)[:-2], "ends in the middle of line 51", "Delete that last line"),
        (_text([*ROWS[:9], "0.09,1,2", *ROWS[10:]]), "line 11: 3 values where 7", "Mend"),
        (_text([*ROWS[:9], "0.09,x,2,9.8,0,0,0", *ROWS[10:]]), "line 11: '0.09,x,2", "Mend"),
        (_text([*ROWS[:9], "0.09,nan,2,9.8,0,0,0", *ROWS[10:]]), "line 11: a value is", "gap"),
        (_text([*ROWS[:9], ROWS[8], *ROWS[10:]]), "line 11: time_s does not increase", "Sort"),
        (_text([r.replace("9.8", "1.0") for r in ROWS]), "gravity alone", "9.80665"),
        (_text([r.replace("9.8", "2048") for r in ROWS]), "beyond any runner", "raw counts"),
        (_text([r.replace(",0.03", ",190") for r in ROWS]), "beyond any runner", "degrees"),
        (_text([f"{k},0,0,9.8,0,0,0" for k in range(9)]), "about 1 samples a second", "unit"),
        (b"\xff\xfe\x00\x01\x80", "is not a text file", "run file"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str | bytes, found: str, todo: str) -> None:
    with pytest.raises(InputFileError) as caught:
        csvfile.read(_file(tmp_path, text))
    assert found in caught.value.found
    assert todo in caught.value.todo
    assert "samples.csv" in caught.value.found


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="No such file"):
        csvfile.read(tmp_path / "none.csv")


@given(st.integers(0, len(_text(ROWS)) - 1))
@settings(max_examples=60)
def test_cut_anywhere_it_is_words_or_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, at: int
) -> None:
    whole = _text(ROWS)
    path = _file(tmp_path_factory.mktemp("cut"), whole[:at])
    try:
        samples = csvfile.read(path)
    except InputFileError:
        return
    assert whole[at - 1] == "\n"
    assert len(samples.time_s) == whole[:at].count("\n") - 1
