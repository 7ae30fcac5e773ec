"""One link as a machine: what happens goes in, what is to be done comes out. No clock, no radio.

The promise: a device that begins to announce itself again is connected within :data:`RETURN_S`,
while a run may be on. Looking for it goes in windows with pauses between, so that the radio
rests (:class:`Times`). Nothing here holds a value: what a device sent has its own time, and whoever
reads it judges its age; here is only noticed that nothing comes.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gaitpi.ble import trouble
from gaitpi.ble.readings import STALE_S, Role, State
from gaitpi.ble.trouble import Trouble

RETURN_S: Final = 10.0
"""From the first announcement of a device that is back to its link, at most, s."""
REFUSED_S: Final = (0.5, 1.0, 2.0, 4.0)
"""After the first, second ... connection in a row that failed it is waited for so long, s."""
SAME: Final = 0.25
"""Links that lasted equally long, within this part of it, three times in a row, were ended by a
rule: see docs/ble.md, the trap of straps."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long is waited for what, s."""

    window_s: float = 3.0
    """How long is looked: straps and pods announce themselves every 0.02 to 1.3 s."""
    pause_s: float = 3.0
    """How long is not looked while a run may be on."""
    pause_idle_s: float = 27.0
    """And while nobody runs: a tenth of the time is looked."""
    idle_after_s: float = 120.0
    """So long it is looked as if a run were on, all the same."""
    radio_s: float = 3.0
    """A radio that could not be used is tried again after so long."""
    link_s: float = 5.0
    """The radio is held so long for a link; what takes longer is given up. A device that announces
    itself is linked after its next announcement or the one after that."""
    connect_s: float = 7.0
    """A connection that takes longer, with all that is asked of the device, is given up."""
    direct_s: float = 3.0
    """After a loss it is connected at once, without looking, for so long: a strap that ended the
    link announces itself in the next moment."""
    silent_s: float = STALE_S
    """A link without a value for so long is silent: it is subscribed anew."""
    resubscribed_s: float = 5.0
    """And if nothing comes for so long after that, it is connected anew."""
    silent_max_s: float = 60.0
    """A device that stays silent through connection after connection is given twice as long each
    time, up to this: it is not worn, and its battery is spared."""
    trap_s: tuple[float, float] = (15.0, 200.0)
    """Straps end the link 30 to 150 s after they asked in vain."""


USUAL: Final = Times()


class Do(Enum):
    """What the radio is to do for this link."""

    CONNECT = "connect"
    SUBSCRIBE = "subscribe"
    """Anew: stop, then start."""
    DROP = "drop"
    """End the link."""


class _Phase(Enum):
    NONE = "none"  # nobody is paired
    SEEK = "seek"
    CONNECT = "connect"
    UP = "up"
    AGAIN = "again"  # being subscribed anew
    DROP = "drop"


@dataclass(slots=True)
class Machine:
    """The link of one role. Every call has the time, CLOCK_MONOTONIC, s."""

    role: Role
    times: Times = USUAL
    state: State = "off"
    since_s: float = 0.0
    trouble: Trouble | None = None
    links: int = 0
    """Links that stood since the device is wanted."""
    lost: int = 0
    """Links that ended unasked."""
    _phase: _Phase = _Phase.NONE
    _phase_s: float = 0.0
    _not_before_s: float = -math.inf
    """No connection is tried before."""
    _radio: Trouble | None = None
    _seen: bool = False
    _seen_s: float = -math.inf
    direct: bool = False
    """Whether it is to be connected without having been looked for."""
    _refused: int = 0
    _up_s: float = 0.0
    _value_s: float = -math.inf
    _valued: bool = False
    """A value came in this link."""
    _patience: float = 1.0
    """How many times as long as usual a silence is borne."""
    _resubscribed: bool = False
    _lasted: deque[float] = field(default_factory=lambda: deque(maxlen=3))

    # -- what is wanted, and whether the radio can

    def want(self, now_s: float, wanted: bool) -> None:
        """A device is paired (another one than before), or none any more."""
        fresh = Machine(self.role, self.times, _radio=self._radio)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))
        self.since_s = self._phase_s = now_s
        if wanted:
            self._seek(now_s, None)

    def radio(self, now_s: float, problem: Trouble | None) -> None:
        """The radio as a whole cannot be used, or can again.

        A link that stands is not ended for that: whether it carries anything shows by itself.
        """
        if problem == self._radio:
            return
        self._radio = problem
        if self._phase in (_Phase.SEEK, _Phase.CONNECT):
            self._seen = False
            self._seek(now_s, None)

    # -- what the radio tells

    def seen(self, now_s: float) -> None:
        """The device announces itself."""
        self._seen, self._seen_s, self.direct = True, now_s, False

    def connected(self, now_s: float) -> None:
        """It is connected and subscribed."""
        if self._phase is not _Phase.CONNECT:
            return
        self._enter(_Phase.UP, now_s)
        self.links += 1
        self._refused, self._resubscribed, self._valued = 0, False, False
        self._up_s = self._value_s = now_s
        self._say("connected", now_s, self._trapped())

    def failed(self, now_s: float, why: Trouble) -> None:
        """What was to be done did not work."""
        if self._phase in (_Phase.NONE, _Phase.SEEK):
            return
        if self._phase is _Phase.AGAIN:
            self._enter(_Phase.DROP, now_s)
            return
        if why.again_s > 0.0:
            self._not_before_s = now_s + why.again_s
        elif why is not trouble.NOT_SEEN:
            self._not_before_s = now_s + REFUSED_S[min(self._refused, len(REFUSED_S) - 1)]
            self._refused += 1
        self._seek(now_s, self._trapped() or why)

    def resubscribed(self, now_s: float) -> None:
        """It was subscribed anew."""
        if self._phase is _Phase.AGAIN:
            self._enter(_Phase.UP, now_s)
            self._resubscribed = True

    def value(self, now_s: float) -> None:
        """A measurement came, one that makes sense."""
        if self._phase not in (_Phase.UP, _Phase.AGAIN):
            return
        self._value_s, self._valued = now_s, True
        self._patience, self._resubscribed = 1.0, False
        if self.state == "silent":
            self._say("connected", now_s, self._trapped())

    def ended(self, now_s: float) -> None:
        """The link is gone, asked or unasked."""
        if self._phase in (_Phase.NONE, _Phase.SEEK, _Phase.CONNECT):
            return
        asked = self._phase is _Phase.DROP
        if not asked:
            self.lost += 1
            self._lasted.append(now_s - self._up_s if self._valued else 0.0)
        if not asked:  # a strap that ended it is there in the next moment, one out of reach is not
            self._seen, self._seen_s, self.direct = True, now_s, True
        self._seek(now_s, self._trapped() or (self.trouble if asked else trouble.LOST))

    def drop(self, now_s: float, why: Trouble) -> None:
        """The link is to be ended, and not soon taken up again."""
        if self._phase in (_Phase.UP, _Phase.AGAIN):
            self._not_before_s = now_s + why.again_s
            self._enter(_Phase.DROP, now_s)
            self._say("lost", now_s, why)

    # -- what is to be done

    def seeks(self, now_s: float) -> bool:
        """Whether the device is to be looked for."""
        waits = self._radio is not None or self._seen or now_s < self._not_before_s
        return self._phase is _Phase.SEEK and not waits

    def sought(self, now_s: float) -> bool:
        """Whether who looks now is to find it: not where nothing is to be tried for longer."""
        soon = self._not_before_s <= now_s + self.times.window_s
        return self._phase is _Phase.SEEK and soon

    @property
    def failing(self) -> bool:
        """Whether its last connection failed."""
        return self._refused > 0

    @property
    def up(self) -> bool:
        """Whether the link stands."""
        return self._phase in (_Phase.UP, _Phase.AGAIN)

    def pause_s(self, now_s: float, *, running: bool) -> float:
        """How long the radio may rest between two looks; ``running``: a run may be on."""
        idle = not running and now_s - self._phase_s >= self.times.idle_after_s
        return self.times.pause_idle_s if idle else self.times.pause_s

    def act(self, now_s: float) -> Do | None:
        """What is to be done now; the same is not told twice."""
        times = self.times
        if self._phase is _Phase.SEEK and self._radio is None:
            if self._seen and now_s - self._seen_s > 2 * self.times.window_s:
                self._seen = False  # it may have gone again
            if self._seen and now_s >= self._not_before_s:
                self._seen = False
                self._enter(_Phase.CONNECT, now_s)
                if not self.links:
                    heard = None if self.trouble is trouble.NOT_SEEN else self.trouble
                    self._say("connecting", now_s, heard)
                return Do.CONNECT
            if now_s >= self._phase_s + self._unheard_s and self.trouble in (
                None,
                trouble.LOST,
            ):
                self._say(self.state, now_s, trouble.NOT_SEEN)
        elif self._phase is _Phase.UP:
            if now_s >= self._value_s + self.times.silent_s and self.state != "silent":
                self._say("silent", now_s, self._trapped() or trouble.SILENT)
            if now_s < self._mend_s:
                return None
            if self._resubscribed:
                self._patience = min(self._patience * 2.0, times.silent_max_s / times.silent_s)
                self._enter(_Phase.DROP, now_s)
                return Do.DROP
            self._enter(_Phase.AGAIN, now_s)
            return Do.SUBSCRIBE
        elif self._phase is _Phase.DROP:
            return Do.DROP
        return None

    @property
    def wake_s(self) -> float:
        """When there may be something to do by itself."""
        if self._phase is _Phase.UP:
            silent_s = math.inf if self.state == "silent" else self._value_s + self.times.silent_s
            return min(silent_s, self._mend_s)
        if self._phase is _Phase.SEEK and self._seen and self._radio is None:
            return max(self._not_before_s, self._phase_s)
        return math.inf

    # -- inside

    @property
    def _mend_s(self) -> float:
        """When something is to be done about the silence."""
        if self._resubscribed:
            return max(self._phase_s, self._value_s) + self.times.resubscribed_s * self._patience
        return self._value_s + self.times.silent_s * self._patience

    @property
    def _unheard_s(self) -> float:
        """After two windows in vain it is told that nothing is heard."""
        return 2.0 * self.times.window_s + self.times.pause_s

    def _enter(self, phase: _Phase, now_s: float) -> None:
        self._phase, self._phase_s = phase, now_s

    def _seek(self, now_s: float, problem: Trouble | None) -> None:
        self._enter(_Phase.SEEK, now_s)
        if self._radio is not None:
            self._say("off", now_s, self._radio)
        else:
            self._say("lost" if self.links else "searching", now_s, problem)

    def _trapped(self) -> Trouble | None:
        """Whether the last three links lasted equally long, and as long as the trap's do."""
        if len(self._lasted) < 3:
            return None
        shortest, longest = min(self._lasted), max(self._lasted)
        least_s, most_s = self.times.trap_s
        rule = least_s <= shortest and longest <= min(most_s, shortest * (1 + SAME))
        return trouble.PARAMETERS if rule else None

    def _say(self, state: State, now_s: float, problem: Trouble | None) -> None:
        if state != self.state:
            self.since_s = now_s
        self.state, self.trouble = state, problem
