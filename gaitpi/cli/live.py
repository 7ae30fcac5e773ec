"""``gaitpi live``: what the pack hears now, and why it is silent, from the control socket.

A thread takes every moment from the daemon and keeps the newest, so that a slow terminal makes
this view skip moments and never the daemon wait. On a terminal some lines are written over each
other, only those that changed; elsewhere a line a second.
"""

import argparse
import json
import math
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gaitpi.controlclient import Client, connect
from gaitpi.device.live import starting
from gaitpi.device.status import ACTIVITIES, STARTING
from gaitpi.errors import EXIT_OK, ControlError, StartingError
from gaitpi.plaintext import plain
from gaitpi.runs.reader import clock

HELP: Final = (
    "Show what the running pack hears now: cadence and lean against their bands, the last cue, and"
    " why it is silent; heart rate and speed where a strap or pod is paired, with their age. On a"
    " terminal ten times a second, else a line a second; it only looks, and"
    " changes nothing. Ctrl-C ends it."
)
EPILOG: Final = """exit code 0: ended by Ctrl-C; 1: no daemon, or it has ended.

examples:
  gaitpi live
  gaitpi live --json | head -1"""

WIDTH: Final = 80
REDRAW_S: Final = 0.1
LINE_S: Final = 1.0
STARTING_LOOK_S: Final = 0.5
"""How often it is looked whether a daemon that starts has begun, s."""
BACK_S: Final = 3.0
"""A daemon that was replaced is back within this time, s; else it has ended."""
GAUGE: Final = 24
"""Columns of a gauge ..."""
SPANS: Final = {"cadence": 24.0, "lean": 16.0}
"""... and what they span, spm and deg."""
_SECONDS: Final = re.compile(r"\b(\d{2,6}) s to go\b")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument("--json", action="store_true", help="print every moment as a line of JSON")


def run(args: argparse.Namespace) -> int:
    """Show until Ctrl-C. Raises ControlError when there is no daemon, or it has ended."""
    feed = Feed(_connected())
    try:
        if args.json:
            _print_json(feed)
        elif sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb"):
            _redraw(feed)
        else:
            _print_lines(feed)
    except KeyboardInterrupt:
        return EXIT_OK
    finally:
        feed.close()
    return EXIT_OK


def _connected() -> Client | None:
    """A client of the daemon; None while that starts."""
    try:
        return connect()
    except StartingError:
        return None


class Feed:
    """The newest moment of a daemon; a thread of its own takes them all."""

    def __init__(self, client: Client | None) -> None:
        """Begin to take; ``client`` is closed by :meth:`close`. None: one comes once it began."""
        self._client = client
        self._new = threading.Condition()
        self._live: dict[str, Any] | None = None
        self._problem: ControlError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._take, name="gaitpi-live", daemon=True)
        self._thread.start()

    def moments(self, every_s: float = 0.0) -> Iterator[dict[str, Any]]:
        """Moments from now on, ``every_s`` apart at least; those nobody waited for are skipped.

        Raises ControlError when the daemon has ended.
        """
        next_s = time.monotonic()
        while True:
            with self._new:
                self._new.wait_for(lambda: self._live is not None or self._problem is not None)
                live, self._live = self._live, None
                problem = self._problem
            if live is None:
                assert problem is not None
                raise problem
            yield live
            next_s = max(next_s + every_s, time.monotonic() - every_s)
            time.sleep(max(0.0, next_s - time.monotonic()))

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()

    def _take(self) -> None:
        while not self._closed:
            try:
                if self._client is None:
                    raise ControlError("It had not begun.")
                for live in self._client.live():
                    self._put(live)
            except (ControlError, ValueError, KeyError) as error:
                if not self._again():
                    words = str(error) if isinstance(error, ControlError) else "It sends nonsense."
                    self._end(ControlError(f"gaitpi has ended: {words}"))
                    return

    def _put(self, live: dict[str, Any]) -> None:
        with self._new:
            self._live = live
            self._new.notify()

    def _again(self) -> bool:
        """Connect to a daemon that starts, or anew to one that was replaced; False: none comes."""
        self._hang_up()
        until_s = time.monotonic() + BACK_S
        while not self._closed and time.monotonic() < until_s:
            try:
                self._client = connect()
            except StartingError as begins:
                self._put(msgspec.json.decode(msgspec.json.encode(starting(begins.doing))))
                until_s = time.monotonic() + BACK_S
                time.sleep(STARTING_LOOK_S)
            except ControlError:
                time.sleep(0.1)
            else:
                return True
        return False

    def _end(self, problem: ControlError) -> None:
        with self._new:
            self._problem = problem
            self._new.notify()


def _print_json(feed: Feed) -> None:
    for live in feed.moments():
        print(json.dumps(live), flush=True)


def _print_lines(feed: Feed) -> None:
    for live in feed.moments(LINE_S):
        print(line(live), flush=True)


def _redraw(feed: Feed) -> None:
    """Lines over each other; those that are as before stay."""
    before: list[str] = []
    try:
        for live in feed.moments(REDRAW_S):
            now = [row[: _columns() - 1] for row in panel(live)]
            if now == before:
                continue
            text = f"\x1b[{len(before)}A" if before else ""
            for number, row in enumerate(now):
                same = number < len(before) and before[number] == row
                text += "\n" if same else f"\r{row}\x1b[K\n"
            if len(now) < len(before):
                text += "\x1b[J"  # a line that is gone must not stay and look like news
            sys.stdout.write(text)
            sys.stdout.flush()
            before = now
    except KeyboardInterrupt:
        sys.stdout.write("\r\x1b[K")  # the ^C
        raise


def _columns() -> int:
    return max(20, min(WIDTH, shutil.get_terminal_size().columns))


def panel(live: Mapping[str, Any]) -> list[str]:
    """The moment in six lines of at most 80 columns; up to eight with a strap or a pod."""
    activity = live.get("activity")
    known = isinstance(activity, int) and 0 <= activity < len(ACTIVITIES)
    head = f"{clock(_number(live.get('time_s')))}  {_text(live.get('state'))}"
    doing = ACTIVITIES[activity] if known and isinstance(activity, int) else "unknown"
    rows = [
        f"run      {head}, {doing}, {_whole(live.get('steps'))} steps",
        f"cadence  {_cadence(live)}",
        f"lean     {_lean(live)}",
        *([f"outside  {words}"] if (words := "   ".join(outside(live))) else []),
        *([f"doubt    {words}"] if (words := doubt(live)) else []),
        f"coach    {coach(live)}",
        f"cues     {_cues(live)}",
        f"data     {_data(live)}",
    ]
    return [plain(row)[:WIDTH] for row in rows]


def line(live: Mapping[str, Any]) -> str:
    """The moment in one line: for a file or a pipe."""
    cadence, (lean, half) = _number(live.get("cadence_spm")), _change(live)
    usual = " from usual" if math.isfinite(half) else ""
    beside = "".join(f"  {words}" for words in outside(live))
    words = (
        f"{clock(_number(live.get('time_s'))):>7}  {_value(cadence, '.1f'):>6} spm"
        f"  {_value(lean, '+z.1f'):>6} deg{usual}{beside}  {coach(live)}"
    )
    return plain(words)


def outside(live: Mapping[str, Any]) -> list[str]:
    """Heart rate and speed with their age, or why there are none; [] with neither strap nor pod."""
    radio = live.get("radio")
    if not isinstance(radio, Mapping):
        return []
    found = []
    for role, what, value in (("heart", "heart", _heart), ("pod", "speed", _speed)):
        status, link = radio.get(role), _link(radio, role)
        if isinstance(status, Mapping) or link:
            told = status if isinstance(status, Mapping) else {}
            found.append(f"{what} {value(told) or f'no data ({_why(told, link)})'}")
    return found


def doubt(live: Mapping[str, Any]) -> str:
    """How the pod's count of steps is not the belt's; "" where it is, or that is not known."""
    radio = live.get("radio")
    agreement = radio.get("agreement") if isinstance(radio, Mapping) else None
    if not isinstance(agreement, Mapping) or agreement.get("state") in ("agrees", "unknown"):
        return ""
    return _text(agreement.get("words"))


def _heart(status: Mapping[str, Any]) -> str:
    bpm = _number(status.get("bpm"))
    if not math.isfinite(bpm) or bpm == 0.0 or status.get("contact") is False:
        return ""
    return f"{bpm:.0f} bpm ({_age(status)})"


def _speed(status: Mapping[str, Any]) -> str:
    speed_ms = _number(status.get("speed_ms"))
    if not math.isfinite(speed_ms):
        return ""
    pace = ""
    if speed_ms >= 0.5:
        minutes, seconds = divmod(round(1000.0 / speed_ms), 60)
        pace = f", {minutes}:{seconds:02d} /km"
    return f"{3.6 * speed_ms:.1f} km/h{pace} ({_age(status)})"


def _age(status: Mapping[str, Any]) -> str:
    age_s = _number(status.get("age_s"))
    return f"{age_s:.0f} s old" if math.isfinite(age_s) else "age unknown"


def _why(status: Mapping[str, Any], link: Mapping[str, Any]) -> str:
    """Why there is no value."""
    if status.get("contact") is False:
        return "no skin contact"
    state = _text(link.get("state"))
    if state in ("", "connected"):
        age_s = _number(status.get("age_s"))
        return f"last {clock(age_s)} ago" if math.isfinite(age_s) else "none yet"
    return f"{state} {clock(_number(link.get('for_s')))}"


def _link(radio: Mapping[str, Any], role: str) -> Mapping[str, Any]:
    links = radio.get("links")
    for link in links if isinstance(links, Sequence) else ():
        if isinstance(link, Mapping) and link.get("role") == role:
            return link
    return {}


def coach(live: Mapping[str, Any]) -> str:
    """What the coach does, and why it is silent."""
    rule, reason = _text(live.get("rule")), _text(live.get("reason"))
    state = _text(live.get("state"))
    if not rule:  # no run, so no coach
        return f"silent: {reason or state}"
    said = _SECONDS.sub(lambda found: f"{clock(float(found[1]))} to go", reason)
    if rule == "ready":
        value = _number(live.get("value"))
        mean = f", mean {value:.1f}" if math.isfinite(value) else ""
        return f"{said}{mean}{_speaks(live)}"
    if rule == "metronome":
        return said
    if rule == "quiet.mute" and (why := _text(live.get("resting"))):
        return f"silent: {why}"  # for the whole run: there is nothing to go
    return f"silent: {said}"


def _speaks(live: Mapping[str, Any]) -> str:
    """Where the band ends."""
    low, high = _band(live.get("band"))
    if math.isfinite(low) and math.isfinite(high):
        return f"; speaks outside {low:.1f} to {high:.1f}"
    if math.isfinite(low):
        return f"; speaks below {low:.1f}"
    return f"; speaks above {high:.1f}" if math.isfinite(high) else ""


def _cadence(live: Mapping[str, Any]) -> str:
    value, (low, high) = _number(live.get("cadence_spm")), _band(live.get("cadence_band"))
    words = f"{_value(value, '.1f'):>6} spm  "
    if not math.isfinite(low):
        return f"{words}no band yet"
    return f"{words}{gauge(value, low, high, SPANS['cadence'])}  band from {low:.1f}"


def _lean(live: Mapping[str, Any]) -> str:
    """As a change from the runner's own usual, once that is known."""
    change, half = _change(live)
    if not math.isfinite(half):
        return f"{_value(change, '+z.1f'):>6} deg  no band yet"
    drawn = gauge(change, -half, half, SPANS["lean"])
    return f"{_value(change, '+z.1f'):>6} deg  {drawn}  from your usual, band +-{half:.1f}"


def _change(live: Mapping[str, Any]) -> tuple[float, float]:
    """Lean from the runner's own usual, and how far its band goes from there, deg.

    Where that is not known (NaN) the lean as it is measured.
    """
    value, (low, high) = _number(live.get("lean_deg")), _band(live.get("lean_band"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return value, math.nan
    usual = (low + high) / 2.0
    return value - usual, high - usual


def gauge(value: float, low: float, high: float, span: float) -> str:
    """The band as ``=`` between its edges, and the value as ``O``; ``<`` and ``>`` beyond."""
    middle = (low + high) / 2.0 if math.isfinite(low + high) else low
    least = middle - span / 2.0

    def at(v: float) -> int:
        return math.floor((v - least) / span * GAUGE) if math.isfinite(v) else 10**6

    cells = []
    for column in range(GAUGE):
        centre = least + (column + 0.5) * span / GAUGE
        cells.append("=" if low <= centre <= high else ".")
    if math.isfinite(value):
        column = min(GAUGE - 1, max(0, at(value)))
        cells[column] = "O" if column == at(value) else "<" if at(value) < 0 else ">"
    return f"[{''.join(cells)}]"


def _cues(live: Mapping[str, Any]) -> str:
    last, count = live.get("last_cue"), _whole(live.get("cues"))
    if not isinstance(last, Mapping):
        return f"{count}"
    ago = _number(live.get("time_s")) - _number(last.get("time_s"))
    when = f"{clock(ago)} ago" if math.isfinite(ago) else ""
    return f"{count}; last {_text(last.get('cue'))} {when}: {_text(last.get('reason'))}"


def _data(live: Mapping[str, Any]) -> str:
    """What is wrong with the samples, the belt or the card."""
    found = []
    if live.get("state") == "sensor lost":
        found.append("no samples")
    if problem := _text(live.get("recorder_problem")):
        found.append(problem)
    belt = live.get("belt")
    if belt in (2, 3):
        found.append("belt loose" if belt == 2 else "belt moved")
    gap_s = _number(live.get("gap_s"))
    if gap_s > 0:
        found.append(f"{gap_s:.1f} s lost")
    if clipped := _whole(live.get("clipped")):
        found.append(f"{clipped} clipped")
    queued_s = _number(live.get("queued_s"))
    if queued_s >= 2.0:
        found.append(f"{queued_s:.0f} s wait for the card")
    counters = live.get("counters")
    faults = sum(map(_whole, counters.values())) if isinstance(counters, Mapping) else 0
    if faults:
        found.append(f"{faults} fault{'s' * (faults != 1)}: gaitpi status")
    if not found and live.get("state") == STARTING:
        return "none yet"
    return "; ".join(found) or "good" + (": belt steady" if belt == 1 else "")


def _band(value: object) -> tuple[float, float]:
    """A band of the stream; ∓inf where open or not known."""
    if not (isinstance(value, Sequence) and len(value) == 2):
        return -math.inf, math.inf
    low, high = map(_number, value)
    return (low if math.isfinite(low) else -math.inf), (high if math.isfinite(high) else math.inf)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _value(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "-"
