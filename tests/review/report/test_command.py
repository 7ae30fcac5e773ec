"""``gaitpi report`` as a user meets it: where the page goes, what is in its way, every mistake."""

import json
import shutil
from pathlib import Path

import pytest

from gaitpi.cli import main
from gaitpi.hostclock import boot_id
from tests.review.report import made

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the runs of a user who stands in another one."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    folder = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("season")
    made.season(folder, 3)
    return folder


def put(season: Path, runs: Path) -> None:
    for path in season.glob("*.gaitpi"):
        shutil.copy(path, runs)


def problem(capsys: Capture) -> str:
    """What stderr says: a sentence or two from gaitpi, on one line."""
    text = capsys.readouterr().err
    assert text.startswith("gaitpi: ")
    assert len(text.splitlines()) == 1
    return text


def test_no_runs(runs: Path, capsys: Capture) -> None:
    assert main(["report"]) == 2
    assert "There is no run in" in problem(capsys)
    assert main(["report", "--physio"]) == 2
    assert "There is no run with running in it" in problem(capsys)
    assert list(Path().iterdir()) == []


def test_a_page_of_the_last_run_lands_here(runs: Path, season: Path, capsys: Capture) -> None:
    put(season, runs)
    assert main(["report"]) == 0
    assert capsys.readouterr().out == "gaitpi-run-002.html\n"
    first = Path("gaitpi-run-002.html").read_text(encoding="utf-8")
    assert first.startswith("<!doctype html>")
    assert main(["report", "run-002", "--json"]) == 0  # a report may take a report's place
    said = json.loads(capsys.readouterr().out)
    assert said == {"page": "gaitpi-run-002.html", "tables": []}
    # nothing of the run itself has changed
    assert (runs / "run-002.gaitpi").read_bytes() == (season / "run-002.gaitpi").read_bytes()


def test_a_physiotherapist_gets_a_page_and_three_tables(
    runs: Path, season: Path, capsys: Capture
) -> None:
    put(season, runs)
    assert main(["report", "--physio"]) == 0
    names = capsys.readouterr().out.split()
    stem = "gaitpi-physio-20261123-20261127"
    assert names == [f"{stem}.html", *(f"{stem}-{t}.csv" for t in ("runs", "minutes", "weeks"))]
    assert len(Path(names[1]).read_text().splitlines()) == 1 + 3
    assert len(Path(names[2]).read_text().splitlines()) == 1 + 3 * 9
    assert names[1] in Path(names[0]).read_text(encoding="utf-8")
    assert main(["report", "--physio", "run-000", "run-001", "--out", "two.html"]) == 0
    assert "2 runs, chosen by name" in Path("two.html").read_text(encoding="utf-8")
    assert Path("two-runs.csv").exists()
    assert main(["report", "--physio", "--weeks", "0.1", "--out", "one.html"]) == 0
    assert "1 run, the last 0.1 weeks" in Path("one.html").read_text(encoding="utf-8")


def test_to_stdout_in_utf8_on_any_terminal(
    runs: Path, season: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    put(season, runs)
    assert main(["report", "--out", "-"]) == 0
    assert "±".encode() in capfdbinary.readouterr().out
    assert main(["report", "--physio", "--out", "-"]) == 0
    assert b"-runs.csv" not in capfdbinary.readouterr().out
    assert list(Path().iterdir()) == []


def test_what_is_not_ours_is_not_replaced(runs: Path, season: Path, capsys: Capture) -> None:
    put(season, runs)
    Path("mine.html").write_text("<!doctype html>\n<title>my page</title>")
    assert main(["report", "--out", "mine.html"]) == 2
    assert "mine.html is there already, and is no report" in problem(capsys)
    Path("x-minutes.csv").write_text("id,mine\n")
    assert main(["report", "--physio", "--out", "x.html"]) == 2
    assert "x-minutes.csv is there already" in problem(capsys)
    assert not Path("x.html").exists()  # all, or nothing
    assert Path("mine.html").read_text().endswith("my page</title>")


def test_folders(runs: Path, season: Path, capsys: Capture) -> None:
    put(season, runs)
    Path("pages").mkdir()
    assert main(["report", "--out", "pages"]) == 0
    assert Path("pages/gaitpi-run-002.html").exists()
    capsys.readouterr()
    assert main(["report", "--out", "no/such/x.html"]) == 2
    assert "There is no folder no/such." in problem(capsys)
    assert not Path("no").exists()


@pytest.mark.parametrize("weeks", ["0", "-1", "nan", "x", "1e9"])
def test_weeks_that_are_none(runs: Path, capsys: Capture, weeks: str) -> None:
    assert main(["report", "--physio", f"--weeks={weeks}"]) == 2
    assert "is no number of weeks" in problem(capsys)


def test_bad_files_stop_nothing_else(runs: Path, season: Path, capsys: Capture) -> None:
    put(season, runs)
    whole = (season / "run-000.gaitpi").read_bytes()
    (runs / "torn.gaitpi").write_bytes(whole[: len(whole) // 2])
    (runs / "other.gaitpi").write_text("Dear diary")
    (runs / "none.gaitpi").write_bytes(b"")
    rows = made.seconds_of(1.0)
    made.write(
        runs / "now.gaitpi",
        seconds=rows,
        steps=made.steps_of(rows),
        finish=False,
        boot=boot_id(),
        wall_s=1_796_000_000.0,
    )
    assert main(["report", "--physio", "--out", "all.html"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 3
    text = Path("all.html").read_text(encoding="utf-8")
    assert "4 runs" in text
    assert "cannot be read (3)" in text
    assert "not finished" in text
    assert main(["report"]) == 0
    page = Path("gaitpi-now.html").read_text(encoding="utf-8")
    assert "This run has no end yet" in page
    # asked for by name, a damaged one is a problem
    capsys.readouterr()
    assert main(["report", "torn"]) == 1
    assert "torn.gaitpi" in problem(capsys)
    assert main(["report", "--physio", "torn", "run-001", "--out", "y.html"]) == 1
    assert "torn is left out" in problem(capsys)
    assert Path("y.html").exists()
    assert main(["report", "--physio", "torn", "--out", "z.html"]) == 1
    assert not Path("z.html").exists()
    capsys.readouterr()
    assert main(["report", "--physio", "no-such"]) == 2
    assert "no-such" in problem(capsys)
