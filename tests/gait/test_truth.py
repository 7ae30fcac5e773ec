"""Against the simulated runner's exact truth.

Each bound is what the estimator reaches now (in brackets, the worst of the stories) times about
1.5. The simulation knows how the runner moved, not how real packs wobble: these bounds guard
against getting worse and are no claim of accuracy on people.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gaitpi.gait import RUNNING, STILL, WALKING, GaitParams, Trace, estimate

from .signals import RATE_HZ, Floats, runner, simulated

NAMES = ("steady", "fade", "lean", "stops")
stories = pytest.mark.parametrize("name", NAMES)


@dataclass(frozen=True)
class Match:
    """A trace beside the truth: ``of`` (k,) the true step nearest to each found one, ``error``
    (k,) s between their contacts, ``calm_s`` (k,) s since the runner last changed activity.
    """

    trace: Trace
    true: NDArray[Any]
    of: NDArray[np.intp]
    error: Floats
    calm_s: Floats

    @property
    def steps(self) -> NDArray[Any]:
        return self.trace.steps

    @property
    def hit(self) -> NDArray[np.bool_]:
        """Steps (k,) that are one."""
        return np.asarray(np.abs(self.error) < 0.1)

    def steady(self, kind: int, calm_s: float = 3.0) -> NDArray[np.bool_]:
        """Whole steps (k,) of a kind, some time after it began."""
        whole = np.isfinite(self.steps["step_s"]) & np.isfinite(self.true["step_s"][self.of])
        kinds = (self.steps["activity"] == kind) & (self.true["kind"][self.of] == kind)
        return np.asarray(self.hit & whole & kinds & (self.calm_s > calm_s))


@lru_cache(maxsize=8)
def match(name: str, gyro: bool = True, rate_hz: float = RATE_HZ) -> Match:
    acc, gyr = simulated(name, rate_hz)
    trace = estimate(acc, gyr if gyro else None, rate_hz)
    true = runner(name).truth.steps
    ic = trace.steps["ic_s"]
    of = np.abs(ic[:, None] - true["ic_s"][None, :]).argmin(axis=1)
    activity = runner(name).truth.activity(trace.time_s)
    changes = trace.time_s[np.flatnonzero(np.diff(activity.astype(int)))]
    since = np.array([t - changes[changes <= t].max(initial=0.0) for t in ic])
    return Match(trace, true, of, ic - true["ic_s"][of], since)


@stories
@pytest.mark.parametrize("gyro", [True, False])
def test_every_step_is_found_once(name: str, gyro: bool) -> None:
    m = match(name, gyro)
    found = len(set(m.of[m.hit]))
    assert found >= 0.988 * len(m.true)  # 99.2 %
    assert len(m.steps) - found <= 0.008 * len(m.true)  # 0.52 %
    assert (np.diff(m.steps["ic_s"]) > 0.2).all()
    assert (np.diff(m.steps["known_s"]) >= 0.0).all()


@stories
@pytest.mark.parametrize("gyro", [True, False])
def test_running_events(name: str, gyro: bool) -> None:
    m = match(name, gyro)
    k = m.steady(RUNNING)
    s, true = m.steps[k], m.true[m.of[k]]
    assert k.sum() > 800
    assert np.std(m.error[k]) < 0.0018  # 1.2 ms
    assert abs(np.mean(m.error[k])) < 0.0086  # 5.7 ms late
    contact = s["contact_s"] - true["contact_s"]
    assert np.isfinite(contact).all()
    assert np.std(contact) < 0.0021  # 1.4 ms
    assert abs(np.mean(contact)) < 0.022  # +14.8 ms: this runner's force is no raised cosine
    bounce = s["bounce_m"] - true["bounce_m"]
    assert np.sqrt(np.mean(bounce**2)) < 0.0013  # 0.9 mm
    impact = s["impact_ms2"] - true["impact_ms2"]
    assert np.sqrt(np.mean(impact**2)) < 0.085  # 0.056 m/s²
    np.testing.assert_allclose(s["contact_s"] + s["flight_s"], s["step_s"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(s["to_s"] - s["ic_s"], s["contact_s"], rtol=0, atol=1e-12)


@stories
@pytest.mark.parametrize("gyro", [True, False])
def test_walking_events(name: str, gyro: bool) -> None:
    m = match(name, gyro)
    k = m.steady(WALKING)
    assert k.sum() > 60
    assert np.std(m.error[k]) < 0.0048  # 3.2 ms, of the last before a stop: -22 ms
    assert abs(np.mean(m.error[k])) < 0.0072  # -4.8 ms
    step = m.steps["step_s"][k] - m.true["step_s"][m.of[k]]
    assert abs(np.median(step)) < 0.00025  # 0.14 ms
    assert np.isnan(m.steps["contact_s"][k]).all()
    assert np.isnan(m.steps["flight_s"][k]).all()


@stories
@pytest.mark.parametrize("gyro", [True, False])
def test_cadence(name: str, gyro: bool) -> None:
    """Against the same steps of the truth."""
    m = match(name, gyro)
    k = np.flatnonzero(m.steady(RUNNING, 5.0))
    end = m.of[k] + 1
    n = int(GaitParams().cadence_steps)
    true = n * 60.0 / (m.true["ic_s"][end] - m.true["ic_s"][end - n])
    error = m.steps["cadence_spm"][k] - true
    assert np.mean(np.abs(error)) < 0.17  # 0.11 spm
    assert np.abs(error).max() < 3.3  # 2.24 spm
    live = m.trace.cadence_spm[np.searchsorted(m.trace.time_s, m.steps["known_s"][k])]
    np.testing.assert_array_equal(live, m.steps["cadence_spm"][k])


@stories
def test_lean(name: str) -> None:
    m = match(name)
    k = m.steady(RUNNING, 8.0)
    truth = runner(name).truth
    middle = m.steps["ic_s"][k] + 0.5 * m.steps["step_s"][k]
    error = m.steps["lean_deg"][k] - truth.lean_deg(middle)
    assert np.isfinite(error).all()
    assert np.sqrt(np.mean(error**2)) < 0.36  # 0.24 deg
    assert abs(np.mean(error)) < 0.16  # 0.10 deg
    # one step leans to its own side, a pair of them does not
    side = m.steps["side_lean_deg"][k] - truth.side_lean_deg(middle)
    assert abs(np.mean(side)) < 0.17  # 0.11 deg
    assert np.isfinite(m.trace.lean_deg[m.trace.time_s > 24.0]).all()  # 22.6 s
    assert np.isnan(m.trace.lean_deg[m.trace.time_s < 20.0]).all()


@stories
def test_up(name: str) -> None:
    m = match(name)
    up = runner(name).truth.up(m.trace.time_s)
    cosine = np.clip(np.einsum("ij,ij->i", m.trace.up, up), -1.0, 1.0)
    assert np.degrees(np.sqrt(np.mean(np.arccos(cosine) ** 2))) < 0.92  # 0.61 deg


@stories
def test_sides_with_gyroscope(name: str) -> None:
    """All named, and rightly, from three seconds after running began on."""
    m = match(name)
    k = m.hit & (m.steps["activity"] == RUNNING) & (m.calm_s > 3.0)  # 2.2 s
    assert k.sum() > 800
    np.testing.assert_array_equal(m.steps["side"][k], m.true["side"][m.of[k]])


@stories
def test_activity(name: str) -> None:
    """What is claimed is true but for the seconds that it takes to tell."""
    m = match(name)
    true = runner(name).truth.activity(m.trace.time_s)
    changed = np.flatnonzero(np.diff(true.astype(int))) + 1
    settled = np.ones(len(true), bool)
    for at in changed:
        settled[at : at + int(5.2 * RATE_HZ)] = False
    settled[: int(1.1 * RATE_HZ)] = False
    np.testing.assert_array_equal(m.trace.activity[settled], true[settled])
    assert set(true[settled]) == {STILL, WALKING, RUNNING}


@stories
def test_latency(name: str) -> None:
    """How long after the contact that completes it a step is known; stated in the document."""
    m = match(name)
    after = m.steps["known_s"] - m.steps["ic_s"] - m.steps["step_s"]
    running = 1e3 * after[m.steady(RUNNING)]
    assert 100.0 < np.median(running) < 120.0  # 112 ms
    assert np.percentile(running, 99) < 130.0  # 122 ms
    walking = 1e3 * after[m.steady(WALKING, 6.0)]
    assert 590.0 < np.median(walking) < 630.0  # 609 ms: half a double support and a step
    assert (after[np.isfinite(after)] >= 0.0).all()  # nothing is known before it happened
    starts = np.flatnonzero((m.trace.activity[1:] == RUNNING) & (m.trace.activity[:-1] != RUNNING))
    true = runner(name).truth.activity(m.trace.time_s)
    begins = np.flatnonzero((true[1:] == RUNNING) & (true[:-1] != RUNNING))
    assert len(starts) == len(begins) > 0
    delay = (starts - begins) / RATE_HZ
    assert abs(delay[0] - 4.8) < 0.2  # twelve steps: more than a flight of stairs
    assert (np.abs(delay[1:] - 1.9) < 0.2).all()  # four: the runner has run shortly before


@pytest.mark.parametrize("rate_hz", [52.0, 104.0, 416.0, 1000.0])
def test_other_rates(rate_hz: float) -> None:
    m = match("mixed", True, rate_hz)
    found = len(set(m.of[m.hit]))
    assert found >= len(m.true) - 10  # 7
    assert len(m.steps) - found <= 7  # 5
    k = m.steady(RUNNING)
    assert k.sum() > 60
    assert np.std(m.error[k]) < 0.0029  # 1.9 ms: the first landings still form the mean loading
    contact = m.steps["contact_s"][k] - m.true["contact_s"][m.of[k]]
    # +14 to +17 ms; +31 ms at 52 Hz, where the smoothing is a good part of a flank
    assert abs(np.mean(contact)) < (0.047 if rate_hz < 100.0 else 0.025)
    assert (
        abs(np.mean(m.steps["bounce_m"][k] - m.true["bounce_m"][m.of[k]])) < 0.0027
    )  # -1.8 mm at 52 Hz
