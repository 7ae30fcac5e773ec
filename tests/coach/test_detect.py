"""The sequential test: what it sees, how soon, and what it does not take for a change."""

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.detection import experiments as ex
from calibration.detection.noise import BLOCKS, block_sd, fit, pooled
from calibration.detection.runners import MEASURED, Runner, StrideNoise, fractional_noise, strides
from gaitpi.coach import detect
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig

EDGE = 0.03


def look(
    values: list[float], *, noise: float = 0.01, hold_s: float = 5.0, surety: float = 4.0
) -> detect.Evidence | None:
    n = len(values)
    return detect.beyond(
        values, [0.7] * n, edge=EDGE, noises=[noise] * n, surety=surety, hold_s=hold_s
    )


# ------------------------------------------------------------------ the promises, small form


def test_held_at_the_target_ten_hours_over_fifty_seeds_no_cue() -> None:
    assert ex.held(50, 10.0).cues == 0


def test_a_drop_of_five_percent_is_cued_in_time() -> None:
    late = ex.delays(60, cadence=ex.change(172.0, 172.0 * 0.95))
    assert len(late) >= 55
    assert np.median(late) <= 12.0
    assert np.mean(late <= 15.0) >= 0.95


def test_a_runner_just_at_the_edge_is_cued() -> None:
    late = ex.delays(60, cadence=ex.change(172.0, 172.0 * 0.97))
    assert np.median(late) <= 25.0


def test_the_delay_is_near_the_bound_and_under_that_of_the_rule_before() -> None:
    course = ex.change(172.0, 172.0 * 0.95)
    eager = CoachConfig(target_spm=172.0, hold_s=2.0)
    late = float(np.median(ex.delays(25, cadence=course, config=eager)))
    assert late <= 1.5 * ex.bound_s(0.05, eager.false_alarm_h) + 1.0
    default = float(np.median(ex.delays(25, cadence=course)))
    assert default < float(np.median(ex.held_window_delays(0.05, 200)))


def test_missed_contacts_neither_cue_nor_hide_a_drop() -> None:
    assert ex.held(5, 1.0, missed=0.03).cues == 0
    runner = Runner(ex.change(172.0, 160.0), missed=0.03, seed=4)
    times = [c.time_s for c in ex.cues(ex.CADENCE, runner, ex.DROP_S + 30.0)]
    assert ex.DROP_S < times[0] < ex.DROP_S + 15.0


def test_a_left_right_difference_alone_never_cues() -> None:
    noise = StrideNoise(sd=0.002, contact=0.001, side=0.2)
    assert ex.held(2, 0.5, noise=noise).cues == 0


def test_lean_held_and_changed() -> None:
    assert ex.held(10, 1.0, config=ex.LEAN).cues == 0
    for off in (8.0, -8.0):
        late = ex.delays(10, lean=ex.change(8.0, 8.0 + off), config=ex.LEAN)
        assert 18.0 < np.median(late) <= 22.0


# ---------------------------------------------------------------------------- the test itself


def test_nothing_beyond_the_edge_is_no_evidence() -> None:
    assert look([]) is None
    assert look([0.05]) is None
    assert look([0.029] * 60) is None
    found = look([0.031] * 60)
    assert found is not None
    assert found.mean == pytest.approx(0.031)


def test_a_larger_deviation_needs_a_shorter_window() -> None:
    def needed(size: float) -> int:
        return next(n for n in range(1, 64) if look([size] * n, noise=0.02, hold_s=0.0))

    assert needed(0.08) < needed(0.06) < needed(0.05)


def test_noise_makes_it_wait() -> None:
    assert look([0.04] * 10, noise=0.005) is not None
    assert look([0.04] * 10, noise=0.03) is None


def test_no_window_is_shorter_than_the_hold() -> None:
    assert look([0.0] * 20 + [0.08] * 7, hold_s=5.0) is None
    found = look([0.0] * 20 + [0.08] * 8, hold_s=5.0)
    assert found is not None
    assert found.seconds >= 5.0


def test_a_dip_that_is_over_is_not_cued_and_a_short_deep_one_is_not_a_long_one() -> None:
    assert look([0.06] * 20) is not None
    assert look([0.06] * 20 + [0.0] * 2) is None
    assert look([0.0] * 6 + [0.09] * 6, hold_s=6.0) is None
    # a little low for a while, then deep for 4 s: not low for 6 s, whatever the mean is
    assert look([0.0] * 6 + [0.02] * 4 + [0.09] * 6, hold_s=6.0) is None
    assert look([0.0] * 6 + [0.04] * 4 + [0.09] * 6, hold_s=6.0) is not None


def test_what_was_before_the_onset_is_no_evidence() -> None:
    values = [0.04] * 20 + [-0.02] * 30 + [0.04] * 8
    assert detect.onset(values, 0.015) == 50
    found = look(values, noise=0.005)
    assert found is not None
    assert found.strides <= 8


@given(st.lists(st.floats(-0.2, 0.2), max_size=80), st.floats(0.001, 0.05), st.floats(0.0, 20.0))
def test_evidence_is_what_it_says(values: list[float], noise: float, hold_s: float) -> None:
    found = look(values, noise=noise, hold_s=hold_s)
    if found is None:
        return
    window = values[-found.strides :]
    assert found.mean == pytest.approx(sum(window) / len(window))
    assert found.mean > EDGE
    assert found.seconds >= hold_s
    assert found.surety >= 4.0
    assert sum(window[: detect.ENDS]) > detect.ENDS * EDGE - 1e-12
    assert sum(window[-detect.ENDS :]) > detect.ENDS * EDGE - 1e-12


def test_one_wild_stride_is_clipped() -> None:
    before = [0.70, 0.71, 0.69, 0.70, 0.70]
    assert detect.clipped(1.4, before, 0.01) == pytest.approx(0.74)
    assert detect.clipped(0.3, before, 0.01) == pytest.approx(0.66)
    assert detect.clipped(0.71, before, 0.01) == 0.71
    assert detect.clipped(1.4, before[:4], 0.01) == 1.4


@pytest.mark.parametrize("sd", [0.010, 0.0164, 0.025])
def test_the_runners_own_noise_is_learned_and_a_change_is_not_noise(sd: float) -> None:
    values = strides(StrideNoise(sd=sd, contact=0.0), 3000, np.random.default_rng(2)).tolist()
    values[2000:] = [v + 0.06 for v in values[2000:]]
    noise, seen = detect.CADENCE_SD, []
    for k in range(8, len(values)):
        noise = detect.update_noise(noise, values[k - 8 : k], detect.CADENCE_SD)
        seen.append(noise)
    assert np.median(seen[600:]) == pytest.approx(sd, rel=0.2)
    assert max(seen[1990:2100]) < 1.5 * sd


def test_the_noise_stays_within_limits() -> None:
    noise = detect.CADENCE_SD
    for _ in range(5000):
        noise = detect.update_noise(noise, [0.7] * 8, detect.CADENCE_SD)
    assert noise == detect.NOISE_LEAST * detect.CADENCE_SD
    wild = random.Random(1)
    for _ in range(5000):
        values = [wild.uniform(-1.0, 1.0) for _ in range(8)]
        noise = detect.update_noise(noise, values, detect.CADENCE_SD)
    assert noise == detect.NOISE_MOST * detect.CADENCE_SD


def test_fewer_false_alarms_ask_for_more() -> None:
    asked = [detect.surety_for(h, 8.0) for h in (1.0, 10.0, 100.0)]
    assert asked == sorted(asked)
    assert detect.surety_for(30.0, 2.0) > detect.surety_for(30.0, 8.0)
    assert asked[0] < asked[2]
    counts = ex.thresholds(4, 10.0, (3.0, 4.0))
    assert counts[0][1] > counts[1][1]


# ------------------------------------------------------------------------- the coach around it


def drive(coach: Coach, runner: Runner, duration_s: float, **fields: float) -> list[Cue | Withheld]:
    out: list[Cue | Withheld] = []
    for event in runner.events(duration_s):
        if isinstance(event, StepTaken):
            coach.step(event)
        else:
            m = event
            lean_sd = fields.get("lean_sd_deg", math.nan)
            out += coach.moment(
                Moment(m.time_s, m.activity, m.cadence_spm, m.lean_deg, 0.0, lean_sd_deg=lean_sd)
            )
    return out


def test_the_reason_is_true_of_the_steps_that_were_given() -> None:
    runner = Runner(ex.change(172.0, 163.0), seed=3)
    coach, taken = Coach(ex.CADENCE), []
    for event in runner.events(300.0):
        if isinstance(event, StepTaken):
            coach.step(event)
            taken.append(event)
            continue
        said = coach.moment(event)
        if said:
            break
    cue = said[0]
    assert isinstance(cue, Cue)
    lasted = float(cue.reason.split(" over ")[1].split()[0])
    window = [s.step_s for s in taken if s.known_s > cue.time_s - lasted - 0.4]
    assert cue.value == pytest.approx(60.0 * len(window) / sum(window), abs=1.0)
    assert cue.value < cue.band[0]
    assert f"{cue.value:.1f} spm below 166.8 over {lasted:.0f} s" in cue.reason


def test_steps_on_either_side_of_a_missed_contact_are_no_stride() -> None:
    coach = Coach(ex.CADENCE)
    for k, step_s in enumerate((0.35, 0.70, 0.35, 0.35, 0.35, math.nan, 0.35)):
        coach.step(StepTaken(0.35 * k, 0.35 * k, step_s, True))
    assert len(coach.state()["strides"]) == 1


def test_after_a_cue_the_evidence_starts_from_nothing() -> None:
    coach = Coach(ex.CADENCE)
    runner = Runner(ex.change(172.0, 160.0), seed=1)
    for event in runner.events(300.0):
        if isinstance(event, StepTaken):
            coach.step(event)
        elif coach.moment(event):
            break
    assert coach.state()["strides"] == []
    assert coach.state()["half_s"] is None


def test_a_deviation_smaller_than_what_is_known_of_lean_is_withheld() -> None:
    runner = Runner(lambda _t: 172.0, lean=ex.change(8.0, 14.0), seed=1)
    coach = Coach(ex.LEAN)
    rough = drive(coach, runner, 300.0, lean_sd_deg=4.0)
    assert [type(e) for e in rough] == [Withheld]
    assert rough[0].rule == "quiet.unsure"
    assert "known to 4.0 deg only" in rough[0].reason
    assert coach.status().rule == "quiet.unsure"
    fine = drive(Coach(ex.LEAN), runner, 300.0, lean_sd_deg=1.0)
    assert [e.cue for e in fine if isinstance(e, Cue)] == ["tall"]


def test_another_focus_does_not_inherit_the_evidence() -> None:
    both = CoachConfig(target_spm=172.0, usual_lean_deg=8.0)
    coach = Coach(both)
    drive(coach, Runner(lambda _t: 172.0, seed=1), 60.0)
    state = json.loads(json.dumps(coach.state()))
    assert state["strides"]
    assert state["noise"] is not None
    lean = CoachConfig(focus="lean", target_spm=172.0, usual_lean_deg=8.0)
    other = Coach.restore(lean, state).state()
    assert other["strides"] == []
    assert other["noise"] is None
    assert Coach.restore(both, state).state() == state


def test_a_long_hold_is_given_the_strides_it_needs() -> None:
    config = CoachConfig(target_spm=172.0, hold_s=100.0)
    runner = Runner(lambda _t: 160.0, seed=2)
    times = [c.time_s for c in ex.cues(config, runner, 400.0)]
    assert times
    assert times[0] < 185.0
    assert len(Coach(config).state()["strides"]) <= 1024


# -------------------------------------------------------------------------------- the measure


def test_the_simulated_noise_is_the_one_that_was_asked_for() -> None:
    rng = np.random.default_rng(5)
    values = fractional_noise(100_000, 0.78, rng)
    assert values.std() == pytest.approx(1.0, rel=0.05)
    for n in (8, 32):
        means = values[: len(values) // n * n].reshape(-1, n).mean(axis=1)
        assert means.std() == pytest.approx(n**-0.22, rel=0.1)


def test_the_fit_finds_the_model_again() -> None:
    rows = []
    for seed in range(20):
        values = 100.0 * strides(MEASURED, 4000, np.random.default_rng(seed))
        rows.append({b: block_sd(values, b) for b in BLOCKS})
    found = fit(pooled(rows), contact=True)
    assert found.sd == pytest.approx(MEASURED.sd, rel=0.15)
    assert found.hurst == pytest.approx(MEASURED.hurst, abs=0.05)
    assert found.contact == pytest.approx(MEASURED.contact, rel=0.25)


def test_rivals_are_given_the_same_runs() -> None:
    rows = {row.rule: row for row in ex.rivals(1)}
    ours = rows["gaitpi"]
    assert ours.per_ten_min == 0.0
    assert ours.walks == 0.0
    assert ours.delay_s[0] <= 12.0
    for name, row in rows.items():
        if name != "gaitpi":
            assert row.walks > 0
            assert row.hills >= ours.hills
