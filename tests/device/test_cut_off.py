"""What a start after a kill leaves out: nothing has to be looked for in the middle of a run."""

import dataclasses
import time
from pathlib import Path

import pytest

from gaitpi.cli.run import AGAIN_S, cut_off, replaced
from gaitpi.device.status import Status, StatusFile, boot_id, find


@dataclasses.dataclass
class Left:
    """The status of a daemon that is gone."""

    path: Path

    def write(self, age_s: float, **changed: object) -> None:
        fields: dict[str, object] = {
            "pid": 1,
            "version": "0",
            "boot_id": boot_id(),
            "since_s": 0.0,
            "updated_s": time.monotonic() - age_s,
            "state": "recording",
            "run_id": "20261129-1800-abcd",
        }
        StatusFile(self.path).write(Status(**(fields | changed)))  # type: ignore[arg-type]


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Left:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    return Left(tmp_path / "status.json")


def test_a_run_that_was_cut_off_a_moment_ago(left: Left) -> None:
    assert not cut_off()
    left.write(0.5)
    assert cut_off()


def test_anything_else_is_looked_at(left: Left) -> None:
    left.write(0.5, run_id=None)  # it waited for a run
    assert not cut_off()
    left.write(0.5, boot_id="another")
    assert not cut_off()
    left.write(AGAIN_S + 1.0)
    assert not cut_off()
    left.write(-5.0)
    assert not cut_off()
    left.path.write_text("{")
    assert not cut_off()


def test_while_it_is_started_anew_it_is_said_why(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sensor that is out keeps a daemon from beginning: that is not "not running"."""
    left.write(0.5, pid=2**31 - 1)
    replaced(StatusFile(left.path), "The daemon could not begin; it is started anew.")
    assert capsys.readouterr().out == "The daemon could not begin; it is started anew.\n"
    found = find()
    assert found is not None
    assert found.starting == "the daemon could not begin; it is started anew"
    assert found.run_id == "20261129-1800-abcd"
    assert cut_off()  # the run goes on as soon as it can
