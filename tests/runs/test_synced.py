"""What must be synced is: seen from the kernel's side, with strace."""

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gaitpi.runs.writer import RunWriter

from .sample import header

RECORD = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], str(Path(sys.argv[2]).parent)]
from runs.sample import NOW_S, batches, counts, header, write_run
from gaitpi.runs.room import Room
from gaitpi.runs.writer import RunWriter
folder = Path(sys.argv[1])
write_run(folder / "old.gaitpi", wall_s=NOW_S - 30 * 86400.0)
Path("made").touch()
writer = RunWriter(folder / "run.gaitpi", header())
Path("header").touch()
writer.batch(batches(counts(10))[0])
writer.commit()
Path("commit").touch()
writer.close()
Path("finish").touch()
list(Room(folder, 20, wall=lambda: NOW_S, free=lambda _: 0).make())
Path("room").touch()
"""


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Names of what was synced before each mark, in order."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    top = tmp_path_factory.mktemp("synced")
    log = top / "log"
    program = [sys.executable, "-c", RECORD, str(top / "deep" / "runs")]
    trace = ["strace", "-f", "-y", "-o", str(log), "-e", "trace=fsync,fdatasync,openat,unlink"]
    done = subprocess.run(
        [*trace, *program, str(Path(__file__).parents[1])],
        cwd=top,
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    marks: dict[str, list[str]] = {}
    since: list[str] = []
    for line in log.read_text().splitlines():
        if found := re.search(r"f(?:data)?sync\(\d+<([^>]*)>\)", line):
            since.append(Path(found[1]).name)
        elif found := re.search(r'unlink\("[^"]*/([^"/]*)"\)', line):
            since.append(f"unlink {found[1]}")
        elif found := re.search(r'"(made|header|commit|finish|room)", O_WRONLY\|O_CREAT', line):
            marks[found[1]], since = since, []
    return marks


def test_a_new_folder_is_synced_into_the_one_above(synced: dict[str, list[str]]) -> None:
    made = synced["made"]
    assert made[0].startswith("synced")
    assert made[1] == "deep"


def test_header_and_name_are_on_the_card_before_the_first_sample(
    synced: dict[str, list[str]],
) -> None:
    assert "run.gaitpi" in synced["header"]
    assert synced["header"][-1] == "runs"


def test_a_commit_syncs_journal_and_file(synced: dict[str, list[str]]) -> None:
    commit = synced["commit"]
    assert commit.index("run.gaitpi-journal") < commit.index("run.gaitpi")
    assert commit[-1] == "run.gaitpi-journal"  # emptied: the commit is not undone


def test_the_end_and_a_deletion_sync_the_folder(synced: dict[str, list[str]]) -> None:
    assert synced["finish"][-1] == "runs"
    at = synced["room"].index("unlink old.gaitpi")
    assert synced["room"][-1] == "runs"
    assert "unlink old.gaitpi-journal" in synced["room"][at:]


def test_every_commit_is_synced_in_full(tmp_path: Path) -> None:
    """Also after the file was opened anew or gone on with."""
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header())
    for renew in (lambda w: None, RunWriter.reopen, RunWriter.abandon):
        renew(writer)
        if renew is RunWriter.abandon:
            writer = RunWriter.resume(path)
        assert writer._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert writer._db.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
    writer.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
