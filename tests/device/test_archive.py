"""Backup and restore: everything comes back, nothing is overwritten unasked, nothing gets out."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi import cli, jsonlines
from gaitpi.device import archive
from gaitpi.device.archive import Restore, backup
from gaitpi.errors import GaitpiError, InputFileError, UsageError
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter
from tests.runs.sample import batches, counts, header, second, write_run

ROOT = Path(__file__).parents[2]
ONE, TWO = "20261124-005534-cab6-000001.gaitpi", "20261125-005534-cab6-000002.gaitpi"


def line(n: int) -> bytes:
    """A line of a journal."""
    return jsonlines.pack({"n": n})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, two journals and a configuration."""
    folder = tmp_path_factory.mktemp("made")
    runs = folder / "runs"
    runs.mkdir()
    write_run(runs / ONE, seconds=[second(float(k)) for k in range(5)])
    write_run(runs / TWO, wall_s=1_795_553_320.0, samples=counts(600, 2))
    (runs / "targets.jsonl").write_bytes(line(1))
    (runs / "calibration.jsonl").write_bytes(line(2) + line(3))
    (runs / "notes.txt").write_text("not gaitpi's")
    (folder / "config.toml").write_text("[coach]\ntarget_spm = 171.0\n")
    return folder


@pytest.fixture(scope="module")
def kept(made: Path) -> Path:
    """The backup of it."""
    path = made / "backup.zip"
    backup(path, made / "runs", made / "config.toml")
    return path


def bring(path: Path, folder: Path, **more: Any) -> dict[str, str]:
    restore = Restore(path)
    try:
        return dict(restore.write(folder / "runs", folder / "config.toml", **more))
    finally:
        restore.close()


def files(folder: Path) -> dict[str, bytes]:
    found = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


# ---------------------------------------------------------------------- there and back


def test_everything_comes_back_bit_for_bit(made: Path, kept: Path, tmp_path: Path) -> None:
    fates = bring(kept, tmp_path)
    assert set(fates.values()) == {"new"}
    wanted = {n: d for n, d in files(made).items() if not n.endswith((".txt", ".zip"))}
    assert files(tmp_path) == wanted
    assert set(bring(kept, tmp_path).values()) == {"same"}


def test_the_list_of_runs_is_the_same(
    made: Path, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed(folder: Path) -> Any:
        path = folder / "listing.toml"
        path.write_text(f'[runs]\ndirectory = "{folder / "runs"}"\n')
        assert cli.main(["--config", str(path), "runs", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        return [{**row, "file": Path(row["file"]).name} for row in rows]

    bring(kept, tmp_path)
    assert len(listed(tmp_path)) == 2
    assert listed(tmp_path) == listed(made)


def test_the_same_runs_make_the_same_archive(made: Path, kept: Path, tmp_path: Path) -> None:
    backup(tmp_path / "again.zip", made / "runs", made / "config.toml")
    assert (tmp_path / "again.zip").read_bytes() == kept.read_bytes()


def test_a_run_that_is_being_recorded(tmp_path: Path) -> None:
    """What was committed is in it, and the recording goes on."""
    runs = tmp_path / "runs"
    runs.mkdir()
    samples = counts(900)
    writer = RunWriter(runs / ONE, header())
    given_to = batches(samples)
    for batch in given_to[:45]:
        writer.batch(batch)
    writer.commit()
    # a transaction in flight, as often as not
    db = sqlite3.connect(runs / ONE, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE unfinished (x)")
    db.execute("INSERT INTO unfinished VALUES (1)")
    made = backup(tmp_path / "b.zip", runs, tmp_path / "config.toml")
    db.execute("ROLLBACK")
    db.close()
    for batch in given_to[45:]:
        writer.batch(batch)
    writer.close({"cues": 0})
    assert made.count(".gaitpi") == 1
    assert any("not finished" in remark for remark in made.remarks)
    bring(tmp_path / "b.zip", tmp_path / "other")
    with RunReader(tmp_path / "other/runs" / ONE) as run:
        part = np.concatenate([block.counts for block in run.blocks()])
        assert not run.finished
    assert len(part) >= 400
    np.testing.assert_array_equal(part, samples[: len(part)])
    with RunReader(runs / ONE) as run:
        assert sum(len(block.counts) for block in run.blocks()) == 900


def test_a_run_that_a_power_cut_left_half_written(tmp_path: Path) -> None:
    """SQLite takes the half back, in the copy: the file itself is not touched."""
    runs = tmp_path / "runs"
    runs.mkdir()
    write_run(tmp_path / ONE, finish=False)
    db = sqlite3.connect(tmp_path / ONE, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE half (x)")
    db.executemany("INSERT INTO half VALUES (?)", [("y" * 3000,) for _ in range(200)])
    for name in (ONE, f"{ONE}-journal"):
        shutil.copyfile(tmp_path / name, runs / name)
    db.close()
    before = files(runs)
    assert len(before) == 2
    made = backup(tmp_path / "b.zip", runs, tmp_path / "config.toml")
    assert files(runs) == before
    assert any("not finished" in remark for remark in made.remarks)
    bring(tmp_path / "b.zip", tmp_path / "other")
    with sqlite3.connect(tmp_path / "other/runs" / ONE) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert (
            copy.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone()[0]
            == 0
        )
    copy.close()


def test_nobody_writes_into_a_run_while_it_is_copied(made: Path, tmp_path: Path) -> None:
    shutil.copyfile(made / "runs" / ONE, tmp_path / ONE)
    with archive._settled(tmp_path / ONE, archive.Backup(), tmp_path) as source:
        other = sqlite3.connect(tmp_path / ONE, timeout=0.0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("PRAGMA user_version = 77")
        assert source.read() == (made / "runs" / ONE).read_bytes()
    other.execute("PRAGMA user_version = 77")
    other.close()


def test_a_damaged_run_is_kept_as_it_is(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / ONE).write_bytes(b"\0" * 5000)
    (runs / f"{ONE}-journal").write_bytes(b"\xff" * 100)
    made = backup(tmp_path / "b.zip", runs, tmp_path / "config.toml")
    assert any("damaged" in remark for remark in made.remarks)
    bring(tmp_path / "b.zip", tmp_path / "other")
    assert (tmp_path / "other/runs" / ONE).read_bytes() == b"\0" * 5000


def test_a_backup_is_not_overwritten_unasked(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        backup(path, made / "runs", made / "config.toml")
    assert path.read_text() == "mine"
    backup(path, made / "runs", made / "config.toml", overwrite=True)
    assert zipfile.is_zipfile(path)


def test_no_room_leaves_no_half_archive(made: Path) -> None:
    with pytest.raises(GaitpiError, match="cannot be written"):
        backup(made / "no/such/folder/b.zip", made / "runs", made / "config.toml")


# ---------------------------------------------------------------------- what is here stays


def test_what_differs_is_left_alone(kept: Path, tmp_path: Path) -> None:
    bring(kept, tmp_path)
    (tmp_path / "runs" / ONE).write_bytes(b"mine")
    (tmp_path / "config.toml").write_text("# mine\n")
    (tmp_path / "runs" / TWO).unlink()
    fates = bring(kept, tmp_path)
    assert fates[f"runs/{ONE}"] == fates["config.toml"] == "differs"
    assert fates[f"runs/{TWO}"] == "new"
    assert (tmp_path / "runs" / ONE).read_bytes() == b"mine"
    assert (tmp_path / "config.toml").read_text() == "# mine\n"
    fates = bring(kept, tmp_path, overwrite=True)
    assert fates[f"runs/{ONE}"] == fates["config.toml"] == "replaced"
    assert set(bring(kept, tmp_path).values()) == {"same"}


def test_a_journal_that_has_grown_is_newer(kept: Path, tmp_path: Path) -> None:
    bring(kept, tmp_path)
    journal = tmp_path / "runs" / "targets.jsonl"
    grown = journal.read_bytes() + line(4)
    journal.write_bytes(grown)
    assert bring(kept, tmp_path, overwrite=True)["runs/targets.jsonl"] == "grown"
    assert journal.read_bytes() == grown


def test_a_run_in_use_is_never_replaced(kept: Path, tmp_path: Path) -> None:
    bring(kept, tmp_path)
    (tmp_path / "runs" / ONE).write_bytes(b"being written")
    (tmp_path / "runs" / f"{ONE}-journal").write_bytes(b"x" * 512)
    said: list[str] = []
    fates = bring(kept, tmp_path, overwrite=True, said=said.append)
    assert fates[f"runs/{ONE}"] == "differs"
    assert (tmp_path / "runs" / ONE).read_bytes() == b"being written"
    assert "left alone" in said[0]


def test_a_link_is_not_written_through(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ONE).symlink_to(tmp_path / "elsewhere")
    assert bring(kept, tmp_path)[f"runs/{ONE}"] == "differs"
    assert not (tmp_path / "elsewhere").exists()


# ---------------------------------------------------------------------- what is refused


def remade(kept: Path, target: Path, change: Callable[[dict[str, bytes], Any], None]) -> Path:
    """The archive made anew, with its members and its manifest changed."""
    with zipfile.ZipFile(kept) as old:
        members = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(members.pop(archive.MANIFEST))
    change(members, manifest)
    with zipfile.ZipFile(target, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)
        if manifest is not None and manifest != {}:
            new.writestr(archive.MANIFEST, json.dumps(manifest))
    return target


def refused(path: Path, why: str, folder: Path) -> None:
    with pytest.raises(InputFileError, match=why):
        bring(path, folder)
    assert not folder.exists() or files(folder) == {}


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.gaitpi", "runs/../../evil.gaitpi", "/etc/evil.gaitpi", "runs/a/b.gaitpi"),
        *("runs/.hidden.gaitpi", "runs/evil.sh", "runs/evil.gaitpi-journal", "evil.toml", "runs/"),
        *("runs\\evil.gaitpi", "runs/a b.gaitpi", f"runs/{'a' * 200}.gaitpi", "runs/evil.gaitpi\n"),
    ],
)
def test_names_that_are_none_of_ours(name: str, kept: Path, tmp_path: Path) -> None:
    def change(members: dict[str, bytes], manifest: Any) -> None:
        members[name] = members[f"runs/{ONE}"]
        first = next(f for f in manifest["files"] if f["name"] == f"runs/{ONE}")
        manifest["files"].append({**first, "name": name})

    refused(remade(kept, tmp_path / "b.zip", change), "cannot be restored", tmp_path / "x")


def _twice(members: dict[str, bytes], manifest: Any) -> None:
    manifest["files"].append(manifest["files"][0])


def _unlisted(members: dict[str, bytes], manifest: Any) -> None:
    members["runs/more.gaitpi"] = b""


def _missing(members: dict[str, bytes], manifest: Any) -> None:
    del members[f"runs/{ONE}"]


def _other_content(members: dict[str, bytes], manifest: Any) -> None:
    members[f"runs/{ONE}"] = members[f"runs/{ONE}"][:-1] + b"!"


def _shorter(members: dict[str, bytes], manifest: Any) -> None:
    manifest["files"][0]["size"] -= 1


def _huge(members: dict[str, bytes], manifest: Any) -> None:
    manifest["files"][0]["size"] = 10**13


def _large_journal(members: dict[str, bytes], manifest: Any) -> None:
    one = next(f for f in manifest["files"] if f["name"] == "runs/targets.jsonl")
    one["size"] = archive.SMALL_LIMIT + 1


def _many(members: dict[str, bytes], manifest: Any) -> None:
    members.update({f"runs/{n}.gaitpi": b"" for n in range(archive.FILES_LIMIT)})


def _newer(members: dict[str, bytes], manifest: Any) -> None:
    manifest["version"] = 2


def _no_manifest(members: dict[str, bytes], manifest: Any) -> None:
    manifest.clear()


def _foreign(members: dict[str, bytes], manifest: Any) -> None:
    manifest["format"] = "another"


def _nonsense(members: dict[str, bytes], manifest: Any) -> None:
    manifest["files"] = {"a": [1, None]}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_twice, "other files than"),
        (_unlisted, "other files than"),
        (_missing, "other files than"),
        (_other_content, "is damaged"),
        (_shorter, "is damaged"),
        (_huge, "far too large"),
        (_large_journal, "far too large"),
        (_many, "too many"),
        (_newer, "newer gaitpi"),
        (_no_manifest, "no backup of gaitpi"),
        (_foreign, "no backup of gaitpi"),
        (_nonsense, "makes no sense"),
    ],
)
def test_archives_that_are_not_whole(
    change: Callable[[dict[str, bytes], Any], None], why: str, kept: Path, tmp_path: Path
) -> None:
    refused(remade(kept, tmp_path / "b.zip", change), why, tmp_path / "x")


def test_a_bomb_is_not_unpacked(kept: Path, tmp_path: Path) -> None:
    """It says that it is small, and is not."""
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr(f"runs/{ONE}", bytes(50_000_000))
        entry = {"name": f"runs/{ONE}", "size": 1000, "sha256": "0" * 64}
        about = {"format": archive.FORMAT, "version": 1, "files": [entry]}
        bomb.writestr(archive.MANIFEST, json.dumps(about))
    refused(path, "is damaged", tmp_path / "x")


def test_links_in_it_are_refused(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename == f"runs/{ONE}":
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
            new.writestr(member, data)
    refused(path, "no ordinary file", tmp_path / "x")


def test_a_name_twice_is_refused(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    shutil.copyfile(kept, path)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as again:
        warnings.simplefilter("ignore")
        again.writestr(f"runs/{ONE}", b"another")
    refused(path, "twice", tmp_path / "x")


def test_no_zip_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="There is no file"):
        Restore(tmp_path / "none.zip")
    (tmp_path / "b.zip").write_text("hello")
    refused(tmp_path / "b.zip", "no zip file, or it is cut short", tmp_path / "x")


@given(at=st.floats(0.0, 0.9999), cut=st.booleans(), bit=st.integers(0, 7))
def test_cut_short_or_spoilt_nothing_false_is_written(
    at: float, cut: bool, bit: int, kept: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("spoilt")
    data = bytearray(kept.read_bytes())
    where = int(at * len(data))
    if cut:
        del data[where:]
    else:
        data[where] ^= 1 << bit
    (folder / "b.zip").write_bytes(data)
    try:
        bring(folder / "b.zip", folder / "x")
    except InputFileError:
        assert files(folder / "x") == {}
        return
    # a date or a flag that nobody goes by: then every file is the right one
    assert set(bring(kept, folder / "x").values()) == {"same"}


def test_what_is_whole_of_a_damaged_backup_can_be_taken(
    made: Path, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bad block of an old stick is no reason to lose the other runs."""
    data = bytearray(kept.read_bytes())
    with zipfile.ZipFile(kept) as whole:
        info = whole.getinfo(f"runs/{ONE}")
    data[info.header_offset + 200] ^= 1
    file, config = tmp_path / "b.zip", tmp_path / "config.toml"
    file.write_bytes(data)
    config.write_text(f'[runs]\ndirectory = "{tmp_path / "runs"}"\n')
    refused(file, f"runs/{ONE} in it is damaged", tmp_path / "x")
    assert run("--config", config, "restore", file) == 1
    words = "Nothing was written. --salvage takes the 4 files that are whole."
    assert words in capsys.readouterr().err
    assert run("--config", config, "restore", file, "--salvage", "--dry-run") == 1
    assert not (tmp_path / "runs").exists()
    assert run("--config", config, "restore", file, "--salvage") == 1
    out, err = capsys.readouterr()
    assert f"{ONE} in it is damaged and is left out." in err
    assert ONE not in out
    assert set(files(tmp_path / "runs")) == {TWO, "targets.jsonl", "calibration.jsonl"}
    assert (tmp_path / "runs" / TWO).read_bytes() == (made / "runs" / TWO).read_bytes()
    # what is not ours is refused all the same
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("runs/../../evil.gaitpi", b"")
    assert run("--config", config, "restore", file, "--salvage") == 1
    assert "names other files" in capsys.readouterr().err


# ---------------------------------------------------------------------- the commands


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_by_command(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[runs]\ndirectory = "{made / "runs"}"\n')
    file = tmp_path / "b.zip"
    assert run("--config", config, "backup", file) == 0
    assert "2 runs, 2 journals and the configuration: " in capsys.readouterr().out
    assert run("--config", config, "backup", file) == 2
    # to another machine, whose configuration is not there yet and comes with it
    other = tmp_path / "other" / "config.toml"
    backup_runs = files(made / "runs")
    assert run("--config", other, "restore", file, "--dry-run") == 0
    assert "configuration  " in capsys.readouterr().out
    assert not other.exists()
    assert run("--config", config, "restore", file) == 0
    assert "5 files here already" in capsys.readouterr().out
    assert files(made / "runs") == backup_runs
    config.write_text(f"# another\n{config.read_text()}")
    assert run("--config", config, "restore", file) == 1
    out = capsys.readouterr().out
    assert "1 file differs from the one here: left alone\n  config.toml\n" in out
    assert max(map(len, out.replace(str(tmp_path), "").splitlines())) <= 80


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine keeps runs without a configuration."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "gaitpi" / "runs"


@pytest.mark.parametrize("here", ["nothing", "a configuration"])
def test_an_archive_does_not_say_where_is_written(
    here: str, own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither on an empty machine nor with --overwrite: root may be the one who restores."""
    theirs, runs, config = tmp_path / "theirs", tmp_path / "runs", tmp_path / "config.toml"
    runs.mkdir()
    write_run(runs / ONE)
    config.write_text(f'[runs]\ndirectory = "{theirs}"\n')
    backup(tmp_path / "b.zip", runs, config)
    ours = own_folder
    config.unlink()
    if here != "nothing":
        ours = tmp_path / "ours"
        config.write_text(f'[runs]\ndirectory = "{ours}"\n')
    assert run("--config", config, "restore", tmp_path / "b.zip", "--overwrite") == 0
    assert not theirs.exists()
    assert list(files(ours)) == [ONE]
    err = capsys.readouterr().err
    assert f"keeps runs in {theirs}" in err
    assert f'set runs.directory = "{ours}" in {config}' in err
    # what it says to do is enough
    config.write_text(config.read_text().replace(str(theirs), str(ours)))
    assert run("--config", config, "restore", tmp_path / "b.zip") == 1
    assert "they are put where this machine keeps them." in capsys.readouterr().err
    assert not theirs.exists()


def test_what_is_no_journal_stays_out(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, config = tmp_path / "runs", tmp_path / "config.toml"
    runs.mkdir()
    for name, data in {
        "evil.jsonl": b"#!/bin/sh\nreboot\n",
        "forged.jsonl": line(1).replace(b"1", b"2"),
        "long.jsonl": b"x" * (2 * jsonlines.SIZE_LIMIT),
        "large.jsonl": jsonlines.pack({"x": "x" * (jsonlines.SIZE_LIMIT + 2 * 1024 * 1024)}),
        "torn.jsonl": line(1) + line(2)[:-5],
        "empty.jsonl": b"",
        "whole.jsonl": line(1) + b"\n" + line(2),
    }.items():
        (runs / name).write_bytes(data)
    before = files(runs)
    backup(tmp_path / "b.zip", runs, config)
    shutil.rmtree(runs)
    config.write_text(f'[runs]\ndirectory = "{runs}"\n')
    assert run("--config", config, "restore", tmp_path / "b.zip") == 1
    err = capsys.readouterr().err
    # a line torn by a power cut is no reason to lose the others
    kept_back = ("empty.jsonl", "torn.jsonl", "whole.jsonl")
    assert files(runs) == {name: before[name] for name in kept_back}
    for name in ("evil", "forged", "long", "large"):
        assert f"{name}.jsonl is no journal of gaitpi and is left out." in err
    assert "torn.jsonl: 1 line in it cannot be read." in err


def test_the_commands_load_nothing_heavy(made: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from gaitpi import cli; common = ['--config', sys.argv[1]]; "
        "assert cli.main([*common, 'backup', sys.argv[2]]) == 0; "
        "assert cli.main([*common, 'restore', sys.argv[2]]) == 0; "
        "bad = {'numpy', 'numba', 'gpiozero', 'lgpio'} & set(sys.modules); assert not bad, bad"
    )
    config = tmp_path / "config.toml"
    config.write_text(f'[runs]\ndirectory = "{made / "runs"}"\n')
    argv = (sys.executable, "-c", code, str(config), str(tmp_path / "b.zip"))
    subprocess.run(argv, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_configuration_that_cannot_be_used_stays_out(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, config = tmp_path / "runs", tmp_path / "config.toml"
    runs.mkdir()
    config.write_text("[imu]\nrate_hz = 3\n")
    backup(tmp_path / "b.zip", runs, config)
    config.unlink()
    assert run("--config", config, "restore", tmp_path / "b.zip") == 1
    assert "cannot be used and is left out" in capsys.readouterr().err
    assert not config.exists()


def test_what_root_restores_is_its_folders_owners(kept: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    (tmp_path / "runs").mkdir()
    os.chown(tmp_path / "runs", 12345, 12346)
    bring(kept, tmp_path)
    found = (tmp_path / "runs" / ONE).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o660)
