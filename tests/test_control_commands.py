"""``gaitpi mute``, ``mark`` and ``record``: what they send, what they say, and nobody there."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaitpi import cli
from gaitpi.cli.mute import length
from gaitpi.device import status as device
from gaitpi.device.control import Board, Outcome
from gaitpi.device.controls import Order
from gaitpi.device.controlsocket import Server, path_beside
from gaitpi.errors import UsageError


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def orders() -> Iterator[list[Order]]:
    """What a daemon was ordered; it does as it is told, but does not stop."""
    found: list[Order] = []
    board, stop = Board(is_open=True), threading.Event()

    def loop() -> None:
        while not stop.wait(0.01):
            command = board.take()
            if command is not None:
                found.append(command.order)
                ok = command.order.do != "stop"
                said = f"did {command.order.do}" if ok else "there is no run"
                command.outcome = Outcome(ok, said, more={"run_id": "r"} if ok else {})

    thread = threading.Thread(target=loop)
    thread.start()
    with Server(path_beside(device.own_path()), board):
        yield found
    stop.set()
    thread.join()


def test_they_send_what_they_say(orders: list[Order], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["mute"], ["mute", "90s"], ["mute", "off"], ["mark", "a", "hill"], ["mark"]):
        assert cli.main(arguments) == 0
    assert cli.main(["record", "start"]) == 0
    assert orders == [
        *(Order("mute", 1800.0), Order("mute", 90.0), Order("unmute")),
        *(Order("mark", text="a hill"), Order("mark"), Order("start")),
    ]
    assert capsys.readouterr().out.splitlines() == [
        *("Did mute.", "Did mute.", "Did unmute.", "Did mark.", "Did mark.", "Did start.")
    ]
    assert cli.main(["mute", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run_id"] == "r"
    assert cli.main(["record", "stop"]) == 1
    assert capsys.readouterr().err == "gaitpi: It was not done: there is no run.\n"


@pytest.mark.parametrize("arguments", [["mute"], ["mute", "off"], ["mark"], ["record", "stop"]])
def test_without_a_daemon(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err.startswith(
        "gaitpi: gaitpi is not running. Start it with 'gaitpi run'"
    )


def test_a_daemon_without_a_socket_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    now = time.monotonic()
    device.StatusFile(device.own_path()).write(
        device.Status(
            pid=os.getpid(),
            version="1",
            boot_id=device.boot_id(),
            since_s=now,
            updated_s=now,
            state="recording",
            control="No control socket: something else lies there.",
        )
    )
    assert cli.main(["mute"]) == 1
    assert "cannot be asked: No control socket: something else" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("45", 2700), ("90s", 90), ("1h", 3600), ("1h30m", 5400), ("20min", 1200)],
)
def test_lengths(text: str, seconds: float) -> None:
    assert length(text) == seconds


@pytest.mark.parametrize("text", ["", "0m", "25h", "m", "soon", "1.5h", "-3m", "30m1h", "٣m", "³"])
def test_no_lengths(text: str) -> None:
    with pytest.raises(UsageError, match="no time from 1 s to 24 h"):
        length(text)


def test_a_long_text_is_refused_before_anybody_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["mark", "x" * 201]) == 2
    assert "at most 200" in capsys.readouterr().err
