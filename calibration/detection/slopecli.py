"""The tables ``slope``, ``trade`` and ``hills`` of ``python -m calibration.detection``."""

import math
from pathlib import Path

import numpy as np

from calibration.detection import slopes
from calibration.detection.runners import Floats
from calibration.validation.recordings import ALCANTARA, Source
from gaitpi.coach.ground import HILL_RATIO


def _title(text: str) -> None:
    print(text)
    print("-" * len(text), flush=True)


def slope(data: Path, small: bool) -> None:
    """What the clues are worth, and slopes claimed where there were none."""
    if not data.is_dir():
        print(f"no recordings in {data}: simulated ones stand in (--data FOLDER names another)")
    source = Source(data if data.is_dir() else None, small)
    if data.is_dir():
        _title("Clues on slopes: one runner, sacrum, treadmill (alcantara; no gyroscope)")
        print(f"{'trial':10}{'deg':>5}{'m/s':>6}{'spm':>7}{'impact':>8}{'duty':>7}{'pitch':>7}")
        for r in sorted(source.get(ALCANTARA), key=lambda r: r.meta["slope_deg"]):
            steps = r.trace.steps
            values = [
                float(np.nanmedian(steps["cadence_spm"])),
                float(np.nanmedian(steps["impact_ms2"])),
                float(np.nanmedian(steps["contact_s"] / steps["step_s"])),
            ]
            deg, mps = r.meta["slope_deg"], r.meta["speed"]
            print(
                f"{r.name:10}{deg:5.0f}{mps:6.2f}{values[0]:7.1f}{values[1]:8.1f}"
                f"{values[2]:7.2f}{slopes.pitch(r):7.1f}"
            )
        print(
            "pitch, deg: mean force, so with the mounting in it; 27 and 30 are mounted otherwise\n"
        )
    _title("Noise of the clues on the level: 16 steps against 48 before, 16 apart (1 sd)")
    print(f"{'':24}" + "".join(f"{name:>14}" for name in slopes.CLUES))
    for name, changes in (
        ("recordings", slopes.recorded_changes(source)),
        ("simulated, with wander", slopes.simulated_changes(4 if small else 12)),
    ):
        cells = "".join(f"{x:14.4f}" for x in slopes.clue_noise(changes))
        print(f"{name:24}{cells}", flush=True)
    print()
    _title("Slopes claimed on the level, 9 s against the 29 before, deviating or not")
    print(f"{'':24}{'hours':>7}{'claims':>8}{'of time':>9}{'doubt':>9}{'rms':>8}{'told sd':>9}")
    rows = list(slopes.level_recorded(source))
    rows.append(slopes.level_simulated(4 if small else 20, 900.0))
    for row in rows:
        if row.hours == 0.0:
            print(f"{row.name[:23]:24}{'too short':>16}")
            continue
        print(
            f"{row.name[:23]:24}{row.hours:7.2f}{row.claims:8}{100 * row.share:7.0f} %"
            f"{100 * row.doubt:7.0f} %{row.rms:6.1f} %{row.told:7.1f} %",
            flush=True,
        )


def trade(small: bool) -> None:
    """What any threshold would cost on either side; on seeds that nothing else is shown on."""
    n = 3 if small else 15
    hills = [
        (f"{100 * grade:.0f} %", slopes.hill_looks(range(n), grade, slows=True))
        for grade in (0.03, 0.04, 0.06, 0.08, 0.10)
    ]
    hills.append(("6 % *", slopes.hill_looks(range(n), 0.06, slows=False)))
    flat = [slopes.drop_looks(range(1000, 1000 + 4 * n), share) for share in (0.03, 0.05)]
    _title(
        f"Cued, of 100 hills ({4 * n} each), and of 100 flat drops ({4 * n}) within 15, 25, 60 s"
    )
    heads = "".join(f"{name:>7}" for name, _ in hills)
    print(f"{'ln ratio':10}{heads}{'flat -3 %':>18}{'flat -5 %':>16}")
    for keep in (math.inf, -1.0, -1.25, -1.5, -1.75, -2.0, -2.25, -2.5):
        row = [_share(looks, keep, math.inf) for _, looks in hills]
        late = [[_share(looks, keep, limit) for limit in (15.0, 25.0, 60.0)] for looks in flat]
        cells = "".join(f"{x:7.0f}" for x in row)
        shown = "  |".join("".join(f"{x:5.0f}" for x in part) for part in late)
        chosen = " <" if keep == HILL_RATIO else ""
        label = "no rule" if keep == math.inf else f"{keep:.2f}{chosen}"
        print(f"{label:10}{cells}  |{shown}", flush=True)
    print("slower uphill and faster downhill; * the same speed as on the level (treadmill)")


def _share(looks: list[list[slopes.Look]], keep: float, limit: float) -> float:
    """Percent cued before ``limit``."""
    at = [slopes.first_cue(part, keep) for part in looks]
    return 100.0 * float(np.mean([t < limit for t in at]))


def hills(small: bool) -> None:
    """Hills, bends, walk breaks and flat drops through the whole signal path."""
    n = 5 if small else 25
    seeds = range(100, 100 + n)
    _title(f"Cues where there should be none: {n} runners, four each, simulated signal")
    print(f"{'':34}{'n':>6}{'cued':>7}{'kept back':>11}{'without':>9}")
    for grade in (0.03, 0.04, 0.06, 0.08, 0.10):
        for slows in (True, False):
            label = f"hills +-{100 * grade:.0f} %, {'slower uphill' if slows else 'same speed'}"
            _episodes(label, slopes.episodes(seeds, "hill", grade=grade, slows=slows))
    _episodes("bends 5-30 deg/s and corners", slopes.episodes(seeds, "bend"))
    _episodes("walk breaks", slopes.episodes(seeds, "walk"))
    _episodes("hills +-6 %, focus lean", slopes.episodes(seeds, "hill", grade=0.06, focus="lean"))
    bare = slopes.episodes(seeds, "hill", grade=0.06, has_gyro=False)
    _episodes("hills +-6 %, no gyroscope", bare)
    print("without: cues without these rules (given, or kept back by quiet.hill or quiet.turn)\n")
    n = 10 if small else 60
    seeds = range(3000, 3000 + n)
    _title(f"The price: drops on the flat, delay of the cue, s ({n} runners)")
    print(
        f"{'':24}{'median':>8}{'p90':>7}{'<= 15 s':>9}{'<= 25 s':>9}{'<= 60 s':>9}{'<= 120 s':>10}"
    )
    for share, slower in ((0.03, 0.0), (0.04, 0.0), (0.05, 0.0), (0.05, 0.05), (0.05, 0.10)):
        found = slopes.drops(seeds, share, slower=slower)
        label = f"-{100 * share:.0f} %" + (f", speed -{100 * slower:.0f} %" if slower else "")
        _delays(label, found.with_slope)
        _delays("  without the rule", found.without)
    _delays("-5 %, no gyroscope", slopes.drops(seeds, 0.05, has_gyro=False).with_slope)


def _episodes(label: str, e: slopes.Episodes) -> None:
    without = f"{e.cued + e.muted}" if e.cued == 0 else f"<= {e.cued + e.muted}"
    print(f"{label:34}{e.n:6}{e.cued:7}{e.muted:11}{without:>9}", flush=True)


def _delays(label: str, late: Floats) -> None:
    cells = [np.quantile(late, q, method="higher") for q in (0.5, 0.9)]
    shown = [f"{c:.1f}" if np.isfinite(c) else "-" for c in cells]
    shares = [f"{100 * np.mean(late <= limit):.0f} %" for limit in (15.0, 25.0, 60.0, 120.0)]
    print(
        f"{label:24}{shown[0]:>8}{shown[1]:>7}"
        f"{shares[0]:>9}{shares[1]:>9}{shares[2]:>9}{shares[3]:>10}",
        flush=True,
    )
