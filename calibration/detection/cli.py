"""``python -m calibration.detection``: the tables."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from calibration.detection import experiments as ex
from calibration.detection import noise, slopecli
from calibration.detection.runners import MEASURED
from calibration.validation.recordings import Source
from gaitpi.coach import detect
from gaitpi.config import CoachConfig

DATA: Final = Path("../shared/data")
PARTS: Final = (
    *("noise", "threshold", "held", "delay", "windows", "rules", "lean"),
    *("slope", "trade", "hills"),
)
QUIET: Final = replace(MEASURED, sd=0.010)
LOUD: Final = replace(MEASURED, sd=0.025)
SURETIES: Final = (3.0, 3.25, 3.5, 3.75, 4.0, 4.25, 4.5)
HELD: Final = ex.CADENCE.false_alarm_h


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables asked for; 0."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.detection",
        description="How soon the coach notices a runner who is low, and how often it cries wolf.",
        epilog="example: python -m calibration.detection held delay --small",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    parser.add_argument("--small", action="store_true", help="fewer runs: two minutes, not fifteen")
    parser.add_argument(
        "--data", type=Path, default=DATA, help="folder of the recordings (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in args.parts or PARTS:
        if part == "noise":
            _noise(args.data, args.small)
        elif part == "slope":
            slopecli.slope(args.data, args.small)
        elif part == "hills":
            slopecli.hills(args.small)
        elif part == "trade":
            slopecli.trade(args.small)
        else:
            {
                "threshold": _threshold,
                "held": _held,
                "delay": _delay,
                "windows": _windows,
                "rules": _rules,
                "lean": _lean,
            }[part](args.small)
        print()
    return 0


def _title(text: str) -> None:
    print(text)
    print("-" * len(text), flush=True)


def _noise(data: Path, small: bool) -> None:
    _title("Noise of strides, recordings through the estimator (percent of the stride time)")
    if not data.is_dir():
        print(f"no recordings in {data}: simulated ones stand in (--data FOLDER names another)")
    source = Source(data if data.is_dir() else None, small)
    bouts = noise.measure(source)
    blocks = "".join(f"{f'A{b}':>6}" for b in noise.BLOCKS)
    print(f"{'bout':24}{'n':>5}{'sd':>6}{blocks}{'r1':>7}{'r4':>6}{'left-r':>7}")
    for b in bouts:
        row = "".join(f"{_number(b.sd[k]):>6}" for k in noise.BLOCKS)
        corr = f"{_number(b.acf[1]):>7}{_number(b.acf[4]):>6}"
        print(f"{b.name[:23]:24}{b.strides:5}{b.plain:6.2f}{row}{corr}{b.side:7.1f}")
    long = [b for b in bouts if 2 * b.strides >= noise.LONG_STEPS]
    pool = noise.pooled([b.sd for b in long])
    plain = float(np.median([b.plain for b in long]))
    row = "".join(f"{pool[k]:6.2f}" for k in noise.BLOCKS)
    print(f"{f'median of {len(long)} long ones':24}{'':5}{plain:6.2f}{row}")
    fit = noise.fit(pool, contact=True)
    side = float(np.median([b.side for b in long]))
    print(
        f"fit: long-range sd {100 * fit.sd:.2f} %, H {fit.hurst:.2f}, contact timing"
        f" {100 * fit.contact:.2f} %, left-right {side:.1f} %"
    )
    lean = noise.pooled(noise.measure_lean(source))
    fit = noise.fit(lean, contact=False)
    row = " ".join(f"{lean[k]:.2f}" for k in noise.BLOCKS)
    print(f"lean of strides, deg: {row}; fit: sd {fit.lean_sd:.2f}, H {fit.lean_hurst:.2f}")
    print(
        "An: Allan deviation of the mean of n strides (a change of pace is no noise); r1, r4:\n"
        "autocorrelation. Nobody in these recordings holds a target: it is an upper bound."
    )


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"


def _threshold(small: bool) -> None:
    seeds, hours = (10, 10.0) if small else (50, 20.0)
    _title(f"False alarms of the test alone: {seeds * hours:.0f} h at the target, measured noise")
    print("hold, s    sd  alarms   h each   asked by surety_for(h, hold)")
    for hold in (2.0, 5.0, ex.CADENCE.hold_s):
        for surety, count in ex.thresholds(seeds, hours, SURETIES, hold):
            each = seeds * hours / max(count, 1)
            asked = detect.surety_for(each, hold)
            mark = ">" if count == 0 else " "
            print(f"{hold:7.0f}{surety:6.2f}{count:8}{mark}{each:8.1f}{asked:12.2f}", flush=True)


def _held(small: bool) -> None:
    seeds, hours = (10, 2.0) if small else (50, 10.0)
    _title(f"Corrections in {hours:.0f} h over {seeds} seeds, the whole coach")
    print(f"{'mean cadence':18}{'noise 1.0 %':>13}{'measured 1.6':>14}{'2.5 %':>9}")
    for below in (0.0, 0.01, 0.015, 0.02):
        counts = [ex.held(seeds, hours, below=below, noise=n).cues for n in (QUIET, MEASURED, LOUD)]
        label = "the target" if below == 0.0 else f"{-100 * below:.1f} %"
        print(f"{label:18}{counts[0]:>10}{counts[1]:>14}{counts[2]:>12}", flush=True)
    missed = ex.held(seeds, hours, missed=0.02)
    print(f"at the target with 2 % of contacts missed, measured noise: {missed.cues}")


DROPS: Final = (("-9 spm", 9.0 / 172.0), ("-5 %", 0.05), ("-4 %", 0.04), ("-3.5 %", 0.035))
EDGE: Final = (*DROPS, ("-3 %", 0.03))


def _delay(small: bool) -> None:
    seeds = 40 if small else 300
    _title(f"Delay of the cue after a sudden drop, s ({seeds} seeds, the whole coach)")
    print(f"{'drop':9}{'noise':>7}{'median':>8}{'p90':>7}{'p95':>7}{'<= 15 s':>9}{'<= 25 s':>9}")
    for label, drop in EDGE:
        course = ex.change(ex.TARGET_SPM, ex.TARGET_SPM * (1.0 - drop))
        for level in (QUIET, MEASURED):
            late = ex.delays(seeds, cadence=course, noise=level)
            print(f"{label:9}{100 * level.sd:5.1f} %{_spread(late)}", flush=True)
    print(f"(a dash: not within {ex.WATCH_S:.0f} s)")


def _spread(late: np.ndarray) -> str:
    cells = [np.quantile(late, q, method="higher") for q in (0.5, 0.9, 0.95)]
    shown = [f"{c:.1f}" if np.isfinite(c) else "-" for c in cells]
    shares = [f"{100 * np.mean(late <= limit):.0f} %" for limit in (15.0, 25.0)]
    return f"{shown[0]:>8}{shown[1]:>7}{shown[2]:>7}{shares[0]:>9}{shares[1]:>9}"


def _windows(small: bool) -> None:
    seeds, hours = (60, 200.0) if small else (150, 2000.0)
    _title(f"Median delay at one false alarm in {HELD:.0f} h at the target, s; measured noise")
    print(f"{'':34}" + "".join(f"{label:>9}" for label, _ in EDGE))
    bounds = [ex.bound_s(drop, HELD) for _, drop in EDGE]
    print(f"{'Lorden: log(ARL) / information':34}" + "".join(f"{b:9.1f}" for b in bounds))
    courses = [ex.change(ex.TARGET_SPM, ex.TARGET_SPM * (1.0 - drop)) for _, drop in EDGE]
    for hold in (2.0, ex.CADENCE.hold_s):
        config = _with_hold(hold)
        late = [float(np.median(ex.delays(seeds, cadence=c, config=config))) for c in courses]
        cells = "".join(f"{x:9.1f}" for x in late)
        print(f"{f'the coach, hold {hold:.0f} s':34}{cells}", flush=True)
    for n in (4, 8, 16, 32):
        threshold = ex.window_rule(n, HELD, hours)
        spm = 100.0 * (1.0 - 1.0 / (1.0 + threshold))
        late = [float(np.median(ex.window_delays(n, threshold, d, seeds))) for _, d in EDGE]
        cells = "".join(f"{x:9.1f}" if np.isfinite(x) else f"{'-':>9}" for x in late)
        print(f"{f'mean of {2 * n} steps below -{spm:.1f} %':34}{cells}", flush=True)
    late = [float(np.median(ex.held_window_delays(d, seeds))) for _, d in EDGE]
    cells = "".join(f"{x:9.1f}" if np.isfinite(x) else f"{'-':>9}" for x in late)
    print(f"{'mean of 16 steps below -3 % for 8 s':34}{cells[1:]}   (*)")
    print(
        "A window's threshold is what chance passes that seldom, wherever that is; the coach\n"
        "cues no mean above the edge of the band (-3 %). (*) The rule before, at its own rate:"
    )
    print(f"{'alarms an hour at':22}{'the target':>12}{'-1 %':>8}{'-1.5 %':>8}{'-2 %':>8}")
    rates = [ex.held_window(b, hours / 10.0) for b in (0.0, 0.01, 0.015, 0.02)]
    for k, label in enumerate(("the rule before", "the test of the coach")):
        first, *rest = (rate[k] for rate in rates)
        print(f"{label:22}{first:12.2f}" + "".join(f"{x:8.1f}" for x in rest))


def _with_hold(hold_s: float) -> CoachConfig:
    return CoachConfig(target_spm=ex.TARGET_SPM, hold_s=hold_s)


def _rules(small: bool) -> None:
    seeds = 3 if small else 12
    _title(f"Other products' rules, the same 40-minute runs ({seeds} seeds), measured noise")
    print(f"{'':22}{'held':>10}{'4 hills':>9}{'4 walk':>8}{'after -9 spm':>17}")
    print(f"{'alerts':22}{'/ 10 min':>10}{'-5 spm':>9}{'breaks':>8}{'median / p90, s':>17}")
    for r in ex.rivals(seeds):
        late = f"{r.delay_s[0]:.0f} / {r.delay_s[1]:.0f}"
        print(f"{r.rule:22}{r.per_ten_min:10.2f}{r.hills:9.1f}{r.walks:8.1f}{late:>17}", flush=True)
    print("The coach's hills are not muted here: a step that knows no slope is all it is given.")


def _lean(small: bool) -> None:
    seeds, hours = (10, 2.0) if small else (50, 10.0)
    _title("Lean: usual 8 deg, band 4 deg, hold 20 s, measured noise")
    count = ex.held(seeds, hours, config=ex.LEAN)
    print(f"corrections in {hours:.0f} h over {seeds} seeds at the usual lean: {count.cues}")
    print(f"{'change':16}{'median':>8}{'p90':>7}{'p95':>7}{'<= 15 s':>9}{'<= 25 s':>9}")
    for off in (4.0, 5.0, 6.0, 8.0, -6.0):
        course = ex.change(ex.USUAL_LEAN_DEG, ex.USUAL_LEAN_DEG + off)
        late = ex.delays(40 if small else 200, lean=course, config=ex.LEAN)
        print(f"{f'{off:+.0f} deg':16}{_spread(late)}", flush=True)
