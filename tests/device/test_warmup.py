"""After the warm-up nothing is compiled: neither by the daemon nor by a replay."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gaitpi import cli
from gaitpi.device import status, warmup
from gaitpi.device.warmup import warm_up

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, sys, tempfile
from pathlib import Path
from gaitpi.config import Config
from gaitpi.device.virtual import play
from gaitpi.gait import _jit, attitude, kernel
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase

def versions():
    found = {}
    for name, module in sys.modules.items():
        if name.startswith("gaitpi.gait."):
            for key, value in vars(module).items():
                if hasattr(value, "signatures"):
                    found[f"{value.__module__}.{key}"] = len(value.signatures)
    return found

if sys.argv[1] == "warm":
    from gaitpi.device import warmup
    warmup.warm_up()
import gaitpi.device.daemon
gaitpi.device.daemon.warm_up = lambda: None  # only the warm-up above counts
before = versions()
with tempfile.TemporaryDirectory() as folder, _jit.compilations() as compiled:
    for has_gyro in (True, False):
        runner = SimulatedRunner((Phase("stand", 1.0), Phase("run", 4.0)))
        play(runner, Config(), Path(folder), [], recording="x", has_gyro=has_gyro)
print(json.dumps([before, versions(), compiled]))
"""


def ticks(how: str) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Versions of every kernel before and after a daemon's run, and what was compiled in it."""
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        text=True,
    )
    before, after, compiled = json.loads(done.stdout.splitlines()[-1])
    return before, after, compiled


def test_nothing_is_compiled_or_loaded_once_ready() -> None:
    warm_up()  # whatever has to be compiled is, into the cache that the process below uses
    before, after, compiled = ticks("warm")
    assert compiled == []
    assert after == before
    assert before["gaitpi.gait.kernel.block"] == 1  # the daemon's calls are all of one kind


def test_without_the_warm_up_the_first_samples_would_wait() -> None:
    """The measure above can fail."""
    before, after, _ = ticks("cold")
    assert after != before


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["warmup"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert "kernels" in out
    assert cli.main(["warmup", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["kept"] is True
    assert done["compiled"] == 0  # the call before compiled whatever there was
    assert done["seconds"] >= 0.0
    assert Path(done["directory"]).is_dir()


def test_a_cache_that_cannot_be_used_is_said_in_words(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    done = subprocess.run(
        [sys.executable, "-m", "gaitpi", "warmup"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(blocked)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    assert "cannot be kept" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_in_the_unit_the_service_waits_for_it_is_said_that_gaitpi_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def warm() -> warmup.WarmUp:
        found = status.find()
        seen.append("" if found is None else found.starting)
        return warmup.WarmUp(0, 0.0, tmp_path, True)

    monkeypatch.setattr(warmup, "warm_up", warm)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert cli.main(["warmup"]) == 0  # a user's own: nothing waits for it
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert cli.main(["warmup"]) == 0
    assert seen == ["", warmup.COMPILING]
    assert status.find() is None
    assert capsys.readouterr().err == ""
