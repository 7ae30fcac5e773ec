"""Rhythms begin when they should; a metronome follows, and stops by itself when unattended."""

import math
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach.rhythm import GLIDE_TICKS, glide
from gaitpi.coach.types import Cue
from gaitpi.config import CuesConfig
from gaitpi.cues.outputs import Outputs, TerminalOutput, open_outputs
from gaitpi.cues.player import LATE_S, Played, Player, system_cue
from gaitpi.cues.train import Train
from gaitpi.cues.vocabulary import METRONOME, PATTERNS, TICK_S, pattern, render
from gaitpi.hostclock import SystemClock, VirtualClock

BEAT_S = 0.25
FROM_S = 0.3


def cue(name: str = "metronome", from_s: float = math.nan, beat_s: float = BEAT_S) -> Cue:
    band = (166.0, math.inf)
    return Cue(0.0, name, "cadence", 160.0, band, "cadence.low", "low", beat_s, 0.0, from_s)


def starts(tones: list[Any]) -> list[float]:
    """When the tones of a sound begin, s."""
    t, out = 0.0, []
    for tone in tones:
        out += [t] if tone.level > 0 else []
        t += tone.duration_s
    return out


def test_the_metronome_is_beat_going_on() -> None:
    assert METRONOME.tones == PATTERNS["beat"].tones
    assert pattern("metronome") is METRONOME
    for from_s in (math.nan, FROM_S):
        train = Train(cue(from_s=from_s), 0.0, math.inf)
        ticks = []
        for _ in range(12):
            ticks.append(train.due_s)
            train.skip()
        assert ticks == pytest.approx(starts(render(METRONOME, BEAT_S, from_s)))


@pytest.mark.parametrize(("name", "gliding"), [("step-up", 2), ("beat", 6)])
def test_rhythmic_cues_glide_and_end_at_the_target(name: str, gliding: int) -> None:
    at = starts(render(pattern(name), BEAT_S, FROM_S))
    intervals = [b - a for a, b in pairwise(at)]
    assert intervals[:gliding] == pytest.approx(glide(FROM_S, BEAT_S, gliding))
    assert intervals[gliding - 1 :] == pytest.approx([BEAT_S] * (len(at) - gliding))
    assert intervals[0] < FROM_S
    with pytest.raises(ValueError, match="step interval"):
        render(pattern(name), BEAT_S, 0.7)


# -------------------------------------------------------------------- the train


@given(
    st.floats(0.25, 0.5),
    st.lists(st.tuples(st.floats(-0.6, 0.6), st.floats(0.99, 1.01)), max_size=20),
)
def test_however_it_is_moved_no_tick_is_doubled(
    beat_s: float, moves: list[tuple[float, float]]
) -> None:
    train = Train(cue(beat_s=beat_s), 10.0, math.inf)
    ticks = [train.due_s]
    for phase, tempo in moves:
        train.follow(train.due_s + (4 + phase) * beat_s, tempo * beat_s)
        for _ in range(4):
            train.skip()
            ticks.append(train.due_s)
    assert all(0.4 * beat_s < b - a < 1.7 * beat_s for a, b in pairwise(ticks))


def test_a_change_that_comes_too_late_joins_the_same_grid() -> None:
    train = Train(cue(), 10.0, math.inf)
    for _ in range(8):
        train.skip()
    train.follow(11.01, 0.2525)  # the tick at 11.0 is over long since
    assert train.due_s == pytest.approx(11.01 + 4 * 0.2525)


# -------------------------------------------------------------------- without a thread


class Virtual:
    """A player on a virtual clock, whose ticks are noted."""

    def __init__(self) -> None:
        self.clock = VirtualClock(start_s=100.0)
        self.played: list[Played] = []
        self.sounds = 0
        rig = self

        class Counting(TerminalOutput):
            def tone(self, freq: float, level: float) -> None:
                rig.sounds += level > 0

        self.player = Player(
            Outputs([Counting(open_null())]), self.clock, self.played.append, threaded=False
        )


def open_null() -> Any:
    import io

    return io.StringIO()


def test_virtual_ticks_come_as_time_goes_and_end_when_told() -> None:
    rig = Virtual()
    rig.player.metronome(cue(from_s=FROM_S), 100.5, math.inf)
    rig.player.catch_up(100.5 + TICK_S - 0.001)
    assert rig.sounds == 0
    rig.player.catch_up(100.5 + sum(glide(FROM_S, BEAT_S, GLIDE_TICKS)) + TICK_S + 1e-9)
    assert rig.sounds == GLIDE_TICKS + 1
    rig.player.hush()
    rig.player.catch_up(200.0)
    rig.player.hush()
    (played,) = rig.played
    assert (played.ticks, played.complete, played.start_s) == (GLIDE_TICKS + 1, True, 100.5)
    assert played.end_s == pytest.approx(100.5 + sum(glide(FROM_S, BEAT_S, GLIDE_TICKS)) + TICK_S)


def test_virtual_no_tick_beyond_the_time_vouched_for() -> None:
    rig = Virtual()
    rig.player.metronome(cue(), 100.0, 101.0)
    rig.player.catch_up(110.0)
    assert rig.sounds == 4  # the fifth would end after it
    rig.player.alive(110.4)
    rig.player.catch_up(110.32)
    assert rig.sounds == 6  # at 110.0 and 110.25, on the grid still
    rig.player.close()
    assert [(p.ticks, p.complete) for p in rig.played] == [(6, False)]
    assert rig.played[0].end_s == pytest.approx(110.25 + TICK_S)


def test_one_that_never_sounded_is_not_told_of() -> None:
    rig = Virtual()
    rig.player.metronome(cue(), 105.0, math.inf)
    rig.player.hush()
    assert rig.played == []


def test_an_impossible_rhythm_is_refused() -> None:
    rig = Virtual()
    with pytest.raises(ValueError, match="step interval"):
        rig.player.metronome(cue(beat_s=math.nan), 100.0, math.inf)
    rig.player.catch_up(110.0)
    assert rig.sounds == 0


# -------------------------------------------------------------------- in real time, on pins


class Rig:
    """A player on mock pins; when the buzzer went up and down (s), and what was told."""

    def __init__(self) -> None:
        self.edges: list[tuple[float, bool]] = []
        rig = self

        class Timed(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
            def _set_state(self, value: Any) -> None:
                super()._set_state(value)
                if self.info.name == "GPIO18":
                    rig.edges.append((time.monotonic(), value > 0))

        self.factory = MockFactory(pin_class=Timed)
        outputs = open_outputs(CuesConfig(volume=100, pwm="software"), self.factory)
        self.edges.clear()
        self.played: list[Played] = []
        self.told = threading.Event()
        self.player = Player(outputs, SystemClock(), self._note)

    def _note(self, played: Played) -> None:
        self.played.append(played)
        self.told.set()

    @property
    def ticks(self) -> list[float]:
        return [t for t, up in self.edges if up]


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.player.close()


def on_time(got: list[float], wanted: list[float]) -> None:
    """Never early, and no later than a busy machine is."""
    assert len(got) == len(wanted)
    for at, due in zip(got, wanted, strict=True):
        assert -0.001 <= at - due < 0.1


def test_a_rhythm_begins_at_the_wanted_time_and_glides(rig: Rig) -> None:
    now = time.monotonic()
    rig.player.submit(cue("step-up", FROM_S), now, now + 0.3)
    assert rig.told.wait(10.0)
    wanted = [now + 0.3 + t for t in starts(render(pattern("step-up"), BEAT_S, FROM_S))]
    on_time(rig.ticks, wanted)
    assert rig.played[0].start_s == pytest.approx(now + 0.3)


def test_too_late_for_its_step_it_begins_on_the_next_one(rig: Rig) -> None:
    now = time.monotonic()
    rig.player.submit(cue("step-up", FROM_S), now, now - 0.1)
    assert rig.told.wait(10.0)
    assert rig.ticks[0] == pytest.approx(now - 0.1 + FROM_S, abs=0.1)
    assert rig.played[0].start_s == pytest.approx(now - 0.1 + FROM_S)


def test_ticks_come_on_time_follow_and_stop_at_once(rig: Rig) -> None:
    t0 = time.monotonic() + 0.2
    rig.player.metronome(cue(), t0, math.inf)
    rig.player.beats(t0 + 2 * BEAT_S + 0.02, 0.27)
    time.sleep(t0 + 2 * BEAT_S + 0.02 + 0.27 + 0.1 - time.monotonic())
    before = time.monotonic()
    rig.player.hush()
    assert rig.played  # told before it returned
    assert time.monotonic() - before < 0.1
    wanted = [t0, t0 + BEAT_S, t0 + 2 * BEAT_S + 0.02, t0 + 2 * BEAT_S + 0.29]
    on_time(rig.ticks, wanted)
    time.sleep(0.4)
    assert len(rig.ticks) == 4
    assert not rig.edges[-1][1]
    assert [(p.ticks, p.complete) for p in rig.played] == [(4, True)]


def test_a_tick_is_cut_short_when_it_is_hushed(rig: Rig) -> None:
    rig.player.metronome(cue(), time.monotonic(), math.inf)
    end = time.monotonic() + 10.0
    while not rig.ticks and time.monotonic() < end:
        time.sleep(0.001)
    rig.player.hush()
    time.sleep(0.03)
    assert not rig.edges[-1][1]


def test_unless_somebody_speaks_for_it_it_is_silent(rig: Rig) -> None:
    t0 = time.monotonic() + 0.05
    rig.player.metronome(cue(), t0, t0 + 0.4)
    time.sleep(1.2)
    # nobody said stop: the one at 0.5 would end after it
    assert 1 <= len(rig.ticks) <= 2
    assert all(t < t0 + 0.4 for t, _ in rig.edges)


def test_another_sound_takes_the_place_of_ticks_and_the_rhythm_is_kept(rig: Rig) -> None:
    t0 = time.monotonic() + 0.1
    rig.player.metronome(cue(), t0, math.inf)
    time.sleep(0.4)
    rig.player.submit(system_cue("hold", 0.0))
    assert rig.told.wait(10.0)
    time.sleep(0.7)
    rig.player.hush()
    assert [p.cue.cue for p in rig.played] == ["hold", "metronome"]
    hold = rig.played[0]
    ticks = [t for t in rig.ticks if not hold.start_s <= t <= hold.end_s]
    assert len(ticks) >= 3
    for t in ticks:
        phase = (t - t0) / BEAT_S
        assert abs(phase - round(phase)) * BEAT_S < LATE_S + 0.05
    ups = [up for _, up in rig.edges]
    assert all(a != b for a, b in pairwise(ups))  # never two sounds at once


def test_closed_it_is_silent_and_takes_no_more() -> None:
    rig = Rig()
    rig.player.metronome(cue(), time.monotonic(), math.inf)
    time.sleep(0.1)
    rig.player.close()
    count = len(rig.ticks)
    rig.player.metronome(cue(), time.monotonic(), math.inf)
    rig.player.beats(time.monotonic(), BEAT_S)
    time.sleep(0.3)
    assert len(rig.ticks) == count
    assert rig.player.dropped == 1
