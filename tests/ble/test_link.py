"""The machine of a link: whatever happens, it is back in time and says what it does not know."""

import math
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.ble import trouble
from gaitpi.ble.link import REFUSED_S, RETURN_S, USUAL, Do, Machine
from gaitpi.ble.readings import STALE_S

TICK_S = 0.05
ADVERTISES_S = 1.3
"""A device announces itself at least so often."""
CONNECTS_S = 1.5
"""And lets itself be connected, subscribed and resubscribed within."""


@dataclass
class World:
    """A device, a radio that does what the machine says, and the time."""

    machine: Machine
    now_s: float = 0.0
    near: bool = True
    """It is there, and announces itself while it is not connected."""
    sends: bool = True
    radio: bool = True
    refuses: bool = False
    linked: bool = False
    near_since_s: float = 0.0
    window_s: float = -math.inf
    """When the last window began."""
    windows: list[float] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)
    drops: list[float] = field(default_factory=list)
    doing: tuple[Do, float] | None = None
    value_s: float = -math.inf
    """The last value that was handed on."""
    up_at: list[tuple[float, bool]] = field(default_factory=list)

    def step(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += TICK_S
            self.tick()

    def tick(self) -> None:
        now_s, machine = self.now_s, self.machine
        self.look()
        if self.linked and not self.near:
            self.linked = False
            machine.ended(now_s)
        if self.linked and self.sends and now_s - self.value_s >= 1.0:
            self.value_s = now_s
            machine.value(now_s)
        if self.doing is not None:
            self.go_on()
        elif (do := machine.act(now_s)) is not None:
            self.doing = (do, now_s)
            if do is Do.CONNECT:
                self.attempts.append(now_s)
        self.up_at.append((now_s, machine.up))

    def look(self) -> None:
        """Windows as the central makes them."""
        now_s, machine = self.now_s, self.machine
        in_window = now_s < self.window_s + USUAL.window_s
        if not in_window and machine.seeks(now_s):
            pause_s = machine.pause_s(now_s, running=True)
            if now_s >= self.window_s + USUAL.window_s + pause_s:
                self.window_s = now_s
                self.windows.append(now_s)
                in_window = True
        heard = in_window and machine.seeks(now_s) and self.near and not self.linked
        if heard and now_s >= max(self.window_s, self.near_since_s) + ADVERTISES_S:
            machine.seen(now_s)
            self.window_s = min(self.window_s, now_s - USUAL.window_s)

    def go_on(self) -> None:
        assert self.doing is not None
        do, begun_s = self.doing
        took_s = self.now_s - begun_s
        limit_s = USUAL.direct_s if self.machine.direct else USUAL.connect_s
        if do is Do.CONNECT:
            if self.near and self.radio and took_s >= CONNECTS_S:
                self.doing = None
                if self.refuses:
                    self.machine.failed(self.now_s, trouble.REFUSED)
                else:
                    self.linked, self.value_s = True, self.now_s - 0.5
                    self.machine.connected(self.now_s)
            elif took_s >= limit_s:
                self.doing = None
                why = trouble.NOT_SEEN if self.machine.direct else trouble.REFUSED
                self.machine.failed(self.now_s, why)
        elif took_s >= 0.3:
            self.doing = None
            if do is Do.DROP:
                self.drops.append(self.now_s)
                self.linked = False
                self.machine.ended(self.now_s)
            elif self.linked:
                self.machine.resubscribed(self.now_s)
            else:
                self.machine.failed(self.now_s, trouble.REFUSED)


def world() -> World:
    machine = Machine("heart")
    machine.want(0.0, True)
    return World(machine)


events = st.lists(
    st.tuples(
        st.sampled_from(["leaves", "returns", "drops", "mute", "speaks", "refuses", "lets"]),
        st.floats(0.1, 40.0),
    ),
    max_size=12,
)


def happen(w: World, what: str) -> None:
    if what == "leaves":
        w.near = False
    elif what == "returns" and not w.near:
        w.near, w.near_since_s = True, w.now_s
    elif what == "drops" and w.linked:
        w.linked = False
        w.machine.ended(w.now_s)
    elif what in ("mute", "speaks"):
        w.sends = what == "speaks"
    elif what in ("refuses", "lets"):
        w.refuses = what == "refuses"


@settings(max_examples=60, deadline=None)
@given(events)
def test_whatever_happened_it_is_back_within_the_promise(history: list[tuple[str, float]]) -> None:
    """Once the device is there and lets itself be connected."""
    w = world()
    for what, seconds in history:
        happen(w, what)
        w.step(seconds)
    w.near, w.sends, w.refuses = True, True, False
    w.near_since_s = w.now_s
    if w.machine.up and w.machine.state == "connected":
        return
    if not w.machine.up:
        w.step(RETURN_S)
        assert w.machine.up
    w.step(USUAL.silent_s)
    assert w.machine.state == "connected"


@settings(max_examples=60, deadline=None)
@given(events)
def test_silence_is_said_and_retries_are_bounded(history: list[tuple[str, float]]) -> None:
    """It never says "connected" of a link whose last value is stale, and never hammers."""
    w = world()
    for what, seconds in history:
        happen(w, what)
        end_s = w.now_s + seconds
        while w.now_s < end_s:
            w.step(TICK_S)
            if w.machine.state == "connected":
                begun_s = max(w.value_s, w.machine.since_s)
                assert w.now_s - begun_s <= STALE_S + 2 * TICK_S
    least_s = min(REFUSED_S)
    gaps = [b - a for a, b in zip(w.attempts, w.attempts[1:], strict=False)]
    assert all(gap >= least_s for gap in gaps)
    minutes = w.now_s / 60.0
    assert len(w.attempts) <= 5 + 30 * minutes
    assert len(w.windows) <= 2 + minutes * 60.0 / USUAL.window_s


def test_a_device_that_refuses_is_asked_less_and_less() -> None:
    machine = Machine("heart")
    machine.want(0.0, True)
    now_s = 1.0
    for wait_s in (*REFUSED_S, REFUSED_S[-1]):
        machine.seen(now_s)
        assert machine.act(now_s) is Do.CONNECT
        machine.failed(now_s, trouble.REFUSED)
        assert machine.trouble is trouble.REFUSED
        machine.seen(now_s)
        assert machine.act(now_s + wait_s - 0.01) is None
        assert machine.wake_s == now_s + wait_s
        now_s += wait_s
    machine.seen(now_s)
    assert machine.act(now_s) is Do.CONNECT
    machine.connected(now_s)
    machine.ended(now_s + 1.0)
    assert machine.act(now_s + 1.0) is Do.CONNECT, "what was connected begins anew"


def test_a_device_that_stays_silent_is_connected_less_and_less() -> None:
    w = world()
    w.step(5.0)
    w.sends = False
    w.step(600.0)
    gaps = [b - a for a, b in zip(w.drops, w.drops[1:], strict=False)]
    assert gaps[-1] > 3 * gaps[0]
    assert gaps[-1] < 2 * USUAL.silent_max_s + 30.0
    assert w.machine.state in ("silent", "lost", "connected")
    w.sends = True
    w.step(2.0)
    w.sends = False
    w.step(USUAL.silent_s + 0.2)
    assert w.machine.state == "silent"


def test_a_device_that_is_none_is_left_alone_for_a_minute() -> None:
    """Neither connected nor looked for."""
    w = world()
    w.step(5.0)
    w.machine.drop(w.now_s, trouble.STORM)
    w.step(1.0)
    windows, attempts = len(w.windows), len(w.attempts)
    w.step(50.0)
    assert (len(w.windows), len(w.attempts)) == (windows, attempts)
    w.step(20.0)
    assert w.machine.up


def test_nobody_runs_and_the_radio_rests() -> None:
    machine = Machine("pod")
    machine.want(0.0, True)
    assert machine.pause_s(10.0, running=False) == USUAL.pause_s
    assert machine.pause_s(500.0, running=False) == USUAL.pause_idle_s
    assert machine.pause_s(500.0, running=True) == USUAL.pause_s


def test_links_that_end_after_the_same_time_are_the_trap() -> None:
    w = world()
    for _ in range(3):
        while not w.machine.up:
            w.step(TICK_S)
        w.step(30.0)
        happen(w, "drops")
    assert w.machine.trouble is trouble.PARAMETERS
    while not w.machine.up:
        w.step(TICK_S)
    w.step(400.0)
    assert w.machine.trouble is trouble.PARAMETERS, "it stays said until a link lasts longer"
    happen(w, "drops")
    assert w.machine.trouble is trouble.LOST


def test_links_that_end_at_any_time_are_not() -> None:
    w = world()
    for seconds in (20.0, 45.0, 90.0, 33.0, 150.0):
        while not w.machine.up:
            w.step(TICK_S)
        w.step(seconds)
        happen(w, "drops")
        assert w.machine.trouble is trouble.LOST


def test_a_radio_that_cannot_is_said_and_ends_the_looking() -> None:
    w = world()
    w.near = False
    w.step(5.0)
    w.machine.radio(w.now_s, trouble.ADAPTER_OFF)
    assert (w.machine.state, w.machine.trouble) == ("off", trouble.ADAPTER_OFF)
    windows, attempts = len(w.windows), len(w.attempts)
    happen(w, "returns")
    w.step(20.0)
    assert (len(w.windows), len(w.attempts)) == (windows, attempts)
    w.machine.radio(w.now_s, None)
    w.step(RETURN_S)
    assert w.machine.state == "connected"


def test_a_link_that_stands_is_not_ended_for_the_radio() -> None:
    """Only for what the other link was told; when it breaks, the radio is what is said."""
    w = world()
    w.step(5.0)
    w.machine.radio(w.now_s, trouble.HUNG)
    w.step(10.0)
    assert w.machine.up
    happen(w, "drops")
    assert w.machine.trouble is trouble.HUNG
    w.machine.radio(w.now_s, None)
    w.step(RETURN_S)
    assert w.machine.state == "connected"


def test_nobody_paired_does_nothing() -> None:
    machine = Machine("heart")
    machine.radio(1.0, trouble.NO_ADAPTER)
    machine.seen(2.0)
    machine.ended(3.0)
    machine.value(3.0)
    assert machine.act(4.0) is None
    assert machine.state == "off"
    assert not machine.seeks(5.0)
    assert machine.wake_s == math.inf
