"""Clocks compared by cadence: found where it is clear, nothing said where it is not."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi import importfile
from gaitpi.cli import main
from gaitpi.config import Config
from gaitpi.importfile import Imported, ImportFileError, Points
from gaitpi.jsonlines import SIZE_LIMIT
from gaitpi.review import fitexport, watchclock
from gaitpi.review.watchclock import compare, own_cadence, watch_cadence
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import SecondRow
from gaitpi.runs.writer import RunWriter
from tests import fitwriter
from tests.runs import sample

MINUTES = 12
START_S = sample.WALL_S


def cadence(seed: int, n: int = 60 * MINUTES) -> list[float]:
    """A runner's: slow wandering, and a stop of 20 s."""
    rng = random.Random(seed)
    value, found = 0.0, []
    stop = rng.randrange(60, n - 60)
    for k in range(n):
        value = 0.9 * value + rng.gauss(0.0, 1.0)
        found.append(0.0 if stop <= k < stop + 20 else 168.0 + value)
    return found


def seen(values: list[float], ahead_s: int, seed: int = 9) -> dict[int, float]:
    """The same by a watch: a mean over 5 s gone by, in whole strides."""
    rng = random.Random(seed)
    smooth = [sum(values[max(0, k - 4) : k + 1]) / 5 for k in range(len(values))]
    strides = [max(0, round((v + rng.gauss(0.0, 0.5)) / 2)) for v in smooth]
    return {k + ahead_s: 2.0 * v for k, v in enumerate(strides)}


@given(st.integers(0, 1000), st.integers(-150, 150))
@settings(max_examples=12)
def test_a_difference_is_found_within_its_uncertainty(seed: int, ahead_s: int) -> None:
    values = cadence(seed)
    found = compare(dict(enumerate(values)), seen(values, ahead_s), -180, 180)
    if found is None:  # not clear enough: nothing is said
        return
    assert abs(found.seconds - ahead_s) <= 2.0 * found.sd_s
    assert watchclock.DELAY_SD_S <= found.sd_s <= watchclock.MOST_SD_S
    assert found.differs == (abs(found.seconds) > 2.0 * found.sd_s)


def test_a_difference_is_nearly_always_found() -> None:
    tried = [compare(dict(enumerate(v := cadence(k))), seen(v, 60), -180, 180) for k in range(10)]
    assert sum(one is not None for one in tried) >= 8


@given(st.integers(0, 1000))
@settings(max_examples=12)
def test_nothing_is_found_in_another_runners_cadence(seed: int) -> None:
    mine, other = cadence(seed), cadence(seed + 5000)
    assert compare(dict(enumerate(mine)), seen(other, 0), -180, 180) is None


def test_an_even_cadence_or_a_short_one_tells_nothing() -> None:
    even = dict.fromkeys(range(600), 170.0)
    assert compare(even, even, -180, 180) is None
    short = dict(enumerate(cadence(1)[:200]))
    assert compare(short, short, -180, 180) is None
    assert compare({}, {}, -180, 180) is None


def test_no_file_makes_it_search_for_ever() -> None:
    long = dict(enumerate(cadence(1)))
    assert compare(long, long, -180, 180) is not None
    assert compare(long, long, 0, watchclock.MOST_LAGS + 1) is None


def test_standing_is_a_cadence_of_none() -> None:
    rows = [SecondRow._make(sample.second(0.0, activity=1, cadence_spm=math.nan).values())]
    rows += [SecondRow._make(sample.second(1.0, cadence_spm=math.nan).values())]
    assert own_cadence(rows) == {0: 0.0}


def test_a_watch_that_records_now_and_then_holds_its_value() -> None:
    found = watch_cadence([(0.0, 170.0), (3.0, math.nan), (4.0, 172.0), (30.0, 174.0)])
    assert found == {
        **dict.fromkeys(range(4), 170.0),
        **dict.fromkeys(range(4, 12), 172.0),
        **dict.fromkeys(range(30, 38), 174.0),
    }


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.0, 300.0) | st.just(math.nan))))
def test_any_moments_are_taken(moments: list[tuple[float, float]]) -> None:
    found = watch_cadence(sorted(moments))
    assert len(found) <= watchclock.MOST_S + watchclock.HOLD_S + 1
    compare(found, found, -180, 180)


# The command.


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    folder = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    folder.mkdir(parents=True)
    return folder


def record(folder: Path, seed: int, number: int = 1, wall_s: float = START_S) -> Path:
    path = folder / f"20261123-170200-0000-00000{number}.gaitpi"
    writer = RunWriter(path, sample.header(config=Config(), wall_s=wall_s))
    for batch in sample.batches(sample.counts(208), size=208, time_s=60.0 * MINUTES - 1):
        writer.batch(batch)
    writer.seconds(
        sample.second(float(k), cadence_spm=v or math.nan, activity=3 if v else 1)
        for k, v in enumerate(cadence(seed))
    )
    writer.close({})
    return path


def watch_file(path: Path, seed: int, ahead_s: int, first: int = 0, length: int = 10**6) -> Path:
    strides = seen(cadence(seed), ahead_s)
    rows = [
        (t, 140, 280 * k, 2800, round(v / 2), 0)
        for k, (t, v) in enumerate(strides.items())
        if first <= k < first + length
    ]
    begin = rows[0][0]
    moved = [(t - begin, *rest) for t, *rest in rows]
    path.write_bytes(fitwriter.activity(START_S + begin, moved))
    return path


def _import(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = main(["import", *arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_a_clock_that_was_ahead_is_corrected(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(runs, 3)
    path = watch_file(tmp_path / "w.fit", 3, 90)
    assert main(["import", str(path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "s ahead (±2 s), by cadence: corrected" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    code, said, _ = _import(capsys, str(path))
    kept = said[0]["runs"][0]["imported"]
    assert code == 0
    assert abs(kept["offset_s"] - 90) <= 2 * kept["offset_sd_s"]
    assert kept["share"] > 0.98
    points = importfile.load(importfile.path_of(run)).points[0]
    assert abs(points.time_s[0]) < 5.0


def test_clocks_that_agree_are_left_alone(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(runs, 3)
    path = watch_file(tmp_path / "w.fit", 3, 0)
    assert _import(capsys, str(path))[1][0]["runs"][0]["imported"]["offset_s"] == 0.0
    assert main(["import", str(path)]) == 0
    assert "clocks agree by cadence, within" in capsys.readouterr().out


def test_without_a_cadence_nothing_is_said_of_the_clocks(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(runs, 3)
    path = tmp_path / "w.fit"
    path.write_bytes(fitwriter.activity(START_S, [(k, 140, 0, 0, 255, 255) for k in range(600)]))
    code, said, _ = _import(capsys, str(path))
    assert (code, said[0]["runs"][0]["imported"]["offset_s"]) == (0, None)
    assert main(["import", str(path)]) == 0
    assert "clocks not compared" in capsys.readouterr().out


def test_a_named_run_is_found_though_the_clock_was_days_off(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(runs, 3)
    away = 4 * 86_400 + 77
    path = watch_file(tmp_path / "w.fit", 3, away, first=100, length=500)
    code, said, _ = _import(capsys, str(path))
    assert (code, said[0]["runs"]) == (1, [])
    assert main(["import", str(path)]) == 1
    assert "gaitpi import FILE --run ID" in capsys.readouterr().out
    code, said, _ = _import(capsys, str(path), "--run", run.stem)
    assert code == 0
    assert abs(said[0]["runs"][0]["imported"]["offset_s"] - away) <= 6.0
    first = importfile.load(importfile.path_of(run)).points[0].time_s[0]
    assert abs(first - 100.0) <= 6.0


def test_a_named_run_of_another_outing_is_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(runs, 3)
    path = watch_file(tmp_path / "w.fit", 4, 86_400)
    code, said, error = _import(capsys, str(path), "--run", "last")
    assert (code, said[0]["runs"]) == (1, [])
    assert "where in it is not clear" in error
    assert not importfile.path_of(run).exists()


def test_several_files_each_find_their_run_and_a_damaged_one_stops_none(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = record(runs, 3)
    second = record(runs, 4, 2, wall_s=START_S + 86_400)
    files = [watch_file(tmp_path / "a.fit", 3, 0), tmp_path / "b.fit"]
    files.append(watch_file(tmp_path / "c.fit", 4, 86_400))
    files[1].write_bytes(b"no FIT")
    (runs / "broken.gaitpi").write_bytes(b"x" * 100)
    code, said, error = _import(capsys, *map(str, files))
    assert code == 1
    assert "b.fit is not a FIT file" in error
    found = {one["file"]: [run["id"] for run in one["runs"]] for one in said}
    assert found == {"a.fit": [first.stem], "c.fit": [second.stem]}


def test_the_newest_import_with_a_value_counts(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(runs, 3)
    watch_file(tmp_path / "a.fit", 3, 0)
    strap = tmp_path / "b.fit"
    strap.write_bytes(
        fitwriter.activity(START_S, [(k, 151, 2**32 - 1, 65535, 255, 255) for k in range(600)])
    )
    for name in ("a.fit", "b.fit"):
        assert _import(capsys, str(tmp_path / name))[0] == 0
    imports = importfile.load(importfile.path_of(run))
    heart = importfile.series(imports, "heart_rate_bpm")
    way = importfile.series(imports, "distance_m")
    assert set(heart.value) == {151.0}
    assert len(way.value) == 720
    assert heart.near(10.4, 2.0) == 151.0
    assert math.isnan(heart.near(700.0, 2.0))
    assert way.between(10.5, 10.0) == pytest.approx(2.8 * 10.5)
    assert math.isnan(way.between(-1.0, 10.0))


def test_what_gaitpi_exported_comes_back_to_its_run(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(runs, 3)
    watch_file(tmp_path / "w.fit", 3, 0)
    assert _import(capsys, str(tmp_path / "w.fit"))[0] == 0
    imports = importfile.load(importfile.path_of(run))
    with RunReader(run) as reader:
        (tmp_path / "own.fit").write_bytes(fitexport.activity(reader, imports))
    code, said, _ = _import(capsys, str(tmp_path / "own.fit"))
    kept = said[0]["runs"][0]["imported"]
    assert (code, kept["offset_s"], kept["heart_rate_bpm"]) == (0, 0.0, 140.0)
    assert kept["distance_m"] == pytest.approx(2.8 * 719, abs=6.0)


def test_a_file_with_nothing_to_keep_is_not_kept(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(runs, 3)
    path = tmp_path / "own.fit"
    with RunReader(run) as reader:
        path.write_bytes(fitexport.activity(reader))
    code, said, _ = _import(capsys, str(path))
    assert (code, said[0]["runs"][0]["state"]) == (
        1,
        "not kept: neither heart rate nor distance in it",
    )
    assert not importfile.path_of(run).exists()


def test_a_sidecar_never_grows_beyond_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.imported.jsonl"
    path.write_bytes(b"x" * (SIZE_LIMIT - 100))
    imported = Imported(wall_s=0.0, file="w.fit", sha256="0", start_s=0.0, end_s=1.0, share=0.5)
    points = Points(sha256="0", time_s=(0.0,) * 50, heart_rate_bpm=(), distance_m=())
    with pytest.raises(ImportFileError, match="too many moments"):
        importfile.add(path, imported, points)
    assert path.stat().st_size == SIZE_LIMIT - 100
