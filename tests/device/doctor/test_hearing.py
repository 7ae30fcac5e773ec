"""Whether a buzzer is felt: rarely by chance, surely when it is strong, never by a knock."""

import numpy as np
import pytest

from calibration.doctor.hearing import RATE_HZ, tries
from calibration.doctor.machine import EventfulClock
from gaitpi.config import ImuConfig
from gaitpi.cues.outputs import Outputs
from gaitpi.device.doctor.hearing import TONES, WINDOW_S, WINDOWS, compare, listen, pattern
from gaitpi.device.doctor.virtual import BenchBuzzer, on_bench
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.bench import Bench
from gaitpi.imu.virtual.transport import VirtualTransport


def noise(seed: int, n: int = 51) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((WINDOWS, n, 3))


def test_half_of_the_windows_are_on_and_no_drift_resembles_it() -> None:
    on = np.array(pattern(WINDOWS))
    assert on.sum() == WINDOWS // 2
    signs = 2.0 * on - 1.0
    for power in (0, 1, 2):  # Prouhet: the sequence is orthogonal to low powers
        assert signs @ np.arange(WINDOWS) ** power == pytest.approx(0.0)


def test_silence_is_not_heard() -> None:
    assert sum(tries(4.5, 0.0, seed).sure for seed in range(300)) == 0


def test_chance_is_what_it_says() -> None:
    """Of many silences about so many look like this or better."""
    chances = np.sort([tries(4.5, 0.0, seed).chance for seed in range(400)])
    assert np.mean(chances < 0.2) < 0.25
    assert np.mean(chances < 0.2) > 0.05


@pytest.mark.parametrize(("noise_mg", "size_mg"), [(4.5, 6.0), (1.4, 2.0)])
def test_a_strong_buzzer_is_heard_at_the_right_line(noise_mg: float, size_mg: float) -> None:
    heard = [tries(noise_mg, size_mg, seed) for seed in range(60)]
    assert np.mean([one.sure for one in heard]) > 0.95
    folded = TONES[0] % RATE_HZ
    assert np.median([one.at_hz for one in heard]) == pytest.approx(folded, abs=RATE_HZ / 51)
    assert {one.axis for one in heard if one.sure} == {"z"}
    assert np.median([one.size_mg for one in heard]) == pytest.approx(size_mg, rel=0.25)


def test_a_knock_or_steps_on_the_floor_are_not_heard() -> None:
    on = pattern(WINDOWS)
    for seed in range(60):
        windows = noise(seed)
        windows[seed % WINDOWS] += 200.0 * noise(seed + 1000)[0]  # one knock
        t = np.arange(WINDOWS * 51).reshape(WINDOWS, 51) / 200.0 * WINDOW_S * 200.0 / 51
        windows[:, :, 0] += 20.0 * np.sin(2 * np.pi * 9.3 * t)  # a fan, all the time
        windows[:, :, 1] *= np.linspace(1.0, 6.0, WINDOWS)[:, None]  # growing
        assert not compare(windows, on, 200.0, 3040.0).sure


def test_a_steady_hum_a_twentieth_louder_by_chance_is_not_heard() -> None:
    """Windows that are alike scatter less than noise: that makes no small difference sure."""
    on = pattern(WINDOWS)
    hum = np.repeat(noise(5)[:1], WINDOWS, axis=0)
    hum *= np.where(on, 1.05, 1.0)[:, None, None]
    assert not compare(hum, on, 200.0, 3040.0).sure


def test_a_dead_axis_is_silent() -> None:
    windows = noise(1)
    windows[:, :, 2] = 0.0
    assert not compare(windows, pattern(WINDOWS), 200.0, 3040.0).sure


@pytest.mark.parametrize(("shake", "sure"), [(0.1, True), (0.0, False)])
@pytest.mark.parametrize("who_am_i", [0x68, 0x6C])
def test_through_the_chip_and_the_reader(who_am_i: int, shake: float, sure: bool) -> None:
    clock = EventfulClock(50.0, 1e9)
    bench = Bench(clock.monotonic, shake=shake)
    chip = on_bench(clock, bench, who_am_i)
    reader = open_reader(VirtualTransport([chip]), clock, ImuConfig())
    reader.start()
    clock.sleep(0.3)
    heard = listen(reader, clock, Outputs([BenchBuzzer(bench)]), 0.05)
    assert heard is not None
    assert heard.sure is sure


def test_nothing_is_said_of_a_sensor_that_stopped() -> None:
    clock = EventfulClock(50.0, 1e9)
    bench = Bench(clock.monotonic)
    chip = on_bench(clock, bench)
    bus = VirtualTransport([chip])
    reader = open_reader(bus, clock, ImuConfig())
    reader.start()
    clock.at = [(53.0, lambda: bus.unplug(chip.address))]
    assert listen(reader, clock, Outputs([BenchBuzzer(bench)]), 0.05) is None
