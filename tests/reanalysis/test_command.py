"""``gaitpi reanalyse`` as it is called: any order, any number of workers, killed and gone on."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaitpi.cli import main
from gaitpi.reanalysis.store import Store
from tests.interrupt import heed_interrupt

from .conftest import sql

ROOT = Path(__file__).parents[2]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main(["reanalyse", *arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out.splitlines()


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code, out = run(capsys, *arguments, "--json")
    return code, [json.loads(line) for line in out]


def checksums(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


BAD = {
    "bad-block": "raw block 30",
    "cut": "damaged",
    "empty": "is empty",
    "foreign": "not a gaitpi run file",
    "running": "is being recorded",
}


def test_what_is_wrong_is_listed_and_the_rest_goes_on(
    mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checksums(mixed)
    code, found = lines(capsys, str(mixed))
    assert code == 1
    assert {"bad-block.gaitpi", "foreign.gaitpi"} <= {Path(f["file"]).name for f in found[:-1]}
    failed = {Path(f["file"]).stem: f["problem"] for f in found[:-1] if f["status"] == "failed"}
    # a folder of that name is looked into, as any is
    assert failed.keys() == BAD.keys()
    for name, words in BAD.items():
        assert words in failed[name]
    assert [f["status"] for f in found[:-1]].count("same") == 3
    last = found[-1]
    assert (last["type"], last["recordings"], last["same"], last["failed"]) == ("summary", 8, 3, 5)
    assert {f["file"] for f in last["failures"]} == BAD.keys()
    # the originals are as they were, and nothing lies beside them
    assert checksums(mixed) == before

    code, out = run(capsys, str(mixed))
    assert code == 1
    assert max(map(len, out)) <= 80
    assert out[-1].startswith("8 recordings, ")
    assert out[-1].endswith("3 the same bit for bit, 5 failed.") or "5 failed." in out[-1]


def test_ids_last_and_all(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    setting = f'[runs]\ndirectory = "{runs[0].parent}"\n'
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "gaitpi" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(setting)
    for names, wanted in (
        (["all"], [p.stem for p in runs]),
        (["last"], [runs[2].stem]),
        ([runs[1].stem], [runs[1].stem]),
        ([runs[1].stem[:8], "last"], [runs[1].stem, runs[2].stem]),
    ):
        code, found = lines(capsys, *names)
        assert code == 0
        assert [f["id"] for f in found[:-1]] == wanted


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 2, "There is no run 'nowhere'"),
        (["nowhere.gaitpi"], 2, "There is no file"),
        (["."], 2, "Run files end in .gaitpi"),
        ([""], 2, "An empty PATH"),
        (["all"], 2, "yet. Record one with gaitpi run."),
        (["last"], 2, "yet. Record one with gaitpi run."),
        (["RUN", "--workers", "-1"], 2, "--workers is a number"),
        (["RUN", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], 2, "not allowed with"),
        (["RUN", "--set", "coach.target_spm"], 2, "sets nothing"),
        (["RUN", "--set", "coach.target=170"], 78, "there is no key"),
        (["RUN", "--set", "coach.target_spm=fast"], 78, "expected"),
        (["RUN", "--set", "gait.smooth_s=fast"], 2, "sets no number"),
        (["RUN", "--set", "gait.smooth_s=1"], 78, "expected 0.006"),
        (["RUN", "--scheduler", "somewhere"], 2, "no address of a Dask scheduler"),
        (["RUN", "--scheduler", "inproc://1/2:3"], 2, "no address of a Dask scheduler"),
        (["RUN", "--out", "RUN"], 2, "holds no results"),
    ],
)
def test_mistakes(
    runs: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    before = checksums(runs[0].parent)
    given = [str(runs[0]) if word == "RUN" else word for word in arguments]
    assert main(["reanalyse", *given]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.startswith("gaitpi: ")
    assert len(err.splitlines()) == 1
    assert checksums(runs[0].parent) == before


def test_a_setting_that_one_run_cannot_take_is_that_runs_problem(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = lines(capsys, *map(str, runs), "--set", "coach.gate_spm=172")
    assert code == 1
    assert all("coach.gate_spm" in f["problem"] for f in found[:-1])


def test_a_result_is_kept_by_content_code_and_parameters(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = tmp_path / "out.jsonl", str(runs[0].parent)
    first = lines(capsys, folder, "--out", str(out))
    text = out.read_bytes()
    assert text.count(b"\n") == 4
    started = time.monotonic()
    assert lines(capsys, folder, "--out", str(out)) == first
    assert time.monotonic() - started < 0.5  # nothing was computed
    assert out.read_bytes() == text
    # another name is the same content, another content is not
    runs[0].rename(runs[0].with_name("moved.gaitpi"))
    lines(capsys, folder, "--out", str(out))
    assert out.read_bytes() == text
    sql(runs[1], "UPDATE step SET side = 3 WHERE id = 50")
    _, found = lines(capsys, folder, "--out", str(out))
    assert found[-1]["changed"] == 1
    assert out.read_bytes().count(b"\n") == 5
    _, found = lines(capsys, folder, "--out", str(out), "--set", "coach.enabled=false")
    assert found[-1]["cues"]["gone"] > 0
    assert out.read_bytes().count(b"\n") == 8


def test_a_damaged_result_is_done_once_more(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    arguments = [str(runs[1]), str(runs[2]), "--out", str(out)]
    first = lines(capsys, *arguments)
    text = out.read_bytes()
    out.write_bytes(text.replace(b'"status":"same"', b'"status":"lies"', 1))
    assert main(["reanalyse", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert "1 damaged lines" in captured.err
    assert [json.loads(line) for line in captured.out.splitlines()] == first[1]
    assert out.read_bytes() == text


def test_copies_are_computed_once(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(12):
        shutil.copy(runs[1], runs[1].with_name(f"copy-{k}.gaitpi"))
    out = tmp_path / "out.jsonl"
    code, found = lines(capsys, str(runs[1].parent), "--out", str(out))
    assert (code, found[-1]["same"]) == (0, 15)
    assert out.read_bytes().count(b"\n") == 4


@pytest.fixture(scope="module")
def season(recorded: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short runs, each with a content of its own, one that changed, and one that fails."""
    folder = tmp_path_factory.mktemp("season")
    for k in range(5):
        path = Path(shutil.copy(recorded[1 + k % 2], folder / f"{k}.gaitpi"))
        sql(path, f"INSERT INTO event VALUES (1000, 1.0, 'mark', 'number {k}', '{{}}')")
    sql(folder / "3.gaitpi", "DELETE FROM step WHERE id BETWEEN 30 AND 35")
    sql(folder / "4.gaitpi", "UPDATE block SET crc32 = crc32 + 1 WHERE id = 20")
    return folder


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_neither_order_nor_workers_change_anything(
    season: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    data: st.DataObject,
) -> None:
    names = [str(path) for path in sorted(season.glob("*"))]
    usual = WANTED.get(season) or _outcome(capsys, tmp_path_factory, names, 0)
    WANTED[season] = usual
    given = data.draw(st.permutations(names))
    workers = data.draw(st.sampled_from([0, 1, 2]))
    assert _outcome(capsys, tmp_path_factory, given, workers) == usual


WANTED: dict[Path, Any] = {}


def _outcome(
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    workers: int,
) -> tuple[int, str, bytes]:
    """Exit code, what was printed, and the bytes of the results."""
    out = tmp_path_factory.mktemp("out") / "out.jsonl"
    code = main(["reanalyse", *names, "--json", "--out", str(out), "--workers", str(workers)])
    return code, capsys.readouterr().out, out.read_bytes()


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "gaitpi", "reanalyse", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        preexec_fn=heed_interrupt,
    )


def children(pid: int) -> list[int]:
    """Worker processes of ``pid``."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat[1]) == pid and stat[0] != "Z" and b"spawn_main" in command:
            found.append(int(path.name))
    return sorted(found)


def gone(pids: list[int], within_s: float = 10.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")


@needs_proc
@pytest.mark.parametrize("workers", ["0", "2"])
def test_killed_anywhere_it_goes_on(
    season: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    """SIGKILL after each recording: nothing is done twice, nothing is lost, no worker stays."""
    out = tmp_path / "out.jsonl"
    arguments = [str(season), "--out", str(out), "--workers", workers]
    done = 0
    for _ in range(1 if workers == "2" else 2):
        with start(*arguments) as process:
            assert process.stdout is not None
            until = time.monotonic() + 60.0
            while time.monotonic() < until and process.poll() is None:
                if out.exists() and out.read_bytes().count(b"\n") > done + 1:
                    break
                time.sleep(0.01)
            left = children(process.pid)
            process.kill()
        assert gone(left)
        with Store(out) as store:
            assert len(store) > done
            done = len(store)
    kept = {line for line in out.read_bytes().split(b"\n") if line.startswith(b'["')}
    code, found = lines(capsys, *arguments[:3])
    assert (code, found[-1]["same"], found[-1]["changed"], found[-1]["failed"]) == (1, 3, 1, 1)
    assert kept <= set(out.read_bytes().split(b"\n"))
    fresh = tmp_path / "fresh.jsonl"
    lines(capsys, str(season), "--out", str(fresh))
    assert out.read_bytes() == fresh.read_bytes()


@needs_proc
def test_a_worker_that_dies_costs_one_recording(season: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with start(str(season), "--out", str(out), "--workers", "2", "--json") as process:
        until = time.monotonic() + 60.0
        while not (workers := children(process.pid)) and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(workers[0], signal.SIGKILL)
        text, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    found = [json.loads(line) for line in text.splitlines()]
    problems = [f["problem"] for f in found[:-1] if f["status"] == "failed"]
    died = [problem for problem in problems if "died of SIGKILL" in problem]
    assert len(died) == 1
    assert found[-1]["recordings"] == 5
    assert found[-1]["failed"] == 2 or "4.gaitpi" in died[0]
    assert process.returncode == 1


@needs_proc
@pytest.mark.parametrize("workers", ["0", "2"])
def test_interrupted_it_ends_at_once_and_keeps_what_is_done(
    season: Path, tmp_path: Path, workers: str
) -> None:
    out = tmp_path / "out.jsonl"
    with start(str(season), "--out", str(out), "--workers", workers) as process:
        until = time.monotonic() + 60.0
        while time.monotonic() < until and not (out.exists() and out.read_bytes().count(b"\n") > 1):
            time.sleep(0.01)
        left = children(process.pid)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert err == ""
    assert process.returncode == 130
    assert gone(left)
    with Store(out) as store:
        assert len(store) >= 1


def test_help_and_mistakes_load_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("numpy", "numba", "distributed", "concurrent.futures", "sqlite3")
    for arguments in (["reanalyse", "--help"], ["reanalyse"]):
        program = (
            "import sys; from gaitpi import cli; "
            f"cli.main({arguments!r}); "
            f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.stderr.splitlines()[-1] == "[]"


def test_what_is_known_needs_no_numba(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To go on with what is done, or to hear what is wrong, is quick on a small Pi."""
    out = tmp_path / "out.jsonl"
    lines(capsys, str(runs[1]), "--out", str(out))
    program = (
        "import sys; from gaitpi import cli; "
        f"code = cli.main(['reanalyse', {str(runs[1])!r}, '--out', {str(out)!r}]); "
        "print(code, [n for n in ('numpy', 'numba') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == "0 []"
