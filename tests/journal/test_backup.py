"""Backup and restore take the runner's own journal along, and never an older one over a newer."""

import json
import sqlite3
import zipfile
from pathlib import Path

from gaitpi.device.archive import MANIFEST, Restore, backup
from gaitpi.journal import store
from gaitpi.journal.store import Put
from tests.journal.made import journal_of, pain, stamp

NAME = f"runs/{store.NAME}"


def _kept(folder: Path) -> Path:
    target = folder / "backup.zip"
    made = backup(target, folder / "runs", folder / "config.toml")
    assert [one.name for one in made.files] == [NAME]
    assert not made.remarks
    return target


def _bring(path: Path, folder: Path, *, overwrite: bool = False) -> str:
    restore = Restore(path)
    try:
        fates = restore.write(folder / "runs", folder / "config.toml", overwrite=overwrite)
    finally:
        restore.close()
    return str(fates[NAME])


def test_there_and_back(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "runs", Put(pain()), Put(pain(level=1)))
    kept = _kept(tmp_path)
    other = tmp_path / "other"
    assert _bring(kept, other) == "new"
    path = store.path_in(other / "runs")
    assert store.load(path) == journal
    assert _bring(kept, other) == "same"
    store.put(path, [Put(pain(level=2))], stamp())
    assert _bring(kept, other, overwrite=True) == "grown"
    assert len(store.load(path).rows) == 3
    mine = tmp_path / "mine"
    journal_of(mine / "runs", Put(pain(level=9)))
    assert _bring(kept, mine) == "differs"
    assert [one.level for one in store.load(store.path_in(mine / "runs")).pains] == [9]
    assert _bring(kept, mine, overwrite=True) == "replaced"
    assert store.load(store.path_in(mine / "runs")) == journal


def test_in_the_middle_of_an_entry_what_was_kept_is_taken(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "runs", Put(pain()))
    path = store.path_in(tmp_path / "runs")
    db = store._connect(path, write=True)
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("BEGIN IMMEDIATE")
    values = (2, 2, "put", None, "x", None, 1.0, 0.0, 1.0, "b", "w")
    db.execute(store._SQL_ADD, (*values, store._crc(values)))
    kept = _kept(tmp_path)
    db.close()
    _bring(kept, tmp_path / "other")
    assert store.load(store.path_in(tmp_path / "other" / "runs")) == journal


def test_what_is_no_journal_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    db = sqlite3.connect(store.path_in(tmp_path / "runs"))
    db.execute("CREATE TABLE evil (x)")
    db.commit()
    db.close()
    kept = _kept(tmp_path)
    with zipfile.ZipFile(kept) as archive:
        assert json.loads(archive.read(MANIFEST))["files"][0]["name"] == NAME
    restore = Restore(kept)
    try:
        assert restore.foreign == [NAME]
        assert restore.write(tmp_path / "other", tmp_path / "config.toml") == {}
    finally:
        restore.close()
    assert not store.path_in(tmp_path / "other").exists()
