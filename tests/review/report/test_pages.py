"""The pages as text: closed, safe, complete, honest about what is not known."""

import base64
import contextlib
import csv
import hashlib
import io
import math
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from gaitpi import editfile, importfile, tagfile
from gaitpi.errors import RunFileError
from gaitpi.hostclock import boot_id
from gaitpi.review.history import history
from gaitpi.review.report import data, gather, page
from gaitpi.review.report.csvfiles import minutes_csv, runs_csv
from gaitpi.review.report.physio import Dossier, physio_page, told, wilson
from gaitpi.review.report.runpage import run_page
from gaitpi.runs.header import RunHeader
from gaitpi.runs.rows import PodRow
from gaitpi.runs.writer import RunWriter
from tests.review.report import made
from tests.review.report.test_html import seen
from tests.runs.sample import cue, header, second
from tests.test_claims import ALLOWED, claims

ASSETS = Path(page.__file__).parent


def page_of(path: Path) -> str:
    return run_page(data.read(path), history(path.parent).forms)


def physio_of(*paths: Path, **other: object) -> str:
    runs = [told(data.read(path)) for path in paths]
    forms = history(paths[0].parent).forms
    return physio_page(Dossier(runs, "chosen", history=forms, **other))  # type: ignore[arg-type]


def text_of(html: str) -> str:
    """What is read: no style, no script, a space for each element."""
    shown = re.sub(r"(?s)<(style|script)>.*?</\1>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", shown)).split())


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.eventful(tmp_path_factory.mktemp("runs") / "one.gaitpi")


@pytest.fixture(scope="module")
def both(eventful: Path) -> dict[str, str]:
    return {"run": page_of(eventful), "physio": physio_of(eventful)}


# Closed and safe.


@pytest.mark.parametrize("kind", ["run", "physio"])
def test_nothing_may_be_asked_for_and_only_our_style_and_script_run(
    both: dict[str, str], kind: str
) -> None:
    found = seen(both[kind])
    policies = [
        dict(attrs)["content"]
        for tag, attrs in found.elements
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs
    ]
    assert len(policies) == 1
    assert policies[0] is not None
    rules = dict(part.strip().split(" ", 1) for part in policies[0].split(";"))
    assert rules.pop("default-src") == "'none'"
    assert (rules.pop("base-uri"), rules.pop("form-action")) == ("'none'", "'none'")
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        inline = re.findall(rf"(?s)<{tag}>(.*?)</{tag}>", both[kind])
        assert len(inline) == 1
        digest = hashlib.sha256(inline[0].encode()).digest()
        assert rules.pop(rule) == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert rules == {}
    names = {name for _, attrs in found.elements for name, _ in attrs}
    assert not {name for name in names if name.startswith("on") or name in ("src", "style")}
    links = [dict(attrs)["href"] for tag, attrs in found.elements if tag == "a"]
    assert links
    assert all(link is not None and link.startswith("#") for link in links)
    assert not {tag for tag, _ in found.elements} & {"img", "iframe", "object", "link", "form"}


@pytest.mark.parametrize("name", ["report.css", "report.js"])
def test_style_and_script_name_no_address_and_cannot_end_themselves(name: str) -> None:
    text = (ASSETS / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|url\(|@import|</|fetch|XMLHttp|localStorage|eval", text)


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=1>'


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    folder = tmp_path / "<b onload=1>"
    folder.mkdir()
    path = folder / "<img src=x>.gaitpi"
    writer = RunWriter(path, _with_recording(HOSTILE))
    rows = made.seconds_of(2.0)
    writer.seconds(rows)
    writer.steps(made.steps_of(rows))
    writer.cue(cue(100.0, HOSTILE, HOSTILE), 100.0)
    writer.event(50.0, "pain", HOSTILE)
    writer.event(60.0, "fault", HOSTILE)
    writer.close({})
    tags = tagfile.Tag(wall_s=0.0, run="<img src=x>", tag=HOSTILE)
    tagfile.add(tagfile.path_in(folder), [tags])
    imported = importfile.Imported(
        wall_s=0.0, file=HOSTILE, sha256="0", start_s=0.0, end_s=1.0, share=1.0, distance_m=5000.0
    )
    points = importfile.Points(
        sha256="0", time_s=(0.0,), heart_rate_bpm=(None,), distance_m=(None,)
    )
    importfile.add(importfile.path_of(path), imported, points)
    for html in (page_of(path), physio_of(path, left_out={HOSTILE: HOSTILE}, notes=[HOSTILE])):
        tags_seen = {tag for tag, _ in seen(html).elements}
        assert "img" not in tags_seen
        assert html.count("<script>") == 1
        assert "<img src=x>" in text_of(html)
        assert HOSTILE[:20] in text_of(html)


def _with_recording(name: str) -> RunHeader:
    return replace(header(virtual=True), recording=name.replace("/", ""))


def test_it_needs_neither_numpy_nor_numba(eventful: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gaitpi.review.report import gather;"
        "p = Path(sys.argv[1]); gather.one(p); c = gather.weeks(p.parent, 6);"
        "gather.physio(p.parent, c, None); print(sorted({m.partition('.')[0] for m in sys.modules}"
        " & {'numpy', 'numba', 'jinja2', 'gpiozero'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(eventful)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# Complete.


@pytest.mark.parametrize("kind", ["run", "physio"])
def test_headings_tables_and_ids_are_in_order(both: dict[str, str], kind: str) -> None:
    html = both[kind]
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby"):
        for value in re.findall(rf'{name}="([^"]*)"', html):
            assert set(value.split()) <= set(ids)
    assert set(re.findall(r'href="#([^"]*)"', html)) <= set(ids)
    for table in re.findall(r"(?s)<table>.*?</table>", html):
        assert table.count("<caption") == 1
        heads = re.findall(r"<th( [^>]*)?>", table)
        assert heads
        assert all('scope="' in head for head in heads)
        widths = {row.count("<t") for row in re.findall(r"(?s)<tr>(.*?)</tr>", table)}
        assert len(widths) == 1
    assert "nan" not in text_of(html).lower().split()
    assert "inf" not in text_of(html).lower().split()


def test_a_run_page_says_what_it_rests_on(both: dict[str, str], eventful: Path) -> None:
    text = text_of(both["run"])
    run = data.read(eventful)
    for words in (
        f"recorded by gaitpi {run.software}",
        "sensor lsm6dsox",
        "The pack sat on the pelvis",
        "Distance 3.48 km pod, calibration unknown",
        "Pace 5:45 /km of running, 10.4 km/h, 1.02 m a step; known for 92 %",
        "Heart rate 153 bpm highest 163; strap, known for 92 % of the run",
        "Not known in this run: how well the pod was calibrated",
        "felt it here",
        "Quality of the data",
        "6.0 s of samples are missing, in 1 gap",
        "The belt was loose from 10:00: 40 s in all",
        "it does not diagnose",
        "quiet.warmup 2",
    ):
        assert words in text, words
    # every cue and what came of it
    assert "answered after 12 s" in text
    assert "not answered within 30 s" in text
    assert "could not be judged: the runner stopped" in text


def test_every_chart_has_name_description_and_table(both: dict[str, str]) -> None:
    html = both["run"]
    for key in ("cadence", "lean", "contact", "bounce", "heart", "speed"):
        figure = re.search(rf'(?s)<figure class="chart" id="{key}">.*?</figure>', html)
        assert figure is not None
        assert re.search(r'<svg class="plot" role="img" aria-labelledby', figure[0])
        assert re.search(r"(?s)<title id=[^>]*>[^<]+</title><desc id=[^>]*>[^<]+</desc>", figure[0])
        assert "<details><summary>" in figure[0]
        assert "<caption" in figure[0]
    for kind in ("zone hill", "zone gap", "zone belt", "zone still", "mark answered"):
        assert f'class="{kind}"' in html
    assert "mark unanswered" in html
    assert "mark unjudged" in html


def test_lean_of_a_belt_that_sat_badly_is_neither_drawn_nor_told(eventful: Path) -> None:
    run = data.read(eventful)
    loose = [value for time_s, value in run.lean if 600 <= time_s < 640]
    assert len(loose) == 40
    assert all(math.isnan(value) for value in loose)
    assert [(zone.start_s, zone.end_s) for zone in run.belt_zones()] == [(600.0, 640.0)]
    minute = run.minutes()[10]
    assert (minute.belt_bad_s, minute.running_s) == (40.0, 60.0)
    good = [s.lean_deg - run.lean_zero_deg for s in run.running if 640 <= s.time_s < 660]
    assert minute.lean_change_deg == pytest.approx(sum(good) / len(good))


def test_an_hour_is_small_and_two_days_are_too(tmp_path: Path) -> None:
    hour = made.eventful(tmp_path / "hour.gaitpi", 60.0)
    assert len(page_of(hour).encode()) < 500_000
    rows = [second(float(k), cadence_spm=170.0 + k % 7) for k in range(40_000)]
    long = made.write(tmp_path / "long.gaitpi", seconds=rows)
    html = page_of(long)
    assert len(html.encode()) < 500_000
    assert "the lowest and the highest value of each 22.2 s" in text_of(html)
    assert "in pieces of" in html


def test_a_file_made_to_be_endless_is_not(tmp_path: Path) -> None:
    rows = [
        second(
            float(k), activity=3 if k % 5 else 1, belt=2 if k % 11 else 1, gap_s=float(k % 7 == 0)
        )
        for k in range(6_000)
    ]
    cues = [cue(float(k), metric="cadence") for k in range(600)]
    path = made.write(tmp_path / "x.gaitpi", seconds=rows, cues=cues)
    html = page_of(path)
    assert len(html.encode()) < 700_000
    assert "The first 250 of 600 are listed" in text_of(html)
    listed = re.search(r'(?s)id="cue-table-c".*?<tbody>(.*?)</tbody>', html)
    assert listed is not None
    assert listed[1].count("<tr>") == 250


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("second", name) for name in ("cadence_spm", "lean_deg", "grade", "grade_sd", "gap_s")),
        *(("step", name) for name in ("ic_s", "contact_s", "bounce_m", "step_s", "lean_deg")),
        *(("cue", name) for name in ("value", "low", "played_s", "lasted_s")),
    ],
)
@pytest.mark.parametrize("value", [1.7e308, -math.inf, None])
def test_numbers_no_body_gives_make_a_page_or_a_sentence(
    eventful: Path, tmp_path: Path, table: str, column: str, value: float | None
) -> None:
    path = tmp_path / "wild.gaitpi"
    shutil.copy(eventful, path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE id % 3 = 0", (value,))
        db.commit()
    try:
        html = page_of(path)
        physio_of(path)
    except RunFileError:
        return
    assert len(html) < 500_000


# Honest.


def _none(path: Path) -> Path:
    return made.write(path)


def _still(path: Path) -> Path:
    rows = [second(float(k), activity=1, cadence_spm=math.nan) for k in range(20)]
    return made.write(path, seconds=rows)


def _short(path: Path) -> Path:
    rows = made.seconds_of(0.2)
    return made.write(path, seconds=rows, steps=made.steps_of(rows)[:3])


def _cut(path: Path) -> Path:
    rows = made.seconds_of(4.0)
    return made.write(path, seconds=rows, steps=made.steps_of(rows), finish=False, boot="c" * 32)


def _virtual(path: Path) -> Path:
    return made.write(path, seconds=made.seconds_of(1.0), virtual=True)


def _undated(path: Path) -> Path:
    return made.write(path, seconds=made.seconds_of(1.0), wall_s=3600.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_none, "There is no running step in this run"),
        (_still, "There is nothing to draw: no running was recorded."),
        (_short, "not known"),
        (_cut, "This run was cut short: it has no end"),
        (_virtual, "A simulated run (steady): nobody ran it."),
        (_undated, "The clock of the pack had not been set"),
    ],
)
def test_odd_runs_make_honest_pages(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "odd.gaitpi")
    html = page_of(path)
    assert words in text_of(html)
    physio = physio_of(path)
    for text in (text_of(html), text_of(physio)):
        assert " nan" not in text
        assert "None" not in text.replace("None of", "")


def test_a_run_being_recorded_says_so(tmp_path: Path) -> None:
    path = made.write(
        tmp_path / "now.gaitpi", seconds=made.seconds_of(1.0), finish=False, boot=boot_id()
    )
    assert "This run has no end yet" in text_of(page_of(path))


def test_left_and_right_only_where_the_belt_sat(tmp_path: Path) -> None:
    rows = made.seconds_of(8.0)
    steady = made.write(tmp_path / "a.gaitpi", seconds=rows, steps=made.steps_of(rows))
    assert "Nothing is said of left and right" not in text_of(page_of(steady))
    loose = made.seconds_of(8.0, belt=2)
    path = made.write(tmp_path / "b.gaitpi", seconds=loose, steps=made.steps_of(loose))
    text = text_of(page_of(path))
    assert "Nothing is said of left and right in this run: the belt was loose for 480 s." in text
    assert "contact right - left" not in text


# What changed.


def test_change_against_the_usual_is_told_with_its_uncertainty(tmp_path: Path) -> None:
    made.season(tmp_path, 6)
    (last,) = made.season(tmp_path, 1, start=176.0, first=6)
    text = text_of(page_of(last))
    assert "a change: up" in text
    assert re.search(r"cadence \(spm\) 16\d\.\d 17\d\.\d \+1[0-4]\.\d ± \d+\.\d", text)
    same = tmp_path / "same"
    same.mkdir()
    paths = made.season(same, 7)
    text = text_of(page_of(paths[-1]))
    assert "a change:" not in text
    assert "no change that can be told" in text
    assert "which is not the same as none" in text


def test_then_and_now(tmp_path: Path) -> None:
    paths = made.season(tmp_path, 10, start=162.0, end=174.0)
    text = text_of(physio_of(*paths))
    assert "Baseline: the first 3 of these runs (23 Nov, 25 Nov, 27 Nov)" in text
    assert "a change: up" in text
    few = text_of(physio_of(*paths[-5:]))
    assert "Baseline: the first 3" not in few
    assert "5 runs" not in few or "can be compared" in few


def test_a_season_without_change_is_called_none(tmp_path: Path) -> None:
    paths = made.season(tmp_path, 8)
    assert "a change:" not in text_of(physio_of(*paths))


# For a physiotherapist.


def test_physio_page_says_what_it_must(both: dict[str, str]) -> None:
    text = text_of(both["physio"])
    for words in (
        "Method and limits",
        "numbness, tingling or weakness in a leg",
        "pain at night",
        "pain after a fall",
        "it does not diagnose",
        "“Felt it here” was pressed more than once in a run",
        "No pain was noted in the journal in these days, not on mornings either: not known",
        "95 % interval",
        "No programme has been started",
        "Nothing is prescribed",
        "PMC8838733",
    ):
        assert words in text, words
    forbidden = (
        r"injur(y|ies) (risk|prevent)|good posture|spine load [^s]|you should|abnormal|healthy"
    )
    assert not re.search(forbidden, text)


@pytest.mark.parametrize("kind", ["run", "physio"])
def test_no_page_makes_a_claim_as_it_is_read(both: dict[str, str], kind: str) -> None:
    """A sentence may be put together of pieces that each say nothing."""
    inline = re.sub(r"</?(?:a|b|em|strong|span|abbr|code|small|i)\b[^>]*>", "", both[kind])
    blocks = [" ".join(unescape(b).split()) for b in re.split(r"<[^>]*>", inline)]
    assert sum(len(b) > 40 for b in blocks) > 10
    red = [(c, b) for b in blocks for c in claims(b) if not _allowed(c, b)]
    assert not red


def _allowed(claim: str, text: str) -> bool:
    return any(c == claim and words in text for _, c, words in ALLOWED)


def test_tables_beside_it_are_whole(eventful: Path) -> None:
    runs = [told(data.read(eventful))]
    row = next(csv.DictReader(io.StringIO(runs_csv(runs))))
    assert (row["id"], row["segment"], row["pain_marks"]) == ("one", "pelvis", "2")
    assert float(row["distance_m"]) == pytest.approx(3484.0, abs=2.0)
    assert (row["distance_from"], row["distance_lacks_s"]) == ("pod", "0")
    assert float(row["heart_rate_max_bpm"]) == 163.0
    assert float(row["cadence_spm"]) == pytest.approx(170.0, abs=1.0)
    minutes = list(csv.DictReader(io.StringIO(minutes_csv(runs))))
    assert len(minutes) == 21
    assert sum(float(m["running_s"]) for m in minutes) == runs[0].verdict.running_s
    assert sum(int(m["cues"]) for m in minutes) == runs[0].verdict.cues
    assert sum(int(m["answered"]) for m in minutes) == runs[0].verdict.answered
    assert minutes[0]["cadence_spm"] == "" or float(minutes[0]["running_s"]) > 0


def test_a_table_gives_a_spreadsheet_nothing_to_reckon(tmp_path: Path) -> None:
    path = made.write(tmp_path / "=1+1.gaitpi", seconds=made.seconds_of(1.0))
    assert runs_csv([told(data.read(path))]).splitlines()[1].startswith("'=1+1,")


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (3, 10), (52, 73)])
def test_interval_of_a_share(k: int, n: int) -> None:
    low, high = wilson(k, n)
    assert 0.0 <= low <= k / n <= high <= 1.0
    assert high - low < 0.6
    if (k, n) == (52, 73):  # by hand: 0.600, 0.804
        assert (round(low, 2), round(high, 2)) == (0.6, 0.8)


def test_the_newest_weeks_are_chosen_by_the_clock_of_the_runs(tmp_path: Path) -> None:
    made.season(tmp_path, 6)
    made.season(tmp_path, 1, first=40)
    made.write(
        tmp_path / "sim.gaitpi",
        seconds=made.seconds_of(1.0),
        steps=made.steps_of(made.seconds_of(1.0)),
        virtual=True,
    )
    _still(tmp_path / "still.gaitpi")
    (tmp_path / "torn.gaitpi").write_bytes(b"SQLite format 3\0 and no more")
    found = gather.weeks(tmp_path, 6.0)
    assert [run.name for run in found.runs] == ["run-040"]
    assert list(found.damaged) == ["torn"]
    assert len(gather.weeks(tmp_path, 20.0).runs) == 7
    text = text_of(gather.physio(tmp_path, found, ("r.csv", "m.csv", "w.csv")))
    for words in (
        "1 run of a simulated runner left out",
        "1 run without running left out",
        "Left out, for they cannot be read (1)",
        "Beside this page: r.csv",
    ):
        assert words in text, words


# Colours.


def _colours() -> dict[str, dict[str, str]]:
    css = (ASSETS / "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    assert set(dark) == set(light) - {"color-scheme"}
    return {"light": light, "dark": light | dark}


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio (WCAG 2.1)."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    """Text 4.5 to 1 on every ground it stands on; lines and marks 3 to 1."""
    colour = _colours()[scheme]
    for ink, grounds in {
        "ink": ("bg", "panel", "note"),
        "muted": ("bg", "panel"),
        "link": ("bg",),
    }.items():
        for ground in grounds:
            assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)
    shaded = ("bg", "band", "still", "hill", "belt", "gap")
    for line in ("line", "level", "good", "bad"):
        for ground in shaded:
            assert contrast(colour[line], colour[ground]) >= 3.0, (line, ground)
    assert contrast(colour["hill-edge"], colour["hill"]) >= 3.0
    assert contrast(colour["belt-edge"], colour["belt"]) >= 3.0


# Strap and pod.


def test_a_lost_link_is_a_hole_in_chart_and_table(both: dict[str, str], eventful: Path) -> None:
    run = data.read(eventful)
    for points in (run.heart, run.speed):
        times = [time_s for time_s, _ in points]
        assert not [t for t in times if 405.0 <= t < 415.0 or 706.0 <= t < 790.0]
        assert [t for t in times if 300.0 <= t < 400.0] == [float(k) for k in range(300, 400)]
    for key, unit in (("heart", "beats/min"), ("speed", "km/h")):
        figure = re.search(rf'(?s)<figure class="chart" id="{key}">.*?</figure>', both["run"])
        assert figure is not None
        assert f"({unit})" in figure[0]
        line = re.search(r'<path d="([^"]*)" class="line"', figure[0])
        assert line is not None
        # two holes; the running also stops for missing samples and for walking
        assert line[1].count("M") == (3 if key == "heart" else 5)
    minutes = {minute.start_s: minute for minute in run.minutes()}
    assert math.isnan(minutes[720.0].heart_bpm)
    assert minutes[720.0].speed_s == 0.0
    assert minutes[300.0].heart_s == 60.0
    assert minutes[300.0].step_length_m == pytest.approx(1.0, abs=0.1)


def test_a_later_part_is_drawn_and_told_of_its_own_time(eventful: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(eventful, tmp_path))
    editfile.add(editfile.path_of(path), [editfile.Split(wall_s=1.0, cuts=(500.0,))])
    run = data.read(path, part=2)
    text = run_page(run)
    for key in ("cadence", "lean", "contact", "bounce", "heart", "speed"):
        figure = re.search(rf'(?s)<figure class="chart" id="{key}">.*?</figure>', text)
        assert figure is not None
        assert 'viewBox="500 0 ' in figure[0], key
        assert ">00:00<" not in figure[0]
    first = run.minutes()[0]
    assert (first.start_s, first.running_s) == (480.0, 40.0)
    assert (first.heart_s, first.speed_s) == (40.0, 40.0)  # and nothing of the part before
    assert first.heart_bpm == pytest.approx(run.around.heart.mean(500.0, 540.0), abs=1e-9)


def test_a_run_without_them_says_so_and_draws_nothing_of_it(tmp_path: Path) -> None:
    rows = made.seconds_of(5.0)
    path = made.write(tmp_path / "alone.gaitpi", seconds=rows, steps=made.steps_of(rows))
    text = page_of(path)
    assert 'id="heart"' not in text
    assert 'id="speed"' not in text
    assert "no pod was connected, nothing was imported" in text_of(text)
    assert "Speed and distance are not known" in text_of(physio_of(path))


def test_the_physio_page_has_the_distance(both: dict[str, str], tmp_path: Path) -> None:
    text = text_of(both["physio"])
    assert "Distance 3.5 km known in 1 of 1 runs (pod, calibration unknown)" in text
    assert "Speed is known in 1 of 1 runs" in text
    rows = made.seconds_of(5.0)
    stopped = [row for row in made.outside_of(330.0) if not 100.0 < row.time_s < 200.0]
    held = [
        row._replace(distance_m=row.distance_m - 290.0 * (row.time_s > 150.0))
        if isinstance(row, PodRow)
        else row
        for row in stopped
    ]
    path = made.write(tmp_path / "r.gaitpi", seconds=rows, steps=made.steps_of(rows), readings=held)
    assert "At least" not in text
    assert "at least 0.6 km known in 1 of 1 runs" in text_of(physio_of(path))
    assert "distance of 01:" in text_of(page_of(path))
