"""What the one button and the commands mean in a run: gesture or order in, answer out. Pure.

Nothing here touches the run; the daemon does what the answer says. Times are run times, s.
"""

from dataclasses import dataclass
from typing import Final, Literal

from gaitpi.cues.button import Press

MUTE_S: Final = 1800.0
"""A double press mutes for this long, s."""
PAINS_MAX: Final = 2
"""So many pain marks in a run, and cues rest for the whole of it."""
TWICE: Final = "it hurt twice in this run"
FOR_GOOD_S: Final = 86_400.0

JOURNAL: Final = "journal"
"""Kind of event that has cues rest for a run because of a pain in the journal."""
KINDS: Final = ("mark", "pain", "mute", "button", "heat", JOURNAL)
"""Kinds of event in the run file that come from the button or a command, or from heat or the
journal, which mute too."""
SETTLE: Final = "settle"
"""Kind of event that mutes after a run was cut off: a cue may just have been heard."""
NOTED: Final = (*KINDS, "auto", "stand", "rest", "bow", "six", "cooler", "worn", SETTLE, "ended")
"""Kinds of event that are no fault: those, and what the belt did by itself."""

Action = Literal["none", "start", "stop", "calibrate", "power-off"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to do and how to say so.

    ``sounds`` of the vocabulary, in order (none: what the action does is heard by itself);
    ``kind`` and ``text`` of the event for the run file ("" = none); ``mute_until_s`` None = leave
    it as it is, a time not in the future = unmute. ``refused``: nothing is done, ``text`` says why.
    """

    sounds: tuple[str, ...]
    kind: str = ""
    text: str = ""
    action: Action = "none"
    mute_until_s: float | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody at a shell asks for; ``seconds`` of a mute, ``text`` of a mark."""

    do: Literal["mute", "unmute", "mark", "start", "stop"]
    seconds: float = MUTE_S
    text: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the daemon is when the button is pressed or an order comes.

    ``time_s`` run time of the last moment judged, s; ``coaching``: a run is open; ``recording``:
    its file takes events; ``ready``: no run, and a start would find a sensor; ``sensing``: samples
    of acceleration and rate come in.
    """

    time_s: float
    coaching: bool
    recording: bool
    ready: bool
    sensing: bool = False


class Controls:
    """The button's memory of one run: muted until when (run time, s), and how often it hurt.

    ``resting`` why cues rest for the whole of it, "" where they do not.
    """

    def __init__(self, muted_until_s: float = 0.0, pains: int = 0, resting: str = "") -> None:
        self._muted_until_s = muted_until_s
        self._pains = pains
        self._resting = resting or (TWICE if pains >= PAINS_MAX else "")

    @property
    def muted_until_s(self) -> float:
        """Run time until which the runner has muted, s; in the past when not."""
        return self._muted_until_s

    @property
    def resting(self) -> str:
        """Why cues rest for the whole run, "" where they do not."""
        return self._resting

    def rest(self, why: str, time_s: float) -> float:
        """Cues rest for the whole run; the run time until which, s."""
        self._resting = why
        self._muted_until_s = time_s + FOR_GOOD_S
        return self._muted_until_s

    def answer(self, press: Press, now: Situation) -> Answer:
        """The answer to a gesture."""
        match press.gesture:
            case "held":
                return Answer(("hold",))
            case "held-long":
                return Answer(("hold-long",))
            case "short" if now.recording:
                return Answer(("mark",), "mark", "marked by the button")
            case "double" if now.coaching:
                return self._mute(now.time_s)
            case "triple" if now.recording:
                return self._pain(now.time_s)
            case "start-stop" if now.coaching:
                return Answer((), "button", "stopped by the button", "stop")
            case "start-stop" if now.ready:
                return Answer((), action="start")
            case "calibrate" if now.sensing:
                return Answer((), "button", "held 5 s: measuring", "calibrate")
            case "power-off":
                return Answer(("shutdown",), "button", "switched off by the button", "power-off")
        return Answer(("no",), "button", _why_not(press, now))

    def obey(self, order: Order, now: Situation) -> Answer:
        """The answer to an order: as to the button, but who asked reads it, so none sounds "no"."""
        match order.do:
            case "mark" if now.recording:
                text = "marked by command" + (f": {order.text}" if order.text else "")
                return Answer(("mark",), "mark", text)
            case "mute" | "unmute" if now.coaching and self._resting:
                return _refused(f"{self._resting}: cues rest for the whole of it")
            case "mute" if now.coaching:
                self._muted_until_s = now.time_s + order.seconds
                text = f"cues muted for {span(order.seconds)} by command"
                return Answer(("mute",), "mute", text, mute_until_s=self._muted_until_s)
            case "unmute" if now.coaching and now.time_s >= self._muted_until_s:
                return Answer(())
            case "unmute" if now.coaching:
                self._muted_until_s = now.time_s
                text = "cues on again by command"
                return Answer(("unmute",), "mute", text, mute_until_s=now.time_s)
            case "stop" if now.coaching:
                return Answer((), "button", "stopped by command", "stop")
            case "start" if now.coaching:
                return _refused("a run is open already")
            case "start" if now.ready:
                return Answer((), action="start")
            case "start":
                return _refused("it cannot start: no samples from the sensor")
            case "mark" if now.coaching:
                return _refused("this run is not being recorded")
        return _refused("there is no run")

    def _mute(self, time_s: float) -> Answer:
        if self._resting:
            return Answer(("no",), "button", f"stays muted: {self._resting}")
        if time_s < self._muted_until_s:
            self._muted_until_s = time_s
            return Answer(("unmute",), "mute", "cues on again by the button", mute_until_s=time_s)
        self._muted_until_s = time_s + MUTE_S
        text = f"cues muted for {MUTE_S / 60:.0f} min by the button"
        return Answer(("mute",), "mute", text, mute_until_s=self._muted_until_s)

    def _pain(self, time_s: float) -> Answer:
        self._pains += 1
        if self._pains < PAINS_MAX:
            return Answer(("pain",), "pain", "felt it here")
        until_s = self.rest(self._resting or TWICE, time_s)
        text = "felt it here again: cues rest for this run"
        return Answer(("pain", "mute"), "pain", text, mute_until_s=until_s)


def _refused(why: str) -> Answer:
    return Answer((), "button", why, refused=True)


def span(seconds: float) -> str:
    """A length of time as people say it: 45 s, 30 min, 1 h 30 min."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60.0), 60)
    words = [f"{hours} h"] if hours else []
    return " ".join([*words, f"{minutes} min"] if minutes or not hours else words)


def _why_not(press: Press, now: Situation) -> str:
    """Why a gesture leads to nothing."""
    match press.gesture:
        case "unclear":
            return f"{press.presses} presses mean nothing"
        case "calibrate":
            return "held 5 s: cannot measure without samples from the sensor"
        case "start-stop":
            return "cannot start: no samples from the sensor"
    if not now.coaching:
        return f"{press.gesture} press: there is no run"
    return f"{press.gesture} press: this run is not being recorded"
