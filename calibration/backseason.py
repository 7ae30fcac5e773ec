"""Whether the back table and the comparison of shoes say what is there, and nothing else.

``python -m calibration.backseason`` (``--small`` for a quick look) makes seasons of 60 runs of a
runner whose form has the noise of the recordings (:mod:`calibration.change`) and who keeps a
journal with holes: two pairs of shoes, an overload week beyond the ceiling, pain that follows it.
Into some a difference between the pairs is planted; in others there is none, while form is steady,
changes with the season or wanders, and the pairs are worn in order drawn by lot, in turn, by the
fortnight, or one after the other. It prints how often what was planted is found and how large it is
said to be, and in how many seasons anything is found that was not planted, over all comparisons.
``--documents`` writes the tables of docs/back.md.

Most seasons are made as what is read of run files (forms, sessions, journal entries). ``files``
goes through real run files, a real journal and imported distances.

The runner is invented: how large a difference shoes make, and how pain follows, is nobody's
measurement. What is shown is that the arithmetic finds what is there.
"""

import argparse
import math
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from calibration import season as madeup
from calibration.change import SPM, START, one_run, shown
from calibration.sounds import written
from gaitpi import tagfile
from gaitpi.journal import store
from gaitpi.journal.entries import AnyEntry, Pain, Shoe, Strength, Worn
from gaitpi.review import back, diary, shoes
from gaitpi.review.change import CHANGE
from gaitpi.review.diary import Level, Told
from gaitpi.review.form import Form
from gaitpi.review.load import FACTOR, Session, uses
from gaitpi.review.metrics import METRICS
from gaitpi.review.report.physio import wilson
from gaitpi.tagfile import Tag

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "back.md"
RUNS: Final = 60
WEEK: Final = 9
"""The overload week, from 0."""
TOO_MUCH: Final = 1.15
"""Of each run of that week over the one before."""
PLANTED: Final[Mapping[str, float]] = {"cadence_spm": 4.0, "bounce_mm": -10.0}
"""What the red pair changes, in the runner made here."""
SIZED: Final = ("cadence_spm", "lean_deg", "contact_ms", "bounce_mm")
SIZES: Final = (0.5, 1.0, 1.25, 1.5, 2.0)
"""Planted differences, in smallest real differences."""
SPEED_MS: Final = 2.8
SPM_A_MS: Final = 12.0
"""Steps a minute more for a metre a second more (van Oeveren et al. 2017, PLoS ONE 0184273)."""
ASKED_FIRST: Final = 12
ASKED_EVERY: Final = 4
"""The runs after which somebody asks who asks often."""
NOTED: Final = 0.75
"""Share of the moments of pain that are noted."""

Worn_ = Literal["drawn by lot", "in turn", "by the fortnight", "one after the other", "three pairs"]
Course = Literal["steady", "a trend", "wandering"]
WORN: Final[tuple[Worn_, ...]] = (
    *("drawn by lot", "in turn", "by the fortnight", "one after the other", "three pairs"),
)
COURSES: Final[tuple[Course, ...]] = ("steady", "a trend", "wandering")
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Season:
    """A season: its runs beside the journal, as :mod:`gaitpi.review.diary` gives them.

    ``overload`` the Monday of the week that was too long.
    """

    runs: tuple[Told, ...]
    sessions: tuple[Session, ...]
    strength: tuple[Strength, ...]
    overload: date


@dataclass(frozen=True, slots=True)
class Outing:
    """A planned run."""

    day: int
    minutes: float
    speed_ms: float
    shoe: str
    shift: Mapping[str, float]


def plan(
    seed: int,
    *,
    runs: int = RUNS,
    worn: Worn_ = "drawn by lot",
    course: Course = "steady",
    planted: Mapping[str, float] | bool = True,
    overload: bool = True,
) -> list[Outing]:
    """The runs of a season, before anything is measured; ``planted`` True = ``PLANTED``."""
    effect = planted if isinstance(planted, Mapping) else PLANTED if planted else {}
    rng = random.Random(seed)
    made: list[Outing] = []
    day, wander = 0, 0.0
    for k in range(runs):
        longest = max((o.minutes for o in made if day - o.day <= 30), default=0.0)
        minutes = rng.uniform(30.0, 55.0) if k % 4 else rng.uniform(60.0, 72.0)
        if longest:
            minutes = min(minutes, 1.05 * longest)
        if overload and day // 7 == WEEK:
            before = [o for o in made if o.day // 7 < WEEK and day - o.day <= 30]
            already = len(made) - len([o for o in made if o.day // 7 < WEEK])
            longest = max(o.minutes for o in before)
            minutes = rng.uniform(1.25, 1.35) * TOO_MUCH**already * longest
        shoe = _shoe(worn, k, day, runs, rng)
        wander += rng.gauss(0.0, 0.5)
        slow = {"steady": 0.0, "a trend": 6.0 * k / runs, "wandering": wander}[course]
        speed_ms = rng.gauss(SPEED_MS, 0.08)
        shift = {
            "cadence_spm": slow + SPM_A_MS * (speed_ms - SPEED_MS),
            "lean_deg": 0.4 * slow,
            "contact_ms": -2.0 * slow,
            "bounce_mm": 1.5 * slow,
        }
        if shoe == "red":
            shift = {key: by + effect.get(key, 0.0) for key, by in shift.items()}
        made.append(Outing(day, minutes, speed_ms, shoe, shift))
        day += rng.choice((1, 2, 2, 3)) if not overload or day // 7 != WEEK else 2
    return made


def _shoe(worn: Worn_, k: int, day: int, runs: int, rng: random.Random) -> str:
    names = ("blue", "red", "green")
    if worn == "drawn by lot":
        return names[rng.randrange(2)]
    if worn == "three pairs":
        return names[rng.randrange(3)]
    if worn == "in turn":
        return names[k % 2]
    if worn == "by the fortnight":
        return names[day // 14 % 2]
    return names[2 * k >= runs]


def journal(outings: Sequence[Outing], seed: int, *, follows: bool = True) -> list[Pain | Strength]:
    """What the runner notes, with holes; pain ``follows`` the overload week or nothing."""
    rng = random.Random(seed + 1_000_000)
    made: list[Pain | Strength] = []
    for outing in outings:
        hurts = 0
        since = outing.day - 7 * WEEK
        if follows and 0 <= since < 14:
            hurts = rng.choice((2, 3, 3, 4)) - (since >= 7)
        for moment, later in (("before", 0), ("during", 0), ("morning", 1)):
            level = min(10, rng.choices((0, 1, 2), (6, 3, 1))[0] + hurts)
            if rng.random() < NOTED:
                at = _day(outing.day + later)
                made.append(Pain(day=at, entered_s=0.0, level=level, moment=moment))  # type: ignore[arg-type]
        if rng.random() < 0.4:
            made.append(Strength(day=_day(outing.day), entered_s=0.0, what="legs", minutes=30.0))
    return made


def _day(number: int) -> str:
    return (START.date() + timedelta(days=number)).isoformat()


def season(
    seed: int,
    *,
    distance: bool,
    forms: Sequence[Form] | None = None,
    follows: bool = True,
    **story: Any,
) -> Season:
    """A season as it would be read. ``distance``: whether that is known of the runs."""
    rng = np.random.default_rng(seed)
    outings = plan(seed, **story)
    notes = journal(outings, seed, follows=follows)
    sessions, made = [], []
    for k, outing in enumerate(outings):
        form = forms[k] if forms is not None else one_run(rng, k)
        started = START + timedelta(days=outing.day)
        form = _shifted(replace(form, started=started, run_id=f"run-{k:03d}"), outing.shift)
        running_s = 60.0 * outing.minutes
        metres = outing.speed_ms * running_s if distance else math.nan
        session = Session(form.run_id, started, running_s, int(SPM * outing.minutes), metres, "pod")
        sessions.append(session)
        made.append((session, form, outing.shoe))
    pains = diary.levels(sessions, [n for n in notes if isinstance(n, Pain)])
    runs = tuple(Told(s, form, shoe, "", pains.get(s.run_id, Level())) for s, form, shoe in made)
    strength = tuple(n for n in notes if isinstance(n, Strength))
    overload = back.monday(START.date() + timedelta(days=7 * WEEK))
    return Season(runs, tuple(sessions), strength, overload)


def _shifted(form: Form, by: Mapping[str, float]) -> Form:
    measures = {key: m._replace(mean=m.mean + by.get(key, 0.0)) for key, m in form.measures.items()}
    return replace(form, measures=measures)


def pool(seasons: int) -> list[list[Form]]:
    """The forms of so many seasons without anything planted: made once, used for every story."""
    return [
        [one_run(np.random.default_rng([seed, k]), k) for k in range(RUNS)]
        for seed in range(seasons)
    ]


# The tables. Each gives its rows as they are made.


def recovered(pools: Sequence[Sequence[Form]]) -> Iterator[Row]:
    """What the red pair was said to change, where it does."""
    yield (
        "red less blue",
        "planted",
        "told a difference",
        "said, median (95 % of seasons)",
        ("truth in its interval"),
    )
    found: dict[str, list[shoes.Contrast]] = {}
    for seed, forms in enumerate(pools):
        made = season(seed, distance=seed % 2 == 0, forms=forms)
        for contrast in shoes.compare(made.runs):
            found.setdefault(contrast.metric.key, []).append(contrast)
    for key, contrasts in found.items():
        truth = -PLANTED.get(key, 0.0)  # compared is blue with red
        known = [c for c in contrasts if math.isfinite(c.difference)]
        called = sum(c.verdict == CHANGE and (not truth or c.difference * truth > 0) for c in known)
        said = np.array([-c.difference for c in known])
        low, middle, high = np.quantile(said, (0.025, 0.5, 0.975))
        inside = sum(abs(c.difference - truth) <= c.wide for c in known)
        m = contrasts[0].metric
        yield (
            m.words,
            f"{-truth + 0.0:+g} {m.unit}" if truth else "none",
            _share(called, len(contrasts)),
            f"{middle:+.1f} ({low:+.1f} to {high:+.1f}) {m.unit}",
            _share(inside, len(known)),
        )


def sizes(pools: Sequence[Sequence[Form]]) -> Iterator[Row]:
    """How often a difference of a size is told; the pairs are worn in an order drawn by lot."""
    yield "metric", *(f"x {share:g}" for share in SIZES)
    for key in SIZED:
        cells = []
        least = METRICS[key].smallest(SPM)
        for share in SIZES:
            told = 0
            for seed, forms in enumerate(pools):
                story: dict[str, Any] = {"planted": {key: share * least}}
                made = season(seed, distance=seed % 2 == 0, forms=forms, **story)
                found = {c.metric.key: c for c in shoes.compare(made.runs)}
                told += found[key].verdict == CHANGE
            cells.append(_share(told, len(pools)))
        yield f"{METRICS[key].words}, of {least:.1f} {METRICS[key].unit}", *cells


def false(pools: Sequence[Sequence[Form]]) -> Iterator[Row]:
    """Seasons in which any difference between pairs was told, and there was none.

    After the semicolon: in which one lay beyond its interval, were there no smallest real
    difference.
    """
    yield "pairs are worn", *(f"form: {course}" for course in COURSES)
    for worn in WORN:
        cells = []
        for course in COURSES:
            wrong = alone = 0
            for seed, forms in enumerate(pools):
                story: dict[str, Any] = {"worn": worn, "course": course, "planted": False}
                made = season(seed, distance=seed % 2 == 0, forms=forms, **story)
                contrasts = shoes.compare(made.runs)
                wrong += any(c.verdict == CHANGE for c in contrasts)
                alone += any(abs(c.difference) > c.wide for c in contrasts)
            cells.append(f"{_share(wrong, len(pools))}; {100.0 * alone / len(pools):.1f} %")
        yield worn, *cells


def asked(pools: Sequence[Sequence[Form]]) -> Iterator[Row]:
    """Seasons in which a difference was ever told, and there was none, by who asks again and again.

    After every fourth run from the twelfth on: who asks often has more chances to be told wrongly.
    """
    yield "pairs are worn", *(f"form: {course}" for course in COURSES)
    for worn in WORN:
        cells = []
        for course in COURSES:
            wrong = 0
            for seed, forms in enumerate(pools):
                story: dict[str, Any] = {"worn": worn, "course": course, "planted": False}
                runs = season(seed, distance=seed % 2 == 0, forms=forms, **story).runs
                wrong += any(
                    c.verdict == CHANGE
                    for n in range(ASKED_FIRST, len(runs) + 1, ASKED_EVERY)
                    for c in shoes.compare(runs[:n])
                )
            cells.append(_share(wrong, len(pools)))
        yield worn, *cells


def tables(pools: Sequence[Sequence[Form]]) -> Iterator[Row]:
    """What the back table says of the overload week and of the mornings after it."""
    yield (
        "seasons",
        "weeks beyond the ceiling",
        "the planted week has the largest run",
        ("highest morning in that week or the next"),
        "mornings after runs beyond / within",
    )
    for overload in (True, False):
        weeks = largest = highest = 0
        beyond: list[int] = []
        other: list[int] = []
        for seed, forms in enumerate(pools):
            made = season(
                seed, distance=seed % 2 == 0, forms=forms, overload=overload, follows=overload
            )
            table = _table(made)
            over = [w.monday for w in table if w.use.share > 1.0]
            weeks += len(over)
            top = max(table, key=lambda w: w.use.share if math.isfinite(w.use.share) else -1.0)
            largest += top.monday == made.overload
            mornings = {w.monday: w.morning.most for w in table if w.morning.most is not None}
            worst = max(mornings.values())
            near = (made.overload, made.overload + timedelta(weeks=1))
            highest += all(day in near for day, level in mornings.items() if level == worst)
            share = uses(made.sessions)
            for run in made.runs:
                if run.pain.morning is not None and math.isfinite(share[run.session.run_id].share):
                    beyond_it = share[run.session.run_id].share > 1.0
                    (beyond if beyond_it else other).append(run.pain.morning)
        after = f"{np.mean(beyond):.1f}" if beyond else "-"
        n = len(pools)
        yield (
            "with an overload week" if overload else "without one",
            f"{weeks / n:.2f} a season",
            _share(largest, n) if overload else "-",
            _share(highest, n) if overload else "-",
            f"{after} / {np.mean(other):.1f} (mean)",
        )


def _table(made: Season) -> list[back.Week]:
    days = [s.day for s in made.sessions]
    number = (back.monday(days[-1]) - back.monday(days[0])).days // 7 + 1
    return back.weeks(made.runs, made.sessions, made.strength, days[-1], number)


def files(seasons: int, *, runs: int = RUNS, length: float = 0.4) -> Iterator[Row]:
    """The same through run files, imported distances and a journal that were written and read.

    Of ``length`` times the minutes, so that it ends.
    """
    yield (
        "through files",
        "cadence, red less blue",
        "bounce",
        "others told",
        ("largest run / ceiling, and its week"),
    )
    for seed in range(seasons):
        for planted in (True, False):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                outings = written_season(folder, seed, runs=runs, length=length, planted=planted)
                found = diary.gather(folder, whole=False)
            contrasts = {c.metric.key: c for c in shoes.compare(found.runs)}
            told = [
                f"{-contrasts[key].difference:+.1f} (planted {PLANTED[key] * planted + 0.0:+g}):"
                f" {'a difference' if contrasts[key].verdict == CHANGE else 'none told'}"
                for key in PLANTED
            ]
            others = sum(c.verdict == CHANGE for key, c in contrasts.items() if key not in PLANTED)
            share = uses(found.found.sessions)
            top = max(
                (s for s in found.found.sessions if math.isfinite(share[s.run_id].share)),
                key=lambda s: share[s.run_id].share,
            )
            week = (top.day - START.date()).days // 7
            yield (
                f"season {seed + 1} of {len(outings)} runs",
                *told,
                str(others),
                f"{share[top.run_id].share:.2f} in week {week + 1}",
            )


def written_season(
    folder: Path,
    seed: int,
    *,
    runs: int,
    length: float,
    planted: bool,
    worn: Worn_ = "drawn by lot",
) -> list[Outing]:
    """Run files, imports, tags and a journal of a season. Its overload week is ``WEEK``."""
    outings = plan(seed, runs=runs, planted=planted, worn=worn)
    rng = random.Random(seed)
    entries: list[AnyEntry] = list(journal(outings, seed))
    puts = []
    for shoe in sorted({o.shoe for o in outings}):
        pair = Shoe(day=_day(0), entered_s=0.0, name=shoe)
        puts.append(store.Put(pair, shoe))
    for k, outing in enumerate(outings):
        wall_s = (START + timedelta(days=outing.day)).timestamp()
        between = {"cadence_spm": 1.0, "lean_deg": 0.7, "contact_ms": 4.0, "bounce_mm": 2.0}
        shift = {key: by + rng.gauss(0.0, between[key]) for key, by in outing.shift.items()}
        seconds = round(60.0 * length * outing.minutes)
        path = madeup.write(folder, wall_s, seconds, seed=1000 * seed + k, shift=shift)
        metres = outing.speed_ms * seconds * 0.94  # a stand, a walk and a walk break are in it
        madeup.watched(path, metres, seconds)
        tagfile.add(tagfile.path_in(folder), [Tag(wall_s=wall_s, run=path.stem, tag="road")])
        entries.append(Worn(day=_day(outing.day), entered_s=0.0, run=path.stem, shoe=outing.shoe))
    puts += [store.Put(entry) for entry in entries]
    store.put(store.path_in(folder), puts)
    return outings


def _share(n: int, of: int) -> str:
    """A share with its 95 % interval."""
    if not of:
        return "-"
    low, high = (100.0 * edge for edge in wilson(n, of))
    return f"{100.0 * n / of:.1f} % ({low:.1f} to {high:.1f})"


PARTS: Final[Mapping[str, Callable[[Sequence[Sequence[Form]]], Iterator[Row]]]] = {
    "recovered": recovered,
    "sizes": sizes,
    "false": false,
    "asked": asked,
    "table": tables,
    "files": lambda pools: files(max(1, len(pools) // 100)),
}


def main() -> int:
    """Print the tables, or write them into the document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="TABLE", help="only these: " + ", ".join(PARTS))
    parser.add_argument("--small", action="store_true", help="a tenth of the seasons")
    parser.add_argument("--documents", action="store_true", help="write the tables into docs")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    pools = pool(20 if args.small else 200)
    print(f"{len(pools)} seasons of {RUNS} runs; ceiling x {FACTOR}\n")
    names = args.parts or list(PARTS)
    found = {name: shown(PARTS[name](pools)) for name in names}
    if args.documents:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(written(text, found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
