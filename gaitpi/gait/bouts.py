"""Steps become bouts: several alike in a row make a gait, and only then are they reported.

A jump, a stumble or a fall is none. A step is complete once the initial contact after it is
known. That the runner runs is claimed later than the steps are reported (``activity``).
"""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.measures import bounce, bounce_sd, contact_time, impact, least_force
from gaitpi.gait.mounting import learn_step
from gaitpi.gait.sides import forget_side, learn_side, side_evidence
from gaitpi.gait.state import (
    CHAIN,
    ICS,
    P_BOUNCE,
    P_BOUNCE_SD,
    P_CADENCE,
    P_CADENCE_SD,
    P_CONTACT_SD,
    P_IC,
    P_IMPACT,
    P_LEAN,
    P_LEAN_SD,
    P_LOW,
    P_SIDE,
    P_SIDE_LEAN,
    P_STEP,
    P_TO,
    P_WAVE,
    PENDING,
    PENDING_COLUMNS,
)


@kernel
def live_cadence(c: Any, st: Any) -> None:
    """Cadence from the last initial contacts: an even number of steps, so that both feet count."""
    n = min(st["ics_n"], ICS) - 1
    m = min(n, int(c["cadence_steps"]))
    m -= m % 2
    if m < 2:
        st["cadence"] = np.nan
        return
    last = st["ics_n"] - 1
    span = st["ics"][last % ICS] - st["ics"][(last - m) % ICS]
    st["cadence"] = 60.0 * m / span


@kernel
def learn_stride(c: Any, st: Any, stride: float) -> None:
    """Take a stride time (s) into its running mean and variance."""
    n = st["stride_n"] + 1
    st["stride_n"] = n
    if n == 1:
        st["stride_mean"] = stride
        st["stride_var"] = 0.0
        return
    # as the variance of a sample at first, with a memory of some strides later
    k = 1.0 / min(float(n), c["spread_strides"])
    e = stride - st["stride_mean"]
    st["stride_mean"] += k * e
    st["stride_var"] = (1.0 - k) * (st["stride_var"] + k * e * e)


@kernel
def live_cadence_sd(c: Any, st: Any) -> None:
    """Standard uncertainty (spm) of the live cadence as the runner's cadence of these strides.

    From the spread of the stride times: a mean of m strides of it. NaN before three strides.
    """
    st["cadence_sd"] = np.nan
    n = st["stride_n"]
    if n < 3 or np.isnan(st["cadence"]):
        return
    k = 1.0 / min(float(n), c["spread_strides"])
    variance = st["stride_var"] / (1.0 - k)
    strides = 0.5 * c["cadence_steps"]
    st["cadence_sd"] = st["cadence"] * np.sqrt(variance / strides) / st["stride_mean"]


@kernel
def put_step(out: Any, k: int, row: Any, activity: int, known: float) -> int:
    """Write a step row into the output records at ``k``; returns the next free place."""
    if k >= out.shape[0]:
        return k
    r = out[k]
    to = row[P_TO] if activity == 3 else np.nan  # in walking the trunk does not show it
    r["ic_s"] = row[P_IC]
    r["to_s"] = to
    r["contact_s"] = to - row[P_IC]
    r["step_s"] = row[P_STEP]
    r["flight_s"] = row[P_STEP] - (to - row[P_IC])
    r["cadence_spm"] = row[P_CADENCE]
    r["bounce_m"] = row[P_BOUNCE]
    r["impact_ms2"] = row[P_IMPACT]
    r["side"] = np.int8(row[P_SIDE])
    r["activity"] = np.uint8(activity)
    r["lean_deg"] = row[P_LEAN]
    r["side_lean_deg"] = row[P_SIDE_LEAN]
    r["known_s"] = known
    r["cadence_sd_spm"] = row[P_CADENCE_SD]
    r["contact_sd_s"] = row[P_CONTACT_SD] if activity == 3 else np.nan
    r["bounce_sd_m"] = row[P_BOUNCE_SD]
    r["lean_sd_deg"] = row[P_LEAN_SD]
    return k + 1


@kernel
def flush_pending(c: Any, st: Any, out: Any, k: int, activity: int, known: float) -> int:
    """Report the steps that waited for their bout, from the first that is one of its kind."""
    begun = False
    first = 0
    if activity == 2 and st["pending_n"] > 1:
        rows = st["pending"]
        # from a stand the first step takes the longest: a shorter one is the push-off before it
        if rows[0, P_IC] == st["start_s"] and rows[0, P_STEP] < rows[1, P_STEP]:
            first = 1
    for i in range(first, st["pending_n"]):
        row = st["pending"][i]
        begun = begun or gait_kind(c, activity, row[P_WAVE], row[P_STEP], row[P_LOW]) == activity
        if begun:
            k = put_step(out, k, row, activity, known)
    st["pending_n"] = 0
    return k


@kernel
def end_bout(c: Any, st: Any, out: Any, k: int) -> int:
    """Close the bout: the open step is reported with what is known of it (its contact)."""
    if st["has_ic"] == 1 and st["bout_kind"] > 0:
        row = np.full(PENDING_COLUMNS, np.nan)
        row[P_IC] = st["ic_s"]
        st["parity"] ^= 1
        row[P_SIDE] = learn_side(c, st, np.nan, np.nan)
        k = put_step(out, k, row, st["bout_kind"], st["t"])
    st["pending_n"] = 0
    st["has_ic"] = 0
    st["chain_n"] = 0
    st["against_n"] = 0
    st["odd_n"] = 0
    st["bout_kind"] = 0
    st["step_s"] = 0.0
    st["ics_n"] = 0
    st["cadence"] = np.nan
    st["cadence_sd"] = np.nan
    st["stride_n"] = 0
    forget_side(st)
    return k


@kernel
def gait_kind(c: Any, bout: int, wave: float, step: float, low: float) -> int:
    """Kind of gait (3 running, 2 walking, 0 neither) with these means over some steps.

    ``wave`` (m/s²) peak to valley of the fundamental of the vertical force, ``step`` time (s),
    ``low`` (m/s²) least vertical specific force. Running has a flight, so a large fundamental and
    a moment of almost no force; walking always has a foot on the ground, and nobody walks at more
    than 200 steps a minute. ``bout`` 3: what is needed to stay in running.
    """
    stay = bout == 3 or step < c["walk_step_min_s"]
    need = c["running_stay"] if stay else c["running_wave"]
    most = c["flight_stay"] if stay else c["flight_force"]
    if wave >= need and low < most:
        return 3 if c["run_step_min_s"] <= step <= c["run_step_max_s"] else 0
    if wave <= c["walking_wave_max"] and c["walk_step_min_s"] <= step <= c["walk_step_max_s"]:
        return 2
    return 0


@kernel
def activity(c: Any, st: Any) -> int:
    """What the runner does now: 0 unknown, 1 still, 2 walking, 3 running.

    A bout of running is claimed only once it is longer than a flight of stairs, unless the
    runner has run shortly before.
    """
    if st["bout_kind"] == 3:
        recent = st["t"] - st["run_t"] < c["run_memory_s"]
        if st["bout_n"] < c["run_proof_steps"] and not recent:
            return 0
        st["run_t"] = st["t"]
        return 3
    if st["bout_kind"] == 2:
        return 2
    return 1 if st["still"] == 1 else 0


@kernel
def new_chain(st: Any, ic: float) -> None:
    """Begin to count steps alike anew, with the contact ``ic``."""
    st["chain_n"] = 0
    if st["bout_kind"] == 0:
        st["pending_n"] = 0
        st["ics"][0] = ic
        st["ics_n"] = 1


@kernel
def judge_bout(c: Any, st: Any, wave: float, step: float, low: float, regular: bool) -> None:
    """Begin, keep or end the bout after a step with these measures.

    A bout begins when ``bout_steps`` steps alike have, in the mean, what makes a gait. It ends
    when two steps in a row cannot be of it, when the mean no longer is, or after three odd ones.
    """
    n = int(c["bout_steps"])
    i = st["chain_n"] % CHAIN
    st["chain"][i, 0] = wave
    st["chain"][i, 1] = step
    st["chain"][i, 2] = low
    st["chain_n"] += 1
    bout = st["bout_kind"]
    kind = bout
    if st["chain_n"] >= n:
        means = np.zeros(3)
        least = wave
        for j in range(st["chain_n"] - n, st["chain_n"]):
            least = min(least, st["chain"][j % CHAIN, 0])
            for m in range(3):
                means[m] += st["chain"][j % CHAIN, m] / n
        kind = gait_kind(c, bout, means[0], means[1], means[2])
        # a turn or a stop has small steps, but no walk begins with one, and none with flights
        if kind == 2 and (means[0] if bout == 2 else least) < c["wave_floor"]:
            kind = 0
        if kind == 2 and bout != 2 and means[2] < 0.0:
            kind = 0
    if bout == 0:
        if st["chain_n"] >= n:
            st["bout_kind"] = kind
            st["against_n"] = 0
            st["odd_n"] = 0
        return
    st["odd_n"] = 0 if regular else st["odd_n"] + 1
    st["against_n"] = 0 if gait_kind(c, bout, wave, step, low) == bout else st["against_n"] + 1
    if st["against_n"] >= 2 or st["odd_n"] >= 3 or kind != bout:
        st["bout_kind"] = 0
        forget_side(st)


@kernel
def close_step(c: Any, st: Any, ic: float, ic_i: int, out: Any, k: int) -> int:
    """A new initial contact: the step before it is complete. Returns the next output place."""
    i0 = st["ic_i"]
    step = ic - st["ic_s"]
    # what the low-pass took from a wave of this frequency is put back (one short step proves none)
    ratio = 1.0 / (max(step, st["step_s"]) * c["coarse_hz"])
    wave = st["wave"] * np.sqrt(1.0 + ratio**4)
    low = least_force(c, st, i0, ic_i)
    before = st["step_s"]
    regular = before == 0.0 or abs(step - before) <= c["step_spread"] * before
    missed = st["bout_kind"] > 0 and step > (1.0 + 2.0 * c["step_spread"]) * before > 0.0
    st["step_s"] = step if regular else 0.5 * (step + before)
    if regular and c["walk_step_min_s"] <= step <= c["walk_step_max_s"]:
        st["usual_step"] += 0.25 * (step - st["usual_step"])
    st["parity"] ^= 1
    if not regular:
        new_chain(st, st["ic_s"])
        if st["bout_kind"] == 2:
            forget_side(st)  # in a turn a step may have been missed or one too many seen
    if missed:
        st["ics_n"] = 0
    st["ics"][st["ics_n"] % ICS] = ic
    st["ics_n"] += 1
    live_cadence(c, st)
    if missed or not regular:
        st["stride_n"] = 0
    elif before > 0.0:
        learn_stride(c, st, step + st["last_step_s"])
    st["last_step_s"] = step
    live_cadence_sd(c, st)

    row = st["pending"][min(st["pending_n"], PENDING - 1)]
    row[P_IC] = st["ic_s"]
    contact, row[P_CONTACT_SD] = contact_time(c, st, i0, ic_i, row[P_IC], step)
    row[P_TO] = row[P_IC] + contact
    row[P_STEP] = step
    row[P_CADENCE] = st["cadence"]
    row[P_BOUNCE] = bounce(st, i0, ic_i)
    row[P_IMPACT] = impact(st, i0, row[P_TO], ic_i)
    kind = gait_kind(c, st["bout_kind"], wave, step, low)
    push, turn = side_evidence(c, st, kind, i0, ic_i)
    row[P_SIDE] = learn_side(c, st, push, turn)
    n = st["lean_n"]
    row[P_LEAN] = st["lean_sum"][0] / n if n > 0 else np.nan
    row[P_SIDE_LEAN] = st["lean_sum"][1] / n if n > 0 else np.nan
    row[P_WAVE] = wave
    row[P_LOW] = low
    row[P_CADENCE_SD] = st["cadence_sd"]
    row[P_BOUNCE_SD] = bounce_sd(c, st, i0, ic_i, row[P_BOUNCE])
    row[P_LEAN_SD] = st["lean_sum"][2] / n if n > 0 else np.nan
    st["lean_n"] = 0
    st["lean_sum"][:] = 0.0
    if missed:
        # a contact in between was not seen: what lies between two contacts is no step
        row[P_TO] = np.nan
        row[P_STEP] = np.nan
        row[P_BOUNCE] = np.nan
        row[P_CONTACT_SD] = np.nan
        row[P_BOUNCE_SD] = np.nan
        forget_side(st)

    established = st["bout_kind"]
    judge_bout(c, st, wave, step, low, regular)
    st["bout_n"] = st["bout_n"] + 1 if st["bout_kind"] == established else st["chain_n"]
    single = gait_kind(c, st["bout_kind"], wave, step, low)
    learn_step(c, st, single if regular and single == st["bout_kind"] else 0)
    if established > 0:
        if st["bout_kind"] == 0:
            # this step may be the first of another bout: it waits
            st["pending"][0] = row
            st["pending"][0, P_SIDE] = 0.0
            st["pending_n"] = 1
            st["chain"][0, 0] = wave
            st["chain"][0, 1] = step
            st["chain"][0, 2] = low
            st["chain_n"] = 1
            return k
        return put_step(out, k, row, established, st["t"])
    if st["pending_n"] < PENDING - 1:
        st["pending_n"] += 1
    else:
        for i in range(PENDING - 1):
            st["pending"][i] = st["pending"][i + 1]
    if st["bout_kind"] > 0:
        k = flush_pending(c, st, out, k, st["bout_kind"], st["t"])
    return k
