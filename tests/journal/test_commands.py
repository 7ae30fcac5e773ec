"""The commands of the journal as a runner meets them."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gaitpi.cli import main
from gaitpi.journal import store, texts
from tests.journal.made import pain, stamp
from tests.runs.sample import second, write_run

RUN = "20261124-005534-cab6-57aa15"
TODAY = date.today().isoformat()


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "RUNTIME_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What a command prints: 80 columns at most, a mistake in one line."""
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert all(len(line) <= 80 for line in out.splitlines())
    if code == 2:
        assert not out
        assert err.startswith("gaitpi: ")
        assert len(err.splitlines()) == 1
        return err
    return out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def add_run(runs: Path, days_ago: int = 0, pains: Sequence[float] = (), name: str = RUN) -> Path:
    """A real run of ten seconds that began at noon."""
    day = date.today() - timedelta(days=days_ago)
    began_s = datetime(day.year, day.month, day.day, 12).timestamp()
    path = runs / f"{name}.gaitpi"
    path.parent.mkdir(parents=True, exist_ok=True)
    events = [(t, "pain", "felt it here") for t in pains]
    write_run(
        path,
        run_id=name,
        wall_s=began_s,
        virtual=False,
        seconds=[second(float(k)) for k in range(10)],
        events=events,
    )
    return path


def test_a_day_is_entered_in_three_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert "pain 3 lower-left, in the morning" in said(capsys, "pain", "3", "lower-left", "morning")
    assert "strength legs, 30 min" in said(capsys, "strength", "legs", "30m")
    assert "note: slept badly" in said(capsys, "note", "slept badly")
    lines = said(capsys, "journal").splitlines()
    assert len(lines) == 4
    assert all(TODAY in line or line.startswith(" ") for line in lines[:3])
    assert lines[-1] == "Days without a line are not known."
    found = as_json(capsys, "journal")["entries"]
    assert [one["kind"] for one in found] == ["pain", "strength", "note"]


def test_the_same_again_corrects_and_says_what_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said(capsys, "pain", "3", "lower-left", "morning")
    assert "before: pain 3" in said(capsys, "pain", "4", "morning", "left", "lower")
    assert [one["level"] for one in as_json(capsys, "pain")["pain"]] == [4]
    assert "Undone" in said(capsys, "journal", "--undo")
    assert [one["level"] for one in as_json(capsys, "pain")["pain"]] == [3]
    said(capsys, "journal", "--undo")
    assert as_json(capsys, "pain")["pain"] == []
    assert "Nothing to undo" in said(capsys, "journal", "--undo")
    said(capsys, "journal", "--redo")
    said(capsys, "journal", "--redo")
    assert "Nothing to do again" in said(capsys, "journal", "--redo")
    history = said(capsys, "journal", "--history")
    assert history.count("undone") == history.count("done again") == 2
    changes = as_json(capsys, "journal", "--history")["changes"]
    assert [c["act"] for c in changes] == ["put", "put", "undo", "undo", "redo", "redo"]
    assert changes[1]["before"]["level"] == 3
    assert all(c["who"] for c in changes)


def test_without_an_entry_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing is known" in said(capsys, "pain")
    assert "nothing is known" in said(capsys, "journal")
    said(capsys, "pain", "0", "morning")
    assert [one["level"] for one in as_json(capsys, "pain")["pain"]] == [0]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("pain 11", "gaitpi pain 3 lower-left morning"),
        ("pain lower-left", "gaitpi pain 3 lower-left morning"),
        ("pain 3 lowr", "'lower'"),
        ("pain 3 tomorrow", "yesterday"),
        ("pain 3 --since 4w", "two things"),
        ("pain 3 last", "no run"),
        ("pian 3", "'pain'"),
        ("strength 30m", "gaitpi strength legs 30m"),
        ("strength lges", "'legs'"),
        ("strength legs 30m yesterdya", "'yesterday'"),
        ("shoe ad Ghost", "'add'"),
        ("shoe use Ghost", "gaitpi shoe add"),
        ("shoe use", "gaitpi shoe add"),
        ("shoe run last", "no run"),
        ("shoe use x --km 3", "--km belongs to add"),
        ("note --delete 1", "needs a run"),
        ("journal --remove zz", "No entry has"),
        ("journal --undo --redo", "not allowed"),
        ("journal --since someday", "no day"),
    ],
)
def test_wrong_input_shows_the_right_form(
    capsys: pytest.CaptureFixture[str], runs: Path, line: str, meant: str
) -> None:
    assert meant in said(capsys, *line.split(), code=2)
    assert not store.path_in(runs).exists()


def test_last_is_the_last_run(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    add_run(runs, days_ago=2)
    day = (date.today() - timedelta(days=2)).isoformat()
    (one,) = [as_json(capsys, "pain", "4", "knee", "left", "last")["entry"]]
    assert (one["day"], one["run"], one["moment"], one["sure"]) == (day, RUN, "after", True)
    assert "the one before it or the one after" in said(
        capsys, "pain", "1", "morning", "last", code=2
    )
    # a run goes on past midnight and a morning comes after it, but not a week later or before
    after = (date.today() - timedelta(days=1)).isoformat()
    assert as_json(capsys, "pain", "1", "morning", "last", after)["entry"]["run"] == RUN
    for other in (TODAY, (date.today() - timedelta(days=3)).isoformat()):
        assert f"is of {day}, and {other} is said" in said(
            capsys, "pain", "2", "during", "last", other, code=2
        )
    # during a run of that day, of which there was one
    assert as_json(capsys, "pain", "5", "during", day)["entry"]["run"] == RUN
    assert as_json(capsys, "pain", "5", "before", day)["entry"]["run"] == ""
    shown = said(capsys, "show", "last")
    assert f"pain 4 knee-left, after a run ({RUN})" in " ".join(shown.split())


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("line", "hours", "run"),
    [
        ("3 after", 0.2, RUN),
        ("3 during", 5.0, RUN),
        ("3 after", 9.0, ""),  # that may be another one, without the belt
        ("3 after today", 0.2, ""),
        ("3 before", 0.2, ""),
    ],
)
def test_past_midnight_the_run_of_the_evening_is_meant(
    capsys: pytest.CaptureFixture[str],
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    hours: float,
    run: str,
) -> None:
    midnight = datetime(2026, 11, 25).timestamp()
    path = runs / f"{RUN}.gaitpi"
    path.parent.mkdir(parents=True)
    seconds = [second(float(k)) for k in range(10)]
    write_run(path, run_id=RUN, wall_s=midnight - 600.0, virtual=False, seconds=seconds)
    monkeypatch.setattr("time.time", lambda: midnight + 3600.0 * hours)
    entry = as_json(capsys, "pain", *line.split())["entry"]
    assert (entry["day"], entry["run"]) == ("2026-11-25", run)


def test_the_marks_of_the_button_are_among_them(
    capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    add_run(runs, pains=(3.0, 7.0))
    for command in ("pain", "journal"):
        assert "felt it here" in said(capsys, command, "--since", "all")
        assert f"felt it here at 0:03 of {RUN}" in " ".join(said(capsys, command).split())
        assert [m["time_s"] for m in as_json(capsys, command)["marks"]] == [3.0, 7.0]
    assert texts.ASK_MORNING in said(capsys)
    shown = " ".join(said(capsys, "show", "last").split())
    assert "felt it here at 00:03, 00:07" in shown
    assert texts.SEE in shown
    assert not store.path_in(runs).exists()


def test_a_severe_pain_says_the_rule_and_when_to_see_a_clinician(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = " ".join(said(capsys, "pain", "6", "knee", "right").split())
    assert texts.RULE in out
    assert texts.SEE in out
    assert "Cues rest" in out
    assert "Cues rest, because of pain 6 (knee-right)" in " ".join(said(capsys, "pain").split())
    assert texts.RESTED in said(capsys, "pain", "2", "knee", "right")
    assert texts.RESTED not in said(capsys, "pain", "1", "knee", "right")
    said(capsys, "journal", "--undo")
    assert "Cues rest" not in said(capsys, "pain")
    # taken back, it rests again; and that too taken back, no more
    assert "Cues rest, because of pain 6" in said(capsys, "journal", "--undo")
    assert texts.RESTED in said(capsys, "journal", "--undo")
    said(capsys, "journal", "--redo")
    assert texts.RESTED in said(capsys, "journal", "--redo")
    # of days ago, or before a lower one: nothing rests, and it is not said that something does
    for line in ("7 knee right 3 weeks ago", "7 knee right yesterday"):
        out = " ".join(said(capsys, "pain", *line.split()).split())
        assert "Cues rest" not in out
        assert texts.SEE in out
        assert "Cues rest" not in said(capsys, "pain")


def _told_that_cues_rest(capsys: pytest.CaptureFixture[str], what: str) -> None:
    """By every command that speaks of the next run."""
    for command, code in ((["load"], 0), ([], 0), (["status"], 1)):
        assert main(command) == code
        out = " ".join(capsys.readouterr().out.split())
        assert "Cues rest" in out, command
        assert what in out, command
        assert main([*command, "--json"]) == code
        assert what in json.loads(capsys.readouterr().out)["cues_rest"], command


def test_that_cues_rest_is_told_wherever_the_next_run_is_spoken_of(
    capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    add_run(runs, days_ago=1)
    said(capsys, "pain", "7", "knee", "right")
    _told_that_cues_rest(capsys, "pain 7 (knee-right)")
    # the belt is silent as well where it is not known
    path = store.path_in(runs)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"level":7', b'"level":1'))
    _told_that_cues_rest(capsys, "not known. A row of journal.db is damaged.")
    path.write_bytes(b"no journal" * 100)
    _told_that_cues_rest(capsys, "not known.")


def test_pairs(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    add_run(runs, days_ago=3)
    out = said(capsys, "shoe", "add", "Ghost 15", "--km", "120")
    assert "In use now: Ghost 15." in out
    assert as_json(capsys, "shoe")["runs_without"] == 1  # before the first pair none is known
    said(capsys, "shoe", "use", "ghost", "15", "4", "days", "ago")
    assert [s["runs"] for s in as_json(capsys, "shoe")["shoes"]] == [1]
    said(capsys, "shoe", "add", "Pegasus")
    assert "In use now: Pegasus." in said(capsys, "shoe", "use", "peg")
    said(capsys, "shoe", "run", "last", "pegasus")
    assert [s["runs"] for s in as_json(capsys, "shoe")["shoes"]] == [0, 1]
    assert "It was so already" in said(capsys, "shoe", "run", "last", "pegasus")
    said(capsys, "shoe", "run", "last", "unknown")
    assert as_json(capsys, "shoe")["runs_without"] == 1
    assert "None is in use now" in said(capsys, "shoe", "retire", "Pegasus")
    assert "(retired" in said(capsys, "shoe")
    assert "is there already" in said(capsys, "shoe", "add", "ghost 15", code=2)
    said(capsys, "shoe", "add", "ghost 15", "--km", "130")
    assert [s["km"] for s in as_json(capsys, "shoe")["shoes"]] == [130.0, None]
    # what it had run before was not said, and is no 0
    assert "  -  Pegasus" in said(capsys, "shoe")
    assert "may be" in said(capsys, "shoe", "use", "s", code=2)
    assert "'Pegasus'" in said(capsys, "shoe", "use", "pegsus", code=2)


def test_notes_on_days_and_on_runs(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    add_run(runs, days_ago=1)
    said(capsys, "note", "last", "felt heavy")
    assert [n["text"] for n in as_json(capsys, "note", "last")["notes"]] == ["felt heavy"]
    said(capsys, "note", RUN, "second")
    assert len(as_json(capsys, "note", RUN[:8])["notes"]) == 2
    assert as_json(capsys, "note")["notes"] == []
    said(capsys, "note", "yesterday", "stood all day")
    said(capsys, "note", "2", "coffees, left/right fine")
    notes = as_json(capsys, "note")["notes"]
    assert [n["text"] for n in notes] == ["stood all day", "2 coffees, left/right fine"]
    assert notes[0]["day"] == (date.today() - timedelta(days=1)).isoformat()
    said(capsys, "note", "last", "night", "slept", "badly")  # no run, though it begins as one
    notes = as_json(capsys, "note")["notes"]
    assert [n["day"] for n in notes if n["text"] == "slept badly"] == [notes[0]["day"]]
    said(capsys, "note", "last", "night run with friends")
    assert as_json(capsys, "note", "last")["notes"][-1]["text"] == "night run with friends"
    assert "is no day" in said(capsys, "note", "last", "week", "was", "long", code=2)
    assert "501 signs" in said(capsys, "note", "x" * 501, code=2)
    assert "There is no run" in said(capsys, "note", "20200101-1", "words", code=2)


def test_out_and_in_again(capsys: pytest.CaptureFixture[str], runs: Path, tmp_path: Path) -> None:
    said(capsys, "pain", "3", "lower-left", "morning")
    said(capsys, "shoe", "add", "=cmd|calc")
    said(capsys, "note", '@home, "quoted"; yes')
    assert "4 entries written" in said(capsys, "journal", "--export", "out.csv")
    assert "is there already" in said(capsys, "journal", "--export", "out.csv", code=2)
    assert "0 new, 0 changed" in said(capsys, "journal", "--import", "out.csv")
    first = store.load(store.path_in(runs)).entries
    store.path_in(runs).unlink()
    assert as_json(capsys, "journal", "--import", "out.csv") == {"new": 4, "changed": 0}
    assert store.load(store.path_in(runs)).entries == first
    said(capsys, "journal", "--undo")
    assert store.load(store.path_in(runs)).entries == {}
    bad = tmp_path / "bad.csv"
    bad.write_text("kind,day,level\npain,2026-05-03,3\npain,2026-05-03,99\n")
    assert "line 3: level '99'" in said(capsys, "journal", "--import", "bad.csv", code=2)
    assert store.load(store.path_in(runs)).entries == {}
    assert main(["journal", "--import", str(tmp_path)]) == 1
    assert "not a file" in capsys.readouterr().err


def test_one_entry_is_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "pain", "3", "knee")
    (one,) = as_json(capsys, "pain")["pain"]
    assert "No longer" in said(capsys, "journal", "--remove", one["id"][:6])
    assert as_json(capsys, "pain")["pain"] == []
    said(capsys, "shoe", "add", "Ghost")
    (pair,) = as_json(capsys, "shoe")["shoes"]
    assert "shoe retire" in said(capsys, "journal", "--remove", pair["id"], code=2)


def test_a_clock_that_was_never_set_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 86_400.0 * 400.5)  # noon: a day in every zone
    out = " ".join(said(capsys, "pain", "3", "knee").split())
    assert "The day is not sure: this machine's clock says 1971-02-05" in out
    assert "1971-02-05?" in out
    out = said(capsys, "pain", "3", "knee", "2026-05-03")
    assert "not sure" not in out
    assert "2026-05-03?" not in out


def test_a_damaged_row_is_said_and_ends_with_1(
    capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    path = store.path_in(runs)
    store.put(path, [store.Put(pain(day=TODAY, level=2))], stamp())
    raw = path.read_bytes()
    assert raw.count(b'"level":2') == 1
    path.write_bytes(raw.replace(b'"level":2', b'"level":9'))
    for command in (["pain"], ["journal"], ["journal", "--history"], ["shoe"], ["strength"]):
        assert main(command) == 1
        assert "1 damaged row" in capsys.readouterr().err
    assert "damaged" in said(capsys, "journal", "--history", code=1)


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("pain", "strength", "shoe", "note", "journal"):
        out = said(capsys, command, "--help")
        assert "examples:" in out
        assert f"  gaitpi {command}" in out
