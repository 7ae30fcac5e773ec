"""Rows of the bus and of the chip behind it: F1 to F8, F22.

Every sample of these trials carries its own number, so that what is handed on is known to be what
was measured, when, and with nothing left out untold (:mod:`calibration.reliability.rig`).
"""

import functools
import math
import random
from collections.abc import Callable, Iterator
from typing import Final

from calibration.reliability import Outcome, Row
from calibration.reliability.rig import Rig, ViolationError, need
from gaitpi.config import ImuConfig
from gaitpi.errors import SensorError
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips import CHIPS, twins
from gaitpi.imu.reader import EXAM_READS, State, find_sensor, open_reader
from gaitpi.imu.recovery import Recovery
from gaitpi.imu.virtual.chip import Twin
from gaitpi.imu.virtual.faulty import FaultScript, FaultyBus, Trouble, VirtualPins
from gaitpi.imu.virtual.numbered import Numbered
from gaitpi.imu.virtual.transport import VirtualTransport

PARTS: Final = tuple({twin.name: twin for twin in reversed(twins())}.values())
"""One part of each kind of chip."""
SETTLE_S: Final = 10.0
Trial = Callable[[Rig, random.Random], float]
"""Does it once on a settled rig; gives what is compared, raises ViolationError."""


def settled(twin: Twin, rng: random.Random, **more: object) -> Rig:
    """A reader that has run for some seconds, the chip's true rate anywhere within 8 %."""
    rig = Rig(twin, rng.uniform(-0.08, 0.08), **more).start()  # type: ignore[arg-type]
    rig.run(SETTLE_S + rng.uniform(0.0, rig.poll_s))
    return rig


def shared(trials: int) -> Iterator[tuple[Twin, int]]:
    """The trials among the parts."""
    for k, twin in enumerate(PARTS):
        n = trials // len(PARTS) + (k < trials % len(PARTS))
        if n:
            yield twin, n


PER_RIG: Final = 25
"""Trials on one rig, one after the other: a stream that grows long is slow to check."""


def each(
    trials: int,
    seed: int,
    trial: Trial,
    words: Callable[[float], str],
    limit: float,
    **more: object,
) -> Outcome:
    """Every part has its share of the trials; the worst of what they give must keep the limit."""
    worst = 0.0
    for twin, n in shared(trials):
        for first in range(0, n, PER_RIG):
            begin = f"{seed}/{twin.part}/{first}"
            rng = random.Random(begin)
            try:
                rig = settled(twin, rng, **more)
                for _ in range(min(PER_RIG, n - first)):
                    worst = max(worst, trial(rig, rng))
                    need(worst <= limit, f"{words(worst)}, more than {limit:g}")
                told_right(rig)
            except (ViolationError, SensorError) as error:
                return Outcome(trials, words(worst), False, f"{error} (seed {begin})")
    return Outcome(trials, words(worst), True)


def told_right(rig: Rig) -> list[tuple[float, int]]:
    """All that was handed on is right, and gaps are right to a sample. Raises ViolationError."""
    gaps = rig.check()
    for gap_s, missing in gaps:
        off = abs(gap_s * rig.rate - missing)
        need(missing > 0 and off <= 1.0, f"a gap of {missing} samples is {off:.1f} off")
    return gaps


def until_samples(rig: Rig, limit_s: float) -> float:
    """Seconds until the next samples, limited; then two seconds more."""
    before, begun = len(rig.batches), rig.clock.monotonic()
    rig.run(limit_s, until=lambda: len(rig.batches) > before)
    took = rig.clock.monotonic() - begun
    need(len(rig.batches) > before, f"no samples within {limit_s:g} s: {rig.reader.reason}")
    rig.run(2.0)
    return took


# ------------------------------------------------------------------ F1 to F3


def scattered(kind: str, trials: int, seed: int) -> Outcome:
    """``trials`` minutes with 1 % of the transfers refused."""
    refused = lost = 0
    for twin, minutes in shared(trials):
        begin = f"{seed}/{twin.part}"
        rng = random.Random(begin)
        for _ in range(minutes):
            try:
                rig = settled(twin, rng)
                before = len(rig.batches)
                rig.play(FaultScript((Trouble(kind, chance=0.01),), rng.randrange(2**32)))
                rig.run(60.0)
                refused += rig.bus.spoilt[kind]
                rig.play(FaultScript())
                rig.run(0.2)
                need(len(rig.batches) > before, "no samples")
                lost += sum(missing for _, missing in told_right(rig))
                need(lost == 0, f"{lost} samples lost")
            except ViolationError as error:
                return Outcome(refused, f"{lost} samples lost", False, f"{error} (seed {begin})")
    return Outcome(refused, f"{lost} samples lost in {trials} min", True)


def loose(rig: Rig, rng: random.Random) -> float:
    """The plug has no contact for 0.1 to 10 s; seconds until samples come after it has."""
    rig.wires.unplug(rig.chip.address)
    rig.run(10.0 ** rng.uniform(-1.0, 1.0))
    rig.clock.sleep(rng.uniform(0.0, rig.poll_s))
    rig.wires.replug(rig.chip.address)
    return until_samples(rig, 2.0)


def held(rig: Rig, rng: random.Random) -> float:
    """A wire is held until 1 to 9 clocks have come; seconds until samples come."""
    rig.play(FaultScript((Trouble("stuck", clocks=rng.randint(1, 9)),)))
    took = until_samples(rig, 3.0)
    need(rig.bus.slowest_s <= 0.060, f"a transfer took {rig.bus.slowest_s:.3f} s")
    need(not rig.bus.held, "still held")
    return took


def clocked(bus: FaultyBus) -> Recovery:
    """What frees the wires of a trial."""
    return Recovery(VirtualPins(bus), threaded=False)


# ------------------------------------------------------------------ F4 to F8


def altered(trials: int, seed: int) -> Outcome:
    """One bit of one read-back of the exam turns over; and as many starts with a sound wire."""
    missed = refused = 0
    for k in range(trials):
        rng = random.Random(f"{seed}/{k}")
        rig = Rig(rng.choice(PARTS))
        left = [rng.randrange(EXAM_READS)]

        def spoil(
            register: int,
            data: bytes,
            rig: Rig = rig,
            left: list[int] = left,
            bit: int = 1 << rng.randrange(8),
        ) -> bytes:
            streams = rig.state() is State.STREAM
            if not streams or register not in (rig.data.who_am_i, *critical(rig)):
                return data
            left[0] -= 1
            if left[0] != -1:
                return data
            # of a register only the bits that were set are known
            mask = critical(rig).get(register, 0xFF)
            return bytes((data[0] ^ (bit if bit & mask else mask & -mask), *data[1:]))

        rig.bus.after = spoil
        try:
            rig.start()
            missed += 1
        except SensorError as error:
            if "read-backs" not in error.found:
                return Outcome(trials, "refused otherwise", False, f"{error} (seed {seed}/{k})")
        try:
            Rig(rng.choice(PARTS)).start()
        except SensorError as error:
            refused += 1
            return Outcome(trials, f"{refused} sound wires refused", False, str(error))
    return Outcome(trials, f"{missed} let through, {refused} sound ones refused", missed == 0)


@functools.cache
def _critical(name: str, rate_hz: float) -> dict[int, int]:
    chip = next(chip for chip in CHIPS if chip.name == name)
    table = sorted((s for s in chip.table(rate_hz) if s.critical), key=lambda s: s.register)
    first = [s for k, s in enumerate(table) if not k or s.register != table[k - 1].register + 1]
    return {s.register & 0xFF: s.mask for s in first}


def critical(rig: Rig) -> dict[int, int]:
    """Address of the first register of each critical block, with its mask."""
    return _critical(rig.data.name, rig.reader.info.rate_hz)


def browned_out(rig: Rig, rng: random.Random) -> float:
    """Power fails, for 0 to 0.3 s; seconds until samples come after it is back."""
    rig.clock.sleep(rng.uniform(0.0, 2.0 * rig.poll_s))
    off_s = rng.choice((0.0, rng.uniform(0.0, 0.3)))
    rig.chip.power_cycle(off_s)
    return until_samples(rig, 3.0) - off_s


def stalled(rig: Rig, rng: random.Random) -> float:
    """The reader stands still for 0.1 to 5 s; polls until samples come again."""
    rig.clock.sleep(10.0 ** rng.uniform(-1.0, math.log10(5.0)))
    return until_samples(rig, 1.0) / rig.poll_s


def byte_lost(kind: str) -> Trial:
    """One byte goes from the FIFO unseen, or is lost on the way; seconds of samples lost."""

    def trial(rig: Rig, rng: random.Random) -> float:
        gaps = len(rig.check())
        where = 1 if kind == "lose" else rng.randrange(64)
        fault = Trouble(kind, most=1, register=rig.data.fifo.data, where=where)
        rig.play(FaultScript((fault,)))
        rig.run(0.5)
        lost = rig.check()[gaps:]
        need(len(lost) <= 1, f"{len(lost)} gaps of one byte")
        return sum(gap_s for gap_s, _ in lost) / rig.poll_s

    return trial


def froze(rig: Rig, rng: random.Random) -> float:
    """All samples are the same from a moment on; seconds until that is known."""
    rig.clock.sleep(rng.uniform(0.0, rig.poll_s))
    began = rig.clock.monotonic()
    number = math.ceil((began - rig.chip.source_start_s) * rig.rate) + 2
    rig.source.frozen_from = float(number)
    before = rig.reader.counters.get("frozen", 0)
    rig.run(1.0, until=lambda: rig.reader.counters.get("frozen", 0) > before)
    need(rig.reader.counters.get("frozen", 0) > before, "not found")
    took = rig.clock.monotonic() - began
    known = sum(len(batch.counts) for batch in rig.batches)
    rig.run(2.0)
    more = sum(len(batch.counts) for batch in rig.batches) - known
    need(more <= 25, f"{more} frozen samples handed on after that")
    rig.source.frozen_from = math.inf
    rig.run(3.0)
    # what was handed on of it is not of the numbers that are checked
    rig.batches.clear()
    return took


# ------------------------------------------------------------------ F22


def strangers(trials: int, seed: int) -> Outcome:
    """Ids nobody knows, at random addresses of random parts."""
    known = {who for chip in CHIPS for who in (*chip.tested, *chip.tolerated)}
    unknown = [who for who in range(1, 255) if who not in known]
    rng = random.Random(seed)
    for k in range(trials):
        twin, who = rng.choice(twins()), unknown[k % len(unknown)]
        clock = VirtualClock()
        chip = twin.make(Numbered(), clock)
        data = next(chip for chip in CHIPS if chip.name == twin.name)
        answers = Trouble("reads", register=data.who_am_i, value=who)
        bus = FaultyBus(VirtualTransport([chip]), clock, FaultScript((answers,)))
        try:
            find_sensor(bus, clock, ImuConfig(address=twin.address))
            return Outcome(trials, "accepted", False, f"0x{who:02X} as {twin.part}")
        except SensorError as error:
            said = f"{error.found} {error.todo}"
            for word in (f"0x{who:02X}", f"0x{twin.address:02X}", "SDA (pin 3)"):
                if word not in said:
                    return Outcome(trials, f"{word} not named", False, said)
    return Outcome(trials, "all refused, with id, address and wires", True)


def tolerated(trials: int, seed: int) -> Outcome:
    """Every known clone's id starts, and its runs say so."""
    marked = 0
    ids = [
        (twin, who)
        for twin in PARTS
        for chip in CHIPS
        if chip.name == twin.name
        for who in chip.tolerated
    ]
    random.Random(seed).shuffle(ids)
    for twin, who in ids[:trials]:
        rig = Rig(twin)
        rig.play(FaultScript((Trouble("reads", register=rig.data.who_am_i, value=who),)))
        reader = open_reader(rig.bus, rig.clock, ImuConfig(address=twin.address))
        reader.start()
        if (reader.info.identity, reader.info.who_am_i) != ("tolerated", who):
            return Outcome(trials, "not marked", False, f"0x{who:02X} as {twin.part}")
        marked += 1
    return Outcome(marked, "all marked in what the run file's header is made of", True)


def _seconds(value: float) -> str:
    return f"{1000.0 * value:.0f} ms"


def _polls(value: float) -> str:
    return f"{value:.1f} polls"


def _row(number: str, fault: str, injector: str, promise: str, counter: str, **how: object) -> Row:
    return Row(number, fault, injector, promise, counter, **how)  # type: ignore[arg-type]


def _each(trial: Trial, words: Callable[[float], str], limit: float, **more: object) -> object:
    return lambda trials, seed: each(trials, seed, trial, words, limit, **more)


ROWS: Final = (
    _row(
        "F1a",
        "single transfers not acknowledged",
        "1 % of the transfers refused (trials: minutes)",
        "no sample lost",
        "nack",
        judge=functools.partial(scattered, "nack"),
        few=1,
        many=60,
    ),
    _row(
        "F1b",
        "single transfers that fail",
        "1 % of the transfers give EIO (trials: minutes)",
        "no sample lost",
        "io",
        judge=functools.partial(scattered, "io"),
        few=1,
        many=60,
    ),
    _row(
        "F2a",
        "loose wire",
        "no contact for 0.1 to 10 s",
        "samples within 300 ms of contact, the gap right to a sample",
        "lost",
        judge=_each(loose, _seconds, 0.3),
        few=8,
        many=500,
    ),
    _row(
        "F3a",
        "SDA held low by the sensor",
        "held until 1 to 9 clocks have come",
        "no transfer over 60 ms, freed, samples again within 2 s",
        "freed",
        judge=_each(held, _seconds, 2.0, recovery=clocked),
        few=8,
        many=500,
    ),
    _row(
        "F4",
        "a wire that alters bits",
        "one bit of one of 1,000 read-backs at the start",
        "refused, with what to do; a sound wire never",
        "the start is refused",
        judge=altered,
        few=8,
        many=500,
    ),
    _row(
        "F5",
        "sensor back at its defaults",
        "power fails at a random instant, for 0 to 0.3 s",
        "no wrong sample gets out, samples again within 1.0 s",
        "register",
        judge=_each(browned_out, _seconds, 1.0),
        few=15,
        many=500,
    ),
    _row(
        "F6",
        "FIFO runs over",
        "the reader stands still for 0.1 to 5 s",
        "no wrong sample gets out, samples again with the second poll, the gap right to a sample",
        "overflow",
        judge=_each(stalled, _polls, 2.05),
        few=15,
        many=500,
    ),
    _row(
        "F7a",
        "a byte lost in the FIFO",
        "one byte leaves it unseen",
        "no wrong sample gets out, a batch and the flush lost at most",
        "misaligned",
        judge=_each(byte_lost("lose"), _polls, 3.0),
        few=15,
        many=500,
    ),
    _row(
        "F8a",
        "frozen data",
        "all samples equal from a random instant on",
        "found within 250 ms",
        "frozen",
        judge=_each(froze, _seconds, 0.25, look_ahead=1),
        few=8,
        many=200,
    ),
    _row(
        "F22a",
        "unknown chip",
        "ids nobody knows",
        "all refused, with id, address and wires",
        "the start is refused",
        judge=strangers,
        few=254,
        many=2000,
    ),
    _row(
        "F22b",
        "clone",
        "every id known of clones",
        "marked in every run",
        "identity in the run file's header",
        judge=tolerated,
        few=20,
        many=20,
    ),
)
