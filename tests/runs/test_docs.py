"""The examples of docs/run-file.md are run as they stand."""

import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gaitpi.runs.rows import HeartRow, PodRow

from .sample import SENSOR, counts, cue, heart, pod, second, write_run

DOC = (Path(__file__).parents[2] / "docs" / "run-file.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.gaitpi"
    readings: list[HeartRow | PodRow] = [
        heart(30.0),
        pod(31.0),
        heart(61.0, bpm=150),
        heart(62.0, contact=0.0),
    ]
    write_run(
        path,
        seconds=[second(float(i)) for i in range(70)],
        cues=[cue(30.0)],
        readings=iter(readings),
    )
    return path


def test_every_query_answers(path: Path) -> None:
    queries = [q for text in examples("sql") for q in re.findall(r"[^;]+;", text)]
    assert len(queries) == 7
    db = sqlite3.connect(path)
    answers = [db.execute(query).fetchall() for query in queries]
    views = re.findall(
        r"CREATE VIEW (\w+)",
        "".join(r[0] or "" for r in db.execute("SELECT sql || char(10) FROM sqlite_schema")),
    )
    rows = {view: len(db.execute(f"SELECT * FROM {view}").fetchall()) for view in views}
    db.close()
    assert rows == {"v_totals": 1, "v_run": 1, "v_steps": 70, "v_seconds": 70, "v_cues": 1}
    assert answers[0][0][1:4] == ("2026-11-23 18:02:00", "pelvis", "lsm6dsox")
    assert answers[1] == [("00:30", "step-up", 164.9, 166.8, "low 8 s")]
    assert answers[2] == [(0, 170.0, None, 0.0), (1, 170.0, None, 0.0)]
    assert answers[3] == [("right", 70, None)]
    assert answers[4] == [(0, 148.0, 2.81), (1, 150.0, None)]
    assert answers[5] == [(2.0, "mark", "button")]
    assert answers[6] == [(None,)]


def test_shell_commands_work(path: Path) -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("the sqlite3 shell is not installed")
    for line in [*examples("sh"), 'sqlite3 -readonly RUN.gaitpi ".backup COPY.gaitpi"']:
        assert line.strip() in DOC
        command = line.replace("RUN.gaitpi", str(path)).replace("COPY", str(path.parent / "copy"))
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
        assert "CREATE TABLE block" in done.stdout or (path.parent / "copy.gaitpi").stat().st_size


def test_python_reads_the_raw_counts(path: Path) -> None:
    (code,) = examples("python")
    command = [sys.executable, "-W", "error", "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    wanted = counts(300)
    at = 0
    for line in lines:
        n = int(line.split()[0])
        assert line.split()[1] == repr(np.float64(at / 208.0)) or line.split()[1] == str(at / 208.0)
        assert str(wanted[at].tolist()) in line
        mean = str(wanted[at : at + n, :3].astype(float).mean(axis=0) * SENSOR.acc_scale)
        assert line.endswith(mean)
        at += n
    assert at == 300
    assert len(code.strip().splitlines()) <= 31
