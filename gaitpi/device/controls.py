"""What the one button means in a run: a gesture in, a definite answer out. Pure.

Nothing here touches the run; the daemon does what the answer says. Times are run times, s.
"""

from dataclasses import dataclass
from typing import Final, Literal

from gaitpi.cues.button import Press

MUTE_S: Final = 1800.0
"""A double press mutes for this long, s."""
PAINS_MAX: Final = 2
"""So many pain marks in a run, and cues rest for the whole of it."""
FOR_GOOD_S: Final = 86_400.0

KINDS: Final = ("mark", "pain", "mute", "button", "heat")
"""Kinds of event in the run file that come from the button, or from heat, which mutes too."""
NOTED: Final = (*KINDS, "auto", "stand", "rest", "bow", "six", "cooler", "worn")
"""Kinds of event that are no fault: those, and what the belt did by itself."""

Action = Literal["none", "start", "stop", "calibrate", "power-off"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to do and how to say so.

    ``sounds`` of the vocabulary, in order (none: what the action does is heard by itself);
    ``kind`` and ``text`` of the event for the run file ("" = none); ``mute_until_s`` None = leave
    it as it is, a time not in the future = unmute.
    """

    sounds: tuple[str, ...]
    kind: str = ""
    text: str = ""
    action: Action = "none"
    mute_until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the daemon is when the button is pressed.

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
    """The button's memory of one run: muted until when, and how often it hurt."""

    def __init__(self) -> None:
        self._muted_until_s = 0.0
        self._pains = 0

    @property
    def muted_until_s(self) -> float:
        """Run time until which the runner has muted, s; in the past when not."""
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

    def _mute(self, time_s: float) -> Answer:
        if self._pains >= PAINS_MAX:
            return Answer(("no",), "button", "stays muted: it hurt twice in this run")
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
        until_s = self._muted_until_s = time_s + FOR_GOOD_S
        text = "felt it here again: cues rest for this run"
        return Answer(("pain", "mute"), "pain", text, mute_until_s=until_s)


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
