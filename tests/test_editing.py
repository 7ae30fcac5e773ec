"""``gaitpi trim``, ``split`` and ``note`` as a runner meets them; the run file stays as it is."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gaitpi import editfile
from gaitpi.cli import main
from gaitpi.config import CoachConfig
from gaitpi.device.archive import Restore, backup
from gaitpi.editfile import Split, Trim, path_of
from gaitpi.review.edited import proposal, running_part
from gaitpi.review.form import read
from gaitpi.review.history import history
from gaitpi.review.listening import hear, listen
from gaitpi.review.programme import book
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import SecondRow
from gaitpi.runs.view import opened
from gaitpi.runs.writer import RunWriter
from tests.coach.runner import Runner
from tests.review.simulated import record
from tests.runs.sample import cue, header, second, write_run

ID = "20261124-005534-cab6-57aa15"
LONG_S = 300


def walks(k: int) -> bool:
    """A minute there, and from 4:00 on the way home."""
    return k < 60 or k >= 240


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "gaitpi" / "runs"
    rows = [second(float(k), activity=2 if walks(k) else 3) for k in range(LONG_S)]
    write_run(folder / f"{ID}.gaitpi", seconds=rows, cues=[cue(100.0), cue(200.0)])
    return folder


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / f"{ID}.gaitpi").read_bytes()).hexdigest()


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    text = out if code == 0 else out + err
    lines = text.splitlines()
    assert "--json" in arguments or all(len(line) <= 80 for line in out.splitlines()), out
    assert "Traceback" not in err
    return "\n".join(lines)


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(said(capsys, *arguments, "--json"))


def test_the_walk_home_is_proposed_cut_off_and_brought_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest(folder)
    whole = as_json(capsys, "show", ID)
    shown = said(capsys, "trim", "last", "auto")
    assert "00:50 to 04:10 kept of 04:59" in shown
    assert "no running in it" in shown
    assert "gaitpi trim last auto --accept" in shown
    assert not path_of(folder / f"{ID}.gaitpi").exists()
    assert as_json(capsys, "trim", "last", "auto")["proposed"] == {"start_s": 50.0, "end_s": 250.0}
    assert "00:50 to 04:10 kept" in said(capsys, "trim", "last", "auto", "--accept")
    kept = as_json(capsys, "show", "last")
    assert kept["duration_s"] == 200.0
    assert kept["running_s"] == whole["running_s"]
    assert (kept["steps"], whole["steps"]) == (200, LONG_S)
    assert kept["cues"] == whole["cues"] == 2
    assert kept["kept"] == {"start_s": 50.0, "end_s": 250.0, "of_s": 299.0}
    assert "trimmed    00:50 to 04:10 of 04:59 kept" in said(capsys, "show")
    assert "trimmed to 00:50 to 04:10" in said(capsys, "runs")
    assert as_json(capsys, "runs")[0]["kept"] == {"start_s": 50.0, "end_s": 250.0}
    # one side alone: the other stays
    said(capsys, "trim", "last", "--end", "2:30")
    assert as_json(capsys, "trim", "last")["kept"] == {"start_s": 50.0, "end_s": 150.0}
    assert as_json(capsys, "show")["cues"] == 1
    assert len(as_json(capsys, "cues")["entries"]) == 1
    assert len(as_json(capsys, "cues", "--untrimmed")["entries"]) == 3
    untrimmed = as_json(capsys, "show", "--untrimmed")
    assert untrimmed == whole
    assert "03:20 is not in what is kept, 00:50 to 02:30" in said(
        capsys, "why", "last@3:20", code=2
    )
    assert said(capsys, "why", "last@3:20", "--untrimmed")
    said(capsys, "trim", "last", "--undo")
    assert as_json(capsys, "trim", "last")["kept"] == {"start_s": 50.0, "end_s": 250.0}
    said(capsys, "trim", "last", "--undo")
    assert as_json(capsys, "show") == whole
    assert "nothing to undo" in said(capsys, "trim", "last", "--undo", code=2)
    assert digest(folder) == before


def test_parts_are_shown_by_their_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(folder)
    assert f"{ID}: not split" in said(capsys, "split", "last")
    shown = said(capsys, "split", "last", "2:00", "4:00")
    assert shown.splitlines()[1] == f"{ID}.2  02:00 to 04:00, 02:00 long"
    parts = [as_json(capsys, "show", f"last.{k}") for k in (1, 2, 3)]
    assert [part["id"][-2:] for part in parts] == [".1", ".2", ".3"]
    assert [part["cues"] for part in parts] == [1, 1, 0]
    assert sum(part["steps"] for part in parts) == as_json(capsys, "show")["steps"] == LONG_S
    assert "part       2 of 3: 02:00 to 04:00 of 04:59" in said(capsys, "show", f"{ID}.2")
    assert "split      at 02:00, 04:00" in said(capsys, "show")
    listed = said(capsys, "runs").splitlines()
    assert listed[3].startswith("    .2   02:00 to 04:00: 02:00 running, 120 steps")
    assert [p["id"] for p in as_json(capsys, "runs")[0]["parts"]] == [
        f"{ID}.{k}" for k in (1, 2, 3)
    ]
    assert "has 3 parts, no part 4" in said(capsys, "show", "last.4", code=2)
    assert "takes whole runs" in said(capsys, "tag", "last.2", "race", code=2)
    # a trim over a cut hides it; when it is undone, the cut is there again
    said(capsys, "trim", "last", "--end", "3:30")
    assert [p["end_s"] for p in as_json(capsys, "split", "last")["parts"]] == [120.0, 210.0]
    said(capsys, "trim", "last", "--undo")
    assert len(as_json(capsys, "split", "last")["parts"]) == 3
    said(capsys, "split", "last", "--undo")
    assert as_json(capsys, "split", "last")["parts"] == []
    assert "nothing to undo" in said(capsys, "split", "last", "--undo", code=2)
    assert digest(folder) == before


def test_notes_are_kept_listed_and_deleted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest(folder)
    assert said(capsys, "note", "last") == f"{ID}: no notes."
    said(capsys, "note", "last", "new shoes,  felt", "heavy")
    said(capsys, "note", "last", "esc \x1b[31m and a very long word or two " + "ü" * 90)
    rows = said(capsys, "note", "last").splitlines()
    assert rows[1].endswith("new shoes, felt heavy")
    assert "\x1b" not in "".join(rows)
    assert "note       new shoes, felt heavy" in said(capsys, "show")
    assert as_json(capsys, "show")["notes"][0] == "new shoes, felt heavy"
    said(capsys, "note", "last", "--delete", "1")
    assert [n["number"] for n in as_json(capsys, "note", "last")["notes"]] == [2]
    said(capsys, "note", "last", "third")
    assert [n["number"] for n in as_json(capsys, "note", "last")["notes"]] == [2, 3]
    assert "has no note 1" in said(capsys, "note", "last", "--delete", "1", code=2)
    assert digest(folder) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trim", "last", "--start", "4:00", "--end", "2:00"], "hardly anything is left"),
        (["trim", "last", "--start", "1:00", "--end", "1:05"], "hardly anything is left"),
        (["trim", "last", "--end", "9:00"], "only 04:59 long"),
        (["trim", "last", "--start", "9:00"], "only 04:59 long"),
        (["trim", "last", "--start", "now"], "is not a time"),
        (["trim", "last", "auto", "--undo"], "Choose one"),
        (["trim", "last", "--accept"], "Choose one"),
        (["trim", "zz", "--end", "1:00"], "no run 'zz'"),
        (["split", "last", "0:00"], "is not within 00:00 to 04:59"),
        (["split", "last", "9:00"], "is not within"),
        (["split", "last", "0:05"], "too short"),
        (["split", "last", "1:00", "1:05"], "too short"),
        (["split", "last", "1:00", "--undo"], "Choose one"),
        (["note", "last", " "], "nothing in that note"),
        (["note", "last", "x" * 501], "501 signs"),
        (["note", "last", "x", "--delete", "1"], "Choose one"),
        (["show", "last.1"], "has no parts"),
    ],
)
def test_mistakes_are_worded_and_change_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert words in said(capsys, *arguments, code=2)
    assert not path_of(folder / f"{ID}.gaitpi").exists()


def test_a_run_that_is_recorded_is_left_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "20271124-005534-cab6-57aa15.gaitpi"
    writer = RunWriter(path, header(wall_s=1_900_000_000.0))
    writer.seconds(second(float(k)) for k in range(200))
    writer.commit()
    for arguments in (["trim", "last", "--end", "1:00"], ["split", "last", "1:00"]):
        shown = said(capsys, *arguments, code=2)
        assert "is being recorded: its end is not known yet" in shown
    said(capsys, "note", "last", "legs heavy")  # words may be said at any time
    writer.close({})
    said(capsys, "trim", "last", "--end", "1:00")
    assert as_json(capsys, "show")["duration_s"] == 60.0


def test_damage_is_said_and_everything_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "trim", "last", "--end", "2:00")
    said(capsys, "note", "last", "mine")
    beside = path_of(folder / f"{ID}.gaitpi")
    beside.write_bytes(beside.read_bytes() + b"half a li")
    assert main(["show", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["duration_s"] == 299.0
    assert json.loads(out)["notes"] == ["mine"]
    assert "1 damaged line" in err
    assert "shown untrimmed and in one" in err
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["kept"] is None
    assert "shown untrimmed" in said(capsys, "trim", "last", code=1)
    # said anew, it counts, and what was torn stays by itself
    assert "02:00 kept" in said(capsys, "trim", "last", "--end", "2:00", code=1)
    assert main(["show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["duration_s"] == 120.0


def test_no_runs_and_none_that_can_be_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / f"{ID}.gaitpi").write_text("not a run")
    for command in (["trim", "last"], ["split", "last"], ["note", "last"]):
        assert "There is no run in" in said(capsys, *command, code=2)
    for command in (["trim", ID], ["split", ID], ["note", ID]):
        assert "is not a gaitpi run file" in said(capsys, *command, code=1)
    assert not path_of(folder / f"{ID}.gaitpi").exists()


def test_an_export_holds_what_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "export", "last", "--csv", "whole.csv")
    said(capsys, "split", "last", "1:00")
    said(capsys, "export", "last", "--csv", "same.csv")
    assert Path("whole.csv").read_bytes() == Path("same.csv").read_bytes()


def test_nothing_heavy_is_loaded(folder: Path) -> None:
    editfile.add(path_of(folder / f"{ID}.gaitpi"), [Trim(wall_s=1.0, end_s=120.0)])
    commands = [["show"], ["runs"], ["cues"], ["trim", "last"], ["split", "last"], ["note", "last"]]
    program = (
        "import sys; from gaitpi.cli import main\n"
        f"for command in {commands!r}: assert main(command) == 0\n"
        "print(sorted({'numba', 'numpy', 'gpiozero'} & set(sys.modules)))"
    )
    command_line = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(
        command_line, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.splitlines()[-1] == "[]"


def rows(*bouts: tuple[int, int, int]) -> list[SecondRow]:
    found = [second(float(k), activity=a) for begin, end, a in bouts for k in range(begin, end)]
    return [SecondRow(**row) for row in found]


def test_what_is_running_and_what_the_way_there_and_home() -> None:
    dash = rows((0, 100, 2), (100, 400, 3), (400, 430, 2), (430, 700, 3), (700, 800, 2))
    assert running_part(dash) == (100.0, 700.0)
    bus = rows((0, 100, 3), (100, 400, 2), (400, 415, 3), (415, 500, 2))
    assert running_part(bus) == (0.0, 100.0)
    assert proposal(bus, 500.0) == (None, 110.0)
    # a break of some seconds does not make two bouts of one
    assert running_part(rows((0, 20, 3), (20, 25, 2), (25, 45, 3))) == (0.0, 45.0)
    assert running_part(rows((0, 20, 3), (20, 60, 2), (60, 80, 3))) is None
    assert running_part([]) is None
    assert proposal([], 100.0) == (None, None)
    assert proposal(rows((0, 300, 3)), 310.0) == (None, None)


def test_what_is_trimmed_away_did_not_listen(tmp_path: Path) -> None:
    """The dog pulled in the second half: the runner's own cadence is that of the first."""
    runner = Runner(cadence=lambda t: 160.0 if t < 600.0 else 175.0)
    path = record(tmp_path / "a.gaitpi", runner, 1200.0, CoachConfig(warmup_s=180.0))
    before = listen(tmp_path).own("")
    with RunReader(path) as run:
        whole = hear(run)
    editfile.add(path_of(path), [Split(wall_s=1.0, cuts=(300.0,))])
    assert listen(tmp_path).own("") == before  # a split leaves nothing out
    editfile.add(path_of(path), [Trim(wall_s=1.0, end_s=600.0)])
    after = listen(tmp_path).own("")
    assert before is not None
    assert after is not None
    assert after.cadence_spm == pytest.approx(160.0, abs=1.0)
    assert before.cadence_spm > 165.0
    with opened(path) as run:
        kept = hear(run)
    assert kept.steady_s < whole.steady_s
    assert kept.running_s < whole.running_s
    assert kept.ended_s == whole.ended_s  # when he ran is no matter of what is shown
    # three minutes after the start of the run, not of what is kept
    editfile.add(path_of(path), [Trim(wall_s=2.0, start_s=300.0, end_s=600.0)])
    with opened(path) as run:
        assert hear(run).steady_s == pytest.approx(300.0, abs=60.0)


def test_a_trim_changes_nothing_of_what_is_booked(tmp_path: Path) -> None:
    coach = CoachConfig(
        target_spm=172.0,
        warmup_s=10.0,
        programme="own-1",
        programme_part="session",
        programme_number=1,
        programme_of=8,
        programme_minutes=5.0,
    )
    path = tmp_path / "a.gaitpi"
    write_run(path, seconds=[second(float(k)) for k in range(320)], coach=coach)
    with RunReader(path) as run:
        once = book(run)
    editfile.add(path_of(path), [Trim(wall_s=1.0, end_s=60.0), Split(wall_s=1.0, cuts=(30.0,))])
    with opened(path) as run:
        assert run.totals().running_s == 60.0
        assert book(run) == once
    with opened(path, 2) as run:
        assert book(run) == once


def test_a_backup_takes_the_edits_along(folder: Path, tmp_path: Path) -> None:
    beside = path_of(folder / f"{ID}.gaitpi")
    editfile.add(beside, [Trim(wall_s=1.0, end_s=120.0)])
    made = backup(tmp_path / "b.zip", folder, tmp_path / "none.toml")
    assert f"runs/{beside.name}" in [one.name for one in made.files]
    restore = Restore(tmp_path / "b.zip")
    there = tmp_path / "there"
    try:
        fates = restore.write(there, tmp_path / "config.toml")
        assert set(fates.values()) == {"new"}
        assert (there / beside.name).read_bytes() == beside.read_bytes()
        # what was edited since is newer, and stays
        editfile.add(there / beside.name, [Trim(wall_s=2.0, end_s=60.0)])
        assert restore.write(there, tmp_path / "config.toml")[f"runs/{beside.name}"] == "grown"
        with opened(there / f"{ID}.gaitpi") as run:
            assert run.end_s == 60.0
    finally:
        restore.close()


def test_a_form_is_that_of_what_is_kept_and_is_kept_anew_when_that_changes(tmp_path: Path) -> None:
    """The runner's usual is made of forms that are kept beside the runs: a trim makes another."""
    runner = Runner(cadence=lambda t: 160.0 if t < 600.0 else 175.0)
    path = record(tmp_path / "a.gaitpi", runner, 1200.0, CoachConfig(warmup_s=180.0))
    (whole,) = history(tmp_path).forms
    editfile.add(path_of(path), [Trim(wall_s=1.0, end_s=600.0), Split(wall_s=1.0, cuts=(400.0,))])
    (kept,) = history(tmp_path).forms
    assert kept["cadence_spm"].mean == pytest.approx(160.0, abs=1.0)
    assert whole["cadence_spm"].mean > 165.0
    assert kept.steady_s < whole.steady_s
    with opened(path, 1) as first, opened(path, 2) as later:
        parts = [read(first).form, read(later).form]
    # no warm-up of its own: what was steady in the run is so in the part
    assert sum(part.steady_s for part in parts) == pytest.approx(kept.steady_s, abs=60.0)
    editfile.add(path_of(path), [Trim(wall_s=1.0, undo=True)])
    assert history(tmp_path).forms == (whole,)
