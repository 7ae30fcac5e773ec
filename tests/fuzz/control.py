"""The control socket's protocol: what one client sends, in pieces, and what happens in between.

An input is a list of happenings, each after the byte 0x1e: F and bytes from the client; T and a
number of seconds that pass; S: it reads what was sent; L, R, N: the loop does, refuses, forgets the
oldest command; W: a live object; U: a status; O: the daemon opens; H: the client hangs up.
"""

import importlib
import importlib.util
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gaitpi.errors import InputFileError
from tests.fuzz.target import NUMBERS, REALS, TEXTS, TOKENS, Random, Target, must, scramble, spoken

_MODULE = "gaitpi.device.control"
if importlib.util.find_spec(_MODULE) is not None:
    importlib.import_module(_MODULE)  # here, so that it can be instrumented
_MARK = b"\x1e"
_TOKENS = (*TOKENS, _MARK + b"F", _MARK + b"T9", _MARK + b"L", b'{"v":1,"do":"mute"}\n')


def there() -> bool:
    """Whether this tree has a control socket."""
    return importlib.util.find_spec(_MODULE) is not None


def _asks(*rows: dict[str, Any]) -> bytes:
    return b"".join(_MARK + b"F" + json.dumps({"v": 1, **row}).encode() + b"\n" for row in rows)


def _seeds(_folder: Path) -> Iterator[bytes]:
    hello = _asks({"do": "hello", "id": 7}, {"do": "status"})
    yield _MARK + b"O" + hello + _MARK + b"U" + hello + _MARK + b"S"
    mute = _asks({"do": "mute", "seconds": 600, "id": "m"})
    yield _MARK + b"O" + mute + _MARK + b"L" + _MARK + b"T0.5" + _asks({"do": "unmute"})
    mark = _asks({"do": "mark", "text": "hill ✓"}, {"do": "start"}, {"do": "stop"})
    yield _MARK + b"O" + mark + b"".join((_MARK + b"R", _MARK + b"T0.1") * 3)
    live = _asks({"do": "live", "id": None})
    yield _MARK + b"O" + live + (_MARK + b"W") * 5 + _MARK + b"T61" + _MARK + b"H"
    yield _MARK + b"O" + _MARK + b'F{"v":1,"do"' + _MARK + b'F:"hello"}\n\n' + _MARK + b"T6"


def _mutate(data: bytes, rng: Random) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return scramble(data, rng, _TOKENS)
    parts = data.split(_MARK)
    at = rng.randrange(len(parts))
    if kind == 1:
        parts.insert(
            at, rng.choice((rng.choice(parts), *(b"L", b"R", b"N", b"W", b"U", b"O", b"S")))
        )
        if rng.random() < 0.1:
            parts *= rng.choice((2, 20))
    elif kind == 2:
        parts[at] = b"T" + repr(rng.choice((0.0, 0.01, 1.1, 5.1, 61.0, 1e9))).encode()
    else:
        try:
            row = json.loads(parts[at][1:])
            key = rng.choice((*row, "v", "do", "id", "seconds", "text", "x"))
            row[key] = rng.choice((*NUMBERS, *REALS, *TEXTS, None, [], {}, True, row.get(key)))
            parts[at] = b"F" + json.dumps(row).encode() + rng.choice((b"\n", b"\n", b"\r\n", b""))
        except (ValueError, TypeError, RecursionError):
            parts[at] = scramble(parts[at], rng, _TOKENS)
    return _MARK.join(parts)[: 128 * 1024]


class _Client:
    """Sends and reads, and looks at every byte that comes."""

    def __init__(self, control: Any) -> None:
        self.control = control
        self.board = control.Board()
        self.session = control.Session(self.board, control.Peer(1, 0, 0), 0.0)
        self.now_s = 0.0
        self.orders: list[Any] = []
        self.answers: list[Any] = []

    def feed(self, data: bytes) -> None:
        """Give bytes, and further turns while it is busy."""
        self.session.feed(data, self.now_s)
        for _ in range(10_000):
            if not self.session.busy:
                break
            self.session.feed(b"", self.now_s)
        else:
            must(False, "busy for ever")
        self.look()

    def look(self) -> None:
        """What must always hold."""
        must(len(self.session.output) <= self.control.OUTPUT_MAX, "too much waits for the client")
        must(len(self.session._input) <= 2 * 128 * 1024, "too much is kept of the client")

    def read(self) -> None:
        """Take what was sent, and check each line of it."""
        sent = bytes(self.session.output)
        self.session.sent(len(sent), self.now_s)
        must(not sent or sent.endswith(b"\n"), "an answer without an end")
        for line in sent.splitlines():
            must(len(line) < self.control.ANSWER_MAX, "an answer is too long")
            answer = json.loads(line)
            must(answer["v"] == 1 and isinstance(answer["ok"], bool), "no answer")
            if not answer["ok"]:
                spoken(answer["error"]["found"] + answer["error"]["todo"])
            self.answers.append(answer)

    def take(self, outcome: Any) -> None:
        """The main loop's turn."""
        command = self.board.take()
        if command is None:
            return
        order = command.order
        must(order.do in ("mute", "unmute", "mark", "start", "stop"), "an unknown order")
        if order.do == "mute":
            must(1.0 <= order.seconds <= self.control.MUTE_MAX_S, "a mute without an end")
        text = getattr(order, "text", "") or ""
        must(len(text) <= self.control.TEXT_MAX, "a long text")
        spoken(text)
        self.orders.append(order)
        command.outcome = outcome


def _read(data: bytes, _folder: Path) -> None:
    control = importlib.import_module(_MODULE)
    one = _Client(control)
    for part in data.split(_MARK)[1:]:
        _happen(one, part[:1], part[1:], control)
        one.look()
    one.read()
    fed = [part[1:] for part in data.split(_MARK)[1:] if part[:1] == b"F"]
    whole = b"".join(fed)
    if len(whole) < control.REQUEST_MAX:  # however it is cut, it is understood the same
        answers = []
        for pieces in (fed, [whole], [whole[k : k + 1] for k in range(len(whole))]):
            client = _Client(control)
            client.board.open = True
            for piece in pieces:
                client.feed(piece)
                for _ in range(len(whole)):
                    if not client.session.waiting:
                        break
                    client.take(control.Outcome(True, "done"))
                    client.session.tick(client.now_s)
                    client.feed(b"")
            client.read()
            answers.append(client.answers)
        must(answers[0] == answers[1] == answers[2], "cut otherwise, answered otherwise")
    if not any(answer["ok"] for answer in one.answers):
        raise InputFileError("nothing in it was understood")


def _happen(one: _Client, kind: bytes, rest: bytes, control: Any) -> None:
    if kind == b"F" and one.session.hungry:
        one.feed(rest)
    elif kind == b"T":
        try:
            seconds = float(rest[:20])
        except ValueError:
            seconds = 0.1
        one.now_s += seconds if math.isfinite(seconds) and 0 <= seconds < 1e9 else 0.0
        one.session.tick(one.now_s)
    elif kind == b"S":
        one.read()
    elif kind in (b"L", b"R", b"N"):
        done = control.Outcome(kind == b"L", "said")
        one.take(None if kind == b"N" else done)
    elif kind == b"W":
        one.session.show(b'{"cadence_spm":170.0}', one.now_s)
    elif kind == b"U":
        from gaitpi.device.status import Status

        one.board.status = Status(
            pid=1, version="1", boot_id="b", since_s=0.0, updated_s=1.0, state="running"
        )
    elif kind == b"O":
        one.board.open = True
    elif kind == b"H":
        one.session.hung_up()


TARGET = Target("socket", _seeds, _mutate, _read, (_MODULE,))
