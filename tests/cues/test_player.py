"""The player on mock pins and real or virtual time: order, timing, priority, silence."""

import io
import math
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gaitpi.coach.types import Cue
from gaitpi.config import CuesConfig
from gaitpi.cues.outputs import Outputs, TerminalOutput, open_outputs
from gaitpi.cues.player import Played, Player, system_cue
from gaitpi.cues.vocabulary import fault
from gaitpi.errors import OutputError, UsageError
from gaitpi.hostclock import SystemClock, VirtualClock

BEAT_S = 0.25


def cue(name: str, time_s: float = 0.0, beat_s: float = math.nan) -> Cue:
    return Cue(time_s, name, "cadence", 160.0, (166.0, math.inf), "cadence.low", "low", beat_s)


class Rig:
    """A player on mock pins; waits for what it has played."""

    def __init__(self) -> None:
        self.factory = MockFactory(pin_class=MockPWMPin)
        self.outputs = open_outputs(CuesConfig(volume=100, pwm="software"), self.factory)
        self.played: list[Played] = []
        self._more = threading.Condition()
        self.player = Player(self.outputs, SystemClock(), self._note)

    def _note(self, played: Played) -> None:
        with self._more:
            self.played.append(played)
            self._more.notify_all()

    def wait_for(self, n: int) -> list[str]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.played) >= n, timeout=10.0)
        return [played.cue.cue for played in self.played]

    def wait_for_sound(self) -> None:
        end = time.monotonic() + 10.0
        while not self.factory.pin(17).state:
            assert time.monotonic() < end
            time.sleep(0.002)

    def states(self, pin: int) -> list[float]:
        return [float(state.state) for state in self.factory.pin(pin).states]


@pytest.fixture
def rig() -> Any:
    rig = Rig()
    yield rig
    rig.player.close()


def test_back_is_two_ticks_at_the_right_times_on_both_pins(rig: Rig) -> None:
    rig.player.submit(cue("back"))
    assert rig.wait_for(1) == ["back"]
    assert rig.states(18) == [0.0, 0.5, 0.0, 0.5, 0.0]
    assert rig.states(17) == [0.0, 1.0, 0.0, 1.0, 0.0]
    # Each state's time stamp is the length of the one before it.
    lengths = [state.timestamp for state in rig.factory.pin(17).states[2:]]
    assert lengths == pytest.approx([0.06, 0.06, 0.06], abs=0.055)
    played = rig.played[0]
    assert played.complete
    assert 0.18 - 1e-6 <= played.end_s - played.start_s < 1.0


def test_ticks_keep_the_step_interval_without_drift(rig: Rig) -> None:
    rig.player.submit(cue("step-up", beat_s=BEAT_S))
    rig.wait_for(1)
    t, starts = 0.0, []
    for state in rig.factory.pin(17).states[1:]:
        t += state.timestamp
        if state.state:
            starts.append(t)
    assert [s - starts[0] for s in starts] == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=0.1)


def test_slow_outputs_do_not_move_the_rhythm() -> None:
    clock = VirtualClock(start_s=100.0)
    switched: list[tuple[float, bool]] = []

    class Noting(TerminalOutput):
        def tone(self, freq: float, level: float) -> None:
            switched.append((clock.monotonic(), level > 0))
            clock.advance(0.003)  # what writing to the pins costs

    stream = io.StringIO()
    played: list[Played] = []
    player = Player(Outputs([Noting(stream)]), clock, played.append)
    player.play_now(cue("beat", 61.0, 60.0 / 172.0))
    on = [t for t, sounding in switched if sounding]
    assert on == pytest.approx([100.0 + k * 60.0 / 172.0 for k in range(12)], abs=1e-9)
    assert (played[0].start_s, played[0].complete) == (100.0, True)
    assert "1:01  >> beat" in stream.getvalue()
    player.close()


def test_the_higher_interrupts_the_lower(rig: Rig) -> None:
    rig.player.submit(cue("beat", beat_s=BEAT_S))
    rig.wait_for_sound()
    rig.player.submit(system_cue("trouble", 3.0))
    assert rig.wait_for(2) == ["beat", "trouble"]
    assert [played.complete for played in rig.played] == [False, True]
    assert rig.played[1].start_s - rig.played[0].start_s < 1.0


def test_the_lower_never_interrupts_and_goes_stale(rig: Rig) -> None:
    rig.player.submit(system_cue("trouble", 0.0))
    rig.wait_for_sound()
    rig.player.submit(cue("back"))
    assert rig.wait_for(1) == ["trouble"]
    assert rig.played[0].complete
    rig.player.submit(system_cue("mark", 1.0))
    assert rig.wait_for(2) == ["trouble", "mark"]
    assert rig.player.dropped == 1


def test_system_sounds_wait_for_each_other(rig: Rig) -> None:
    rig.player.submit(system_cue("set", 0.0))
    rig.player.submit(system_cue("mark", 0.0))
    assert rig.wait_for(2) == ["set", "mark"]
    assert all(played.complete for played in rig.played)


def test_a_stale_cue_is_dropped_and_counted(rig: Rig) -> None:
    now = time.monotonic()
    rig.player.submit(cue("back"), decided_s=now - 0.3)
    rig.player.submit(cue("back"), decided_s=now)
    assert rig.wait_for(1) == ["back"]
    assert rig.player.dropped == 1
    assert len(rig.states(17)) == 5


def test_a_stale_cue_does_not_cut_a_lower_one(rig: Rig) -> None:
    rig.player.submit(cue("let-go"))
    rig.wait_for_sound()
    rig.player.submit(cue("step-up", beat_s=BEAT_S), decided_s=time.monotonic() - 0.3)
    assert rig.wait_for(1) == ["let-go"]
    assert rig.played[0].complete
    assert rig.player.dropped == 1


def test_close_cuts_the_sound_and_releases_the_pins() -> None:
    rig = Rig()
    rig.player.submit(cue("beat", beat_s=BEAT_S))
    rig.wait_for_sound()
    before = time.monotonic()
    rig.player.close()
    rig.player.close()
    assert time.monotonic() - before < 1.0
    for pin in (18, 17):
        assert rig.states(pin)[-1] == 0.0
        assert rig.factory.pin(pin).function == "input"
    assert [played.complete for played in rig.played] == [False]
    rig.player.submit(cue("back"))
    assert rig.player.dropped == 1


def test_close_before_anything_was_played() -> None:
    rig = Rig()
    rig.player.close()
    assert rig.factory.pin(18).function == "input"


def test_silent_after_an_exception_in_this_thread() -> None:
    class Interrupting(VirtualClock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    factory = MockFactory(pin_class=MockPWMPin)
    player = Player(open_outputs(CuesConfig(pwm="software"), factory), Interrupting())
    with pytest.raises(KeyboardInterrupt):
        player.play_now(cue("back"))
    assert [float(state.state) for state in factory.pin(17).states] == [0.0, 1.0, 0.0]
    assert factory.pin(18).state == 0.0
    player.close()


def test_an_exception_in_the_thread_is_kept_and_leaves_silence() -> None:
    factory = MockFactory(pin_class=MockPWMPin)
    failed = threading.Event()

    def played(_: Played) -> None:
        failed.set()
        raise ValueError("the listener failed")

    player = Player(open_outputs(CuesConfig(pwm="software"), factory), SystemClock(), played)
    player.submit(cue("back"))
    assert failed.wait(10.0)
    player.close()
    assert isinstance(player.error, ValueError)
    assert factory.pin(17).state == 0.0


def test_the_loss_of_the_last_output_is_kept_as_error() -> None:
    class Broken(TerminalOutput):
        def tone(self, freq: float, level: float) -> None:
            raise OSError("Input/output error")

    player = Player(Outputs([Broken(io.StringIO())]), SystemClock())
    player.submit(cue("back"))
    end = time.monotonic() + 10.0
    while player.error is None and time.monotonic() < end:
        time.sleep(0.002)
    assert isinstance(player.error, OutputError)
    player.close()


def test_bad_cues_are_refused_where_they_are_submitted(rig: Rig) -> None:
    with pytest.raises(UsageError, match="no sound"):
        rig.player.submit(cue("fanfare"))
    with pytest.raises(ValueError, match="step interval"):
        rig.player.submit(cue("step-up"))
    assert rig.player.error is None


def test_the_light_blinks_between_sounds(rig: Rig) -> None:
    rig.player.light(fault(2))
    time.sleep(1.5)
    rig.player.light("off")
    rig.player.submit(system_cue("mark", 0.0))
    rig.wait_for(1)
    # Two blinks of 0.4 s, 0.3 s apart, then the tick; the buzzer only ticks.
    assert rig.states(17) == [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    lengths = [state.timestamp for state in rig.factory.pin(17).states[2:5]]
    assert lengths == pytest.approx([0.4, 0.3, 0.4], abs=0.14)
    assert rig.states(18) == [0.0, 0.5, 0.0]


def test_a_wink_is_shown_once_and_the_light_goes_on(rig: Rig) -> None:
    rig.player.light("link-gained")
    time.sleep(1.2)
    assert rig.states(17) == [0.0, 1.0, 0.0]  # off again, for good


def test_never_two_sounds_at_once_and_the_more_important_first(rig: Rig) -> None:
    names = ["back", "mark", "belt", "hold", "trouble", "set"]
    rig.player.submit(system_cue("record", 0.0))
    rig.wait_for_sound()
    for name in names:
        rig.player.submit(system_cue(name, 0.0))
    order = rig.wait_for(1 + len(names))
    assert order == ["record", "trouble", "belt", "back", "mark", "hold", "set"]
    assert [played.complete for played in rig.played] == [False] + [True] * len(names)
    for before, after in pairwise(rig.played):
        assert before.end_s <= after.start_s


def test_gpiozero_is_not_imported_by_importing_the_cues() -> None:
    import subprocess

    code = "import sys, gaitpi.cues.player, gaitpi.coach.policy; print('gpiozero' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
