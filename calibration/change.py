"""How often a change is told where there is none, and how often where there is one.

``python -m calibration.change`` (``--small`` for a quick look) makes runs of a runner who holds his
form, with the noise of the recordings (``calibration.detection.runners``). It is long-range: every
minute and every quarter of an hour differ without any reason. Into others it plants a change.
It prints how often ``gaitpi.review`` names a drift within a run, a difference from the usual and a
trend over weeks, how often the truth lies within 1.96 of the standard uncertainties it gives, and
what reading a season costs. ``--documents`` writes the tables of docs/change.md; ``--data FOLDER``
compares the halves of recordings instead.

Cadence and lean have the noise that was measured. Contact time and bounce have an assumed scatter
(10 ms and 5 mm from step to step) of the same exponent, since no recording is long enough, and
change with cadence as at a constant duty factor. What form differs by from run to run is assumed
too (``TYPICAL``).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from calibration.detection.runners import (
    MEASURED,
    Floats,
    Runner,
    StrideNoise,
    fractional_noise,
    strides,
)
from calibration.madeup import SENSOR
from calibration.sounds import written
from calibration.validation.recordings import ADEPT, JOGGING, SISFALL, Source
from gaitpi.config import Config
from gaitpi.gait import RUNNING
from gaitpi.review.change import CHANGE, against_usual
from gaitpi.review.drift import DRIFTS, drifts
from gaitpi.review.form import Block, Cell, Course, Form, measure, read
from gaitpi.review.history import NAME, SEASON, history
from gaitpi.review.metrics import METRICS
from gaitpi.review.trend import trends
from gaitpi.review.uncertainty import of_mean
from gaitpi.runs.header import RunHeader
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import SecondRow, StepRow
from gaitpi.runs.writer import RunWriter

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "change.md"
SPM: Final = 168.0
DUTY: Final = 0.70
BOUNCE_MM: Final = 82.0
LEAN_DEG: Final = 6.0
CONTACT_SD_MS: Final = 10.0
BOUNCE_SD_MM: Final = 5.0
FIRST_MINUTE: Final = 3
START: Final = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
HURSTS: Final = {"steady": 0.6, "as measured": MEASURED.hurst, "wandering": 0.9}
"""How long-range the noise is; ``gaitpi.review.uncertainty.HURST`` is between the last two."""
PLANTED: Final = {
    "cadence_spm": (-3.0, -5.0, -8.0),
    "lean_deg": (2.0, 4.0, 6.0),
    "contact_ms": (20.0, 40.0, 60.0),
    "bounce_mm": (5.0, 10.0, 15.0),
    "stride_cv_pct": (0.5, 1.0, 1.5),
}
"""Drifts from minute 34 to the end of an hour; the first two sizes stand for changes as well."""
TYPICAL: Final = {
    "cadence_spm": 1.5,
    "lean_deg": 1.0,
    "contact_ms": 5.0,
    "bounce_mm": 2.5,
    "stride_cv_pct": 0.1,
}
"""Assumed standard deviation of the form from run to run, beside what the noise of runs does."""

Plan = Callable[[Floats], Floats]
"""What is added to a metric, by run time in minutes."""
Row = tuple[str, ...]


def course(
    minutes: int,
    rng: np.random.Generator,
    *,
    hurst: float = MEASURED.hurst,
    day: int = 0,
    shift: Mapping[str, float] | None = None,
    plant: Mapping[str, Plan] | None = None,
) -> Course:
    """A run of so many minutes; ``shift`` of a metric all along, ``plant`` by run time."""
    n = minutes * 90 + 100
    noise = StrideNoise(hurst=hurst)
    about: Floats = np.arange(n, dtype=np.float64) * 2.0 / SPM  # minutes

    def more(key: str) -> Floats:
        planted = plant[key](about) if plant and key in plant else np.zeros(n)
        return np.asarray(planted + (shift or {}).get(key, 0.0))

    def wander(sd: float) -> Floats:
        return np.asarray(sd * fractional_noise(n, hurst, rng))

    stride_s = 120.0 / (SPM + more("cadence_spm")) * (1.0 + strides(noise, n, rng))
    step_ms = 500.0 * stride_s
    # the height of a flight goes with the square of its time
    bounce = BOUNCE_MM * (step_ms * SPM / 60_000.0) ** 2
    values = {
        "lean_deg": LEAN_DEG + wander(noise.lean_sd) + more("lean_deg"),
        "contact_ms": DUTY * step_ms + wander(CONTACT_SD_MS) + more("contact_ms"),
        "bounce_mm": bounce + wander(BOUNCE_SD_MM) + more("bounce_mm"),
    }
    extra = more("stride_cv_pct")
    minute_of = (np.cumsum(stride_s) / 60.0).astype(int)
    blocks = []
    for minute in range(FIRST_MINUTE, minutes):
        pick = minute_of == minute
        times, count = stride_s[pick], 2 * int(pick.sum())
        cells = {"cadence_spm": Cell(count, 120.0 / float(times.mean()), 3.0)}
        for key, value in values.items():
            cells[key] = Cell(count, float(value[pick].mean()), float(value[pick].std()))
        share = 100.0 * float(times.std() / times.mean()) + float(extra[pick].mean())
        cells["stride_cv_pct"] = Cell(1, share, 0.0)
        blocks.append(Block(minute, 60, cells))
    return Course(_form(blocks, minutes, day), tuple(blocks))


def _form(blocks: Sequence[Block], minutes: int, day: int) -> Form:
    """The form of a run on that day."""
    return Form(
        run_id=f"{day:05d}",
        started=START + timedelta(days=day),
        segment="pelvis",
        mount="",
        session="",
        virtual=False,
        finished=True,
        lean_from=2,
        duration_s=60.0 * minutes,
        running_s=60.0 * minutes,
        steady_s=60.0 * len(blocks),
        steps=0,
        running_steps=0,
        measures={key: measure(blocks, key) for key in DRIFTS},
    )


def one_run(rng: np.random.Generator, day: int) -> Form:
    """A run of half an hour whose form differs from that of others as usual."""
    return course(
        30, rng, day=day, shift={k: rng.normal(0.0, sd) for k, sd in TYPICAL.items()}
    ).form


def moved(form: Form, key: str, by: float) -> Form:
    """The same run with one metric changed all along."""
    m = form[key]
    return replace(form, measures={**form.measures, key: m._replace(mean=m.mean + by)})


def ramp(minute: float, minutes: float, change: float) -> Plan:
    """Nothing until that minute, then straight on to ``change`` at the end."""
    return lambda t: change * np.clip((t - minute) / (minutes - minute), 0.0, 1.0)


# The tables. Each gives its rows as they are made.


def false_drifts(runs: int) -> Iterator[Row]:
    """Drifts named in runs without any: share of runs, by noise and length."""
    yield "noise", "minutes", *(METRICS[key].words for key in DRIFTS), "any"
    for name, hurst in HURSTS.items():
        for minutes in (30, 60, 90):
            rng = np.random.default_rng(minutes)
            named = [
                {k for k, d in drifts(course(minutes, rng, hurst=hurst)).items() if _is(d)}
                for _ in range(runs)
            ]
            by_key = (_share(sum(key in n for n in named), runs) for key in DRIFTS)
            yield name, f"{minutes}", *by_key, _share(sum(map(bool, named)), runs)


def planted_drifts(runs: int) -> Iterator[Row]:
    """Drifts named in runs of an hour that have one from minute 34 on."""
    yield "planted by the end", "named", "from minute, median", "34 within its limits"
    for key, sizes in PLANTED.items():
        for size in sizes:
            rng = np.random.default_rng(7)
            onsets, covered = [], 0
            for _ in range(runs):
                found = drifts(course(60, rng, plant={key: ramp(34.0, 60.0, size)}))[key]
                if _is(found) and found.change * size > 0:
                    onsets.append(found.from_minute)
                    covered += found.between[0] - 1 <= 34.0 <= found.between[1] + 1
            middle = f"{np.median(onsets):.0f}" if onsets else "-"
            seen = len(onsets)
            yield _sized(key, size), _share(seen, runs), middle, _share(covered, seen)


def coverage(runs: int) -> Iterator[Row]:
    """How often the truth lies within 1.96 standard uncertainties of the mean of a run."""
    truth = {"cadence_spm": SPM, "lean_deg": LEAN_DEG}
    units = (f"{METRICS[key].words}, its u" for key in truth)
    yield "noise", "minutes", *(METRICS[key].words for key in truth), *units
    for name, hurst in HURSTS.items():
        for minutes in (8, 30, 60):
            rng = np.random.default_rng(minutes)
            found = [course(minutes, rng, hurst=hurst).form for _ in range(runs)]
            inside, wide = [], []
            for key, value in truth.items():
                known = [form[key] for form in found]
                inside.append(_share(sum(abs(m.mean - value) <= 1.96 * m.u for m in known), runs))
                wide.append(f"{np.median([m.u for m in known]):.2f} {METRICS[key].unit}")
            yield name, f"{minutes}", *inside, *wide


def usuals(seasons: int) -> Iterator[Row]:
    """A run against the usual of so many earlier ones: no change, and planted ones."""
    yield "metric", "earlier runs", "no change", "planted", "planted"
    named: dict[tuple[str, int], list[int]] = {}
    for earlier in (3, 5, 10, 20):
        rng = np.random.default_rng(earlier)
        for _ in range(seasons):
            forms = [one_run(rng, day) for day in range(earlier)]
            now = one_run(rng, earlier)
            for key, sizes in PLANTED.items():
                counts = named.setdefault((key, earlier), [0, 0, 0])
                for k, size in enumerate((0.0, *sizes[1:])):
                    counts[k] += _is(against_usual(moved(now, key, size), forms)[key])
    for (key, earlier), counts in sorted(named.items(), key=lambda n: list(PLANTED).index(n[0][0])):
        yield METRICS[key].words, f"{earlier}", *_told(key, counts, seasons)


def over_weeks(seasons: int) -> Iterator[Row]:
    """A season of 30 runs in 12 weeks: no trend, and planted ones."""
    yield "metric", "no trend", "planted", "planted"
    days = np.linspace(0, 83, 30).astype(int).tolist()
    rng = np.random.default_rng(3)
    named = {key: [0, 0, 0] for key in PLANTED}
    for _ in range(seasons):
        forms = [one_run(rng, day) for day in days]
        for key, sizes in PLANTED.items():
            for k, size in enumerate((0.0, *sizes[1:])):
                made = [
                    moved(f, key, size * day / 83.0) for f, day in zip(forms, days, strict=True)
                ]
                named[key][k] += _is(trends(made)[key])
    for key, counts in named.items():
        yield METRICS[key].words, *_told(key, counts, seasons)


def _told(key: str, counts: Sequence[int], of: int) -> Row:
    """How often with no change, and with the planted ones."""
    planted = zip(PLANTED[key][1:], counts[1:], strict=True)
    return _share(counts[0], of), *(f"{_sized('', s, key)}: {_share(n, of)}" for s, n in planted)


def whole_path(runs: int) -> Iterator[Row]:
    """Through run files: steps and seconds as the recorder writes them, read back and judged."""
    yield "runs of an hour through files", "drifts named", "planted -6 spm named", "cadence off by"
    false = seen = 0
    off = []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(runs):
            plan = ramp(34.0, 60.0, -6.0)
            for planted in (False, True):
                path = Path(folder) / f"{k}-{planted}.gaitpi"
                write(path, 3600, k, plan if planted else None)
                with RunReader(path) as run:
                    made = read(run)
                found = drifts(made)
                if planted:
                    seen += _is(found["cadence_spm"])
                else:
                    false += any(map(_is, found.values()))
                    off.append(abs(made.form["cadence_spm"].mean - SPM))
                path.unlink()
    yield f"{runs}", _share(false, runs), _share(seen, runs), f"{np.median(off):.2f} spm, median"


def cost(_runs: int) -> Iterator[Row]:
    """Reading a folder of 300 runs of an hour, CPU time on this machine."""
    runs = 300
    yield f"{runs} runs of an hour", "nothing kept", "kept"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "0.gaitpi", 3600, 0)
        whole = (folder / "0.gaitpi").read_bytes()
        for k in range(1, runs):
            (folder / f"{k}.gaitpi").write_bytes(whole)
        for newest, what in ((24, "a usual"), (SEASON, "trends")):
            spent = []
            (folder / NAME).unlink(missing_ok=True)
            for _ in range(2):
                begin = time.process_time()
                history(folder, newest=newest)
                spent.append(f"{time.process_time() - begin:.2f} s")
            yield f"the newest {newest}, for {what}", *spent


def write(path: Path, duration_s: int, seed: int, plan: Plan | None = None) -> None:
    """A run file of the coach's simulated runner, with all tables but raw samples."""
    head = RunHeader.new(
        mono_s=0.0,
        wall_s=START.timestamp(),
        sensor=SENSOR,
        config=msgspec.json.encode(Config()).decode(),
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=208.0,
        has_gyro=True,
        virtual=False,
        source="made",
        recording="",
    )

    def cadence(t: float) -> float:
        return SPM + (float(plan(np.array(t / 60.0))) if plan else 0.0)

    writer = RunWriter(path, head)
    runner = Runner(cadence, lambda _t: LEAN_DEG, seed=seed)
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    leans: dict[int, list[float]] = {}
    for ic_s, step_s, _, lean in runner.steps(float(duration_s)):
        contact_s = DUTY * step_s + float(rng.normal(0.0, 1e-3 * CONTACT_SD_MS))
        leans.setdefault(int(ic_s), []).append(lean)
        values = {
            "ic_s": ic_s - step_s,
            "to_s": ic_s - step_s + contact_s,
            "contact_s": contact_s,
            "flight_s": step_s - contact_s,
            "step_s": step_s,
            "cadence_spm": 60.0 / step_s,
            "bounce_m": 1e-3 * float(rng.normal(BOUNCE_MM, BOUNCE_SD_MM)),
            "impact_ms2": float(rng.normal(20.0, 2.0)),
            "side": 1 if len(rows) % 2 else -1,
            "known_s": ic_s + 0.1,
            "activity": RUNNING,
            "lean_deg": lean,
            "side_lean_deg": 0.0,
        }
        rows.append({name: values[name] for name in StepRow._fields})
    writer.seconds(_second(t, leans.get(t, [])) for t in range(duration_s))
    writer.steps(rows)
    writer.close({})


def _second(t: int, leans: Sequence[float]) -> dict[str, Any]:
    values = dict.fromkeys(SecondRow._fields, float("nan")) | {
        "time_s": float(t),
        "activity": RUNNING,
        "cadence_spm": SPM,
        "samples": 208,
        "clipped": 0,
        "gap_s": 0.0,
        "lean_from": 2,
        "belt": 1,
    }
    return values | ({"lean_deg": float(np.mean(leans)), "side_lean_deg": 0.0} if leans else {})


def halves(root: Path) -> Iterator[Row]:
    """Recordings of running cut in two: how far the halves are apart, in what they say of it.

    In blocks of ten seconds, since they are short; noise of every time scale does not mind.
    """
    keys = {"cadence_spm": "step_s", "contact_ms": "contact_s", "bounce_mm": "bounce_m"}
    yield "recording", "blocks", *(f"{METRICS[key].words}, apart / u" for key in keys)
    apart: dict[str, list[float]] = {key: [] for key in keys}
    source = Source(root)
    for folder in (SISFALL, ADEPT):
        for recording in source.get(folder):
            if folder == SISFALL and recording.activity not in JOGGING:
                continue
            steps = recording.trace.steps
            steps = steps[(steps["activity"] == RUNNING) & (steps["step_s"] < 0.6)]
            cells = []
            for key, name in keys.items():
                a, b = _two(steps["ic_s"], steps[name])
                z = abs(a[0] - b[0]) / float(np.hypot(a[1], b[1]))
                apart[key].append(z)
                cells.append(f"{z:.1f}")
            blocks = int(np.ptp(steps["ic_s"]) / 10.0)
            yield f"{source.label(folder)} {recording.name[:12]}", f"{blocks}", *cells
    inside = (_share(sum(z <= 1.96 for z in apart[k]), len(apart[k])) for k in keys)
    yield "within 1.96", "", *inside


def _two(at_s: Floats, values: Floats) -> list[tuple[float, float]]:
    """Mean and standard uncertainty of either half."""
    good = np.isfinite(values)
    block: NDArray[np.int64] = ((at_s[good] - at_s[good][0]) / 10.0).astype(np.int64)
    numbers = np.unique(block)
    means = [float(values[good][block == k].mean()) for k in numbers]
    half = len(means) // 2
    parts = ((means[:half], numbers[:half]), (means[half:], numbers[half:]))
    return [(float(np.mean(m)), of_mean(m, at.tolist())) for m, at in parts]


def _is(found: Any) -> bool:
    return bool(found.verdict == CHANGE)


def _sized(words: str, size: float, key: str = "") -> str:
    metric = METRICS[key or words]
    return f"{metric.words + ' ' if words else ''}{size:+g} {metric.unit}"


def _share(n: int, of: int) -> str:
    return f"{100.0 * n / of:.1f} %" if of else "-"


def shown(rows: Iterator[Row]) -> list[str]:
    """A Markdown table, printed as it grows."""
    lines: list[str] = []
    for row in rows:
        new = ["| " + " | ".join(row) + " |"]
        if not lines:
            new.append("|---" * len(row) + "|")
        print("\n".join(new), flush=True)
        lines += new
    print()
    return lines


PARTS: Final[dict[str, tuple[Callable[[int], Iterator[Row]], int]]] = {
    "false-drifts": (false_drifts, 1),
    "planted-drifts": (planted_drifts, 1),
    "coverage": (coverage, 1),
    "usual": (usuals, 2),
    "trend": (over_weeks, 4),
    "files": (whole_path, 20),
    "cost": (cost, 1),
}
"""Tables by name, and by what the number of runs is divided for each."""


def main() -> int:
    """Print the tables, or write them into the document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="TABLE", help="only these: " + ", ".join(PARTS))
    parser.add_argument("--small", action="store_true", help="a tenth of the runs")
    parser.add_argument("--documents", action="store_true", help="write the tables into docs")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="compare halves of recordings")
    args = parser.parse_args()
    if args.data:
        shown(halves(args.data))
        return 0
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    n = 40 if args.small else 400
    chosen = {name: part for name, part in PARTS.items() if not args.parts or name in args.parts}
    found = {name: shown(make(n // share)) for name, (make, share) in chosen.items()}
    if args.documents:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(written(text, found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
