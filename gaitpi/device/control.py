"""The control protocol: a running daemon asked, muted, marked, started and stopped by its owner.

One JSON object a line, each with the version ``v`` and what to ``do`` (docs/control.md). This file
has no sockets and no threads: :class:`Session` is one client, bytes in and bytes out, and
:class:`Board` is where it meets the main loop. What the loop has to do with it is to take at most
one command a turn from a short queue and to put references to what it knows there; it never writes
JSON for a client, and never waits for one.

To drive a session without a socket: ``Session(Board(is_open=True), Peer(0, 0, 0), now_s=0.0)``,
``feed`` it bytes, answer what :meth:`Board.take` gives (``command.outcome``), ``tick`` it, and look
at ``output``.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

from gaitpi import __version__
from gaitpi.device.controls import MUTE_S, Order
from gaitpi.device.live import Live
from gaitpi.device.status import Status

VERSION: Final = 1
SOCKET_NAME: Final = "control.sock"

REQUEST_MAX: Final = 4096
"""Longest request, bytes, without the end of its line."""
ANSWER_MAX: Final = 32_768
"""Longest answer, bytes."""
OUTPUT_MAX: Final = 65_536
"""So many bytes may wait for a client; one that leaves more unread is cut off."""
TEXT_MAX: Final = 200
"""Longest text of a mark, characters."""
MUTE_MAX_S: Final = 86_400.0
TAKE_S: Final = 1.0
"""How long a client waits for the loop to do what was asked, s."""
HALF_S: Final = 5.0
"""A request must be whole so long after its first byte, and an answer begin to be read, s."""
IDLE_S: Final = 60.0
"""Without a request for this long a client is sent away, s (not one that watches)."""
ERRORS_MAX: Final = 16
"""So many requests in a row that make no sense, and a client is cut off."""
REQUESTS_A_TURN: Final = 4
"""So many requests of one client are answered before the next client has its turn."""
BURST: Final = 10
"""So many commands at once, all clients together ..."""
RATE: Final = 2.0
"""... and so many a second after that: each is heard by the runner and kept in the run file."""
QUEUE_MAX: Final = 16
"""So many commands wait for the loop at most."""


class Peer(NamedTuple):
    """Who is at the other end, as the kernel says."""

    pid: int
    uid: int
    gid: int


class Outcome(NamedTuple):
    """What became of a command: ``said`` in words; what to do instead where it was not ``ok``."""

    ok: bool
    said: str
    todo: str = ""
    more: dict[str, Any] = {}  # noqa: RUF012 (never changed)


class Command:
    """An order on its way to the loop. Either the loop claims it or the server gives it up."""

    def __init__(self, order: Order, peer: Peer) -> None:
        self.order = order
        self.peer = peer
        self.outcome: Outcome | None = None
        """Set by the loop once it is done, read by the server."""
        self._claimed = threading.Lock()

    def claim(self) -> bool:
        """Whether the caller may have it: true for the first one who asks. Never waits."""
        return self._claimed.acquire(blocking=False)


class Board:
    """Where loop and server meet; nobody waits here, nothing is locked.

    The loop sets ``status`` once a second and, while there are ``watched`` sessions, ``live`` ten
    times a second: whole new objects that nobody changes. ``problem`` is the server's, in words,
    when nobody can ask any more; the loop says so. Not ``open``: the loop does not turn yet, and
    ``starting`` says what keeps it.
    """

    def __init__(self, *, is_open: bool = False) -> None:
        self.open = is_open
        self.starting = "loading"
        self.status: Status | None = None
        self.live: Live | None = None
        self.watched = False
        self.problem = ""
        self._queue: deque[Command] = deque()
        self._allowed = float(BURST)
        self._allowed_s = 0.0

    def put(self, command: Command, now_s: float) -> str:
        """Queue a command at time ``now_s`` (s); returns why not, else "". For the server."""
        passed_s, self._allowed_s = now_s - self._allowed_s, now_s
        self._allowed = min(float(BURST), self._allowed + RATE * max(0.0, passed_s))
        if self._allowed < 1.0:
            return "too many commands at once"
        if len(self._queue) >= QUEUE_MAX:
            return "too many commands wait for the daemon"
        self._allowed -= 1.0
        self._queue.append(command)
        return ""

    def take(self) -> Command | None:
        """The oldest command that nobody gave up, None when there is none. For the loop."""
        while self._queue:
            command = self._queue.popleft()
            if command.claim():
                return command
        return None


# ---------------------------------------------------------------------------- requests

Id = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=-(2**53), le=2**53)] | None


class _Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """What every request has."""

    v: int
    id: Id = None


class Hello(_Request, frozen=True, tag="hello"):
    """Who it is and what it can do."""


class GetStatus(_Request, frozen=True, tag="status"):
    """The same as in the status file."""


class Watch(_Request, frozen=True, tag="live"):
    """Objects of :class:`Live` from now on, until the client hangs up."""


class Mute(_Request, frozen=True, tag="mute"):
    """No cues for so long; counted from now, also when it is muted already."""

    seconds: Annotated[float, Meta(ge=1.0, le=MUTE_MAX_S)] = MUTE_S


class Unmute(_Request, frozen=True, tag="unmute"):
    """Cues again."""


class Mark(_Request, frozen=True, tag="mark"):
    """A mark in the run file."""

    text: Annotated[str, Meta(max_length=TEXT_MAX)] = ""


class Start(_Request, frozen=True, tag="start"):
    """Begin a run now."""


class Stop(_Request, frozen=True, tag="stop"):
    """Close the run."""


Request = Hello | GetStatus | Watch | Mute | Unmute | Mark | Start | Stop
COMMANDS: Final = ("hello", "status", "live", "mute", "unmute", "mark", "start", "stop")

_requests: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_anything: Final[msgspec.json.Decoder[dict[str, Any]]] = msgspec.json.Decoder(dict[str, Any])
_encode: Final = msgspec.json.Encoder().encode
_MISSING: Final = object()


class _Refused(Exception):  # noqa: N818 (an answer, not an error)
    """A request that is not understood, with the id to answer it under."""

    def __init__(
        self, name: Any, found: str, todo: str = "docs/control.md has the commands."
    ) -> None:
        super().__init__(found)
        self.id, self.found, self.todo = name, found, todo


def understand(line: bytes) -> Request:
    """The request in a line. Raises ``_Refused`` with the reason in words."""
    try:
        envelope = _anything.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _Refused(None, f"The request is no JSON object: {_short(str(error))}.") from error
    given, version, do = envelope.get("id"), envelope.get("v", _MISSING), envelope.get("do")
    try:
        name: Any = msgspec.convert(given, Id)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _Refused(None, f"The id makes no sense: {_short(str(error))}.") from error
    if version is _MISSING:
        raise _Refused(name, "The request has no version.", f'Add "v": {VERSION}.')
    if type(version) is not int or version != VERSION:
        found = f"Version {_short(repr(version))} is not spoken here."
        raise _Refused(name, found, f"Use version {VERSION}.")
    if do not in COMMANDS:
        what = f"no command {_short(repr(do))}" if "do" in envelope else "nothing to do in it"
        raise _Refused(name, f"There is {what}.", f"There are: {', '.join(COMMANDS)}.")
    try:
        return _requests.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _Refused(name, f"'{do}' is not understood: {_short(str(error))}.") from error


def _short(text: str) -> str:
    """A few printable characters of a text."""
    text = printable(text)
    return text if len(text) <= 100 else f"{text[:97]}..."


def printable(text: str) -> str:
    """One line without signs that a terminal obeys, or that cannot be stored."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def refusal(name: Any, found: str, todo: str = "") -> bytes:
    """The answer, without its end of line, that says why something was not done."""
    return _encode({"v": VERSION, "id": name, "ok": False, "error": {"found": found, "todo": todo}})


def _order(request: Request) -> Order | None:
    """The order in a request; None when it only asks."""
    match request:
        case Mute(seconds=seconds):
            return Order("mute", seconds)
        case Unmute():
            return Order("unmute")
        case Mark(text=text):
            return Order("mark", text=printable(text))
        case Start():
            return Order("start")
        case Stop():
            return Order("stop")
    return None


# ---------------------------------------------------------------------------- a client


@dataclass(slots=True)
class _Waiting:
    """A command that is not answered yet."""

    id: Any
    command: Command
    until_s: float


@dataclass(slots=True)
class Session:
    """One client: bytes in (:meth:`feed`), bytes out (``output``), commands onto the board.

    ``now_s`` are seconds on any clock that never steps. One command at a time: what comes after it
    waits for its answer. ``hungry``: more bytes can be used now. ``closing``: what is in ``output``
    is the last; ``dead``: cut off at once, ``why`` in words.
    """

    board: Board
    peer: Peer
    now_s: float
    output: bytearray = field(default_factory=bytearray)
    closing: bool = False
    dead: bool = False
    why: str = ""
    _input: bytearray = field(default_factory=bytearray)
    _waiting: _Waiting | None = None
    _watch: Any = _MISSING
    _errors: int = 0
    _half_s: float | None = None
    _heard_s: float = 0.0
    _unread_s: float | None = None

    def __post_init__(self) -> None:
        self._heard_s = self.now_s

    @property
    def hungry(self) -> bool:
        """Whether to read from this client: nothing is left to do first."""
        return not (self.closing or self.dead or self.busy or self._waiting)

    @property
    def busy(self) -> bool:
        """Whether there is a whole request that has not had its turn."""
        return not self._waiting and b"\n" in self._input and not (self.closing or self.dead)

    @property
    def waiting(self) -> bool:
        """Whether the loop is being waited for."""
        return self._waiting is not None

    @property
    def watching(self) -> bool:
        """Whether it gets :class:`Live` objects."""
        return self._watch is not _MISSING and not (self.closing or self.dead)

    def feed(self, data: bytes, now_s: float) -> None:
        """Bytes from the client; b"" = go on with what is there."""
        if self.closing or self.dead:
            return
        self._input += data
        for _ in range(REQUESTS_A_TURN):
            if self._waiting or self.closing or self.dead:
                break
            end = self._input.find(b"\n")
            if end > REQUEST_MAX or (end < 0 and len(self._input) > REQUEST_MAX):
                self._too_long()
                return
            if end < 0:
                break
            line = bytes(self._input[:end])
            del self._input[: end + 1]
            self._half_s = None
            if line.strip():
                self._request(line, now_s)
        if len(self._input) > OUTPUT_MAX:
            self._cut("it sends more than is answered")
        if self._half_s is None and self._input:
            self._half_s = now_s

    def sent(self, n: int, now_s: float) -> None:
        """So many bytes of ``output`` have been sent."""
        del self.output[:n]
        self._unread_s = now_s if self.output else None

    def hung_up(self) -> None:
        """The client sends no more; what it has asked for it still gets."""
        self.closing, self.why = True, "it hung up"

    def tick(self, now_s: float) -> None:
        """Time has passed: answer what is done, send away who keeps a place for nothing."""
        if self.dead:
            return
        if self._waiting is not None:
            self._answer_waiting(self._waiting, now_s)
        if self.output and self._unread_s is None:
            self._unread_s = now_s
        if self._unread_s is not None and now_s - self._unread_s > HALF_S:
            self._cut("it does not read")
        elif self._waiting is not None or self.busy:
            self._heard_s = now_s
        elif self._half_s is not None and now_s - self._half_s > HALF_S:
            self._last(f"The request was not whole within {HALF_S:g} s.", "End it with a newline.")
        elif self._half_s is None and not self.watching and now_s - self._heard_s > IDLE_S:
            self._last(f"Nothing was asked for {IDLE_S:g} s.", "Connect when there is something.")

    def show(self, live: bytes, now_s: float) -> None:
        """Send one :class:`Live`, already JSON, to a client that watches."""
        if self.watching:
            self._answer(self._watch, now_s, live=msgspec.Raw(live))

    def _request(self, line: bytes, now_s: float) -> None:
        self._heard_s = now_s
        try:
            request = understand(line)
        except _Refused as refused:
            self._refuse(refused.id, refused.found, refused.todo)
            self._errors += 1
            if self._errors >= ERRORS_MAX:
                self._last(
                    f"{ERRORS_MAX} requests in a row made no sense.", "Read docs/control.md."
                )
            return
        self._errors = 0
        order = _order(request)
        if order is not None:
            command = Command(order, self.peer)
            if not self.board.open:
                self._starting(request.id)
            elif why := self.board.put(command, now_s):
                self._refuse(request.id, f"It was not done: {why}.", "Wait a second.")
            else:
                self._waiting = _Waiting(request.id, command, now_s + TAKE_S)
        elif isinstance(request, Watch):
            self._watch = request.id
        elif isinstance(request, GetStatus):
            if self.board.status is None:
                self._starting(request.id)
            else:
                self._answer(request.id, now_s, status=self.board.status)
        else:
            self._answer(
                request.id,
                now_s,
                gaitpi=__version__,
                versions=[VERSION],
                commands=COMMANDS,
                request_max=REQUEST_MAX,
                answer_max=ANSWER_MAX,
            )

    def _answer_waiting(self, waiting: _Waiting, now_s: float) -> None:
        """Answer a command that the loop has done, or that it did not do in time."""
        outcome = waiting.command.outcome
        if outcome is None and now_s < waiting.until_s:
            return
        self._waiting = None
        if outcome is not None and outcome.ok:
            self._answer(waiting.id, now_s, said=outcome.said, **outcome.more)
        elif outcome is not None:
            self._refuse(waiting.id, f"It was not done: {outcome.said}.", outcome.todo)
        elif waiting.command.claim():
            self._refuse(
                waiting.id,
                f"The daemon did not take it within {TAKE_S:g} s: nothing was done.",
                "Try again; 'gaitpi status' says how it is.",
            )
        else:
            self._refuse(
                waiting.id,
                f"The daemon took it, but was not done with it within {TAKE_S:g} s.",
                "'gaitpi status' says what came of it.",
            )
        self.feed(b"", now_s)

    def _answer(self, name: Any, now_s: float, **fields: Any) -> None:  # noqa: ARG002 (one form)
        answer = _encode({"v": VERSION, "id": name, "ok": True, **fields})
        if len(answer) >= ANSWER_MAX:
            self._refuse(name, "The answer is too long.")
        else:
            self._say(answer)

    def _refuse(self, name: Any, found: str, todo: str = "") -> None:
        self._say(refusal(name, found, todo))

    def _starting(self, name: Any) -> None:
        self._refuse(name, f"gaitpi is starting: {self.board.starting}.", "Ask again in a minute.")

    def _say(self, answer: bytes) -> None:
        if self.dead:
            return
        if len(self.output) + len(answer) + 1 > OUTPUT_MAX:
            self._cut("it does not read")
            return
        self.output += answer
        self.output += b"\n"

    def _too_long(self) -> None:
        self._last(f"The request is longer than {REQUEST_MAX} bytes.", "Ask for less at once.")

    def _last(self, found: str, todo: str) -> None:
        """Say why, and hang up once it has been read."""
        self._refuse(None, found, todo)
        self.closing, self.why = True, found
        self._input.clear()

    def _cut(self, why: str) -> None:
        self.dead, self.why = True, why
        self._input.clear()
        self.output.clear()


SessionMaker = Callable[[Board, Peer, float], Session]
