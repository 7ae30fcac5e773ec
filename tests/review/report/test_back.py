"""The journal on the page for a physiotherapist: what is there, and what was not noted."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from calibration.season import write
from gaitpi import editfile
from gaitpi.cli import main
from gaitpi.journal import store
from gaitpi.journal.entries import Moment, Pain, Shoe, Strength, Use
from gaitpi.review.report import data, gather
from gaitpi.review.report.backpart import NOTHING, load_part, pain_timeline, pain_words
from gaitpi.review.report.csvfiles import is_ours, runs_csv, weeks_csv
from gaitpi.review.report.html import join
from gaitpi.review.report.physio import Dossier, physio_page, told
from tests.review.report import made

WALL_S = datetime(2026, 5, 4, 18, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


def pain(day: str, level: int, moment: Moment) -> Pain:
    return Pain(day=day, entered_s=0.0, level=level, site="lower-left", moment=moment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs in two weeks and a journal that has little of them."""
    directory = tmp_path_factory.mktemp("state") / "gaitpi" / "runs"
    for k, day in enumerate((0, 2, 8)):
        write(directory, WALL_S + day * DAY_S, 300, seed=k)
    store.put(
        store.path_in(directory),
        [
            store.Put(Shoe(day="2026-05-01", entered_s=0.0, name="<b>Ghost</b>"), "g"),
            store.Put(Use(day="2026-05-01", entered_s=0.0, shoe="g", from_s=WALL_S + DAY_S)),
            store.Put(pain("2026-05-05", 4, "morning")),
            store.Put(pain("2026-05-06", 0, "before")),
            store.Put(pain("2026-03-01", 9, "before")),
            store.Put(Strength(day="2026-05-05", entered_s=0.0, what="legs", minutes=30.0)),
        ],
    )
    return directory


def page(folder: Path) -> tuple[str, gather.Chosen]:
    chosen = gather.weeks(folder, 6)
    return gather.physio(folder, chosen, ("r.csv", "m.csv", "w.csv")), chosen


def test_what_was_noted_is_shown_and_what_was_not_is_a_gap(folder: Path) -> None:
    text, _ = page(folder)
    assert "Noted of 3 runs: before 1, during or after 0, next morning 1." in text
    assert "run of 06 May 2026: before 0" in text
    assert "run of 04 May 2026: next morning 4" in text
    assert "run of 12 May 2026: next morning not noted" in text
    assert text.count("next morning not noted") == 2
    assert text.count('class="absent"') == 2 + 2 + 2  # in two charts, and their legends
    assert "lower left" in text
    assert "01 Mar 2026" not in text  # not in these days
    assert "Strength sessions noted: 1 (legs 1); 30 min in 1 of them." in text
    assert "&lt;b&gt;Ghost" in text
    assert "<b>Ghost" not in text


def test_the_tables_beside_have_empty_cells_for_what_is_not_known(folder: Path) -> None:
    _, chosen = page(folder)
    noted = gather.beside(folder, chosen)
    rows = list(csv.DictReader(io.StringIO(runs_csv(chosen.runs, noted))))
    assert [r["pain_next_morning"] for r in rows] == ["4", "", ""]
    assert [r["pain_before"] for r in rows] == ["", "0", ""]
    assert [r["shoe"] for r in rows] == ["", "<b>Ghost</b>", "<b>Ghost</b>"]
    assert rows[0]["share_of_ceiling"] == ""
    assert 0.5 < float(rows[1]["share_of_ceiling"]) < 1.5
    weeks = list(csv.DictReader(io.StringIO(weeks_csv(noted))))
    assert [w["week"] for w in weeks] == ["2026-05-04", "2026-05-11"]
    assert [w["strength_sessions"] for w in weeks] == ["1", ""]
    assert [w["pain_next_morning_n"] for w in weeks] == ["1", ""]
    assert weeks[0]["km"] == ""
    assert is_ours(weeks_csv(noted)[:4096])
    # without a journal the same columns, and nothing in them
    bare = list(csv.DictReader(io.StringIO(runs_csv(chosen.runs))))
    assert {r["pain_before"] + r["shoe"] for r in bare} == {""}


def test_the_parts_of_a_run_that_was_split_are_beside_it_too(tmp_path: Path) -> None:
    """What was noted of it is not left out of the page."""
    path = write(tmp_path, WALL_S, 300, seed=1)
    editfile.add(editfile.path_of(path), [editfile.Split(wall_s=0.0, cuts=(150.0,))])
    store.put(store.path_in(tmp_path), [store.Put(pain("2026-05-05", 4, "morning"))])
    text, chosen = page(tmp_path)
    noted = gather.beside(tmp_path, chosen)
    assert [run.session.run_id for run in noted.runs] == [f"{path.stem}.1", f"{path.stem}.2"]
    assert "next morning 4" in text
    (week,) = csv.DictReader(io.StringIO(weeks_csv(noted)))
    # cues and presses are of the whole run
    assert (week["runs"], week["cues"], week["judged"], week["felt_it_here"]) == ("2", "", "", "")


def test_without_entries_it_is_not_known() -> None:
    assert pain_timeline(NOTHING) is None
    assert "which is not the same as none" in pain_words(NOTHING)[0]
    assert "Not known" in join(load_part(NOTHING))


def test_a_journal_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    write(tmp_path, WALL_S, 300, seed=1)
    store.path_in(tmp_path).write_text("Dear diary,\n" * 100)
    text, _ = page(tmp_path)
    assert "The journal cannot be read:" in text
    assert "So what was noted is not known." in text


def test_by_the_command(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parents[1]))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--physio", "--out", "p.html", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["tables"] == ["p-runs.csv", "p-minutes.csv", "p-weeks.csv"]
    assert "p-weeks.csv (a row a week)" in Path("p.html").read_text(encoding="utf-8")
    assert len(Path("p-weeks.csv").read_text().splitlines()) == 3


def test_pairs_are_compared_on_the_page(tmp_path: Path) -> None:
    runs = made.season(tmp_path, 4, start=163.0, end=171.0)
    kept = [told(data.read(path)) for path in runs]
    text = physio_page(Dossier(kept, "4 runs", beside=made.noted(kept)))
    assert "Pairs of shoes, on runs alike" in text
    assert "of 6 rounds with both" in text
    assert "no advice what to wear" in text
