"""The file of the journal: nothing is lost, everything can be taken back, nobody is believed."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gaitpi.journal import store
from gaitpi.journal.entries import AnyEntry, Worn
from gaitpi.journal.store import JournalError, Put
from tests.journal.made import NOTES, PAINS, SHOES, STRENGTHS, pain, shoe, stamp, use


def test_a_missing_file_has_no_entries_and_reading_makes_none(tmp_path: Path) -> None:
    path = store.path_in(tmp_path / "runs")
    assert store.load(path) == store.Journal()
    assert store.undo(path).rows == []
    assert store.redo(path).rows == []
    assert not path.parent.exists()


def test_what_is_written_is_read_with_when_and_who(tmp_path: Path) -> None:
    path = store.path_in(tmp_path / "runs")
    done = store.put(path, [Put(pain(site="lower-left", moment="morning"))], stamp())
    assert store.load(path) == done.journal
    (change,) = done.journal.changes
    assert (change.before, change.act, change.stamp) == (None, "put", stamp())
    assert done.journal.pains == [pain(site="lower-left", moment="morning")]
    later = store.put(path, [Put(pain(level=5), change.name)], stamp(wall_s=1.8e9))
    assert later.rows[0].before == pain(site="lower-left", moment="morning")
    assert store.load(path).changes[1].before == later.rows[0].before


def test_what_changes_nothing_is_not_written(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    name = store.put(path, [Put(pain())], stamp()).rows[0].name
    before = path.read_bytes()
    assert store.put(path, [Put(pain(), name), Put(None, "other")], stamp()).rows == []
    assert path.read_bytes() == before


def test_an_entry_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    for bad in (pain(level=11), pain(day="2026-13-01"), pain(site="Knee!"), shoe("two\nlines")):
        with pytest.raises(ValueError, match="no entry"):
            store.put(path, [Put(pain()), Put(bad)], stamp())
    assert store.load(path).entries == {}


def test_the_pair_of_a_run_is_what_was_said_or_what_was_in_use(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    store.put(path, [Put(shoe("A"), "a"), Put(shoe("B"), "b")], stamp())
    journal = store.put(path, [Put(use("a", 1000.0)), Put(use("b", 2000.0))], stamp()).journal
    assert journal.worn("r", 999.0) == store.Wearing()
    assert journal.worn("r", 1000.0).name == "a"
    assert journal.worn("r", 2500.0) == store.Wearing("b", shoe("B"), "in use")
    said = Worn(day="2026-05-03", entered_s=1.0, run="r", shoe="a")
    unknown = Worn(day="2026-05-03", entered_s=1.0, run="q", shoe="")
    journal = store.put(path, [Put(said), Put(unknown)], stamp()).journal
    assert journal.worn("r", 2500.0) == store.Wearing("a", shoe("A"), "said")
    assert journal.worn("q", 2500.0) == store.Wearing("", None, "said")
    # said later of the same time, it wins
    journal = store.put(path, [Put(use("a", 2000.0))], stamp()).journal
    assert journal.in_use(2500.0).name == "a"


class Undoing(RuleBasedStateMachine):
    """Undo and redo against a plain list of states."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = store.path_in(Path(self.folder.name))
        self.states: list[dict[str, AnyEntry]] = [{}]
        self.at = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    @property
    def now(self) -> dict[str, AnyEntry]:
        return self.states[self.at]

    @rule(
        puts=st.lists(
            st.tuples(st.sampled_from("abc"), st.none() | PAINS | NOTES), min_size=1, max_size=4
        )
    )
    def write(self, puts: list[tuple[str, AnyEntry | None]]) -> None:
        after = dict(self.now)
        did = False
        for name, entry in puts:
            did = did or self.now.get(name) != entry
            if self.now.get(name) != entry:
                after.pop(name, None)
                if entry is not None:
                    after[name] = entry
        done = store.put(self.path, [Put(entry, name) for name, entry in puts], stamp())
        assert bool(done.rows) == did
        if did:
            self.states[self.at + 1 :] = [after]
            self.at += 1

    @rule()
    def undo(self) -> None:
        assert bool(store.undo(self.path, stamp()).rows) == (self.at > 0)
        self.at = max(0, self.at - 1)

    @rule()
    def redo(self) -> None:
        more = self.at + 1 < len(self.states)
        assert bool(store.redo(self.path, stamp()).rows) == more
        self.at += more

    @invariant()
    def reads_the_same(self) -> None:
        journal = store.load(self.path)
        assert dict(journal.entries) == self.now
        assert journal.damaged == 0


TestUndoing = Undoing.TestCase
TestUndoing.settings = settings(max_examples=15, stateful_step_count=15)


@given(st.lists(st.one_of(PAINS, STRENGTHS, NOTES, SHOES), max_size=6))
@settings(max_examples=25)
def test_every_sane_entry_is_read_as_it_was_written(entries: list[AnyEntry]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = store.path_in(Path(folder))
        done = store.put(path, [Put(entry) for entry in entries if entry.sane], stamp())
        assert store.load(path) == done.journal
        assert len(done.rows) == sum(entry.sane for entry in entries)


def test_rows_are_neither_changed_nor_deleted(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    store.put(path, [Put(pain())], stamp())
    with sqlite3.connect(path) as db:
        for sql in ("UPDATE change SET who = 'x'", "DELETE FROM change"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                db.execute(sql)
    db.close()


def _spoil(path: Path, sql: str) -> None:
    """Do that to the file as nobody of ours would."""
    db = sqlite3.connect(path)
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    db.executescript(sql)
    for _, text in triggers:
        db.execute(text)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE change SET who = 'you' WHERE id = 2",
        "UPDATE change SET body = replace(body, '4', '9') WHERE id = 2",
        "UPDATE change SET crc32 = 1 WHERE id = 2",
        "DELETE FROM change WHERE id = 2",
    ],
)
def test_a_damaged_row_costs_itself_and_the_way_back(tmp_path: Path, sql: str) -> None:
    path = store.path_in(tmp_path)
    for level in (3, 4, 5):
        store.put(path, [Put(pain(level=level))], stamp())
    _spoil(path, sql)
    journal = store.load(path)
    assert journal.damaged == 1
    assert [one.level for one in journal.pains] == [3, 5]
    done = store.put(path, [Put(pain(level=6))], stamp())  # it goes on behind the damage
    assert done.rows[0].number == 4
    levels = [[one.level for one in store.undo(path, stamp()).journal.pains] for _ in range(3)]
    assert levels == [[3, 5], [3], [3]]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE TABLE more (x)", "tables"),
        ("CREATE TRIGGER t AFTER INSERT ON change BEGIN DELETE FROM change; END", "tables"),
        ("DROP VIEW v_pain", "tables"),
        ("PRAGMA application_id = 7", "another program"),
        ("PRAGMA user_version = 99", "newer gaitpi"),
        ("PRAGMA user_version = 0", "tables"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(tmp_path: Path, sql: str, words: str) -> None:
    path = store.path_in(tmp_path)
    store.put(path, [Put(pain())], stamp())
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()
    before = path.read_bytes()
    for does in (store.load, store.undo, lambda p: store.put(p, [Put(pain(level=1))])):
        with pytest.raises(JournalError, match=words):
            does(path)
    assert path.read_bytes() == before


def test_files_that_are_none(tmp_path: Path) -> None:
    text = tmp_path / "journal.db"
    text.write_text("dear diary " * 100)
    with pytest.raises(JournalError, match="not an SQLite file"):
        store.load(text)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(JournalError, match="not a file"):
        store.load(folder)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(JournalError, match="not a file"):
        store.load(pipe)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(store.MAX_BYTES + 1)
    with pytest.raises(JournalError, match="larger than"):
        store.load(large)


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    store.put(path, [Put(pain(level=k % 10)) for k in range(300)], stamp())
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 3000] = b"\xa5" * 3000
    path.write_bytes(raw)
    with pytest.raises(JournalError, match="damaged"):
        store.load(path)


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.path_in(tmp_path)
    store.put(path, [Put(pain(level=k)) for k in range(5)], stamp())
    monkeypatch.setattr(store, "MAX_ROWS", 6)
    with pytest.raises(JournalError, match="do not fit"):
        store.put(path, [Put(pain(level=k)) for k in range(2)], stamp())
    assert len(store.load(path).rows) == 5
    monkeypatch.setattr(store, "MAX_ROWS", 4)
    with pytest.raises(JournalError, match="more rows"):
        store.load(path)


def test_two_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    writers = [_writer(path, who, 8) for who in "ab"]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    journal = store.load(path)
    assert [change.number for change in journal.changes] == list(range(1, len(journal.rows) + 1))
    assert {f"{who}-{k}" for who in "ab" for k in range(8)} <= set(journal.entries)


_WRITER = """
import sys
from pathlib import Path
from gaitpi.journal import store
from gaitpi.journal.entries import Pain
path, who, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for k in range(n):
    entry = Pain(day="2026-05-03", entered_s=1.0, level=k % 10)
    done = store.put(path, [store.Put(entry, f"{who}-{k}"), store.Put(entry, f"{who}m-{k}")])
    print(len(done.journal.rows), flush=True)
"""


def _writer(path: Path, who: str, n: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), who, str(n)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_killed_in_mid_write_what_was_said_to_be_kept_is_there(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    said = 0
    for kill in range(4):
        writer = _writer(path, f"k{kill}", 100_000)
        assert writer.stdout is not None
        for line in writer.stdout:
            said = int(line)
            if said >= 20 * (kill + 1):
                break
        time.sleep(0.003 * kill)
        writer.send_signal(signal.SIGKILL)
        said = max([said, *map(int, writer.stdout.read().split())])
        writer.wait(30)
        writer.stdout.close()
        journal = store.load(path)  # also while half a commit may lie beside it
        assert len(journal.rows) >= said
        assert journal.damaged == 0
        assert len(journal.rows) % 2 == 0  # both rows of a batch, or none


def test_a_commit_that_was_cut_is_read_where_it_may_not_be_undone(tmp_path: Path) -> None:
    """The rollback journal lies beside it, the folder is read-only: it is undone in a copy."""
    path = store.path_in(tmp_path)
    store.put(path, [Put(pain(level=1))], stamp())
    kept = path.read_bytes()
    db = store._connect(path, write=True)
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    values = (2, 2, "put", None, "x", None, 1.0, 0.0, 1.0, "b", "w")
    db.execute(store._SQL_ADD, (*values, store._crc(values)))
    for k in range(3, 400):
        row = (k, 2, *values[2:])
        db.execute(store._SQL_ADD, (*row, store._crc(row)))
    side = path.with_name("journal.db-journal")
    half, begun = path.read_bytes(), side.read_bytes()
    db.close()
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "journal.db").write_bytes(half)
    (cut / "journal.db-journal").write_bytes(begun)
    assert half != kept
    journal = store.load(cut / "journal.db")
    assert [one.level for one in journal.pains] == [1]
    assert (cut / "journal.db").read_bytes() == half
    done = store.put(cut / "journal.db", [Put(pain(level=2))], stamp())
    assert [one.level for one in done.journal.pains] == [1, 2]


def test_a_first_entry_that_was_cut_leaves_no_entries(tmp_path: Path) -> None:
    """Pages are there and the rollback journal says that there were none before."""
    path = store.path_in(tmp_path)
    db = store._connect(path, write=True)
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    store._fill(db)
    for k in range(1, 400):
        row = (k, 1, "put", None, "x", None, 1.0, 0.0, 1.0, "b", "w")
        db.execute(store._SQL_ADD, (*row, store._crc(row)))
    cut = tmp_path / "cut"
    cut.mkdir()
    for name in ("journal.db", "journal.db-journal"):
        (cut / name).write_bytes((tmp_path / name).read_bytes())
    db.close()
    assert (cut / "journal.db").stat().st_size > 0
    assert store.load(cut / "journal.db") == store.Journal()
    assert len(store.put(cut / "journal.db", [Put(pain())], stamp()).journal.pains) == 1


def test_what_is_written_is_synced_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real: Callable[[int], None] = os.fsync

    def fsync(fd: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    store.put(store.path_in(tmp_path / "new" / "runs"), [Put(pain())], stamp())
    assert {str(tmp_path), str(tmp_path / "new"), str(tmp_path / "new" / "runs")} <= set(synced)
