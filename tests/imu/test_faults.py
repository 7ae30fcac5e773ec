"""Random scripts of faults over every kind of virtual chip, through the real reader.

A script that fails is printed with its seed; ``FaultScript.parse(text)`` makes it again.
"""

import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given, note, settings
from hypothesis import strategies as st

from gaitpi.config import ImuConfig
from gaitpi.errors import OutputError, SensorError
from gaitpi.faults import FAULTS
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips import twins
from gaitpi.imu.reader import EXAM_READS, FREE_EVERY_S, State, open_reader
from gaitpi.imu.recovery import PinctrlPins, Recovery, Tried, clock_out, fitted
from gaitpi.imu.virtual.chip import Twin
from gaitpi.imu.virtual.faulty import (
    ADAPTER_S,
    KINDS,
    FaultScript,
    FaultyBus,
    FaultyClock,
    Trouble,
    VirtualPins,
    VirtualSwitch,
)
from gaitpi.imu.virtual.numbered import Numbered
from gaitpi.imu.virtual.transport import VirtualTransport
from tests.imu.rig import MPU_6050, OX, Rig, ViolationError, part

PARTS = list({twin.name: twin for twin in reversed(twins())}.values())
parts = st.sampled_from(PARTS)
SCRIPT_S = 6.0

times = st.floats(0.0, SCRIPT_S - 1.0)
short = st.floats(0.0, 1.0)
NEVER_DATA = [register for register in range(0x80) if register not in (0x00, 0x01, 0x02)]


def of(kind: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[Trouble]:
    """Troubles of a kind, in the time of a script."""
    return st.builds(Trouble, st.just(kind), at_s=times, **{"for_s": short, **fields})


chances = st.floats(0.001, 1.0)
once = st.integers(1, 3)
ALL_BUT_DATA = st.one_of(
    of("nack", chance=chances),
    of("io", chance=chances),
    of("arbitration", chance=chances),
    of("gone"),
    of("timeout", most=st.integers(1, 30)),
    of("stuck"),
    of("short", where=st.integers(0, 8), chance=chances),
    of("slow", value=st.floats(0.0, 0.02), most=st.integers(1, 10)),
    of("brown-out"),
    of("stall", for_s=st.floats(0.0, 5.0)),
    of("wall", value=st.floats(-1e8, 1e8)),
)
"""What a reader must live with and hand nothing wrong on."""


@st.composite
def scripts(draw: st.DrawFn) -> FaultScript:
    """Up to five troubles."""
    troubles = draw(st.lists(ALL_BUT_DATA, min_size=1, max_size=5))
    return FaultScript(tuple(troubles), draw(st.integers(0, 2**32 - 1)))


def played(twin: Twin, script: FaultScript, error: float = 0.03) -> Rig:
    """A settled rig, the script, and time to come back."""
    rig = Rig(twin, error).start()
    rig.run(3.0)
    rig.play(script)
    rig.run(SCRIPT_S)
    rig.run(12.0, until=lambda: not rig.bus.held)
    rig.play(FaultScript())
    rig.run(3.0)
    return rig


COUNTED = {
    "nack": {"nack"},
    "io": {"io"},
    "short": {"io"},
    "arbitration": {"arbitration"},
    "gone": {"gone"},
    "timeout": {"timeout"},
    "stuck": {"timeout"},
    "brown-out": {"register", "nack"},
}
"""What a trouble is counted as, by the reader."""
FOLLOWS = {"lost", "give-up", "overflow", "register", "misaligned", "silent", "freed", "identity"}
"""And what may come of it."""


@given(twin=parts, script=scripts(), error=st.floats(-0.08, 0.08))
@settings(max_examples=50)
def test_whatever_goes_wrong_nothing_wrong_gets_out(
    twin: Twin, script: FaultScript, error: float
) -> None:
    note(f"{twin.part}: {script}")
    rig = played(twin, script, error)
    assert rig.state() is State.STREAM
    for gap_s, missing in rig.check():
        assert missing > 0
        # half a sample at either end; more where the gap before was a moment ago
        assert abs(gap_s * rig.rate - missing) <= 1.5
    counted = set(rig.reader.counters)
    struck = {kind for kind, n in rig.bus.spoilt.items() if n}
    allowed = set().union(FOLLOWS, *(COUNTED.get(kind, set()) for kind in struck))
    assert counted <= allowed
    if "timeout" in struck:
        assert "timeout" in counted
    # no transfer is longer than what the script and the adapter make it
    slow = sum(t.value for t in script.troubles if t.kind == "slow")
    stalls = sum(t.for_s for t in script.troubles if t.kind == "stall")
    assert rig.bus.slowest_s <= ADAPTER_S + slow + stalls + 1e-9


@given(
    twin=parts,
    at_s=times,
    chance=chances,
    bit=st.integers(0, 7),
    seed=st.integers(0, 2**32 - 1),
    pick=st.integers(0, 10**6),
)
@settings(max_examples=30)
def test_bits_that_turn_over_in_registers_let_nothing_wrong_out(
    twin: Twin, at_s: float, chance: float, bit: int, seed: int, pick: int
) -> None:
    """Any register that is read while it streams, but the samples themselves."""
    rig = Rig(twin)
    fifo = rig.data.fifo
    table = rig.data.table(rig.data.rate(208))
    registers = {s.register & 0xFF for s in table} | {rig.data.who_am_i}
    registers |= {fifo.overflow.register} | ({fifo.pattern.register} if fifo.pattern else set())
    registers |= {fifo.level.register}
    registers -= {fifo.data}
    register = sorted(registers)[pick % len(registers)]
    flip = Trouble(
        "flip", at_s, 1.0, chance, register=register, where=pick % 4, value=float(1 << bit)
    )
    script = FaultScript((flip,), seed)
    note(f"{twin.part}: {script}")
    rig.start()
    rig.run(3.0)
    rig.play(script)
    rig.run(SCRIPT_S + 2.0)
    assert rig.state() is State.STREAM
    for gap_s, missing in rig.check():
        assert missing > 0
        assert abs(gap_s * rig.rate - missing) <= 1.5


def test_a_read_of_the_fifo_that_came_short_is_not_repeated_blindly() -> None:
    """All bytes had left the FIFO: what a second read gives is not what is missing."""
    for twin in PARTS:
        rig = Rig(twin).start()
        rig.run(3.0)
        rig.play(FaultScript((Trouble("short", most=1, register=rig.data.fifo.data, where=20),)))
        rig.run(2.0)
        assert rig.bus.spoilt == {"short": 1}
        assert rig.reader.counters == {"io": 1}
        rig.check_gaps(1)


def test_a_read_of_the_fifo_that_was_not_begun_costs_nothing() -> None:
    for twin, kind in itertools.product(PARTS, ("nack", "io", "arbitration")):
        rig = Rig(twin).start()
        rig.run(3.0)
        rig.play(FaultScript((Trouble(kind, most=2, register=rig.data.fifo.data),)))
        rig.run(2.0)
        assert rig.reader.counters == {kind: 2}
        rig.check_gaps(0)


def test_pieces_of_a_long_read_are_long_enough_to_be_believed() -> None:
    """Two frames over a transfer of eighteen: were they read by themselves, nobody could tell."""
    rig = Rig().start()
    rig.poll_s = 0.0975
    rig.run(3.0)
    rig.play(FaultScript((Trouble("io", chance=0.3, register=rig.data.fifo.data),), 1))
    rig.run(5.0)
    assert rig.bus.spoilt["io"] > 20
    rig.play(FaultScript())
    rig.run(1.0)
    rig.check_gaps(0)


@pytest.mark.parametrize("twin", PARTS, ids=lambda twin: twin.part)
def test_a_host_that_is_held_up_has_no_silent_sensor(twin: Twin) -> None:
    """Held up after the FIFO was seen empty, and before it is judged how long it was so."""
    rig = Rig(twin).start()
    rig.run(3.0)
    rig.poll_s = 0.001
    left = [8]
    critical = {run[0].register & 0xFF for run in rig.reader._critical}

    def hold(register: int, data: bytes) -> bytes:
        if register in critical and left[0]:
            left[0] -= 1
            rig.clock.sleep(0.26)
        return data

    for _ in range(8):
        rig.bus.after = lambda register, data: data
        rig.run(0.02)
        rig.bus.after = hold
        rig.run(0.3)
    assert left[0] == 0
    assert "silent" not in rig.reader.counters


# ------------------------------------------------------------------ the exam at the start


@pytest.mark.parametrize("twin", PARTS, ids=lambda twin: twin.part)
def test_one_wrong_read_back_at_the_start_is_enough(twin: Twin) -> None:
    rig = Rig(twin)
    reads = [0]

    def spoil(_register: int, data: bytes) -> bytes:
        if rig.state() is State.STREAM and data == bytes((twin.who_am_i,)):
            reads[0] += 1
            if reads[0] == 30:
                return bytes((data[0] ^ 0x80,))
        return data

    rig.bus.after = spoil
    with pytest.raises(SensorError, match=r"1 of \d+ read-backs") as caught:
        rig.start()
    assert "i2c-gpio" in caught.value.todo
    assert "i2c_arm_baudrate" in caught.value.todo
    before = rig.bus.done
    rig.bus.after = lambda register, data: data
    rig.start()  # the same wire, mended
    assert rig.bus.done - before >= EXAM_READS


def test_the_exam_ends_in_time_and_costs_no_sample() -> None:
    """At 500 Hz the FIFO runs over meanwhile, which is no fault of anybody's."""
    rig = Rig(config=ImuConfig(rate_hz=500.0))
    rig.play(FaultScript((Trouble("slow", value=0.001),)))
    before = rig.clock.monotonic()
    rig.start()
    assert rig.clock.monotonic() - before < 0.6
    rig.play(FaultScript())
    rig.run(3.0)
    assert rig.check() == []
    assert rig.reader.counters == {}


# ------------------------------------------------------------------ a wire that is held


def rig_held(clocks: int, *, refuse: bool = False, switch: bool = False) -> tuple[Rig, VirtualPins]:
    """A settled rig whose SDA is held from now on."""
    made: list[VirtualPins] = []

    def recovery(bus: FaultyBus) -> Recovery:
        made.append(VirtualPins(bus, refuse=refuse))
        cut = VirtualSwitch(bus) if switch else None
        return Recovery(made[0], cut, threaded=False, sleep=lambda _s: None)

    rig = Rig(recovery=recovery).start()
    rig.run(3.0)
    rig.play(FaultScript((Trouble("stuck", clocks=clocks),)))
    return rig, made[0]


@pytest.mark.parametrize("clocks", [1, 2, 8, 9])
def test_a_held_wire_is_clocked_free(clocks: int) -> None:
    rig, pins = rig_held(clocks)
    before = len(rig.batches)
    began = rig.clock.monotonic()
    rig.run(3.0, until=lambda: len(rig.batches) > before)
    assert rig.clock.monotonic() - began < 1.0
    assert not rig.bus.held
    assert not pins.taken
    assert rig.reader.counters == {"timeout": 3, "lost": 1, "freed": 1}
    rig.run(1.0)
    rig.check_gaps(1)


def test_one_that_no_clock_frees_is_lost_until_it_is_free() -> None:
    rig, pins = rig_held(0)
    rig.run(20.0)
    assert rig.state() is State.RECOVER
    assert rig.reader.reason == (
        "the bus hangs: a wire is held low, and it is lost until the wire is free "
        "(SDA stays low after 9 clocks)"
    )
    assert rig.bus.slowest_s <= 0.060
    assert not pins.taken
    rig.play(FaultScript())
    rig.run(1.0)
    assert rig.state() is State.STREAM
    rig.check_gaps(1)


def test_one_is_lost_in_words_where_the_pins_cannot_be_taken() -> None:
    rig, _ = rig_held(9, refuse=True)
    rig.run(2.0)
    assert rig.reader.reason.endswith("(its pins cannot be taken: there is no pinctrl here)")
    without = Rig().start()
    without.run(3.0)
    without.play(FaultScript((Trouble("stuck"),)))
    without.run(2.0)
    assert without.reader.reason.endswith("it is lost until the wire is free")


@pytest.mark.parametrize("refuse", [False, True])
def test_where_clocks_do_not_help_the_power_is_cut(refuse: bool) -> None:
    rig, _ = rig_held(0, refuse=refuse, switch=True)
    rig.run(2.0)
    assert rig.state() is State.STREAM
    assert rig.reader.counters["freed"] == 1
    rig.check_gaps(1)


def test_attempts_to_free_it_leave_time_between() -> None:
    rig, _ = rig_held(0)
    tried: list[float] = []
    recovery = rig.reader._recovery
    assert isinstance(recovery, Recovery)
    begin = recovery.begin

    def noted() -> None:
        tried.append(rig.clock.monotonic())
        begin()

    recovery.begin = noted  # type: ignore[method-assign]
    rig.run(21.0)
    assert len(tried) == 5
    assert all(b - a >= FREE_EVERY_S for a, b in itertools.pairwise(tried))


def test_a_bus_that_was_freed_and_hangs_again_is_freed_again_at_once() -> None:
    rig, _ = rig_held(4)
    rig.run(1.0)
    for _ in range(3):
        rig.play(FaultScript((Trouble("stuck", clocks=9),)))
        rig.run(1.0)
        assert rig.state() is State.STREAM
    rig.check_gaps(4)


class Busy:
    """A recovery that takes its time, and says what it was asked."""

    def __init__(self) -> None:
        self.busy = False
        self.begun = 0

    def begin(self) -> None:
        self.busy = True
        self.begun += 1

    def result(self) -> Tried:
        return Tried("clocks", "clocked free")

    def close(self) -> None:
        self.busy = False


def test_the_bus_is_left_alone_while_its_pins_are_taken() -> None:
    slow = Busy()
    rig = Rig(recovery=lambda _bus: slow).start()
    rig.run(3.0)
    rig.play(FaultScript((Trouble("stuck"),)))
    rig.run(1.0)
    assert (slow.begun, slow.busy) == (1, True)
    before = rig.bus.done
    rig.run(1.0)
    assert rig.bus.done == before
    rig.play(FaultScript())
    slow.busy = False
    rig.run(1.0)
    assert rig.state() is State.STREAM
    rig.check_gaps(1)


def test_a_wire_held_at_the_start_is_clocked_free() -> None:
    clock = VirtualClock()
    chip = MPU_6050.make(Numbered(), clock)
    script = FaultScript((Trouble("stuck", clocks=9),))
    bus = FaultyBus(VirtualTransport([chip]), clock, script, chips=[chip])
    with pytest.raises(SensorError, match="hangs"):
        open_reader(bus, clock, ImuConfig())
    reader = open_reader(bus, clock, ImuConfig(), Recovery(VirtualPins(bus), threaded=False))
    reader.start()
    assert reader.state is State.STREAM


class Wire:
    """Pins that note what is done to them; SDA is let go after so many clocks."""

    def __init__(self, clocks: int) -> None:
        self.left = clocks
        self.seen: list[str] = []
        self.low = {"sda": False, "scl": False}

    def take(self) -> None:
        self.seen.append("take")

    def give_back(self) -> None:
        self.seen.append("back")

    def sda(self) -> bool:
        return self.left <= 0 and not self.low["sda"]

    def scl(self) -> bool:
        return not self.low["scl"]

    def pull_sda(self, low: bool) -> None:
        self.seen.append("sda" + "-+"[not low])
        self.low["sda"] = low

    def pull_scl(self, low: bool) -> None:
        self.seen.append("scl" + "-+"[not low])
        self.left -= self.low["scl"] and not low
        self.low["scl"] = low


@pytest.mark.parametrize("clocks", range(12))
def test_no_more_clocks_than_are_needed_and_a_stop(clocks: int) -> None:
    wire = Wire(clocks)
    assert clock_out(wire, lambda: None) == (clocks <= 9)
    assert wire.seen == ["scl-", "scl+"] * min(clocks, 9) + ["sda-", "sda+"]


def test_an_attempt_on_its_thread_gives_the_pins_back() -> None:
    wire = Wire(4)
    recovery = Recovery(wire)
    recovery.begin()
    recovery.close()
    assert not recovery.busy
    assert recovery.result() == Tried("clocks", "clocked free")
    assert (wire.seen[0], wire.seen[-1]) == ("take", "back")


PINCTRL = """#!/bin/sh
# stands in for pinctrl: keeps functions and levels of pins 2 and 3 in files, SDA held so long
cd {folder}
echo "$@" >> log
case "$1" in
funcs) echo "$2, GPIO$2, $(cat funcs$2)" ;;
get) f=$(cat now$2)
  level=hi
  [ "$f" = op ] && level=lo
  [ "$2" = 2 ] && [ "$(cat left)" -gt 0 ] && level=lo
  echo " $2: $f    pu | $level // GPIO$2 = whatever" ;;
set) for pin in $(echo $2 | tr , ' '); do
    [ "$pin" = 3 ] && [ "$(cat now3)" = op ] && [ "$3" = ip ] && echo $(($(cat left) - 1)) > left
    echo $3 > now$pin
  done ;;
esac
"""


def pinctrl(folder: Path, clocks: int, *, pi5: bool = False, function: str = "") -> PinctrlPins:
    """The program, on a Pi 4 or a Pi 5, with SDA held for so many clocks."""
    program = folder / "pinctrl"
    program.write_text(PINCTRL.format(folder=folder))
    program.chmod(0o755)
    before = "SPI0_SIO3, DPI_VSYNC, UART1_TX, " if pi5 else ""
    for pin, name in ((2, "SDA1"), (3, "SCL1")):
        (folder / f"funcs{pin}").write_text(f"{before}{name}, SA{pin}")
        (folder / f"now{pin}").write_text(function or ("a3" if pi5 else "a0"))
    (folder / "left").write_text(f"{clocks}")
    return PinctrlPins(1, program)


@pytest.mark.parametrize("pi5", [False, True])
@pytest.mark.parametrize("function", ["", "ip"])
def test_pins_change_hands_by_pinctrl(tmp_path: Path, pi5: bool, function: str) -> None:
    pins = pinctrl(tmp_path, 3, pi5=pi5, function=function)
    recovery = Recovery(pins, threaded=False)
    recovery.begin()
    assert recovery.result() == Tried("clocks", "clocked free")
    now = [(tmp_path / f"now{pin}").read_text().strip() for pin in (2, 3)]
    assert now == ["a3" if pi5 else "a0"] * 2
    log = (tmp_path / "log").read_text().splitlines()
    assert log.count("set 3 op dl") == 3
    assert not any("dh" in line for line in log)


def test_pins_of_something_else_are_left_alone(tmp_path: Path) -> None:
    recovery = Recovery(pinctrl(tmp_path, 3, function="a5"), threaded=False)
    recovery.begin()
    assert recovery.result().freed == ""
    assert "GPIO2 is in use as a5" in recovery.result().words
    assert "set" not in (tmp_path / "log").read_text()


def test_a_program_that_fails_or_is_missing_is_told(tmp_path: Path) -> None:
    pins = pinctrl(tmp_path, 3)
    (tmp_path / "pinctrl").write_text("#!/bin/sh\necho must be root\nexit 1\n")
    for gone in (False, True):
        if gone:
            (tmp_path / "pinctrl").unlink()
        recovery = Recovery(pins, threaded=False)
        recovery.begin()
        assert recovery.result().words.startswith("its pins cannot be taken: ")


def test_only_the_buses_of_the_header_have_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinctrl(tmp_path, 0)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert fitted(ImuConfig(bus=1))._pins is not None
    assert fitted(ImuConfig(bus=3))._pins is None


def test_the_load_switch_is_on_and_is_cut_for_a_moment() -> None:
    factory = MockFactory()
    recovery = fitted(ImuConfig(bus=3, power_pin=24), lambda: factory)
    pin = factory.pin(24)
    assert pin.state
    recovery._sleep = lambda _s: None
    recovery._threaded = False
    recovery.begin()
    assert recovery.result() == Tried("power", "the sensor's power was cut for a moment")
    assert [state.state for state in pin.states[-2:]] == [False, True]
    recovery.close()
    with pytest.raises(OutputError, match="GPIO 99"):
        fitted(ImuConfig(bus=3, power_pin=99), lambda: factory)


class Broken:
    """A load switch whose library fails in one call of so many, with an error of its own."""

    def __init__(self, fails: str) -> None:
        self.fails = fails
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails:
            raise RuntimeError("GPIO not allocated")  # lgpio's errors are no OSErrors

    def off(self) -> None:
        self._call("off")

    def on(self) -> None:
        self._call("on")

    def close(self) -> None:
        self._call("close")


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("wired", [False, True])
@pytest.mark.parametrize("fails", ["off", "on"])
def test_a_load_switch_that_fails_is_told(fails: str, wired: bool, threaded: bool) -> None:
    switch, wire = Broken(fails), Wire(100)
    recovery = Recovery(wire if wired else None, switch, threaded=threaded, sleep=lambda _s: None)
    for _ in range(2):
        recovery.begin()
        while recovery.busy:
            time.sleep(0.001)
        assert recovery.result() == Tried(
            "", "the load switch of the sensor does not obey: GPIO not allocated"
        )
        recovery._result = Tried("clocks", "an old one")
    recovery.close()
    assert switch.calls == ["off", "on"] * 2 + ["close"]
    assert not wired or (wire.seen[0], wire.seen[-1]) == ("take", "back")


class Stiff(Wire):
    """Pins that do not obey once the power is off."""

    def __init__(self, switch: Broken) -> None:
        super().__init__(100)
        self.switch = switch

    def pull_scl(self, low: bool) -> None:
        if "off" in self.switch.calls:
            raise OSError(5, "input/output error")
        super().pull_scl(low)


def test_an_attempt_that_fails_in_another_way_is_told() -> None:
    wire = Wire(3)
    wire.low = {}  # a bug
    recovery = Recovery(wire, threaded=False, sleep=lambda _s: None)
    recovery.begin()
    assert recovery.result() == Tried("", "the attempt failed: KeyError: 'scl'")
    assert (wire.seen[0], wire.seen[-1]) == ("take", "back")


def test_the_sensor_gets_its_power_again_whatever_happens() -> None:
    switch = Broken("")
    recovery = Recovery(Stiff(switch), switch, threaded=False, sleep=lambda _s: None)
    recovery.begin()
    assert recovery.result().words == "its pins do not obey: input/output error"
    assert switch.calls == ["off", "on"]


# ------------------------------------------------------------------ the scripts themselves


@given(script=scripts())
@settings(max_examples=50)
def test_the_text_of_a_script_is_the_script(script: FaultScript) -> None:
    assert FaultScript.parse(str(script)) == script


def test_a_text_that_is_no_script_is_refused() -> None:
    for text in ("nack", "seed=1; nock", "seed=1; nack at=3", "seed=1; nack at_s=-1", "seed=x"):
        with pytest.raises(ValueError, match=r"."):
            FaultScript.parse(text)


def test_the_same_script_is_played_the_same() -> None:
    script = FaultScript.parse(
        "seed=7; nack chance=0.2; brown-out at_s=1.0 for_s=0.1; timeout most=2"
    )
    one, two = (played(OX, script) for _ in range(2))
    assert one.reader.counters == two.reader.counters
    assert one.bus.spoilt == two.bus.spoilt
    assert [b.counts.tobytes() for b in one.batches] == [b.counts.tobytes() for b in two.batches]


def test_a_rig_notices_what_is_not_so() -> None:
    """The check of all these tests: a wrong sample, one left out, a wrong time."""
    rig = Rig().start()
    rig.run(3.0)
    assert rig.check() == []
    sound = list(rig.batches)
    wrong = sound[5].counts.copy()
    wrong[3, 1] += 100
    for spoilt in (
        replace(sound[5], counts=wrong),
        replace(sound[5], counts=sound[5].counts[1:]),
        replace(sound[5], line=sound[5].line.shifted(0.02)),
    ):
        rig.batches = [*sound[:5], spoilt, *sound[6:]]
        with pytest.raises(ViolationError):
            rig.check()


def test_clock_and_signal_play_their_part() -> None:
    script = FaultScript.parse("seed=0; wall at_s=1.0 value=-1e8; stall at_s=2.0 for_s=3.0")
    inner = VirtualClock(wall_s=1e9)
    clock = FaultyClock(inner, script)
    clock.sleep(0.9)
    assert clock.wall() == pytest.approx(1e9 + 0.9)
    clock.sleep(0.2)
    assert clock.wall() == pytest.approx(0.9e9 + 1.1)
    assert clock.monotonic() == pytest.approx(1.1)
    clock.sleep(1.0)
    assert clock.monotonic() == pytest.approx(5.1)
    clock.sleep(1.0)
    assert clock.monotonic() == pytest.approx(6.1)
    assert clock.stalls == 1


def test_every_fault_the_reader_counts_has_words() -> None:
    for name in set().union(FOLLOWS, *COUNTED.values(), {"frozen", "rate"}):
        assert FAULTS[name].words
    assert set(COUNTED) < set(KINDS)


def test_another_sensor_in_its_place_is_found_out() -> None:
    """Its samples are scaled otherwise, and no calibration is its own."""
    rig = Rig().start()
    rig.run(3.0)
    other = part("MPU-9250").make(Numbered(), rig.clock)
    rig.bus._other = VirtualTransport([other])
    rig.play(FaultScript((Trouble("other", 0.3, 3.0),)))
    rig.run(2.0)
    assert rig.state() is State.RECOVER
    assert rig.reader.reason == "WHO_AM_I reads 0x71, not 0x68"
    rig.run(3.0)
    assert rig.state() is State.STREAM
    rig.check_gaps(1)
