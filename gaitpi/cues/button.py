"""The grammar of the one button: edges in, gestures out. Pure; time comes from the caller.

short, double, triple: presses shorter than ``HOLD_S``, each within ``PAUSE_S`` of the one before.
hold: acts when let go, by how long it was held; ``HOLD_OFF_S`` acts at once. Every press belongs
to exactly one gesture, and every gesture is told: four or more presses are ``unclear``, presses
followed by a hold are a gesture of their own.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Literal

from gaitpi.errors import OutputError
from gaitpi.hostclock import HostClock

Gesture = Literal[
    "short",
    "double",
    "triple",
    "unclear",
    "held",
    "held-long",
    "start-stop",
    "calibrate",
    "power-off",
]
"""``held`` and ``held-long`` say while it is still down what letting go would do."""

DEBOUNCE_S: Final = 0.02
"""A level counts once it has stood this long, s: contacts bounce for some ms, a finger stays
longer, and what a jolt or a spark does is shorter."""
PAUSE_S: Final = 0.4
"""A pause longer than this ends a gesture of several presses, s."""
HOLD_S: Final = 1.5
HOLD_LONG_S: Final = 5.0
HOLD_OFF_S: Final = 10.0

_COUNTED: Final[dict[int, Gesture]] = {1: "short", 2: "double", 3: "triple"}


@dataclass(frozen=True, slots=True)
class Press:
    """A gesture: ``time_s`` when its first press began, ``presses`` how many it is made of.

    ``held`` and ``held-long`` have none: the press is counted when it is let go.
    """

    gesture: Gesture
    time_s: float
    presses: int


class ButtonGrammar:
    """Turns the level of the button over time into gestures.

    Tell it of every edge and, at :meth:`deadline`, of the passing of time. A button that is down
    from the beginning (a short circuit, a pack lying on it) is not heard until it was let go.
    """

    def __init__(self) -> None:
        self._down: bool | None = None
        """As far as believed; None before the first update."""
        self._other_s: float | None = None
        """Since when it is said to be otherwise."""
        self._ignored = False
        self._changed_s = 0.0
        self._pressed_s = 0.0
        self._first_s = 0.0
        self._presses = 0
        self._stage = 0

    def update(self, time_s: float, down: bool) -> list[Press]:
        """The button is ``down`` or up at ``time_s`` (s, never running backwards)."""
        if self._down is None:
            self._down = self._ignored = down
        out: list[Press] = []
        if self._other_s is not None and time_s >= self._other_s + DEBOUNCE_S:
            changed_s, self._other_s = self._other_s, None
            out += self._pass(changed_s)
            self._down, self._changed_s = not self._down, changed_s
            if self._down:
                self._press()
            else:
                out += self._release()
        if down == self._down:
            self._other_s = None
        elif self._other_s is None:
            self._other_s = time_s
        return out + self._pass(time_s if self._other_s is None else self._other_s)

    def deadline(self) -> float | None:
        """When it wants to be told of the time even without an edge (s); None = never."""
        return self._due() if self._other_s is None else self._other_s + DEBOUNCE_S

    def _due(self) -> float | None:
        """When time alone changes something, s."""
        if self._down and not self._ignored and self._stage < 3:
            return self._changed_s + (HOLD_S, HOLD_LONG_S, HOLD_OFF_S)[self._stage]
        if not self._down and self._presses:
            return self._changed_s + PAUSE_S
        return None

    def _pass(self, time_s: float) -> list[Press]:
        """What happens by the passing of time alone, up to ``time_s``."""
        out: list[Press] = []
        while (due := self._due()) is not None and time_s >= due:
            out += self._hold_on() if self._down else self._end()
        return out

    def _press(self) -> None:
        self._stage = 0
        if not self._presses:
            self._first_s = self._changed_s
        self._pressed_s = self._changed_s

    def _release(self) -> list[Press]:
        if self._ignored:
            self._ignored = False
            return []
        if self._stage == 0:
            self._presses += 1
        if self._stage in (0, 3):
            return []  # not over yet, or told already
        done: Gesture = "start-stop" if self._stage == 1 else "calibrate"
        return [Press(done, self._pressed_s, 1)]

    def _hold_on(self) -> list[Press]:
        """The next stage of a hold is reached; presses before it are a gesture of their own."""
        out = self._end()
        self._stage += 1
        at = self._pressed_s
        if self._stage == 3:
            return [*out, Press("power-off", at, 1)]
        return [*out, Press("held" if self._stage == 1 else "held-long", at, 0)]

    def _end(self) -> list[Press]:
        """The presses so far are a gesture."""
        if not self._presses:
            return []
        presses, self._presses = self._presses, 0
        return [Press(_COUNTED.get(presses, "unclear"), self._first_s, presses)]


class Button:
    """A push button from ``pin`` (BCM) to ground, on ``factory`` (gpiozero's kind).

    Edges are timed by ``clock`` when they happen, in the pin library's thread; :meth:`presses`
    is asked from the main loop. Raises OutputError when the pin cannot be had.
    """

    def __init__(self, pin: int, factory: Any, clock: HostClock) -> None:
        from gpiozero import DigitalInputDevice

        self.name = f"button on GPIO {pin}"
        self._clock = clock
        self._grammar = ButtonGrammar()
        # the library's thread appends, the main loop takes: safe without a lock
        self._edges: deque[tuple[float, bool]] = deque(maxlen=1000)
        try:
            self._device = DigitalInputDevice(pin, pull_up=True, pin_factory=factory)
        except Exception as err:  # every pin library has its own error class
            text = str(err).strip("'\"")
            raise OutputError(
                f"GPIO {pin} (button) cannot be used: {text}.",
                "Another program may hold it: see gpioinfo; or choose another cues.button_pin, "
                '"none" without a button.',
            ) from err
        self._grammar.update(clock.monotonic(), bool(self._device.value))
        self._device.when_activated = lambda: self._edge(True)
        self._device.when_deactivated = lambda: self._edge(False)

    @property
    def down(self) -> bool:
        """Whether it is pressed at this moment, as the pin says it."""
        return bool(self._device.value)

    def presses(self) -> list[Press]:
        """The gestures finished since the last call."""
        out: list[Press] = []
        while self._edges:
            out += self._grammar.update(*self._edges.popleft())
        if self._device.closed:
            return out
        # time passes, and an edge that was lost is made good
        return out + self._grammar.update(self._clock.monotonic(), bool(self._device.value))

    def close(self) -> None:
        """Give the pin back; again does nothing."""
        self._device.close()

    def _edge(self, down: bool) -> None:
        self._edges.append((self._clock.monotonic(), down))
