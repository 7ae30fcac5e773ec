"""The control socket: what it answers, and that nobody at the other end can hurt the daemon."""

import contextlib
import itertools
import json
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.jitter import storming, turns
from gaitpi.coach.types import Cue
from gaitpi.controlclient import Client
from gaitpi.device.control import (
    ANSWER_MAX,
    BURST,
    COMMANDS,
    ERRORS_MAX,
    HALF_S,
    IDLE_S,
    OUTPUT_MAX,
    QUEUE_MAX,
    REQUEST_MAX,
    TAKE_S,
    Board,
    Command,
    Outcome,
    Peer,
    Session,
)
from gaitpi.device.controls import KINDS, PAINS_MAX, Controls, Order, Situation, span
from gaitpi.device.controlsocket import CLIENTS_MAX, FAILURES_MAX, MODE, Server
from gaitpi.device.live import Live
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.status import Status
from gaitpi.errors import ControlError
from gaitpi.runs.reader import RunReader
from tests.device.bench import CONFIG, Bench, recorded, replayed

ME = Peer(1, 2, 3)
STATUS = Status(pid=1, version="0", boot_id="b", since_s=0.0, updated_s=0.0, state="recording")


def session(now_s: float = 0.0) -> Session:
    board = Board(is_open=True)
    board.status = STATUS
    return Session(board, ME, now_s)


def line(**fields: Any) -> bytes:
    return json.dumps({"v": 1, **fields}).encode() + b"\n"


def said(one: Session) -> list[dict[str, Any]]:
    """The answers so far, taken away as if they had been sent."""
    raw = bytes(one.output)
    one.sent(len(raw), one.now_s)
    assert raw == b"" or raw.endswith(b"\n")
    return [json.loads(text) for text in raw.splitlines()]


def ask(one: Session, data: bytes, now_s: float = 0.0) -> list[dict[str, Any]]:
    one.feed(data, now_s)
    return said(one)


def obey(one: Session, now_s: float = 0.0) -> list[Command]:
    """What the loop does: take commands and answer them."""
    found = []
    while (command := one.board.take()) is not None:
        command.outcome = Outcome(True, f"did {command.order.do}")
        found.append(command)
        one.tick(now_s)
    return found


# ---------------------------------------------------------------------------- the protocol


def test_it_says_who_it_is_and_what_it_can_do() -> None:
    (answer,) = ask(session(), line(id=7, do="hello"))
    assert (answer["v"], answer["id"], answer["ok"]) == (1, 7, True)
    assert (answer["versions"], answer["request_max"]) == ([1], REQUEST_MAX)
    assert tuple(answer["commands"]) == COMMANDS


def test_every_command_is_known_by_name() -> None:
    for do in COMMANDS:
        one = session()
        answers = ask(one, line(do=do))
        assert all(answer["ok"] for answer in answers), answers
        assert one.waiting == (do in ("mute", "unmute", "mark", "start", "stop"))
        assert one.watching == (do == "live")


def test_the_status_is_that_of_the_file_and_before_the_first_it_is_starting() -> None:
    one = session()
    (answer,) = ask(one, line(do="status"))
    assert answer["status"]["state"] == "recording"
    one.board.status = None
    one.board.open = False
    for do in ("status", "mute", "start"):
        (answer,) = ask(one, line(id=do, do=do))
        assert (answer["ok"], answer["id"]) == (False, do)
        assert answer["error"]["found"] == "gaitpi is starting: loading."
    assert one.board.take() is None


def test_a_command_is_answered_when_the_loop_has_done_it() -> None:
    one = session()
    assert ask(one, line(id="m", do="mute", seconds=60) + line(do="hello")) == []
    assert not one.hungry  # one thing after the other
    (command,) = obey(one)
    assert (command.order, command.peer) == (Order("mute", 60.0), ME)
    first, second = said(one)
    assert (first["id"], first["said"]) == ("m", "did mute")
    assert "versions" in second
    assert one.hungry


def test_a_loop_that_does_not_come_is_told_and_the_command_is_gone() -> None:
    one = session()
    ask(one, line(do="mute"))
    one.tick(TAKE_S - 0.01)
    assert said(one) == []
    one.tick(TAKE_S)
    (answer,) = said(one)
    assert answer["error"]["found"] == "The daemon did not take it within 1 s: nothing was done."
    assert one.board.take() is None  # given up is given up
    ask(one, line(do="mute"), TAKE_S)
    assert one.board.take() is not None  # taken, but not done
    one.tick(2 * TAKE_S)
    (answer,) = said(one)
    assert "was not done with it" in answer["error"]["found"]


def test_what_the_loop_refuses_is_said_in_its_words() -> None:
    one = session()
    ask(one, line(do="mute"))
    command = one.board.take()
    assert command is not None
    command.outcome = Outcome(False, "there is no run", "Run.")
    one.tick(0.1)
    (answer,) = said(one)
    assert answer["error"] == {"found": "It was not done: there is no run.", "todo": "Run."}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (b"hi\n", "no JSON object"),
        (b"[1]\n", "no JSON object"),
        (b'"\xff"\n', "no JSON object"),
        (b"[" * 4000 + b"\n", "no JSON object"),
        (b'{"a":' * 700 + b"\n", "no JSON object"),
        (b"{}\n", "has no version"),
        (b'{"v":2,"do":"hello"}\n', "Version 2 is not spoken"),
        (b'{"v":1.0,"do":"hello"}\n', "Version 1.0 is not spoken"),
        (b'{"v":true,"do":"hello"}\n', "Version True is not spoken"),
        (b'{"v":"1","do":"hello"}\n', "Version '1' is not spoken"),
        (b'{"v":1}\n', "nothing to do in it"),
        (b'{"v":1,"do":"fly"}\n', "no command 'fly'"),
        (b'{"v":1,"do":["mute"]}\n', "no command"),
        (b'{"v":1,"do":"hello","more":1}\n', "unknown field `more`"),
        (b'{"v":1,"do":"mute","seconds":0}\n', ">= 1.0"),
        (b'{"v":1,"do":"mute","seconds":1e9}\n', "<= 86400.0"),
        (b'{"v":1,"do":"mute","seconds":"60"}\n', "Expected `float`"),
        (b'{"v":1,"do":"mute","seconds":NaN}\n', "no JSON object"),
        (b'{"v":1,"do":"mark","text":"' + b"x" * 201 + b'"}\n', "length <= 200"),
        (b'{"v":1,"do":"mark","text":"\\ud800"}\n', "no JSON object"),
        (b'{"v":1,"id":1e300,"do":"hello"}\n', "id makes no sense"),
        (b'{"v":1,"id":"' + b"x" * 65 + b'","do":"hello"}\n', "id makes no sense"),
    ],
)
def test_what_makes_no_sense_is_said_and_does_nothing(request_: bytes, words: str) -> None:
    one = session()
    (answer,) = ask(one, request_)
    assert answer["ok"] is False
    assert words in answer["error"]["found"]
    assert len(answer["error"]["found"]) < 160
    assert one.board.take() is None
    assert "versions" in ask(one, line(do="hello"))[0]  # and goes on


def test_a_text_is_one_line_that_can_be_stored_and_printed() -> None:
    one = session()
    ask(one, b'{"v":1,"do":"mark","text":" a\\nb\\u001b[31m c "}\n')
    (command,) = obey(one)
    assert command.order.text == "a b [31m c"
    command.order.text.encode()


def test_the_size_of_a_request_is_limited() -> None:
    fits = line(do="hello")[:-1]
    assert ask(session(), fits.ljust(REQUEST_MAX) + b"\n")[0]["ok"]
    for data in (fits.ljust(REQUEST_MAX + 1) + b"\n", b"x" * (REQUEST_MAX + 1)):
        one = session()
        (answer,) = ask(one, data)
        assert answer["error"]["found"] == f"The request is longer than {REQUEST_MAX} bytes."
        assert one.closing


def test_who_does_not_read_is_cut_off() -> None:
    one = session()
    for _ in range(OUTPUT_MAX):
        one.feed(line(do="hello"), 0.0)
        assert len(one.output) <= OUTPUT_MAX
        if one.dead:
            break
    assert (one.dead, one.why, bytes(one.output)) == (True, "it does not read", b"")
    slow = session()
    slow.feed(line(do="hello"), 0.0)
    slow.tick(0.0)
    dead = []
    for now_s in (HALF_S, HALF_S + 0.1):
        slow.tick(now_s)
        dead.append(slow.dead)
    assert dead == [False, True]


def test_half_a_request_and_an_idle_client_are_sent_away() -> None:
    half = session()
    half.feed(line(do="hello")[:9], 0.0)
    half.feed(b" ", HALF_S - 0.1)  # drop by drop does not help
    closing = []
    for now_s in (HALF_S, HALF_S + 0.1):
        half.tick(now_s)
        closing.append(half.closing)
    assert closing == [False, True]
    assert "not whole within 5 s" in said(half)[0]["error"]["found"]
    idle, watching = session(), session()
    watching.feed(line(do="live"), 0.0)
    for one in (idle, watching):
        one.tick(IDLE_S)
        assert not one.closing
        one.tick(IDLE_S + 0.1)
    assert idle.closing
    assert not watching.closing


def test_nonsense_without_end_is_cut_short() -> None:
    one = session()
    for _ in range(ERRORS_MAX - 1):
        one.feed(b"no\n", 0.0)
    one.feed(line(do="hello"), 0.0)
    for _ in range(ERRORS_MAX):
        assert not one.closing
        one.feed(b"no\n", 0.0)
    assert one.closing


def test_commands_are_limited_for_the_runner_s_sake() -> None:
    one = session()
    done = 0
    for _ in range(3 * BURST):
        one.feed(line(do="mark"), 0.0)
        done += len(obey(one))
    assert done == BURST
    assert "too many commands at once" in said(one)[-1]["error"]["found"]
    one.feed(line(do="mark"), 1.1)  # two a second
    assert len(obey(one, 1.1)) == 1


def test_a_queue_that_nobody_empties_is_bounded() -> None:
    board = Board(is_open=True)
    refused = [board.put(Command(Order("mark"), ME), 1e3 * k) for k in range(QUEUE_MAX + 1)]
    assert refused == [*[""] * QUEUE_MAX, "too many commands wait for the daemon"]


def test_a_command_has_one_owner() -> None:
    command = Command(Order("mark"), ME)
    assert [command.claim() for _ in range(3)] == [True, False, False]


def test_what_is_seen_live_is_sent_under_its_id() -> None:
    one = session()
    one.feed(line(id="w", do="live"), 0.0)
    one.show(b'{"state":"x"}', 0.0)
    one.feed(line(do="hello"), 0.0)
    first, second = said(one)
    assert first == {"v": 1, "id": "w", "ok": True, "live": {"state": "x"}}
    assert "versions" in second
    deaf = session()
    deaf.show(b'{"state":"x"}', 0.0)
    assert said(deaf) == []


def test_an_answer_has_a_longest() -> None:
    one = session()
    one.board.status = Status(
        pid=1, version="0", boot_id="", since_s=0, updated_s=0, state="x" * ANSWER_MAX
    )
    (answer,) = ask(one, line(do="status"))
    assert answer["error"]["found"] == "The answer is too long."


# ---------------------------------------------------------------------------- fuzzed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("v", "id", "do", "seconds", "text", "x")), inner, max_size=5
        )
    ),
    max_leaves=8,
)
REQUESTS = st.fixed_dictionaries(
    {"v": st.just(1) | st.integers(), "do": st.sampled_from(COMMANDS) | st.text(max_size=9)},
    optional={"id": JSON, "seconds": JSON | st.floats(1, 100), "text": JSON},
).map(lambda fields: json.dumps(fields).encode() + b"\n")
INPUTS = st.lists(
    st.binary(max_size=60)
    | REQUESTS
    | JSON.map(lambda value: json.dumps(value).encode() + b"\n")
    | REQUESTS.flatmap(lambda raw: st.integers(0, len(raw)).map(lambda n: raw[:n]))
    | st.integers(0, 2 * REQUEST_MAX).map(lambda n: b"x" * n),
    max_size=12,
)


@settings(max_examples=150)
@given(INPUTS, st.lists(st.integers(0, 40), max_size=6), st.booleans())
def test_whatever_comes_is_answered_in_order_and_within_bounds(
    inputs: list[bytes], cuts: list[int], loop_lives: bool
) -> None:
    one = session()
    stream = b"".join(inputs)
    at = [0, *sorted({min(c, len(stream)) for c in cuts}), len(stream)]
    now_s = 0.0
    for a, b in itertools.pairwise(at):
        one.feed(stream[a:b], now_s)
        for _ in range(len(stream) + 2):
            now_s += 0.3
            if loop_lives:
                obey(one, now_s)
            one.tick(now_s)
            assert len(one.output) <= OUTPUT_MAX
            for answer in said(one):
                assert answer["v"] == 1
                assert answer["ok"] in (True, False)
                assert answer["ok"] or set(answer["error"]) == {"found", "todo"}
            if one.busy:
                one.feed(b"", now_s)
            elif not one.waiting:
                break
        else:
            raise AssertionError("a session that does not come to rest")
    if not (one.closing or one.dead):
        # a line that was begun is nonsense, whatever follows it is not
        one.feed(b"\n", now_s)
        obey(one, now_s + 5.0)
        one.tick(now_s + 5.0)
        said(one)
        if not one.closing:
            one.feed(line(id="after", do="hello"), now_s + 5.0)
            assert [a["id"] for a in said(one)][-1:] == ["after"]


@pytest.mark.parametrize("do", COMMANDS)
def test_a_request_cut_anywhere_does_nothing_until_it_is_whole(do: str) -> None:
    whole = line(id=1, do=do)
    for n in range(len(whole)):
        one = session()
        one.feed(whole[:n], 0.0)
        assert (one.board.take(), bytes(one.output), one.watching) == (None, b"", False)
        one.feed(whole[n:], 0.0)
        obey(one)
        assert one.watching or said(one)[0]["ok"]


# ---------------------------------------------------------------------------- what is done


RUN = Situation(600.0, coaching=True, recording=True, ready=False)
IDLE = Situation(0.0, coaching=False, recording=False, ready=True)
LOST = Situation(0.0, coaching=False, recording=False, ready=False)
FULL = Situation(600.0, coaching=True, recording=False, ready=False)


@pytest.mark.parametrize(
    ("do", "now", "kind", "words", "until_s"),
    [
        ("mark", RUN, "mark", "marked by command: here", None),
        ("mark", IDLE, "refused", "there is no run", None),
        ("mark", FULL, "refused", "not being recorded", None),
        ("mute", RUN, "mute", "cues muted for 1 h by command", 4200.0),
        ("mute", IDLE, "refused", "there is no run", None),
        ("unmute", RUN, "", "", None),
        ("unmute", IDLE, "refused", "there is no run", None),
        ("stop", RUN, "button", "stopped by command", None),
        ("stop", IDLE, "refused", "there is no run", None),
        ("start", RUN, "refused", "open already", None),
        ("start", IDLE, "", "", None),
        ("start", LOST, "refused", "no samples from the sensor", None),
    ],
)
def test_orders(do: Any, now: Situation, kind: str, words: str, until_s: float | None) -> None:
    answer = Controls().obey(Order(do, 3600.0, "here"), now)
    assert ("refused" if answer.refused else answer.kind) == kind
    assert words in answer.text
    assert answer.mute_until_s == until_s
    assert answer.kind in ("", *KINDS)
    assert answer.action == (do if (do, now) in (("stop", RUN), ("start", IDLE)) else "none")


def test_button_and_commands_have_one_memory() -> None:
    from gaitpi.cues.button import Press

    controls = Controls()
    controls.obey(Order("mute", 60.0), RUN)
    assert controls.answer(Press("double", 1.0, 2), RUN).sounds == ("unmute",)
    controls.answer(Press("double", 1.0, 2), RUN)
    assert controls.obey(Order("unmute"), RUN).sounds == ("unmute",)
    for _ in range(PAINS_MAX):
        controls.answer(Press("triple", 1.0, 3), RUN)
    assert controls.obey(Order("unmute"), RUN).refused
    assert controls.obey(Order("mute"), RUN).refused


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "45 s"), (90, "90 s"), (1800, "30 min"), (3600, "1 h"), (5400, "1 h 30 min")],
)
def test_lengths_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


class Orders:
    """Gives orders to a daemon on a bench; what it answered is in ``outcomes``."""

    def __init__(self, bench: Bench) -> None:
        self.board = bench.board
        self.commands: list[Command] = []

    def at(self, at_s: float, do: Any, **fields: Any) -> dict[float, Callable[[], None]]:
        def give() -> None:
            command = Command(Order(do, **fields), Peer(11, 22, 33))
            self.commands.append(command)
            assert self.board.put(command, at_s) == ""

        return {at_s: give}

    @property
    def said(self) -> list[str]:
        return [one.outcome.said if one.outcome else "nothing" for one in self.commands]


def test_a_mute_by_command_silences_and_the_replay_knows(tmp_path: Path) -> None:
    plain = Bench(tmp_path / "plain").run({}, until_s=60.0)
    assert plain.path is not None
    first = recorded(plain.path)[0][0]
    bench = Bench(tmp_path / "muted")
    orders = Orders(bench)
    ended = bench.run(
        orders.at(first - 3.0, "mute", seconds=600.0)
        | orders.at(60.0, "mark", text="a hill")
        | orders.at(100.0, "unmute")
        | orders.at(101.0, "unmute"),
        until_s=150.0,
    )
    assert ended.path is not None
    assert orders.said[1:] == ["marked at 0:59 of the run", "cues on again", "cues were on already"]
    assert orders.said[0].startswith("muted until ")
    assert orders.said[0].endswith(", 10 min")
    with RunReader(ended.path) as run:
        events = [(e.kind, e.text, json.loads(e.detail)) for e in run.events() if "uid" in e.detail]
    assert [event[:2] for event in events] == [
        ("mute", "cues muted for 10 min by command"),
        ("mark", "marked by command: a hill"),
        ("mute", "cues on again by command"),
    ]
    assert [(d["command"], d["uid"], d["pid"]) for _, _, d in events] == [
        ("mute", 22, 11),
        ("mark", 22, 11),
        ("unmute", 22, 11),
    ]
    assert [n for _, n in bench.heard.sounds if n in ("mute", "unmute", "mark")] == [
        *("mute", "mark", "unmute")
    ]
    cues = recorded(ended.path)
    assert cues  # it speaks again after the second one
    assert all(time_s >= 109.0 for time_s, _, _ in cues)  # ten seconds after the end of a mute
    assert [(c.time_s, c.cue, c.value) for c in replayed(ended.path)] == cues


def test_stop_and_start_by_command_make_two_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    orders = Orders(bench)
    ended = bench.run(
        orders.at(5.0, "start")
        | orders.at(70.0, "stop")
        | orders.at(71.0, "stop")
        | orders.at(71.5, "mute")
        | orders.at(90.0, "start"),
        until_s=135.0,
    )
    first, second = bench.paths()
    assert ended.path == second
    outcomes = [one.outcome for one in orders.commands]
    assert [o.ok for o in outcomes if o] == [False, True, False, False, True]
    assert orders.said == [
        "a run is open already",
        "stopped",
        "there is no run",
        "there is no run",
        f"recording {second.stem}",
    ]
    assert [o.more for o in outcomes if o and o.ok] == [
        {"run_id": first.stem},
        {"run_id": second.stem},
    ]
    with RunReader(first) as run:
        assert run.finished
        texts = [(e.kind, e.text) for e in run.events() if "uid" in e.detail]
    assert texts == [
        ("button", "not done: a run is open already"),
        ("button", "stopped by command"),
    ]
    names = [name for _, name in bench.heard.sounds]
    assert [n for n in names if n in ("record", "stopped", "step-up", "mark", "no")] == [
        *("record", "step-up", "stopped", "record", "step-up")
    ]


# ---------------------------------------------------------------------------- the socket


@contextlib.contextmanager
def served(path: Path, **settings: Any) -> Iterator[Board]:
    """A server whose loop is a thread that does what is ordered."""
    board = Board(is_open=True)
    board.status = STATUS
    board.live = Live(state="recording")
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(0.01):
            command = board.take()
            if command is not None:
                command.outcome = Outcome(True, f"did {command.order.do}")
            if board.watched:
                board.live = Live(state="recording", time_s=time.monotonic())

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        with Server(path, board, **settings):
            yield board
    finally:
        stop.set()
        thread.join()


def waits(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def dial(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(20.0)
    try:
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock


def test_over_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with served(path) as board:
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == MODE == 0o660
        assert found.st_gid == tmp_path.stat().st_gid
        assert list(tmp_path.iterdir()) == [path]
        with Client(path, timeout_s=20.0) as client:
            assert client.ask("status")["status"]["state"] == "recording"
            assert client.ask("mute", seconds=60)["said"] == "did mute"
            with pytest.raises(ControlError, match="unknown field"):
                client.ask("mute", minutes=1)
            assert client.ask("mark", text="ü" * 200)["ok"]
        with Client(path, timeout_s=20.0) as client:
            began = time.monotonic()
            seen = [live for live, _ in zip(client.live(), range(21), strict=False)]
            assert (time.monotonic() - began) / 20 < 0.2 * 5  # ten a second, on a busy machine less
            assert len({live["time_s"] for live in seen}) > 5
            assert board.watched
        assert waits(lambda: not board.watched)
    assert not path.exists()
    assert not [t for t in threading.enumerate() if t.name == "gaitpi-control"]


def test_a_request_is_answered_after_the_client_has_closed_its_half(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with served(path), dial(path) as sock:
        sock.sendall(line(do="mute"))
        sock.shutdown(socket.SHUT_WR)
        assert b"did mute" in sock.recv(1000)
        assert sock.recv(1000) == b""


def test_the_socket_of_a_dead_daemon_is_replaced_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "control.sock"
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(path))
    dead.listen()
    dead.close()
    with served(path):
        with Client(path, timeout_s=20.0) as client:
            assert client.ask("hello")["ok"]
        other = Board()
        with Server(path, other):
            assert f"another gaitpi answers at {path}" in other.problem
        with Client(path, timeout_s=20.0) as client:  # untouched
            assert client.ask("hello")["ok"]
    path.write_text("mine")
    board = Board()
    with Server(path, board):
        assert "is no socket" in board.problem
    assert path.read_text() == "mine"


def test_where_there_can_be_no_socket_it_is_said(tmp_path: Path) -> None:
    board = Board()
    with Server(tmp_path / ("x" * 100) / "control.sock", board):
        assert "too long" in board.problem
    blocked = tmp_path / "file"
    blocked.touch()
    with Server(blocked / "control.sock", board):
        assert "No control socket at" in board.problem


def test_one_client_more_than_there_are_places_is_told(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with served(path), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(path, timeout_s=20.0)) for _ in range(CLIENTS_MAX)]
        for client in clients:
            assert client.ask("hello")["ok"]
        with dial(path) as sock:
            assert b"8 clients are served already" in sock.recv(1000)
            assert sock.recv(1000) == b""
        clients[0].close()

        def let_in() -> bool:
            try:
                with Client(path, timeout_s=20.0) as client:
                    return bool(client.ask("hello")["ok"])
            except ControlError:
                return False

        assert waits(let_in)


def test_a_socket_that_was_taken_away_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with served(path):
        path.unlink()
        assert waits(path.exists)
        with Client(path, timeout_s=20.0) as client:
            assert client.ask("hello")["ok"]


class Failing(Session):
    """A session with a bug in it."""

    def feed(self, data: bytes, now_s: float) -> None:
        if b"bug" in data:
            raise ZeroDivisionError
        super().feed(data, now_s)


def test_a_bug_costs_the_client_that_found_it(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with served(path, session=Failing) as board:
        with Client(path, timeout_s=20.0) as good, dial(path) as bad:
            bad.sendall(b"bug\n")
            assert bad.recv(100) == b""
            assert good.ask("mute")["ok"]
        assert board.problem == ""


def test_a_bug_that_comes_again_ends_control_and_is_said(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    made: list[float] = []

    def broken(board: Board, peer: Peer, now_s: float) -> Session:
        made.append(now_s)
        raise ZeroDivisionError("no session")

    with served(path, session=broken) as board:

        def tried() -> bool:
            with contextlib.suppress(OSError), dial(path) as sock:
                sock.recv(1)
            return bool(board.problem)

        assert waits(tried)
        assert "ZeroDivisionError: no session" in board.problem
        assert len(made) == FAILURES_MAX  # it was opened anew before that
        assert not path.exists()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), INPUTS), max_size=6))
def test_a_good_client_is_served_beside_bad_ones(
    hostile: Path, story: list[tuple[int, list[bytes]]]
) -> None:
    bad: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as stack:
        for who, inputs in story:
            for data in inputs:
                if who not in bad:
                    bad[who] = stack.enter_context(dial(hostile))
                    bad[who].settimeout(0.05)
                try:
                    bad[who].sendall(data)  # and nobody reads what is answered
                except OSError:
                    bad.pop(who).close()
        with Client(hostile, timeout_s=20.0) as good:
            assert good.ask("status")["status"]["pid"] == 1
            with contextlib.suppress(ControlError):  # too many commands: an answer too
                assert good.ask("mark")["said"] == "did mark"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("hostile") / "control.sock"
    with served(path):
        yield path


def test_a_storm_of_hostile_clients_changes_no_run(tmp_path: Path) -> None:
    """Three times real time; the clients are another process, on a machine with other work too.

    The sensor's memory is a third of a second then: a busy machine makes gaps of it, after which
    the coach waits anew. So the run lasts until the first cue.
    """
    late, path, said = turns(tmp_path, 900.0, storming, speed=3.0, cues=1)
    (attacks,) = [text for text in said if text.endswith(" attacks")]
    assert int(attacks.split()[0]) > 50
    with RunReader(path) as run:
        assert run.finished
        cues = [(c.time_s, c.cue, c.value) for c in run.cues()]
        texts = {e.text for e in run.events() if "uid" in e.detail}
    assert cues[0][1] == "step-up"
    items = replay(open_recording(path), open_recording(path).config or CONFIG)
    assert [(i.time_s, i.cue, i.value) for i in items if isinstance(i, Cue)] == cues
    assert texts <= {"not done: a run is open already"}
    assert sorted(late)[len(late) // 2] < 0.25  # 0.03 at a load of 14 on two cores
