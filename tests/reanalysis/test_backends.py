"""How a worker died is known, whoever asked the system first."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from gaitpi.reanalysis.backends import _Worker
from gaitpi.reanalysis.sources import task_of
from gaitpi.reanalysis.task import Parameters, code_name


def test_how_a_worker_died_is_told_though_another_thread_has_just_asked(
    recorded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = _Worker()
    future = worker.begin(task_of(recorded[0], lambda _: Parameters(), code_name()))
    pid = worker._processes[0].pid
    assert pid is not None
    refused: list[int] = []
    real = os.waitpid

    def waitpid(asked: int, options: int) -> tuple[int, int]:
        """As where the pool's thread has the answer and has not kept it yet."""
        if asked == pid and len(refused) < 5:
            refused.append(asked)
            raise ChildProcessError
        return real(asked, options)

    monkeypatch.setattr("multiprocessing.popen_fork.os.waitpid", waitpid)
    os.kill(pid, signal.SIGKILL)
    try:
        with pytest.raises(BrokenProcessPool):
            future.result(30.0)
        how = worker.why()
    finally:
        worker.end()
    assert how.startswith("died of SIGKILL")
    assert refused
