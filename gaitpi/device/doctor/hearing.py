"""Does the accelerometer feel the buzzer? Tones on and off, and what differs between the two. Pure.

A tone of some kHz is far above what the sensor samples: it comes in folded back (aliased), much
weakened by the sensor's filters, at a frequency that depends on the chip. So no frequency is
presumed: in each short window the spectrum is taken, and of each frequency and axis the mean
logarithm of power with the tone is compared with that without. For noise the logarithm of a
power has variance π²/6 (of an exponential variable), so chance is known; one knock at the table
moves a mean of logarithms little. On and off follow the Thue-Morse sequence, which a slow drift
or a regular shaking does not resemble.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaitpi.cues.outputs import Outputs
from gaitpi.errors import GaitpiError
from gaitpi.hostclock import HostClock
from gaitpi.imu.batch import Floats
from gaitpi.imu.reader import Reader
from gaitpi.units import G0

TONES: Final = (3040.0, 2700.0)
"""Hz. Sampled inside the chip 1000 times a second, as an MPU does, 3040 folds to 40, which its
filter lets through; 2700 is where small piezos are loud."""
WINDOWS: Final = 32
WINDOW_S: Final = 0.3
GUARD_S: Final = 0.04
"""Left out after each change: rise of the tone, and what the sample's time may be off by."""
CHANCE: Final = 1e-4
"""At most this chance of hearing a tone that is not there."""
LOWEST_HZ: Final = 8.0
"""Below is what a table and a body do."""
_LOG_SD: Final = math.pi / math.sqrt(6.0)


@dataclass(frozen=True, slots=True)
class Heard:
    """``db`` over silence of the clearest line, at ``at_hz`` of axis ``axis``, of ``tone_hz``.

    ``chance`` of as much without any tone, all frequencies, axes and tones considered;
    ``size_mg`` the amplitude there.
    """

    tone_hz: float
    at_hz: float
    axis: str
    db: float
    size_mg: float
    chance: float

    @property
    def sure(self) -> bool:
        """Whether it is no chance."""
        return self.chance < CHANCE


def pattern(n: int) -> list[bool]:
    """Thue-Morse: on where the number of ones in k is odd; half of any 2^m are on."""
    return [k.bit_count() % 2 == 1 for k in range(n)]


def compare(
    windows: Floats, on: list[bool], rate_hz: float, tone_hz: float, tries: int = 1
) -> Heard:
    """The clearest difference in ``windows`` (k, n, 3) m/s², ``on`` where the tone sounded.

    ``tries``: how often this is asked in all; chance is multiplied by it.
    """
    n = windows.shape[1]
    taper = np.hanning(n)[None, :, None]
    flat = windows - windows.mean(axis=1, keepdims=True)
    amplitude = 2.0 * np.abs(np.fft.rfft(flat * taper, axis=1)) / taper.sum()
    hz = np.fft.rfftfreq(n, 1.0 / rate_hz)
    used = hz >= LOWEST_HZ
    # a constant axis has no power at all: nothing is heard on it
    log = np.log(np.maximum(amplitude[:, used] ** 2, 1e-18))
    with_it, without = log[np.array(on)], log[~np.array(on)]
    difference = with_it.mean(axis=0) - without.mean(axis=0)
    spread = (with_it.var(axis=0, ddof=1) + without.var(axis=0, ddof=1)) / 2.0
    sd = np.sqrt(np.maximum(spread, _LOG_SD**2) * (1.0 / len(with_it) + 1.0 / len(without)))
    score = difference / sd
    line, axis = np.unravel_index(int(np.argmax(score)), score.shape)
    best = float(score[line, axis])
    chance = min(1.0, 0.5 * math.erfc(best / math.sqrt(2.0)) * score.size * tries)
    size = float(np.exp(with_it.mean(axis=0)[line, axis] / 2.0))
    return Heard(
        tone_hz=tone_hz,
        at_hz=float(hz[used][line]),
        axis="xyz"[int(axis)],
        db=float(difference[line, axis]) * 10.0 / math.log(10.0),
        size_mg=size / G0 * 1000.0,
        chance=chance,
    )


def listen(
    reader: Reader,
    clock: HostClock,
    outputs: Outputs,
    poll_s: float,
    tones: tuple[float, ...] = TONES,
) -> Heard | None:
    """Play each tone on and off and feel for it; the surest. None when the sensor stopped.

    Raises OutputError when the last output fails.
    """
    heard = []
    for tone_hz in tones:
        changes, on, acc, times = _play(reader, clock, outputs, poll_s, tone_hz)
        windows = _cut(changes, acc, times, reader.rate_hz)
        if windows is None:
            return None
        heard.append(compare(windows, on, reader.rate_hz, tone_hz, len(tones)))
    return min(heard, key=lambda one: one.chance, default=None)


def _play(
    reader: Reader, clock: HostClock, outputs: Outputs, poll_s: float, tone_hz: float
) -> tuple[list[float], list[bool], Floats, Floats]:
    """Times of the changes, what was on after each, and all samples with their times."""
    acc, times = [np.empty((0, 3))], [np.empty(0)]

    def wait(until: float) -> None:
        while (left := until - clock.monotonic()) > 1e-6:
            clock.sleep(min(poll_s, left))
            for batch in reader.poll():
                acc.append(reader.info.si(batch.counts)[0])
                times.append(batch.times())

    changes, on = [], pattern(WINDOWS)
    try:
        for sounding in on:
            if sounding:
                outputs.tone(tone_hz, 1.0)
            else:
                outputs.silence()
            changes.append(clock.monotonic())
            wait(changes[-1] + WINDOW_S)
    finally:
        _quietly(outputs.silence)
    wait(clock.monotonic() + 4.0 * poll_s)
    return changes, on, np.concatenate(acc), np.concatenate(times)


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except GaitpiError:
        return  # already raised by what came before, or told by the check of the output


def _cut(changes: list[float], acc: Floats, times: Floats, rate_hz: float) -> Floats | None:
    """The samples (k, n, 3) after each change; None where some are missing."""
    n = int((WINDOW_S - GUARD_S) * rate_hz) - 1
    begins = np.searchsorted(times, np.array(changes) + GUARD_S)
    if begins[-1] + n > len(acc):
        return None
    ends = times[begins + n - 1] - np.array(changes)
    if float(ends.max()) > WINDOW_S:
        return None  # a gap
    return np.stack([acc[b : b + n] for b in begins.tolist()])
