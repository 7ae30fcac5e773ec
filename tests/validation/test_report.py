"""The table: widths, verdicts, files, and its places in the documents."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.validation import report
from calibration.validation.report import Row

ROOT = Path(__file__).parents[2]
NAN = float("nan")
ROW = Row(
    "cadence of a trial, MAE with quite a long name",
    "alcantara",
    "11 trials",
    0.4321,
    "spm",
    2,
    "scikit-digital-health (batch)",
    1.1,
    0.5,
    note="a note that is long enough to need a second line of its own in a narrow terminal window",
    parts=(("a", 0.1), ("b", -0.9), ("c", NAN)),
)


@pytest.mark.parametrize(
    ("value", "limit", "sense", "verdict"),
    [
        (0.5, 0.5, "<=", "ok"),
        (0.51, 0.5, "<=", "miss"),
        (0.5, 0.5, ">=", "ok"),
        (0.49, 0.5, ">=", "miss"),
        (NAN, 0.5, "<=", "miss"),  # no figure is no success
        (0.1, None, "<=", ""),
    ],
)
def test_verdicts(value: float, limit: float | None, sense: report.Sense, verdict: str) -> None:
    assert replace(ROW, value=value, limit=limit, sense=sense).verdict == verdict


@pytest.mark.parametrize("width", [80, 100])
def test_the_terminal_table_keeps_to_its_width(width: int) -> None:
    text = report.terminal([ROW, replace(ROW, quantity="x", data="y" * 12)], width)
    assert max(map(len, text.splitlines())) <= width
    assert text.index("0.43 spm") > 0
    assert "ok" in text
    assert "second line" in " ".join(text.split())


def test_the_worst_part_is_shown_and_the_unknown_counted() -> None:
    assert ROW.worst == ("b", -0.9)
    assert replace(ROW, sense=">=").worst == ("b", -0.9)
    assert replace(ROW, parts=()).worst is None
    text = " ".join(report.spread([ROW]).split())
    assert "mean 0.50 spm over 2, worst -0.90 spm (b); no figure in 1" in text


def test_markdown_has_as_many_cells_in_every_line() -> None:
    for notes in (True, False):
        text = report.markdown([ROW, replace(ROW, data="a|b", value=9.0)], notes=notes)
        counts = {line.replace("\\|", "").count("|") for line in text.splitlines()}
        assert len(counts) == 1
    assert "**9.00 spm**" in text
    assert "a\\|b" in text


def test_files(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    report.add_outputs(parser)
    names = [str(tmp_path / "t.md"), str(tmp_path / "t.json")]
    args = parser.parse_args(["--markdown", names[0], "--json", names[1]])
    report.write_files(args, [ROW, replace(ROW, peer_value=NAN)])
    assert (tmp_path / "t.md").read_text(encoding="utf-8").count("\n") == 4
    rows = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert rows[0]["verdict"] == "ok"
    assert rows[0]["parts"] == {"a": 0.1, "b": -0.9, "c": None}
    assert rows[1]["peer_value"] is None


def test_only_what_stands_between_the_marks_changes() -> None:
    begin, end = report.marks("x")
    text = f"before\n{begin}\nold\n{end}\nafter\n"
    once = report.between(text, "x", "new")
    assert once == f"before\n{begin}\nnew\n{end}\nafter\n"
    assert report.between(once, "x", "new") == once
    for wrong in ("no marks", text + text, f"{end}\n{begin}"):
        with pytest.raises(ValueError, match="must stand there"):
            report.between(wrong, "x", "new")


@pytest.mark.parametrize("name", ["accuracy", "speed"])
@pytest.mark.parametrize("path", ["README.md", "docs/algorithms.md"])
def test_the_documents_have_a_place_for_the_tables(path: str, name: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert report.between(text, name, "new") != text
    table = text.partition(report.marks(name)[0])[2].partition(report.marks(name)[1])[0]
    assert table.startswith("\n| quantity | data | n | peer in the same run | gaitpi | limit |")
    assert "simulated rbds" not in table  # from the recordings, not from what stands in for them
