"""``gaitpi live``: over a real socket, from a real daemon in virtual time, on a real terminal."""

import json
import math
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi import cli
from gaitpi.ble.readings import Role
from gaitpi.cli.live import BACK_S, GAUGE, Feed, _redraw, coach, gauge, line, panel
from gaitpi.config import Config, apply
from gaitpi.controlclient import Client, connect
from gaitpi.device import status as device
from gaitpi.device.control import Board
from gaitpi.device.controlsocket import Server, path_beside
from gaitpi.device.live import Live, LiveCue
from gaitpi.device.radio import AgreementStatus, HeartStatus, LinkStatus, PodStatus, RadioStatus
from gaitpi.errors import ControlError
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from tests.device.bench import Bench
from tests.interrupt import heed_interrupt

ROOT = Path(__file__).parents[1]
MOMENT = Live(
    state="recording",
    run_id="one",
    time_s=751.0,
    activity=3,
    cadence_spm=163.2,
    lean_deg=7.5,
    metric="cadence",
    value=163.9,
    band=(166.8, float("inf")),
    target_spm=172.0,
    cadence_band=(166.8, float("inf")),
    lean_band=(1.0, 9.0),
    rule="quiet.warmup",
    reason="warm-up, 100 s to go",
    belt=1,
    last_cue=LiveCue(
        time_s=621.0, cue="step-up", metric="cadence", rule="cadence.low", reason="cadence 164.1"
    ),
    steps=1978,
    cues=3,
)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@contextmanager
def hearing(until: threading.Event) -> Iterator[Board]:
    """A daemon that hears a new moment a hundred times a second, until ``until``."""
    board = Board(is_open=True)

    def loop() -> None:
        began = time.monotonic()
        while not until.wait(0.01):
            now = time.monotonic() - began
            board.live = Live(state="recording", time_s=now, activity=3, lean_deg=now % 9.0)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield board
    finally:
        until.set()
        thread.join()


def shown(moment: Live) -> dict[str, Any]:
    """As it comes over the socket."""
    import msgspec

    found: dict[str, Any] = json.loads(msgspec.json.encode(moment))
    return found


def test_six_lines_say_what_it_hears() -> None:
    assert panel(shown(MOMENT)) == [
        "run      12:31  recording, running, 1978 steps",
        "cadence   163.2 spm  [........O...============]  band from 166.8",
        "lean       +2.5 deg  [......=========O==......]  from your usual, band +-4.0",
        "coach    silent: warm-up, 01:40 to go",
        "cues     3; last step-up 02:10 ago: cadence 164.1",
        "data     good: belt steady",
    ]
    # the same lean in either view
    said = "  12:31   163.2 spm    +2.5 deg from usual  silent: warm-up, 01:40 to go"
    assert line(shown(MOMENT)) == said


HEART = HeartStatus(bpm=152, age_s=1.2, contact=True)
POD = PodStatus(speed_ms=2.9, cadence_rpm=170, running=True, age_s=0.4)


def _link(role: Role, state: str, for_s: float = 12.0) -> LinkStatus:
    return LinkStatus(role=role, state=state, for_s=for_s)


@pytest.mark.parametrize(
    ("radio", "words"),
    [
        (
            RadioStatus(heart=HEART, pod=POD),
            "outside  heart 152 bpm (1 s old)   speed 10.4 km/h, 5:45 /km (0 s old)",
        ),
        (
            RadioStatus(heart=HeartStatus(age_s=72.0), links=(_link("heart", "lost", 70.0),)),
            "outside  heart no data (lost 01:10)",
        ),
        (
            RadioStatus(heart=HeartStatus(age_s=8.0), links=(_link("heart", "connected"),)),
            "outside  heart no data (last 00:08 ago)",
        ),
        (
            RadioStatus(
                heart=HeartStatus(age_s=0.5, contact=False),
                links=(_link("heart", "connected"), _link("pod", "searching", 3.0)),
            ),
            "outside  heart no data (no skin contact)   speed no data (searching 00:03)",
        ),
        (
            RadioStatus(heart=HeartStatus(bpm=150, age_s=0.5, contact=False)),
            "outside  heart no data (no skin contact)",
        ),
        (
            RadioStatus(pod=PodStatus(speed_ms=0.0, age_s=0.2)),
            "outside  speed 0.0 km/h (0 s old)",
        ),
        (
            RadioStatus(links=(_link("heart", "connected"),)),
            "outside  heart no data (none yet)",
        ),
    ],
)
def test_strap_and_pod_with_their_age(radio: RadioStatus, words: str) -> None:
    live = shown(msgspec.structs.replace(MOMENT, radio=radio))
    lines = panel(live)
    assert len(lines) == 7
    assert lines[3] == words
    assert all(len(row) <= 80 for row in lines)
    assert words.removeprefix("outside  ").replace("   ", "  ") in line(live)


def test_a_pod_that_counts_otherwise_is_doubted() -> None:
    words = "The foot pod counts one foot: 85 a minute, where the belt counts 170."
    for state, said in (("one foot", [f"doubt    {words}"]), ("agrees", []), ("unknown", [])):
        agreement = AgreementStatus(state=state, words=words)
        radio = RadioStatus(pod=POD, agreement=agreement)
        lines = panel(shown(msgspec.structs.replace(MOMENT, radio=radio)))
        assert [row for row in lines if row.startswith("doubt")] == said
        assert all(len(row) <= 80 for row in lines)


def test_nothing_is_said_of_what_is_not_paired() -> None:
    for radio in (None, RadioStatus()):
        assert len(panel(shown(msgspec.structs.replace(MOMENT, radio=radio)))) == 6


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ("heart", "pod", "links", "role", "state", "bpm", "age_s", "speed_ms", "for_s")
                ),
                inner,
            )
        ),
    )
)
def test_whatever_the_daemon_says_of_the_radio(radio: Any) -> None:
    lines = panel({**shown(MOMENT), "radio": radio})
    assert all(len(row) <= 80 and row.isprintable() for row in lines)


@pytest.mark.parametrize(
    ("rule", "reason", "words"),
    [
        ("quiet.hill", "looks like a climb of about 4 % (sd 2 %) since 12:01", "silent: looks"),
        ("listening", "no cadence target: listening only", "silent: no cadence target"),
        ("quiet.mute", "muted, 1790 s to go", "silent: muted, 29:50 to go"),
        ("ready", "watching cadence", "watching cadence, mean 163.9; speaks below 166.8"),
        ("metronome", "plain metronome at 172 spm", "plain metronome"),
        ("", "", "silent: recording"),
    ],
)
def test_the_coach_s_reason(rule: str, reason: str, words: str) -> None:
    assert coach(shown(MOMENT) | {"rule": rule, "reason": reason}).startswith(words)


def test_cues_that_rest_for_the_run_say_why() -> None:
    muted = {"rule": "quiet.mute", "reason": "muted, 86390 s to go"}
    why = {"resting": "it hurt twice in this run"}
    assert coach(shown(MOMENT) | muted | why) == "silent: it hurt twice in this run"
    assert coach(shown(MOMENT) | why).startswith(coach(shown(MOMENT)))


def test_what_is_not_known_is_said() -> None:
    lines = panel(shown(Live(state="waiting for a run", reason="")))
    assert lines[0] == "run      --:--  waiting for a run, unknown, 0 steps"
    assert lines[1:4] == [
        "cadence       - spm  no band yet",
        "lean          - deg  no band yet",
        "coach    silent: waiting for a run",
    ]
    worse = shown(MOMENT) | {"belt": 2, "gap_s": 1.5, "clipped": 3, "queued_s": 4.0}
    assert panel(worse | {"counters": {"nack": 2}})[-1] == (
        "data     belt loose; 1.5 s lost; 3 clipped; 4 s wait for the card; 2 faults: gai"
    )


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)


@settings(max_examples=40)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Live.__struct_fields__, JSON)))
def test_any_daemon_is_shown_in_lines_that_fit(live: dict[str, Any]) -> None:
    lines = panel(live)
    assert len(lines) == 6
    assert all(len(row) <= 80 and row.isprintable() for row in lines)
    assert line(live).isprintable()


@given(st.floats(), st.floats(-200.0, 200.0), st.floats(0.0, 50.0))
def test_a_gauge_keeps_its_width(value: float, low: float, wide: float) -> None:
    drawn = gauge(value, low, low + wide, 24.0)
    assert len(drawn) == GAUGE + 2
    assert sum(drawn.count(sign) for sign in "O<>") == (value == value and abs(value) < 1e308)


def test_a_slow_reader_misses_moments_and_sees_the_newest() -> None:
    with hearing(threading.Event()) as board, Server(path_beside(device.own_path()), board):
        feed = Feed(connect())
        moments = feed.moments()
        first = next(moments)["time_s"]
        time.sleep(1.0)
        again, begin = next(moments)["time_s"], time.monotonic()
        assert again - first > 0.7  # not the one after the first
        times = [next(moments)["time_s"] for _ in range(10)]
        assert time.monotonic() - begin < 2.0  # ten a second
        assert times == sorted(set(times))
        feed.close()


def test_it_says_that_the_daemon_starts_and_goes_on_when_it_has() -> None:
    path = path_beside(device.own_path())
    status = device.StatusFile(device.own_path())
    status.starting("compiling")  # no socket yet
    feed = Feed(None)
    moments = feed.moments()
    first = next(moments)
    assert (first["state"], first["reason"]) == ("starting", "compiling")
    assert panel(first)[0] == "run      --:--  starting, unknown, 0 steps"
    assert panel(first)[-3:] == ["coach    silent: compiling", "cues     0", "data     none yet"]
    board = Board()
    with Server(path, board), Client(path) as client:  # a socket, and no loop yet
        board.starting = "loading"
        seen = client.live()
        assert next(seen)["reason"] == "loading"
        until_s = time.monotonic() + 10.0
        while next(moments)["reason"] != "loading":
            assert time.monotonic() < until_s
        board.open = True
        board.live = MOMENT
        while (moment := next(moments))["state"] == "starting":
            assert time.monotonic() < until_s
            board.live = MOMENT
        assert moment["state"] == "recording"
        feed.close()


def test_a_start_that_comes_to_nothing_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    status = device.StatusFile(device.own_path())
    status.starting("compiling")
    threading.Timer(1.0, status.never_begun).start()
    assert cli.main(["live"]) == 1
    out, err = capsys.readouterr()
    assert "silent: compiling" in out
    assert err.startswith("gaitpi: gaitpi has ended: It had not begun.")


def test_it_ends_when_the_daemon_does(capsys: pytest.CaptureFixture[str]) -> None:
    until = threading.Event()
    with hearing(until) as board, Server(path_beside(device.own_path()), board) as server:
        threading.Timer(1.2, server.close).start()
        begin = time.monotonic()
        assert cli.main(["live", "--json"]) == 1
        assert time.monotonic() - begin < 1.2 + BACK_S + 2.0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) >= 6  # five a second
    assert {"state", "reason", "cadence_spm", "band"} <= set(json.loads(out.splitlines()[0]))
    assert err.startswith("gaitpi: gaitpi has ended: ")
    assert cli.main(["live"]) == 1
    assert "gaitpi is not running" in capsys.readouterr().err


def test_a_daemon_that_was_replaced_is_found_again() -> None:
    with hearing(threading.Event()) as board:
        with Server(path_beside(device.own_path()), board):
            feed = Feed(connect())
            moments = feed.moments()
            next(moments)
        time.sleep(0.3)
        with Server(path_beside(device.own_path()), board):
            seen = [next(moments)["time_s"] for _ in range(5)]
            assert seen == sorted(set(seen))
            feed.close()


def test_on_a_terminal_lines_are_written_over_each_other_until_ctrl_c() -> None:
    with hearing(threading.Event()) as board, Server(path_beside(device.own_path()), board):
        ours, theirs = pty.openpty()
        environ = os.environ | {"TERM": "xterm", "PYTHONPATH": str(ROOT), "COLUMNS": "60"}
        argv = [sys.executable, "-m", "gaitpi", "live"]
        with subprocess.Popen(
            argv, stdout=theirs, stderr=theirs, env=environ, preexec_fn=heed_interrupt
        ) as process:
            os.close(theirs)
            text, until_s = b"", time.monotonic() + 20.0
            while text.count(b"\x1b[6A") < 10 and time.monotonic() < until_s:
                text += os.read(ours, 4096)
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(10.0) == 0
            finally:
                process.kill()
        os.close(ours)
    shown_rows = text.decode().split("\x1b[6A")
    assert len(shown_rows) > 10
    assert shown_rows[0].count("\n") == 6
    assert all(len(row) < 70 for row in shown_rows[0].split("\r\n"))
    again = shown_rows[2]  # what is as before is not sent again
    assert "lean" in again
    assert "cadence" not in again
    assert len(again) < 140


def test_a_line_that_is_gone_is_wiped(capsys: pytest.CaptureFixture[str]) -> None:
    """Else the last line of before stays below and looks like news."""

    class Some:
        def moments(self, _every_s: float) -> Iterator[dict[str, Any]]:
            doubtful = {"agreement": {"state": "half", "words": "The pod counts one foot."}}
            yield {"state": "recording", "radio": doubtful}
            yield {"state": "recording", "radio": {}}

    _redraw(Some())  # type: ignore[arg-type]
    first, again = capsys.readouterr().out.split("\x1b[7A")
    assert (first.count("\n"), again.count("\n")) == (7, 6)
    assert again.endswith("\x1b[J")
    assert "\x1b[J" not in first


def test_a_real_daemon_says_why_it_is_silent(tmp_path: Path) -> None:
    """In virtual time, on a virtual chip, over a real socket."""
    phases = (
        Phase("stand", 10.0),
        Phase("run", 130.0, cadence_spm=170.0),
        Phase("walk", 20.0, cadence_spm=110.0),
        Phase("run", 60.0, cadence_spm=170.0),
    )
    config = apply(Config(), ["coach.target_spm=170", "coach.warmup_s=60", "cues.pwm=software"])
    bench = Bench(tmp_path, SimulatedRunner(phases), config=config)
    path = path_beside(device.own_path())
    seen: dict[float, str] = {}
    with Server(path, bench.board), Client(path) as client:
        looking = threading.Event()

        def wait_for(moment: float) -> None:
            """Hold the loop up, but let it turn: it tells only what happens while one looks."""
            looking.set()  # asked before, it waits for the estimator to be loaded, and gives up
            end = time.monotonic() + 0.5
            while max(seen, default=0.0) < moment and time.monotonic() < end:
                time.sleep(0.005)

        def watch() -> None:
            looking.wait()
            for live in client.live():
                seen[live["time_s"] or 0.0] = line(live)

        watcher = threading.Thread(target=watch_until_closed, args=(watch,), daemon=True)
        watcher.start()
        actions: dict[float, Callable[[], None]] = {
            moment + 0.1 * k: partial(wait_for, moment)
            for moment in (5.0, 40.0, 120.0, 152.0, 175.0)
            for k in range(40)
        }
        bench.run(actions, until_s=180.0)
    watcher.join(5.0)
    said = "\n".join(seen.values())
    for words in (
        "silent: not running (standing)",
        "silent: warm-up, ",
        "watching cadence, mean 1",
        "silent: not running (walking)",
        "silent: running again for less than 30 s",
    ):
        assert words in said, f"{words} not in\n{said}"


@pytest.mark.parametrize("lost_s", [12.0, 60.0], ids=["waiting", "in a run"])
def test_of_a_lost_sensor_no_number_is_shown(lost_s: float, tmp_path: Path) -> None:
    """Neither live, where a watch gets its cadence from, nor in the status."""
    bench = Bench(tmp_path, SimulatedRunner((Phase("run", 200.0, cadence_spm=170.0),)), auto=True)
    bench.board.watched = True
    found: list[tuple[Live, device.Status]] = []

    def look() -> None:
        assert bench.board.live is not None
        found.append((bench.board.live, bench.daemon._now()))

    seconds = (lost_s, lost_s + 1.0, lost_s + 30.0)
    at: dict[float, Callable[[], None]] = dict.fromkeys(seconds, look)
    at[lost_s + 0.1] = partial(bench.transport.unplug, 0x68)
    bench.run(at, until_s=lost_s + 32.0)
    (live, status), *after = found
    assert live.cadence_spm == pytest.approx(170.0, abs=5.0)
    assert status.cadence_spm == pytest.approx(170.0, abs=5.0)
    for live, status in after:
        assert math.isnan(live.cadence_spm)
        assert math.isnan(live.lean_deg)
        assert math.isnan(live.value)
        assert (live.activity, live.belt, live.rule) in ((0, 0, "quiet.gap"), (0, 0, ""))
        assert (status.cadence_spm, status.lean_deg) == (None, None)
        assert (status.activity, status.belt) == (0, 0)
    if live.rule:
        assert line(shown(live)).endswith("  - deg  silent: no samples from the sensor")
        assert status.coach == live.reason == "no samples from the sensor"
    assert panel(shown(live))[-1].startswith("data     no samples")


def watch_until_closed(watch: Any) -> None:
    """``watch`` until the daemon hangs up."""
    try:
        watch()
    except ControlError:
        return
