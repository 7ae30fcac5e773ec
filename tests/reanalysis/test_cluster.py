"""The same on a Dask cluster, on loopback alone: scheduler and workers are Dask's own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaitpi.cli import main
from gaitpi.reanalysis import backends, sources
from gaitpi.reanalysis.task import PACKAGE

from .conftest import sql

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler in this process and two workers in their own."""
    path = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        with distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as made:
            yield made
    finally:
        os.environ["PYTHONPATH"] = path


@pytest.fixture(scope="module")
def season(recorded: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that stay, that changed, that fail here and that fail there."""
    folder = tmp_path_factory.mktemp("season")
    for k in range(4):
        path = Path(shutil.copy(recorded[k % 3], folder / f"{k}.gaitpi"))
        sql(path, f"INSERT INTO event VALUES (1000, 1.0, 'mark', 'number {k}', '{{}}')")
    sql(folder / "2.gaitpi", "DELETE FROM step WHERE id BETWEEN 30 AND 35")
    sql(folder / "3.gaitpi", "UPDATE block SET crc32 = crc32 + 1 WHERE id = 20")
    (folder / "foreign.gaitpi").write_bytes(b"no run")
    return folder


def outcome(
    capsys: pytest.CaptureFixture[str], season: Path, out: Path, *who: str
) -> tuple[int, str, bytes]:
    code = main(["reanalyse", str(season), "--json", "--out", str(out), *who])
    text, err = capsys.readouterr()
    assert err == ""
    return code, text, out.read_bytes()


def test_a_cluster_gives_what_this_process_gives(
    cluster: Any, season: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = cluster.scheduler_address
    # Dask warns of tasks as large as a long run; a warning is an error here
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1kB"}):
        there = outcome(capsys, season, tmp_path / "there", "--scheduler", address)
    here = outcome(capsys, season, tmp_path / "here")
    assert there == here
    last = json.loads(there[1].splitlines()[-1])
    assert (last["same"], last["changed"], last["failed"]) == (2, 1, 2)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_asking_opens_no_listener_and_a_lost_worker_costs_nothing(
    cluster: Any, season: Path, tmp_path: Path
) -> None:
    """Dask gives the work of a worker that died to another."""
    out = tmp_path / "out.jsonl"
    address = cluster.scheduler_address
    arguments = [str(season), "--out", str(out), "--scheduler", address, "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "gaitpi", "reanalyse", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        asking = psutil.Process(process.pid)
        seen, killed = set(), False
        while process.poll() is None:
            try:
                sockets = asking.net_connections()
            except psutil.NoSuchProcess:
                break
            seen |= {(s.status, s.raddr.ip if s.raddr else "") for s in sockets}
            if not killed and any(status == "ESTABLISHED" for status, _ in seen):
                time.sleep(0.3)
                first = next(iter(cluster.workers.values()))
                os.kill(first.pid, signal.SIGKILL)
                killed = True
            time.sleep(0.01)
        text, err = process.communicate()
    assert err == ""
    assert killed
    assert not any(status == "LISTEN" for status, _ in seen)
    assert {ip for _, ip in seen if ip} == {"127.0.0.1"}
    last = json.loads(text.splitlines()[-1])
    assert (last["same"], last["changed"], last["failed"]) == (2, 1, 2)


def _known(cluster: Any, name: str) -> bool:
    return any(worker["name"] == name for worker in cluster.scheduler_info["workers"].values())


def test_a_worker_with_another_gaitpi_is_refused(
    cluster: Any, season: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "gaitpi", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "gaitpi" / "units.py").open("a") as file:
        file.write("# another version\n")
    address = cluster.scheduler_address
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_worker", address),
            *("--host", "127.0.0.1", "--no-nanny", "--no-dashboard", "--name", "other"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 30.0
        while not _known(cluster, "other") and time.monotonic() < until:
            time.sleep(0.05)
        assert main(["reanalyse", str(season), "--scheduler", address]) == 1
    finally:
        worker.terminate()
        worker.wait(20)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Another gaitpi is on tcp://127.0.0.1:" in err
    assert len(err.splitlines()) == 1


def test_too_large_a_recording_is_not_sent(
    cluster: Any,
    season: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "SEND_MAX", 1000)
    code = main(
        ["reanalyse", str(season / "0.gaitpi"), "--scheduler", cluster.scheduler_address, "--json"]
    )
    assert code == 1
    assert (
        "is not sent to a cluster" in json.loads(capsys.readouterr().out.splitlines()[0])["problem"]
    )


def test_no_scheduler_and_no_worker_are_told(
    season: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "CONNECT_S", 1.0)
    assert main(["reanalyse", str(season), "--scheduler", "tcp://127.0.0.1:9"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gaitpi: No Dask scheduler answers at tcp://127.0.0.1:9.")
    with distributed.LocalCluster(
        n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as empty:
        assert main(["reanalyse", str(season), "--scheduler", empty.scheduler_address]) == 1
    err = capsys.readouterr().err
    assert "has no worker" in err
    assert len(err.splitlines()) == 1


def test_a_scheduler_that_goes_away_ends_it_in_words(
    season: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    cluster = distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    )
    address = cluster.scheduler_address

    def close() -> None:
        until = time.monotonic() + 30.0
        while time.monotonic() < until and not (out.exists() and out.read_bytes().count(b"\n") > 1):
            time.sleep(0.01)
        cluster.close()

    closer = threading.Thread(target=close)
    closer.start()
    code = main(["reanalyse", str(season), "--out", str(out), "--scheduler", address])
    closer.join()
    err = capsys.readouterr().err
    assert code == 1
    if "was lost" not in err:  # it was quicker
        assert err == ""
    assert out.read_bytes().count(b"\n") >= 2


def test_without_dask_it_says_what_to_install(recorded: list[Path]) -> None:
    program = (
        "import sys; sys.modules['distributed'] = None; from gaitpi.cli import main; "
        f"sys.exit(main(['reanalyse', {str(recorded[0])!r}, '--scheduler', 'tcp://127.0.0.1:1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'gaitpi[cluster]'" in done.stderr
