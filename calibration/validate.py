"""Accuracy of the estimator against outside truth: one table, recomputed from the recordings.

Run it with the folder of recordings (default ``../shared/data`` beside the project). The
estimator streams with default parameters; nothing looks ahead. What each figure means and where
the data end is said in docs/algorithms.md.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gaitpi.gait import RUNNING, Trace, estimate
from gaitpi.units import G0, RAD_PER_DEG


class Recording:
    """One recording: ``acc`` (n, 3) m/s², ``gyr`` (n, 3) rad/s or None, and its truth fields."""

    def __init__(self, path: Path) -> None:
        data = np.load(path, allow_pickle=False)
        self.name = f"{path.parent.name}/{path.stem}"
        self.meta: dict[str, Any] = json.loads(str(data["meta"]))
        self.rate_hz = float(data["fs"])
        self.acc = data["acc"] * self.meta["acc_lsb"]
        self.gyr = data["gyr"] * self.meta["gyr_lsb"] if "gyr" in data else None
        self.data = data

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def bits(self, key: str) -> np.ndarray:
        """A packed mask as booleans (n,)."""
        return np.unpackbits(self.data[key])[: len(self.acc)].astype(bool)


def recordings(root: Path, folder: str, pattern: str = "*") -> Iterator[Recording]:
    """All recordings of a folder whose names match."""
    for path in sorted((root / folder).glob(f"{pattern}.npz")):
        yield Recording(path)


def match(found: np.ndarray, truth: np.ndarray, within: float) -> list[tuple[int, int]]:
    """Pairs (found, truth) of events closest to each other, within a time after lag removal."""
    lag = 0.0
    pairs: list[tuple[int, int]] = []
    for width in (4 * within, 2 * within, within):
        pairs = []
        for j, t in enumerate(truth):
            i = int(np.argmin(np.abs(found - lag - t))) if len(found) else 0
            if len(found) and abs(found[i] - lag - t) <= width:
                pairs.append((i, j))
        if pairs:
            lag = float(np.median([found[i] - truth[j] for i, j in pairs]))
    return pairs


def angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between rows of unit vectors, degrees."""
    return np.degrees(
        np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.einsum("ij,ij->i", a, b))
    )


def inclination(root: Path, report: "Report") -> None:
    """RMS inclination error against optical truth."""
    for folder in ("broad", "rbds_semisynthetic", "repoimu_tstick"):
        errors = []
        for k, rec in enumerate(recordings(root, folder)):
            acc, gyr = rec.acc.copy(), rec.gyr.copy()
            use = np.ones(len(acc), bool)
            if "up_valid" in rec:
                use &= rec.bits("up_valid")
            if "movement" in rec:
                use &= rec.bits("movement")
            if folder == "rbds_semisynthetic":
                rng = np.random.default_rng(k)
                acc += rng.normal(0, 0.004 * G0, acc.shape)
                gyr += rng.normal(0, 0.1 * RAD_PER_DEG, gyr.shape)
                gyr += rng.uniform(-1, 1, 3) * RAD_PER_DEG
                use[: int(10 * rec.rate_hz)] = False
            truth = rec["up"] / 32767.0
            truth /= np.linalg.norm(truth, axis=1, keepdims=True)
            up = estimate(acc, gyr, rec.rate_hz).up
            errors.append(float(np.sqrt(np.mean(angle_deg(up, truth)[use] ** 2))))
        if errors:
            report.row(
                "inclination, mean RMS", folder, f"{np.mean(errors):.3f}°", f"{np.round(errors, 2)}"
            )


def running_steps(root: Path, report: "Report") -> None:
    """Steps, their timing, contact time and bounce against force plates and optics."""
    for folder in ("alcantara_sacrum", "rbds_semisynthetic"):
        found = truth_n = extra = 0
        sd, contact, cadence, bounce, bias = [], [], [], [], []
        for rec in recordings(root, folder):
            if "ic" not in rec or len(rec["ic"]) < 3:
                continue
            trace = estimate(rec.acc, rec.gyr, rec.rate_hz)
            steps = trace.steps
            ic, to = rec["ic"], rec["to"]
            # the truth ends one step before the recording does: the last is never complete
            lo, hi = ic[0] - 0.1, ic[-1] - 0.05
            pairs = match(steps["ic_s"], ic[:-1], 0.1)
            found += len(pairs)
            truth_n += len(ic) - 1
            inside = (steps["ic_s"] > lo) & (steps["ic_s"] < hi)
            extra += int(inside.sum()) - len({i for i, _ in pairs})
            d = np.array([steps["ic_s"][i] - ic[j] for i, j in pairs])
            if len(d) > 2:
                sd.append(float(np.std(d)))
                bias.append(float(np.mean(d)))
            n = min(len(ic), len(to))
            if len(to) == len(ic):
                contact.append(float(np.nanmean(steps["contact_s"]) - np.mean((to - ic)[:n])))
            if len(d) > 2:
                mine = 60.0 / np.nanmean(steps["step_s"][inside])
                cadence.append(float(mine - 60.0 / np.mean(np.diff(ic))))
            if "pz_0p1mm" in rec:
                height = rec["pz_0p1mm"] * 1e-4
                for i, j in pairs:
                    a, b = (int(x * rec.rate_hz) for x in (ic[j], ic[j + 1]))
                    bounce.append(float(steps["bounce_m"][i] - np.ptp(height[a : b + 1])))
        if not truth_n:
            continue
        report.row("steps found", folder, f"{100 * found / truth_n:.2f} %", f"of {truth_n}")
        report.row("steps extra", folder, f"{100 * extra / truth_n:.2f} %", "")
        report.row(
            "initial contact SD, mean over trials",
            folder,
            f"{1e3 * np.mean(sd):.1f} ms",
            f"bias {1e3 * np.mean(bias):.0f} ms",
        )
        report.row("cadence MAE", folder, f"{np.mean(np.abs(cadence)):.2f} spm", "")
        if contact:
            report.row(
                "contact time per trial, RMSE",
                folder,
                f"{1e3 * np.sqrt(np.mean(np.square(contact))):.1f} ms",
                f"{np.round(1e3 * np.array(contact))}",
            )
        if bounce:
            b = np.array(bounce)
            b = b[np.isfinite(b)]
            report.row(
                "bounce per step, RMSE",
                folder,
                f"{1e3 * np.sqrt(np.mean(b**2)):.1f} mm",
                f"bias {1e3 * np.mean(b):.1f} mm",
            )


def windows_mean(trace: Trace, t0: float, t1: float) -> float:
    """Cadence (spm) from the steps with initial contact in [t0, t1); NaN under four steps.

    An even number of steps, so that a limp does not show.
    """
    s = trace.steps
    k = (s["ic_s"] >= t0) & (s["ic_s"] < t1) & np.isfinite(s["step_s"])
    times = s["step_s"][k]
    times = times[: len(times) // 2 * 2]
    return float(60.0 / np.mean(times)) if len(times) >= 4 else np.nan


def stride_peak(signal: np.ndarray, rate_hz: float, lo_s: float, hi_s: float) -> float:
    """Period (s) of a signal by the highest autocorrelation between two lags, interpolated."""
    x = signal - signal.mean()
    n = len(x)
    f = np.fft.rfft(x, 2 * n)
    r = np.fft.irfft(f * np.conj(f))[:n] / (n - np.arange(n))
    a, b = int(lo_s * rate_hz), int(hi_s * rate_hz)
    i = a + int(np.argmax(r[a:b]))
    den = r[i - 1] - 2 * r[i] + r[i + 1]
    return float((i + 0.5 * (r[i - 1] - r[i + 1]) / den) / rate_hz)


def outdoor(root: Path, report: "Report") -> None:
    """Cadence in 10 s windows against the ankle, where the ankle runs steadily."""
    for rec in recordings(root, "adept_outdoor_run"):
        trace = estimate(rec.acc, rec.gyr, rec.rate_hz)
        ankle = np.linalg.norm(rec["ankle"] * rec.meta["acc_lsb"], axis=1)
        n = int(10 * rec.rate_hz)
        errors, missing = [], 0
        for k in range(0, len(ankle) - n, n):
            part = ankle[k : k + n]
            halves = [part[i : i + n // 2].std() for i in (0, n // 2)]
            if min(halves) < 8.0:
                continue
            stride = stride_peak(part, rec.rate_hz, 0.55, 0.95)
            mine = windows_mean(trace, k / rec.rate_hz, (k + n) / rec.rate_hz)
            if np.isnan(mine):
                missing += 1
                continue
            errors.append(mine - 120.0 / stride)
        e = np.abs(errors)
        report.row(
            "cadence in 10 s windows, MAE",
            rec.name,
            f"{e.mean():.2f} spm",
            f"{100 * np.mean(e <= 2):.1f} % within 2, worst {e.max():.1f}; "
            f"{len(e)} windows, {missing} unknown",
        )


def activities(root: Path, report: "Report") -> None:
    """Running found while jogging, and claimed elsewhere."""
    share, good, total = [], 0, 0
    false_s = 0.0
    worst: list[tuple[float, str]] = []
    for folder in ("sisfall_waist", "ipol_lowback_walk", "mpu6050_static"):
        for rec in recordings(root, folder):
            code = rec.meta.get("activity", "")
            trace = estimate(rec.acc, rec.gyr, rec.rate_hz)
            running = trace.activity == RUNNING
            if code in ("D03", "D04"):
                share.append(float(running.mean()))
                n = int(10 * rec.rate_hz)
                for k in range(0, len(running) - n + 1, n):
                    yaw = rec.gyr[k : k + n] @ (trace.up[k : k + n].mean(0))
                    stride = stride_peak(yaw, rec.rate_hz, 0.55, 1.0)
                    mine = windows_mean(trace, k / rec.rate_hz, (k + n) / rec.rate_hz)
                    total += 1
                    if abs(mine - 120.0 / stride) <= 2:
                        good += 1
            elif code != "F05":
                s = running.sum() / rec.rate_hz
                false_s += s
                if s > 0:
                    worst.append((round(float(s), 1), rec.name))
    if share:
        report.row(
            "running found while jogging",
            "sisfall D03 D04",
            f"{np.mean(share):.4f}",
            f"least {np.min(share):.3f}; cadence within 2 spm {100 * good / total:.1f} % "
            f"of {total} windows",
        )
    report.row("running claimed elsewhere", "sisfall, ipol, static", f"{false_s:.1f} s", str(worst))


LOST = ("1-6", "2-3", "3-3", "3-4", "3-5", "3-6")
"""Walks of ipol that lack 1.9 s or more of samples: the counter of radio packets in the source goes
on, the rows do not, so the clock of the contacts runs ahead. In all walks, contacts after the end
of the trial are of no walk."""


def walking(root: Path, report: "Report") -> None:
    """Contacts and cadence of walking against hand-checked contacts."""
    found = total = 0
    cadence, sides, whole, extra = [], [], [], []
    for rec in recordings(root, "ipol_lowback_walk"):
        ic = np.asarray(rec["ic"])
        order = np.argsort(ic)
        ic, foot = ic[order], np.asarray(rec["foot"])[order]
        steps = estimate(rec.acc, rec.gyr, rec.rate_hz).steps
        pairs = match(steps["ic_s"], ic, 0.06)
        found += len(pairs)
        total += len(ic)
        if rec.name.split("/")[1] not in LOST:
            last = rec.meta["trial"][1] / rec.rate_hz
            trial = ic[ic < last + 0.005]
            inside = match(steps["ic_s"], trial, 0.06)
            whole.append(len(inside) / len(trial))
            extra.append((len(steps) - len({i for i, _ in inside})) / len(trial))
        k = [(i, j) for i, j in pairs if steps["side"][i] != 0]
        if k:
            sides.append(float(np.mean([(steps["side"][i] > 0) == (foot[j] > 0) for i, j in k])))
        diffs = np.diff(ic)
        mine = steps["step_s"]
        mine = mine[np.isfinite(mine)]
        if len(mine):
            cadence.append(60 / np.median(mine) - 60 / np.median(diffs))
    if total:
        report.row(
            "walking contacts within 60 ms", "ipol", f"{100 * found / total:.1f} %", f"of {total}"
        )
        report.row(
            "the same, where the clocks agree",
            "ipol",
            f"{100 * np.mean(whole):.1f} %",
            f"{len(whole)} walks; least {100 * min(whole):.0f} %, "
            f"extra {100 * np.mean(extra):.1f} %",
        )
        report.row("walking cadence MAE", "ipol", f"{np.mean(np.abs(cadence)):.2f} spm", "")
        report.row("side agrees (foot 1 = right)", "ipol", f"{np.round(sides, 2)}", "")


class Report:
    """Collects rows and prints them as a table."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def row(self, quantity: str, data: str, figure: str, note: str) -> None:
        """Add and print one row."""
        self.rows.append((quantity, data, figure, note))
        print(f"{quantity:40s} {data:24s} {figure:>12s}  {note}", flush=True)


PARTS = {
    "inclination": inclination,
    "running": running_steps,
    "outdoor": outdoor,
    "activity": activities,
    "walking": walking,
}


def main() -> int:
    """Print the table; exit 1 where there are no recordings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}")
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"no recordings at {args.data}: name the folder with --data", file=sys.stderr)
        return 1
    report = Report()
    for name, part in PARTS.items():
        if not args.parts or name in args.parts:
            part(args.data, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
