"""Cadence doubled or halved nowhere: one run of a known cadence through every border.

gaitpi counts steps of both feet everywhere; FIT alone counts strides of one. Each border below
gives (what was read there, what it must be), in steps a minute of both feet. docs/files.md has the
same borders in a table, and this test holds it to that.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gaitpi import importfile
from gaitpi.cli import main
from gaitpi.review import fitfile
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import CueRow, WithheldRow
from tests import fitwriter
from tests.fitreaders import READERS
from tests.runs import sample

TRUE_SPM = 170.0
"""Of the story "steady", by its plan."""
STRIDE = 1 / 64
"""FIT keeps a stride to its 128th, which is a 64th of a step."""

Pairs = Iterable[tuple[float, float]]


class Walk:
    """A run, and the command line as it answers about it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.run_id = next((folder / "gaitpi" / "runs").glob("*.gaitpi")).stem
        self.path = folder / "gaitpi" / "runs" / f"{self.run_id}.gaitpi"
        self._capsys = capsys

    def out(self, *arguments: str) -> str:
        self._capsys.readouterr()
        assert main(list(arguments)) == 0
        return self._capsys.readouterr().out

    def json(self, *arguments: str) -> Any:
        return json.loads(self.out(*arguments, "--json"))

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out(*arguments, "--json").splitlines()]

    def file(self, name: str, *arguments: str) -> Path:
        path = self.folder / name
        self.out("export", self.run_id, *arguments, str(path), "--force")
        return path

    def reader(self) -> RunReader:
        return RunReader(self.path)


@pytest.fixture(scope="module")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("borders")
    with pytest.MonkeyPatch.context() as patch:
        _at_home(patch, folder)
        far = ["--set", "coach.warmup_s=0", "--set", "coach.target_spm=185"]
        assert main(["demo", "--story", "steady", "--no-answers", *far]) == 0
    return folder


@pytest.fixture
def walk(
    _recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Walk:
    _at_home(monkeypatch, _recorded)
    return Walk(_recorded, capsys)


def _at_home(patch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        patch.setenv(name, str(folder))
    patch.delenv("GAITPI_CONFIG", raising=False)


def _mean(walk: Walk) -> float:
    with walk.reader() as run:
        return run.totals().cadence_spm


def _steps(walk: Walk) -> list[float]:
    with walk.reader() as run:
        return [step.cadence_spm for step in run.steps()]


def _seconds(walk: Walk) -> list[float]:
    with walk.reader() as run:
        return [second.cadence_spm for second in run.seconds()]


def _cues(walk: Walk) -> list[float]:
    """Values of all cues of cadence, heard or held back, by time."""
    with walk.reader() as run:
        all_cues: list[CueRow | WithheldRow] = [*run.cues(), *run.withheld()]
        rows = sorted(all_cues, key=lambda row: row.time_s)
        return [row.value for row in rows if row.metric == "cadence"]


def _number(text: str | None) -> float:
    return float(text) if text else math.nan


def run_file(walk: Walk) -> Pairs:
    running = [c for c in _seconds(walk) if c > 140]
    return [(_mean(walk), TRUE_SPM), *((c, TRUE_SPM) for c in running)]


def runs_json(walk: Walk) -> Pairs:
    return [(walk.json("runs")[0]["cadence_spm"], _mean(walk))]


def show_json(walk: Walk) -> Pairs:
    shown = walk.json("show", walk.run_id)
    return [(shown["cadence_spm"], _mean(walk)), (shown["target_spm"], 185.0)]


def cues_json(walk: Walk) -> Pairs:
    found = walk.json("cues", walk.run_id)
    rows = found["entries"]
    return zip(
        [row["value"] for row in rows if row["metric"] == "cadence"], _cues(walk), strict=True
    )


def replay_json_steps(walk: Walk) -> Pairs:
    lines = [x for x in walk.lines("replay", walk.run_id) if x["type"] == "step"]
    return zip([x["cadence_spm"] or math.nan for x in lines], _steps(walk), strict=True)


def replay_json_cues(walk: Walk) -> Pairs:
    lines = walk.lines("replay", walk.run_id)
    with walk.reader() as run:
        cues = [cue.value for cue in run.cues() if cue.metric == "cadence"]
    heard = [x for x in lines if x["type"] == "cue" and x["metric"] == "cadence"]
    return zip([x["value"] for x in heard], cues, strict=True)


def replay_json_summary(walk: Walk) -> Pairs:
    return [(walk.lines("replay", walk.run_id)[-1]["cadence_spm"], _mean(walk))]


def _csv(walk: Walk, table: str) -> list[dict[str, str]]:
    path = walk.file(f"{table}.csv", "--table", table, "--csv")
    return list(csv.DictReader(io.StringIO(path.read_text())))


def csv_steps(walk: Walk) -> Pairs:
    return zip([_number(r["cadence_spm"]) for r in _csv(walk, "steps")], _steps(walk), strict=True)


def csv_seconds(walk: Walk) -> Pairs:
    rows = _csv(walk, "seconds")
    return zip([_number(r["cadence_spm"]) for r in rows], _seconds(walk), strict=True)


def csv_cues(walk: Walk) -> Pairs:
    rows = [r for r in _csv(walk, "cues") if r["metric"] == "cadence"]
    return zip([_number(r["value"]) for r in rows], _cues(walk), strict=True)


def csv_raw_replayed(walk: Walk) -> Pairs:
    path = walk.file("raw.csv", "--csv")
    return [(walk.lines("replay", str(path))[-1]["cadence_spm"], _mean(walk))]


def csv_of_report(walk: Walk) -> Pairs:
    made = walk.json("report", "--physio", walk.run_id, "--out", str(walk.folder))
    runs, minutes = (
        list(csv.DictReader(io.StringIO(Path(path).read_text())))
        for name in ("runs", "minutes")
        for path in made["tables"]
        if path.endswith(f"-{name}.csv")
    )
    yield _number(runs[0]["cadence_all_spm"]), _mean(walk)
    yield _number(runs[0]["target_spm"]), 185.0
    for row in minutes:
        if _number(row["running_s"]) == 60.0:
            yield _number(row["cadence_spm"]), TRUE_SPM


def _parquet(walk: Walk, table: str) -> list[dict[str, Any]]:
    pq = pytest.importorskip("pyarrow.parquet")
    path = walk.file(f"{table}.parquet", "--table", table, "--parquet")
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def _real(value: float | None) -> float:
    return math.nan if value is None else value


def parquet_steps(walk: Walk) -> Pairs:
    rows = _parquet(walk, "steps")
    return zip([_real(r["cadence_spm"]) for r in rows], _steps(walk), strict=True)


def parquet_seconds(walk: Walk) -> Pairs:
    rows = _parquet(walk, "seconds")
    return zip([_real(r["cadence_spm"]) for r in rows], _seconds(walk), strict=True)


def parquet_cues(walk: Walk) -> Pairs:
    rows = [r for r in _parquet(walk, "cues") if r["metric"] == "cadence"]
    return zip([r["value"] for r in rows], _cues(walk), strict=True)


def season_dataset(walk: Walk) -> Pairs:
    pq = pytest.importorskip("pyarrow.parquet")
    season = walk.folder / "season"
    walk.out("export", "--season", str(season))
    one = pq.read_table(season / "runs").to_pylist()[0]
    yield one["cadence_spm"], _mean(walk)
    yield one["target_spm"], 185.0
    rows = pq.read_table(season / "seconds").to_pylist()
    yield from zip([_real(r["cadence_spm"]) for r in rows], _seconds(walk), strict=True)


def _fit(walk: Walk, name: str) -> Iterator[dict[str, Any]]:
    data = walk.file("run.fit", "--fit").read_bytes()
    for reader in READERS.values():
        yield from (values for message, values in reader(data) if message == name)


def fit_records(walk: Walk) -> Pairs:
    known = [c for c in _seconds(walk) if not math.isnan(c)] * len(READERS)
    rows = [r for r in _fit(walk, "record") if "cadence" in r]
    strides = [r["cadence"] + r["fractional_cadence"] for r in rows]
    return zip([2 * s for s in strides], known, strict=True)


def fit_laps(walk: Walk) -> Pairs:
    for lap in _fit(walk, "lap"):
        yield 2 * (lap["avg_cadence"] + lap["avg_fractional_cadence"]), _mean(walk)


def fit_session(walk: Walk) -> Pairs:
    fastest = max(c for c in _seconds(walk) if not math.isnan(c))
    for session in _fit(walk, "session"):
        yield 2 * (session["avg_cadence"] + session["avg_fractional_cadence"]), _mean(walk)
        yield 2 * (session["max_cadence"] + session["max_fractional_cadence"]), fastest


def fit_strides(walk: Walk) -> Pairs:
    """Strides of the session over its running time: a cadence too."""
    with walk.reader() as run:
        totals = run.totals()
    for session in _fit(walk, "session"):
        strides = session["total_cycles"] + session["total_fractional_cycles"]
        yield 2 * strides / totals.running_steps * TRUE_SPM, TRUE_SPM


def fit_alert(walk: Walk) -> Pairs:
    with walk.reader() as run:
        low = next(cue.low for cue in run.cues() if cue.metric == "cadence")
    for event in _fit(walk, "event"):
        if event["event"] == 18:
            yield 2 * event["data"], low


def fit_imported_from_gaitpi(walk: Walk) -> Pairs:
    found = fitfile.read(walk.file("run.fit", "--fit")).records
    return zip([r.cadence_spm for r in found], _seconds(walk), strict=True)


def fit_imported_from_a_watch(walk: Walk) -> Pairs:
    """A watch writes 85 strides and 64/128: 171 steps."""
    path = walk.folder / "watch.fit"
    rows = ((k, 140, 280 * k, 2800, 85, 64) for k in range(60))
    path.write_bytes(fitwriter.activity(sample.WALL_S, rows))
    return [(r.cadence_spm, 171.0) for r in fitfile.read(path).records]


TIGHT, MEASURED, WHOLE = 1e-9, 8.0, 1.0
"""Nothing but numbers moved; measured against the plan; whole strides."""

BORDERS: dict[str, tuple[Callable[[Walk], Pairs], float]] = {
    "run file": (run_file, MEASURED),
    "`runs --json`": (runs_json, TIGHT),
    "`show --json`": (show_json, TIGHT),
    "`cues --json`": (cues_json, TIGHT),
    "`replay --json`, `step`": (replay_json_steps, 1e-6),
    "`replay --json`, `cue`": (replay_json_cues, 1e-6),
    "`replay --json`, `summary`": (replay_json_summary, 1e-6),
    "CSV `steps`": (csv_steps, TIGHT),
    "CSV `seconds`": (csv_seconds, TIGHT),
    "CSV `cues`": (csv_cues, TIGHT),
    "CSV `raw`, replayed": (csv_raw_replayed, 1e-6),
    "CSV of `report --physio`": (csv_of_report, MEASURED),
    "Parquet `steps`": (parquet_steps, TIGHT),
    "Parquet `seconds`": (parquet_seconds, TIGHT),
    "Parquet `cues`": (parquet_cues, TIGHT),
    "season": (season_dataset, TIGHT),
    "FIT `record` out": (fit_records, STRIDE),
    "FIT `lap` out": (fit_laps, STRIDE),
    "FIT `session` out": (fit_session, STRIDE),
    "FIT strides of a session out": (fit_strides, TIGHT),
    "FIT `cad_low_alert` out": (fit_alert, WHOLE),
    "FIT of gaitpi in": (fit_imported_from_gaitpi, STRIDE),
    "FIT of a watch in": (fit_imported_from_a_watch, TIGHT),
}


@pytest.mark.parametrize("border", BORDERS)
def test_cadence_is_the_same_on_both_sides(border: str, walk: Walk) -> None:
    function, most = BORDERS[border]
    pairs = list(function(walk))
    assert pairs
    known = 0
    for read, wanted in pairs:
        assert math.isnan(read) == math.isnan(wanted)
        if not math.isnan(read):
            known += 1
            assert read == pytest.approx(wanted, rel=0, abs=most)
    assert known


def test_what_is_imported_has_no_cadence() -> None:
    """The watch's is compared, and let go."""
    fields = importfile.Points.__struct_fields__ + importfile.Imported.__struct_fields__
    assert not [name for name in fields if "cadence" in name]


def test_the_table_in_the_docs_has_these_borders() -> None:
    text = (Path(__file__).parents[1] / "docs" / "files.md").read_text()
    table = text.partition("| border |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert rows == list(BORDERS)
