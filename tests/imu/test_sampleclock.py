"""The sample clock against simulated chips, polls and busy hosts."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gaitpi.imu.batch import ClockLine
from gaitpi.imu.sampleclock import PIECE_S, SLEW, SampleClock


@dataclass
class World:
    """A chip that samples at ``rate`` from ``start_s`` on, and a host that asks now and then.

    The count is latched somewhere in a query; ``slow`` is the share of queries in which the
    host is away for up to 40 ms.
    """

    rate: float
    start_s: float
    seed: int
    slow: float = 0.0
    shortest_s: float = 0.04
    longest_s: float = 0.06
    delivered: int = 0
    lines: list[ClockLine] = field(default_factory=list)
    times: list[NDArray[np.float64]] = field(default_factory=list)
    errors: list[NDArray[np.float64]] = field(default_factory=list)

    def run(self, clock: SampleClock, seconds: float) -> None:
        """Poll for ``seconds``; settled samples get their times as the reader gives them."""
        rng = np.random.default_rng(self.seed)
        now = self.start_s
        while now < self.start_s + seconds:
            now += rng.uniform(self.shortest_s, self.longest_s)
            took = rng.uniform(0.0002, 0.0004)
            if rng.random() < self.slow:
                took += rng.uniform(0.0, 0.04)
            latched = now + rng.random() * took
            count = math.floor((latched - self.start_s) * self.rate) + 1
            clock.observe(count, now + took / 2, took)
            now += took
            if clock.settled:
                self._deliver(clock, count)

    def _deliver(self, clock: SampleClock, count: int) -> None:
        line = clock.line(self.delivered)
        if not self.lines or line is not self.lines[-1]:
            self.lines.append(line)
        n = count - self.delivered
        self.times.append(line.times(self.delivered, n))
        true = self.start_s + np.arange(self.delivered, count) / self.rate
        self.errors.append(self.times[-1] - true)
        self.delivered = count


rates = st.sampled_from([104.0, 200.0, 208.0, 416.0, 833.0, 1000.0])
seeds = st.integers(0, 2**32 - 1)


@given(nominal=rates, off=st.floats(-0.08, 0.08), seed=seeds, slow=st.sampled_from([0.0, 0.2]))
@settings(max_examples=60, deadline=None)
def test_rate_and_times_with_jitter_and_late_queries(
    nominal: float, off: float, seed: int, slow: float
) -> None:
    world = World(nominal * (1 + off), 1000.0 + seed % 7, seed, slow)
    clock = SampleClock(nominal)
    world.run(clock, 10.0)
    assert clock.rate_hz == pytest.approx(world.rate, rel=1e-3)
    assert not clock.off_nominal
    times = np.concatenate(world.times)
    period = 1 / world.rate
    assert (np.diff(times) > 0.9 * period).all()
    assert (np.diff(times) < 1.1 * period).all()
    errors = np.abs(np.concatenate(world.errors))
    assert errors.max() < 0.003 + 0.5 * period
    assert errors[-len(errors) // 5 :].max() < 0.0015 + 0.1 * period


@given(off=st.floats(-0.08, 0.08), seed=seeds)
@settings(max_examples=30, deadline=None)
def test_bursty_polls_up_to_half_a_second(off: float, seed: int) -> None:
    world = World(208.0 * (1 + off), 50.0, seed, shortest_s=0.01, longest_s=0.5)
    clock = SampleClock(208.0)
    world.run(clock, 12.0)
    assert clock.rate_hz == pytest.approx(world.rate, rel=1e-3)
    assert np.abs(np.concatenate(world.errors)).max() < 0.008


@given(off=st.sampled_from([-0.25, -0.15, 0.15, 0.25]), seed=seeds)
@settings(max_examples=20, deadline=None)
def test_a_rate_far_off_is_followed_and_flagged(off: float, seed: int) -> None:
    world = World(200.0 * (1 + off), 0.0, seed)
    clock = SampleClock(200.0)
    world.run(clock, 10.0)
    assert clock.off_nominal
    assert clock.rate_hz == pytest.approx(world.rate, rel=1e-3)


@pytest.mark.parametrize("nominal", [104.0, 200.0, 208.0])
def test_polls_locked_to_the_samples_are_off_by_less_than_a_period(nominal: float) -> None:
    world = World(nominal, 0.0, 1, shortest_s=10 / nominal, longest_s=10 / nominal)
    clock = SampleClock(nominal)
    world.run(clock, 10.0)
    assert clock.rate_hz == pytest.approx(nominal, rel=1e-3)
    assert np.abs(np.concatenate(world.errors)).max() < 1 / nominal


@given(off=st.floats(-0.08, 0.08), seed=seeds)
@settings(max_examples=20, deadline=None)
def test_pieces_join_and_slew_gently(off: float, seed: int) -> None:
    world = World(208.0 * (1 + off), 5.0, seed, slow=0.1)
    clock = SampleClock(208.0)
    world.run(clock, 15.0)
    assert len(world.lines) >= 10
    for a, b in zip(world.lines[:-1], world.lines[1:], strict=True):
        joint = a.time_s + (b.index0 - a.index0) * a.period_s
        assert b.time_s == joint
        early = a.time_s < world.start_s + 5.0
        assert (b.index0 - a.index0) * a.period_s >= (0.25 if early else PIECE_S)
        assert abs(b.period_s * world.rate - 1) < SLEW + 0.005


def test_a_drifting_rate_is_followed() -> None:
    # 1 % in ten minutes, as a chip that warms up against the skin.
    clock, rate, count, now = SampleClock(200.0), 200.0, 0.0, 0.0
    rng = np.random.default_rng(3)
    while now < 600.0:
        step = rng.uniform(0.03, 0.07)
        rate = 200.0 * (1 + 0.01 * now / 600.0)
        count += rate * step
        now += step
        clock.observe(math.floor(count) + 1, now, 0.0003)
    assert clock.rate_hz == pytest.approx(rate, rel=1e-3)


@given(lost_s=st.floats(0.05, 600.0), off=st.floats(-0.08, 0.08), seed=seeds)
@settings(max_examples=30, deadline=None)
def test_after_a_gap_the_rate_is_kept_and_the_time_is_right(
    lost_s: float, off: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    world = World(208.0 * (1 + off), 10.0, seed)
    clock = SampleClock(208.0)
    world.run(clock, 10.0)
    before = clock.rate_hz
    clock.gap()
    assert not clock.located
    assert clock.settled
    # The chip sampled on, or began anew with another phase; the reader counts on from where
    # it was.
    first_s = world.times[-1][-1] + lost_s
    now = first_s + rng.uniform(0.0, 0.05)
    fresh = math.floor((now - first_s) * world.rate) + 1
    clock.observe(world.delivered + fresh, now, 0.0003)
    line = clock.start(world.delivered)
    period = 1 / world.rate
    assert clock.rate_hz == before
    assert abs(line.time_s - first_s) <= 0.51 * period + 0.0003
    assert line.period_s == pytest.approx(period, rel=1e-3)


def test_time_never_runs_back_across_a_gap() -> None:
    world = World(200.0, 0.0, 5)
    clock = SampleClock(200.0)
    world.run(clock, 5.0)
    last = world.lines[-1]
    end = last.time_s + (world.delivered - last.index0) * last.period_s
    clock.gap()
    clock.observe(world.delivered + 20, end + 0.02, 0.0003)  # more than fit in the time
    assert clock.start(world.delivered).time_s == pytest.approx(end, abs=1e-9)


def test_before_anything_is_known_the_nominal_rate_serves() -> None:
    clock = SampleClock(200.0)
    assert (clock.settled, clock.located, clock.rate_hz) == (False, False, 200.0)
    clock.observe(0, 1.0)
    assert not clock.located
    clock.observe(10, 1.0)
    line = clock.line(0)
    assert line.period_s == 0.005
    assert line.time_s == pytest.approx(1.0 - 9.5 * 0.005)
