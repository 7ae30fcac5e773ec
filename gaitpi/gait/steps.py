"""Steps: waves of the vertical acceleration, then their contact events.

A low-pass near the step frequency makes every step one wave, whatever the shock looks like; a
zigzag with a threshold relative to the usual wave finds its turns. The events are then read
from the unfiltered history, symmetrically smoothed, so they carry no filter delay: initial
contact where the vertical specific force rises out of the flight, toe-off where it last falls
into the next one. A step is reported once the initial contact after it is known, and nothing is
reported before several alike in a row make a bout: a jump, a stumble or a fall is none.
"""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.mounting import learn_step
from gaitpi.gait.state import CHAIN, ICS, PENDING, R_T, R_V, R_X, RING
from gaitpi.units import G0

G = G0


@kernel
def smooth_force(c: Any, st: Any, i: int) -> float:
    """Vertical specific force (m/s²) at sample ``i`` of the history, triangularly smoothed.

    The window is cut at the ends of the history.
    """
    ring = st["ring"]
    last = st["ring_n"] - 1
    m = c["smooth_n"]
    s = 0.0
    w = 0.0
    for j in range(-m, m + 1):
        k = i + j
        if 0 <= k <= last and k > last - RING:
            q = m + 1 - abs(j)
            s += q * ring[k % RING, R_V]
            w += q
    return float(s / w + G)


@kernel
def crossing_time(st: Any, i: int, lo: float, hi: float, level: float) -> float:
    """Time (s) at which ``level`` is met between samples ``i`` (``lo``) and ``i + 1`` (``hi``)."""
    ring = st["ring"]
    t0 = ring[i % RING, R_T]
    t1 = ring[(i + 1) % RING, R_T]
    return float(t0 + (t1 - t0) * (level - lo) / (hi - lo))


@kernel
def find_ic(c: Any, st: Any) -> tuple[float, int]:
    """Initial contact of the wave now rising: (time, sample), time NaN when it was not seen.

    The landing is the rise through one g out of the deepest flight: push-off and the dip after
    the shock cross it too. Its time is sharp, since the force rises fastest there; the contact
    itself was the time of loading earlier.
    """
    last = st["ring_n"] - 1
    d = int(c["coarse_delay_s"] * c["rate_hz"])
    lo = max(st["valley_i"] - d - int(0.05 * c["rate_hz"]), st["peak_i"] - d, 0)
    lo = max(lo, last - RING + 1)
    if st["has_ic"] == 1:
        lo = max(lo, st["ic_i"] + 1)
    best = 1e30
    least = 1e30
    top = -1
    f = smooth_force(c, st, lo)
    for i in range(lo, last):
        least = min(least, f)
        g = smooth_force(c, st, i + 1)
        if f < G and g >= G:
            if least < best:
                best = least
                top = i
            least = 1e30
        f = g
    # within a bout all contacts are of one kind, so that step times do not jump between the two
    bout = st["bout_kind"]
    limit = c["flight_stay"]
    if bout == 3:
        limit = G
    elif bout == 2:
        limit = 0.5 * c["flight_force"]
    if top < 0 or best >= limit:
        return walking_ic(c, st)
    lo_f = smooth_force(c, st, top)
    hi_f = smooth_force(c, st, top + 1)
    t = crossing_time(st, top, lo_f, hi_f, G) - c["loading_s"]
    return t, max(top - int(c["loading_s"] * c["rate_hz"]), lo)


@kernel
def walking_ic(c: Any, st: Any) -> tuple[float, int]:
    """Initial contact of the wave now rising through its mean, without a flight.

    Walking has no sharp landing. Its wave is highest in the middle of double support, so the
    contact lies half a double support before that, and the mean is crossed a quarter wave before.
    """
    ring = st["ring"]
    last = st["ring_n"] - 1
    t1 = ring[last % RING, R_T]
    t0 = ring[(last - 1) % RING, R_T]
    before = st["p_before"]
    if before >= 0.0 or last < 3 * int(c["coarse_delay_s"] * c["rate_hz"]):
        return np.nan, 0  # a second hump of the same step, or a rise before the history begins
    share = before / (before - st["p"])
    step = st["step_s"] if st["step_s"] > 0.0 else 0.5
    lag = (0.25 - 0.5 * c["double_support"]) * step - c["coarse_delay_s"]
    ic = t0 + share * (t1 - t0) + lag
    return float(ic), min(last, max(0, last + int(lag * c["rate_hz"])))


@kernel
def duty_of(amplitude: float) -> float:
    """Duty factor of the contact (contact time over step time) whose force has this fundamental.

    ``amplitude`` of the vertical force at the step frequency in body weights. A half-sine stance
    of duty d that carries the body weight over the step has 2 cos(pi d) / (1 - 4 d²), which falls
    from 2 (a hammer blow) over 2/3 (no flight) on; solved by bisection. 1 where it would be more.
    """
    lo = 0.05
    hi = 1.0
    for _ in range(30):
        d = 0.5 * (lo + hi)
        q = 1.0 - 4.0 * d * d
        a = 0.5 * np.pi if abs(q) < 1e-6 else 2.0 * np.cos(np.pi * d) / q
        if a > amplitude:
            lo = d
        else:
            hi = d
    return float(0.5 * (lo + hi))


@kernel
def contact_time(st: Any, i0: int, i1: int) -> float:
    """Contact time (s) in the running step of samples i0..i1, from the impulse over the step.

    The ground carries the body weight times the step time in each step; the shorter the contact,
    the larger the fundamental of the force. That needs no threshold on a noisy toe-off. The
    ground does not pull: a negative force of the trunk is the legs' swing and counts as none.
    """
    ring = st["ring"]
    t0 = ring[i0 % RING, R_T]
    span = ring[i1 % RING, R_T] - t0
    w = 2.0 * np.pi / span
    re = 0.0
    im = 0.0
    for i in range(i0, i1):
        f = max(ring[i % RING, R_V] + G, 0.0)
        angle = w * (ring[i % RING, R_T] - t0)
        re += f * np.cos(angle)
        im += f * np.sin(angle)
    amplitude = 2.0 * np.sqrt(re * re + im * im) / (i1 - i0) / G
    return float(duty_of(amplitude) * span)


@kernel
def bounce(st: Any, i0: int, i1: int) -> float:
    """Range of the vertical displacement (m) over samples i0..i1, one whole step.

    Double integral of the acceleration with its mean and the mean velocity taken out: over a
    step of steady gait the body neither gains height nor speed (Zijlstra & Hof 2003).
    """
    n = i1 - i0
    if n < 3 or i0 < st["ring_n"] - RING:
        return np.nan
    ring = st["ring"]
    span = ring[i1 % RING, R_T] - ring[i0 % RING, R_T]
    area = 0.0
    for i in range(i0, i1):
        dt = ring[(i + 1) % RING, R_T] - ring[i % RING, R_T]
        area += 0.5 * (ring[i % RING, R_V] + ring[(i + 1) % RING, R_V]) * dt
    mean = area / span
    v = 0.0
    v_mean = 0.0
    for i in range(i0, i1):
        dt = ring[(i + 1) % RING, R_T] - ring[i % RING, R_T]
        dv = (0.5 * (ring[i % RING, R_V] + ring[(i + 1) % RING, R_V]) - mean) * dt
        v_mean += (v + 0.5 * dv) * dt
        v += dv
    v = -v_mean / span
    x = 0.0
    lo = 0.0
    hi = 0.0
    for i in range(i0, i1):
        dt = ring[(i + 1) % RING, R_T] - ring[i % RING, R_T]
        dv = (0.5 * (ring[i % RING, R_V] + ring[(i + 1) % RING, R_V]) - mean) * dt
        x += (v + 0.5 * dv) * dt
        v += dv
        lo = min(lo, x)
        hi = max(hi, x)
    return float(hi - lo)


@kernel
def impact(st: Any, i0: int, t_end: float, i1: int) -> float:
    """Highest vertical acceleration (m/s², without gravity) from sample i0 to time ``t_end``."""
    ring = st["ring"]
    best = -1e30
    for i in range(i0, i1):
        if ring[i % RING, R_T] > t_end:
            break
        best = max(best, ring[i % RING, R_V])
    return float(best)


@kernel
def lateral(st: Any, i0: int, i1: int) -> float:
    """Mean acceleration to the left (m/s²) over the first 60 % of the step i0..i1; NaN unknown.

    Without a gyroscope the sway of the pelvis cannot be told from a push: unknown.

    The ground pushes the body away from the standing foot, towards the midline.
    """
    if st["axes_known"] == 0 or st["has_gyro"] == 0:
        return np.nan
    ring = st["ring"]
    y = st["mount"][1]
    end = i0 + (3 * (i1 - i0)) // 5
    s = 0.0
    for i in range(i0, end):
        k = i % RING
        s += ring[k, R_X] * y[0] + ring[k, R_X + 1] * y[1] + ring[k, R_X + 2] * y[2]
    return float(s / max(1, end - i0))


@kernel
def learn_side(c: Any, st: Any, y: float) -> int:
    """Side of the present step (-1 left, +1 right, 0 unknown) from lateral evidence so far.

    Every step adds its lateral push with the sign of its parity; agreeing evidence of many
    steps names the sides, so one odd step cannot swap them.
    """
    sign = 1.0 if st["parity"] == 0 else -1.0
    if not np.isnan(y):
        st["side_d"] = st["side_d"] * c["side_memory"] + sign * y
        st["side_e"] = st["side_e"] * c["side_memory"] + abs(y)
        st["side_n"] += 1
        clear = abs(st["side_d"]) > c["side_clear"] * st["side_e"]
        if st["side_n"] >= c["side_steps"] and clear:
            # pushed to the right (y < 0) means standing on the left
            st["side_even"] = -1 if st["side_d"] < 0.0 else 1
    if st["side_even"] == 0:
        return 0
    return int(st["side_even"] if st["parity"] == 0 else -st["side_even"])


@kernel
def forget_side(st: Any) -> None:
    """Which foot is next is no longer known."""
    st["side_d"] = 0.0
    st["side_e"] = 0.0
    st["side_n"] = 0
    st["side_even"] = 0


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
def put_step(out: Any, k: int, row: Any, activity: int, known: float) -> int:
    """Write a step row into the output records at ``k``; returns the next free place."""
    if k >= out.shape[0]:
        return k
    r = out[k]
    to = row[1] if activity == 3 else np.nan  # in walking the trunk does not show it
    r["ic_s"] = row[0]
    r["to_s"] = to
    r["contact_s"] = to - row[0]
    r["step_s"] = row[2]
    r["flight_s"] = row[2] - (to - row[0])
    r["cadence_spm"] = row[3]
    r["bounce_m"] = row[4]
    r["impact_ms2"] = row[5]
    r["side"] = np.int8(row[6])
    r["activity"] = np.uint8(activity)
    r["lean_deg"] = row[7]
    r["side_lean_deg"] = row[8]
    r["known_s"] = known
    return k + 1


@kernel
def flush_pending(c: Any, st: Any, out: Any, k: int, activity: int, known: float) -> int:
    """Report the steps that waited for their bout, from the first that is one of its kind."""
    begun = False
    for i in range(st["pending_n"]):
        row = st["pending"][i]
        begun = begun or gait_kind(c, activity, row[9], row[2], row[10]) == activity
        if begun:
            k = put_step(out, k, row, activity, known)
    st["pending_n"] = 0
    return k


@kernel
def end_bout(c: Any, st: Any, out: Any, k: int) -> int:
    """Close the bout: the open step is reported with what is known of it (its contact)."""
    if st["has_ic"] == 1 and st["bout_kind"] > 0:
        row = np.full(12, np.nan)
        row[0] = st["ic_s"]
        st["parity"] ^= 1
        row[6] = learn_side(c, st, np.nan)
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
def least_force(c: Any, st: Any, i0: int, i1: int) -> float:
    """Least vertical specific force (m/s², smoothed) over samples i0..i1."""
    best = 1e30
    for i in range(i0, i1):
        best = min(best, smooth_force(c, st, i))
    return float(best)


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
        for j in range(st["chain_n"] - n, st["chain_n"]):
            for m in range(3):
                means[m] += st["chain"][j % CHAIN, m] / n
        kind = gait_kind(c, bout, means[0], means[1], means[2])
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
    wave = (st["peak"] - st["valley"]) * np.sqrt(1.0 + ratio**4)
    low = least_force(c, st, i0, ic_i)
    before = st["step_s"]
    regular = before == 0.0 or abs(step - before) <= c["step_spread"] * before
    missed = st["bout_kind"] > 0 and step > (1.0 + 2.0 * c["step_spread"]) * before > 0.0
    st["step_s"] = step if regular else 0.5 * (step + before)
    st["parity"] ^= 1
    if not regular:
        new_chain(st, st["ic_s"])
    if missed:
        st["ics_n"] = 0
    st["ics"][st["ics_n"] % ICS] = ic
    st["ics_n"] += 1
    live_cadence(c, st)

    row = st["pending"][min(st["pending_n"], PENDING - 1)]
    row[0] = st["ic_s"]
    row[1] = row[0] + contact_time(st, i0, ic_i)
    row[2] = step
    row[3] = st["cadence"]
    row[4] = bounce(st, i0, ic_i)
    row[5] = impact(st, i0, row[1], ic_i)
    row[6] = learn_side(c, st, lateral(st, i0, ic_i))
    n = st["lean_n"]
    row[7] = st["lean_sum"][0] / n if n > 0 else np.nan
    row[8] = st["lean_sum"][1] / n if n > 0 else np.nan
    row[9] = wave
    row[10] = low
    st["lean_n"] = 0
    st["lean_sum"][:] = 0.0
    if missed:
        # a contact in between was not seen: what lies between two contacts is no step
        row[1] = np.nan
        row[2] = np.nan
        row[4] = np.nan
        forget_side(st)

    established = st["bout_kind"]
    judge_bout(c, st, wave, step, low, regular)
    single = gait_kind(c, st["bout_kind"], wave, step, low)
    learn_step(c, st, single if regular and single == st["bout_kind"] else 0)
    if established > 0:
        if st["bout_kind"] == 0:
            # this step may be the first of another bout: it waits
            st["pending"][0] = row
            st["pending"][0, 6] = 0.0
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


@kernel
def take_ic(c: Any, st: Any, ic: float, i: int, out: Any, k: int) -> int:
    """Go on from an initial contact (time, sample): the first of a bout, or the end of a step."""
    if st["has_ic"] == 1 and ic - st["ic_s"] > c["walk_step_max_s"]:
        k = end_bout(c, st, out, k)
    if st["has_ic"] == 0:
        st["has_ic"] = 1
        st["ics"][0] = ic
        st["ics_n"] = 1
        st["step_s"] = 0.0
        st["lean_n"] = 0
        st["lean_sum"][:] = 0.0
        st["evidence"][:] = 0.0
    elif ic - st["ic_s"] >= 0.7 * c["run_step_min_s"]:
        k = close_step(c, st, ic, i, out, k)
    else:
        return k
    st["ic_s"] = ic
    st["ic_i"] = i
    return k


@kernel
def reset_waves(st: Any) -> None:
    """Forget the wave under way (after time was lost); the usual wave is kept."""
    st["ring_n"] = 0
    st["direction"] = 0
    st["want_ic"] = 0
    st["v_mean"] = 0.0
    st["p_z"][:] = 0.0
    st["w"] = 0.0


@kernel
def waves(
    c: Any, st: Any, t: float, v: float, x: float, y: float, z: float, out: Any, k: int
) -> int:
    """Take the vertical (``v``) and horizontal (sensor frame) acceleration of one sample.

    Steps that became known are written to ``out`` from ``k`` on; returns the next free place.
    """
    n = st["ring_n"]
    row = st["ring"][n % RING]
    row[R_T] = t
    row[R_V] = v
    row[R_X] = x
    row[R_X + 1] = y
    row[R_X + 2] = z
    st["ring_n"] = n + 1

    st["v_mean"] += c["mean_k"] * (v - st["v_mean"])
    f = c["coarse_lp"]
    s = v - st["v_mean"]
    pz = st["p_z"]
    p = f[0] * s + pz[0]
    pz[0] = f[1] * s - f[3] * p + pz[1]
    pz[1] = f[2] * s - f[4] * p
    st["p_before"] = st["p"]
    st["p"] = p

    need = max(c["wave_floor"], c["reversal"] * st["usual_wave"])
    d = st["direction"]
    if d == 0:
        st["extreme"] = p
        st["extreme_i"] = n
        st["peak"] = p
        st["peak_i"] = n
        st["valley"] = p
        st["valley_i"] = n
        st["direction"] = -1
    elif d < 0:
        if p < st["extreme"]:
            st["extreme"] = p
            st["extreme_i"] = n
        elif p > st["extreme"] + need:
            st["valley"] = st["extreme"]
            st["valley_i"] = st["extreme_i"]
            st["direction"] = 1
            st["extreme"] = p
            st["extreme_i"] = n
            st["want_ic"] = 1
    else:
        if p > st["extreme"]:
            st["extreme"] = p
            st["extreme_i"] = n
        elif p < st["extreme"] - need:
            st["peak"] = st["extreme"]
            st["peak_i"] = st["extreme_i"]
            st["direction"] = -1
            st["extreme"] = p
            st["extreme_i"] = n
            wave = st["peak"] - st["valley"]
            st["usual_wave"] += 0.25 * (wave - st["usual_wave"])
            if st["want_ic"] == 1:
                st["want_ic"] = 0
    # the usual wave fades, so that walking is seen after running
    st["usual_wave"] *= 1.0 - 0.5 * c["mean_k"]

    if st["want_ic"] == 1 and p > 0.0:
        st["want_ic"] = 0
        ic, i = find_ic(c, st)
        if ic > t:
            # the wave of walking foretells the contact: it counts once its time has come
            st["want_ic"] = 2
            st["due_ic"] = ic
        elif not np.isnan(ic):
            k = take_ic(c, st, ic, i, out, k)
    elif st["want_ic"] == 2 and t >= st["due_ic"]:
        st["want_ic"] = 0
        k = take_ic(c, st, st["due_ic"], n, out, k)
    if st["has_ic"] == 1:
        limit = c["walk_step_max_s"]
        if st["step_s"] > 0.0:
            limit = min(limit, c["bout_end"] * st["step_s"] + c["coarse_delay_s"])
        if t - st["ic_s"] > limit + 0.15:
            k = end_bout(c, st, out, k)
    return k
