"""The forms of a folder, and what is kept of them beside it."""

import ast
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from gaitpi import jsonlines
from gaitpi.review import history as forms
from gaitpi.review.form import Form, read
from gaitpi.review.history import COURSES, NAME, Kept, history
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter
from tests.review.test_form import course
from tests.runs.sample import WALL_S, header, second, step

DAY_S = 86_400.0
EARLY = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three runs, an empty file, a foreign one, a truncated one."""
    for day in range(3):
        course(tmp_path / f"run{day}.gaitpi", minutes=8, wall_s=WALL_S + day * DAY_S)
    (tmp_path / "empty.gaitpi").touch()
    (tmp_path / "foreign.gaitpi").write_bytes(b"PNG" * 900)
    whole = (tmp_path / "run0.gaitpi").read_bytes()
    (tmp_path / "torn.gaitpi").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def plain(forms: tuple[Form, ...]) -> str:
    """To compare by: NaN equals NaN."""
    return repr([(f.run_id, f.started.timestamp(), sorted(f.measures.items())) for f in forms])


def fresh(folder: Path) -> str:
    """Every run read from its file, newest first."""
    forms = []
    for day in (2, 1, 0):
        with RunReader(folder / f"run{day}.gaitpi") as run:
            forms.append(read(run).form)
    return plain(tuple(forms))


def test_runs_newest_first_and_what_is_wrong_with_others(folder: Path) -> None:
    found = history(folder)
    assert plain(found.forms) == fresh(folder)
    assert set(found.problems) == {"empty", "foreign", "torn"}
    assert found.others == 0


def test_the_minutes_of_the_newest_are_kept_too(folder: Path) -> None:
    with RunReader(folder / "run2.gaitpi") as run:
        whole = read(run)
    for _ in range(2):  # read from the run, and from what was kept
        found = history(folder).courses
        assert len(found) == COURSES
        assert found[whole.form.run_id].blocks == whole.blocks
        assert whole.blocks
    course(folder / "run3.gaitpi", minutes=8, wall_s=WALL_S + 3 * DAY_S)
    assert whole.form.run_id in history(folder).courses
    course(folder / "run4.gaitpi", minutes=8, wall_s=WALL_S + 4 * DAY_S)
    assert whole.form.run_id not in history(folder).courses
    assert (folder / NAME).read_text().count('"blocks"') == COURSES


def test_what_is_kept_is_the_same(folder: Path) -> None:
    first = history(folder)
    kept = (folder / NAME).read_bytes()
    second = history(folder)
    assert plain(first.forms) == plain(second.forms)
    assert [f.started for f in first.forms] == [f.started for f in second.forms]
    assert first.problems == second.problems
    assert (folder / NAME).read_bytes() == kept


def test_nothing_is_read_again(folder: Path) -> None:
    first = history(folder)
    for day in range(3):  # the same size and time, but nothing in it
        path = folder / f"run{day}.gaitpi"
        was = path.stat()
        path.write_bytes(b"\0" * was.st_size)
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert plain(history(folder).forms) == plain(first.forms)


def test_a_run_that_changed_is_read_again(folder: Path) -> None:
    history(folder)
    path = folder / "run1.gaitpi"
    with sqlite3.connect(path) as db:
        db.execute("UPDATE step SET contact_s = 0.25")
    db.close()
    found = {f.started.day: f for f in history(folder).forms}
    assert found[24]["contact_ms"].mean == pytest.approx(250.0)
    assert found[23]["contact_ms"].mean == pytest.approx(240.0)


def kept_in(folder: Path) -> list[Kept]:
    """What is kept; all of it is good."""
    found: list[Kept | None] = [
        jsonlines.unpack(line, Kept) for line in (folder / NAME).read_bytes().splitlines()
    ]
    good = [kept for kept in found if kept is not None]
    assert len(good) == len(found) > 0
    return good


NO_NUMBER = {
    *("config.py", "errors.py", "faults.py", "hostclock.py", "imu/batch.py", "jsonlines.py"),
    *("plaintext.py", "runs/codec.py", "runs/schema.py"),
}
"""What is imported on the way and gives no number of a form."""


def test_every_module_that_a_form_comes_from_names_the_code() -> None:
    package = Path(forms.__file__).parents[1]
    named = {(Path(forms.__file__).parent / name).resolve() for name in forms._CODE}
    seen: set[Path] = set()
    todo = [package / "review" / "form.py", package / "review" / "history.py"]
    while todo:
        path = todo.pop()
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gaitpi"):
                whole = [str(node.module), *(f"{node.module}.{one.name}" for one in node.names)]
                paths = (package.parent / f"{name.replace('.', '/')}.py" for name in whole)
                todo += [one for one in paths if one.is_file() and one not in seen]
    kept = {path for path in seen if path.relative_to(package).as_posix() not in NO_NUMBER}
    assert kept == named


def test_other_code_reads_again(folder: Path) -> None:
    history(folder)
    old = [replace(kept, code="0", started=EARLY, form=None) for kept in kept_in(folder)]
    (folder / NAME).write_bytes(b"".join(map(jsonlines.pack, old)))
    assert plain(history(folder).forms) == fresh(folder)


BROKEN = {
    "empty": b"",
    "noise": bytes(range(256)) * 40,
    "no record": b'["00000000",{}]\n',
    "too large": b"x" * (jsonlines.SIZE_LIMIT + 1),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_cache_is_made_anew(folder: Path, what: str) -> None:
    (folder / NAME).write_bytes(BROKEN[what])
    assert plain(history(folder).forms) == fresh(folder)
    assert plain(history(folder).forms) == fresh(folder)


def test_a_form_that_is_none_is_read_again(folder: Path) -> None:
    history(folder)
    damaged = []
    for kept in kept_in(folder):
        assert kept.form is not None
        measures = {key: ["a", 1.0, 2, 3.0, 4] for key in kept.form["measures"]}
        damaged.append(replace(kept, form=kept.form | {"measures": measures}))
    (folder / NAME).write_bytes(b"".join(map(jsonlines.pack, damaged)))
    assert plain(history(folder).forms) == fresh(folder)


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path) -> None:
    (folder / NAME).mkdir()
    assert plain(history(folder).forms) == fresh(folder)
    assert plain(history(folder).forms) == fresh(folder)


def test_a_deleted_run_is_forgotten(folder: Path) -> None:
    history(folder)
    (folder / "run2.gaitpi").unlink()
    assert len(history(folder).forms) == 2
    assert b"run2" not in (folder / NAME).read_bytes()


def test_only_the_newest_are_read(folder: Path) -> None:
    found = history(folder, newest=2)
    assert [f.started.day for f in found.forms] == [25, 24]
    assert found.others == 1
    assert len(history(folder).forms) == 3


def test_those_before_a_run_that_are_real_as_it_is(folder: Path) -> None:
    course(folder / "demo.gaitpi", minutes=8, wall_s=WALL_S, virtual=True)
    real = history(folder)
    middle = next(f for f in real.forms if f.started.day == 24)
    assert [f.started.day for f in history(folder, like=middle).forms] == [24, 23]
    demo = next(f for f in real.forms if f.virtual)
    assert [f.run_id for f in history(folder, like=demo).forms] == [demo.run_id]


def test_a_run_that_goes_on_is_not_kept(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "now.gaitpi", header())
    writer.seconds(second(float(t)) for t in range(400))
    writer.steps(step(0.35 * k) for k in range(1000))
    writer.commit()
    assert len(history(tmp_path).forms) == 1
    assert not (tmp_path / NAME).exists() or b"now" not in (tmp_path / NAME).read_bytes()
    writer.abandon()


def test_no_folder(tmp_path: Path) -> None:
    found = history(tmp_path / "none")
    assert (found.forms, dict(found.problems), found.others) == ((), {}, 0)
    assert not (tmp_path / "none").exists()
