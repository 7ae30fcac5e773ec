"""Tables as CSV and Parquet, and a season of them: every value as it is in the run file."""

import csv
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.madeup import pod, strap
from gaitpi import importfile, tagfile
from gaitpi.cli import main
from gaitpi.config import CoachConfig
from gaitpi.errors import UsageError
from gaitpi.importfile import Imported, Points
from gaitpi.outfile import new_file
from gaitpi.review import csvtable, parquet, season, tables
from gaitpi.review.outside import outside
from gaitpi.runs.reader import RunReader
from gaitpi.runs.view import RunView, Window
from gaitpi.runs.writer import RunWriter
from tests.runs import sample

pq: Any = pytest.importorskip("pyarrow.parquet")

RUN = "20261123-170200-0000-000001"
COACH = CoachConfig(target_spm=172.0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    runs.mkdir(parents=True)
    return runs


def record(folder: Path, name: str = RUN, *, days: float = 0.0, length: int = 60) -> Path:
    path = folder / f"{name}.gaitpi"
    sample.write_run(
        path,
        seconds=[
            sample.second(
                float(k),
                cadence_spm=170.0 + k / 7 if k % 5 else math.nan,
                lean_deg=k / 3,
                activity=k % 4,
                belt=k % 4,
                lean_from=k % 4,
                grade=0.01,
                grade_sd=math.inf,
            )
            for k in range(length)
        ],
        cues=[sample.cue(20.0), sample.cue(40.0, "tall", "lean")],
        samples=sample.counts(int(length * sample.RATE_HZ)),
        coach=COACH,
        wall_s=sample.WALL_S + days * 86_400.0,
    )
    sha = "ab"
    importfile.add(
        importfile.path_of(path),
        Imported(wall_s=0.0, file="w.fit", sha256=sha, start_s=0.0, end_s=1.0, share=0.5),
        Points(
            sha256=sha,
            time_s=tuple(float(k) for k in range(30)),
            heart_rate_bpm=tuple(140.0 + k for k in range(30)),
            distance_m=tuple(3.0 * k for k in range(30)),
        ),
    )
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "last-error" not in err
    return out, err


def parsed(text: str, column: tables.Column) -> Any:
    """A field of a CSV as the value it was written from."""
    if text == "":
        return None
    kinds: dict[str, Any] = {
        "real": float,
        "whole": int,
        "text": str,
        "truth": lambda t: {"true": True, "false": False}[t],
        "time": datetime.fromisoformat,
    }
    return kinds[column.kind](text)


@pytest.mark.parametrize("name", ["steps", "seconds", "cues"])
def test_csv_and_parquet_hold_every_value(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = record(folder)
    table = tables.TABLES[name]
    with RunReader(path) as run:
        rows = list(tables.made(name, run, tables.beside(path).imports))
    assert rows
    said(capsys, "export", "last", "--csv", "t.csv", "--parquet", "t.parquet", "--table", name)
    lines = list(csv.reader(io.StringIO(Path("t.csv").read_text())))
    assert tuple(lines[0]) == table.names
    by_csv = [
        tuple(parsed(text, c) for text, c in zip(line, table.columns, strict=True))
        for line in lines[1:]
    ]
    found = pq.read_table("t.parquet")
    by_parquet = [tuple(row.values()) for row in found.to_pylist()]

    def rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:  # times are kept to the ms in CSV
        return tuple(
            v.replace(microsecond=v.microsecond // 1000 * 1000) if isinstance(v, datetime) else v
            for v in row
        )

    assert by_parquet == rows
    assert list(map(rounded, by_csv)) == list(map(rounded, rows))
    assert found.schema.names == list(table.names)
    for column in table.columns:
        metadata = found.schema.field(column.name).metadata
        assert metadata[b"meaning"].decode() == column.meaning
        assert metadata.get(b"unit", b"").decode() == column.unit
        assert metadata[b"source"]
    about = json.loads(found.schema.metadata[parquet.KEY])
    assert about["run_id"] == RUN
    assert about["table"] == name
    assert about["virtual"] is False


def test_the_values_are_those_of_the_run_file(folder: Path) -> None:
    path = record(folder)
    with RunReader(path) as run:
        steps, seconds = run.steps(), run.seconds()
        found = [dict(zip(tables.STEPS.names, row, strict=True)) for row in tables.steps(run)]
        rows = [
            dict(zip(tables.SECONDS.names, row, strict=True))
            for row in tables.seconds(run, outside(run, tables.beside(path).imports))
        ]
        start = run.started.astimezone(UTC)
    assert [row["ic_s"] for row in found] == [step.ic_s for step in steps]
    assert {row["side"] for row in found} == {"right"}
    assert [row["contact_s"] for row in found] == [None] * len(found)
    for row, second in zip(rows, seconds, strict=True):
        assert row["utc"] == start + timedelta(seconds=second.time_s)
        assert row["activity"] == (None, "still", "walking", "running")[second.activity]
        assert row["belt"] == (None, "steady", "loose", "moved")[second.belt]
        assert (row["cadence_spm"] is None) == math.isnan(second.cadence_spm)
        assert row["grade_sd"] is None
        known = second.time_s < 29
        assert row["distance_m"] == (pytest.approx(3 * second.time_s + 1.5) if known else None)
        assert (row["heart_rate_bpm"] is not None) == (second.time_s < 31)


def test_raw_samples_are_the_same_bits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record(folder)
    said(capsys, "export", RUN, "--csv", "raw.csv", "--parquet", "raw.parquet")
    found = pq.read_table("raw.parquet").to_pydict()
    lines = Path("raw.csv").read_text().splitlines()
    assert lines[0] == "time_s,ax,ay,az,gx,gy,gz"
    assert list(found) == list(tables.RAW.names)
    numbers = [tuple(map(float, line.split(","))) for line in lines[1:]]
    assert list(zip(*found.values(), strict=True)) == numbers
    with RunReader(path) as run:
        assert len(numbers) == sum(len(block.counts) for block in run.blocks())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_more_raw_samples_take_no_more_memory(tmp_path: Path) -> None:
    """In processes of their own, whose memory counts for them alone."""
    peak = {}
    for minutes in (3, 15):
        path = tmp_path / f"{minutes}.gaitpi"
        writer = RunWriter(path, sample.header())
        still = sample.counts(208) // 4096
        for k in range(60 * minutes):
            writer.batch(sample.batches(still, size=208, start=208 * k, time_s=float(k))[0])
        writer.close({})
        code = (
            "import sys\n"
            "from gaitpi.cli import main\n"
            "from gaitpi.review import parquet\n"
            "parquet.GROUP = 4096\n"
            "assert main(['export', *sys.argv[1:]]) == 0\n"
            "print(next(x for x in open('/proc/self/status') if 'VmHWM' in x).split()[1])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), f"--parquet={tmp_path}/{minutes}"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        peak[minutes] = int(done.stdout.split()[-1]) / 1024
    # 12 minutes are 8 MiB as numbers, and were twice that if they were held and then joined
    assert peak[15] - peak[3] < 6.0


@given(
    st.lists(
        st.none()
        | st.booleans()
        | st.integers(-(2**60), 2**60)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"))
        | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
    )
)
def test_any_cells_make_one_line_that_is_read_back(cells: list[tables.Cell]) -> None:
    file = io.BytesIO()
    columns = tuple(tables.Column(f"c{k}", "text", "", "", "") for k in range(len(cells)))
    csvtable.write(file, tables.Table("x", "x", columns), [tuple(cells)])
    rows = list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))
    if cells:
        assert rows[1] == [csvtable.cell(value) for value in cells]
    for value in cells:
        if isinstance(value, float):
            assert float(csvtable.cell(value)) == value


def test_no_text_is_a_formula_for_a_spreadsheet() -> None:
    for text in ("=1+1", "+1", "-1", "@x", "\tx"):
        assert csvtable.cell(text) == f"'{text}"
    assert csvtable.cell("low 8 s") == "low 8 s"
    assert csvtable.cell(-1.5) == "-1.5"


# Files.


def test_nothing_is_replaced_unless_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(folder)
    for kind in ("fit", "csv", "parquet"):
        target = Path(f"x.{kind}")
        target.write_text("mine")
        _, err = said(capsys, "export", "last", f"--{kind}", str(target), code=2)
        assert "is there already" in err
        assert "--force" in err
        assert target.read_text() == "mine"
        link = Path(f"link.{kind}")
        link.symlink_to("elsewhere")
        said(capsys, "export", "last", f"--{kind}", str(link), code=2)
        said(capsys, "export", "last", f"--{kind}", str(link), "--force")
        assert not link.is_symlink()
        assert not Path("elsewhere").exists()
        said(capsys, "export", "last", f"--{kind}", str(target), "--force")
        assert target.stat().st_size > 100
    assert not list(Path().glob(".*"))


def test_what_could_not_be_written_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder)
    for kind in ("fit", "csv", "parquet"):
        _, err = said(capsys, "export", "last", f"--{kind}", "none/x", code=2)
        assert "cannot be written: No such file" in err
        _, err = said(capsys, "export", "last", f"--{kind}", str(folder), "--force", code=2)
        assert "is a folder" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("table", ["raw", "seconds"])
def test_a_full_card_is_said_in_words(folder: Path, table: str) -> None:
    """A process of its own, whose files may not grow beyond what the card has left."""
    record(folder)
    for kind in ("csv", "parquet"):
        code = (
            "import resource, signal, sys\n"
            "from gaitpi.cli import main\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
            "sys.exit(main(sys.argv[1:]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "export", RUN, f"--{kind}", "x", "--table", table],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert done.returncode == 2, done.stderr
        assert "x cannot be written: " in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not [p for p in Path().iterdir() if p.name.startswith((".x", "x"))]


def test_a_file_somebody_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(UsageError, match="there already"), new_file(path) as file:  # noqa: PT012
        file.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_may_go_to_standard_output(folder: Path) -> None:
    record(folder)
    argv = [sys.executable, "-m", "gaitpi", "export", RUN]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    out = {}
    for kind, more in (("csv", ["--table", "seconds"]), ("fit", []), ("parquet", [])):
        done = subprocess.run(
            [*argv, f"--{kind}", "-", *more], capture_output=True, check=True, env=environ
        )
        out[kind] = done.stdout
        assert b"-\n" in done.stderr
    assert out["csv"].startswith(b"time_s,utc,")
    assert out["fit"][8:12] == b".FIT"
    assert out["parquet"][:4] == out["parquet"][-4:] == b"PAR1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["last"], "what shall be written"),
        (["last", "--fit", "x.fit", "--table", "steps"], "--table is of CSV"),
        (["last", "--fit", "-", "--csv", "-"], "only one file"),
        (["last", "--season", "s"], "--season takes all runs"),
        (["none", "--fit", "x.fit"], "no run 'none'"),
    ],
)
def test_what_cannot_be_meant_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    record(folder)
    _, err = said(capsys, "export", *arguments, code=2)
    assert words in err
    assert len(err.splitlines()) == 1


def test_without_pyarrow_it_says_how_to_get_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(folder)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for arguments in (["last", "--parquet", "x"], ["--season", "s"]):
        _, err = said(capsys, "export", *arguments, code=2)
        assert "pip install 'gaitpi[parquet]'" in err
    assert not Path("x").exists()
    said(capsys, "export", "last", "--csv", "x.csv", "--table", "steps")
    said(capsys, "export", "last", "--fit", "x.fit")


def test_fit_and_tables_need_neither_numpy_nor_pyarrow(folder: Path) -> None:
    record(folder)
    code = (
        "import sys\n"
        "from gaitpi.cli import main\n"
        "assert main(['export', 'last', '--fit', 'x.fit', '--csv', 'x.csv', '--table', 'steps'])"
        " == 0\n"
        "assert not {'numpy', 'numba', 'pyarrow'} & set(sys.modules)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environ, capture_output=True)


# A season.


def _files(target: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in sorted(target.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(target))] = (path.stat().st_mtime_ns, path.stat().st_ino)
    return found


def _season(capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    out, _ = said(capsys, "export", "--season", "season", "--json", code=code)
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_season_is_brought_up_to_date_run_by_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [RUN, "20261201-080000-0000-000002", "20270102-080000-0000-000003"]
    for k, name in enumerate(names):
        record(folder, name, days=20.0 * k, length=20)
    assert _season(capsys)["written"] == names
    before = _files(Path("season"))
    assert len(before) == 12
    assert f"runs/year=2026/month=11/{RUN}.parquet" in before
    assert f"cues/year=2027/month=1/{names[2]}.parquet" in before

    again = _season(capsys)
    assert (again["written"], again["kept"]) == ([], names)
    assert _files(Path("season")) == before

    tag = tagfile.Tag(wall_s=0.0, run=names[1], tag="race")
    tagfile.add(tagfile.path_in(folder), [tag])
    assert _season(capsys)["written"] == [names[1]]
    after = _files(Path("season"))
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {name for name in after if names[1] in name}
    rows = pq.read_table("season/runs").to_pylist()
    assert {row["run_id"]: row["tags"] for row in rows}[names[1]] == "race"

    # a run that was deleted to make room stays in the season
    (folder / f"{names[0]}.gaitpi").unlink()
    assert _season(capsys)["written"] == []
    assert len(_files(Path("season"))) == 12


def test_one_bad_run_stops_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = record(folder, length=20)
    whole = good.read_bytes()
    bad = {
        "20250101-000000-0000-00000a": b"",
        "20250101-000000-0000-00000b": b"not a run" * 99,
        "20250101-000000-0000-00000c": whole[: len(whole) // 2],
        "20290101-000000-0000-00000d": whole[:5000] + bytes(3000) + whole[8000:],
    }
    for name, data in bad.items():
        (folder / f"{name}.gaitpi").write_bytes(data)
    sample.write_run(folder / "20280101-000000-0000-00000e.gaitpi", finish=False, virtual=True)
    found = _season(capsys, code=1)
    assert found["written"] == [RUN]
    assert found["going_on"] == ["20280101-000000-0000-00000e"]
    assert len(found["problems"]) == len(bad)
    out, err = said(capsys, "export", "--season", "season", code=1)
    assert "4 could not be taken" in out
    assert "1 still recorded" in out
    assert len(err.splitlines()) == len(bad)
    assert pq.read_table("season/runs").num_rows == 1


def test_an_export_that_was_cut_off_is_made_whole(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder, length=20)
    _season(capsys)
    before = _files(Path("season"))
    month = Path("season/runs/year=2026/month=11")
    (month / f"{RUN}.parquet").unlink()
    (month / f".{RUN}.parquet.99.part").write_bytes(b"begun")
    assert _season(capsys)["written"] == [RUN]
    assert _files(Path("season")).keys() == before.keys()
    (month / f"{RUN}.parquet").write_bytes(b"torn")
    assert _season(capsys)["written"] == [RUN]


def test_a_date_learned_later_moves_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder, days=-60.0, length=20)
    _season(capsys)
    path = folder / f"{RUN}.gaitpi"
    path.unlink()
    importfile.path_of(path).unlink()
    record(folder, length=20)
    _season(capsys)
    files = _files(Path("season"))
    assert len(files) == 4
    assert all("month=11" in name for name in files)


def test_a_folder_with_other_things_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder, length=20)
    target = Path("photos")
    target.mkdir()
    (target / "dog.jpg").write_bytes(b"x")
    _, err = said(capsys, "export", "--season", "photos", code=2)
    assert "holds other things already (dog.jpg)" in err
    Path("file").write_text("x")
    said(capsys, "export", "--season", "file", code=2)


def test_a_season_without_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = said(capsys, "export", "--season", "season")
    assert out.startswith("No runs in ")


def test_tables_of_a_season_are_those_of_the_runs(folder: Path) -> None:
    path = record(folder, length=20)
    found = season.export(folder, folder.parent / "season")
    assert found.written == [RUN]
    for name in ("steps", "seconds", "cues"):
        with RunReader(path) as run:
            rows = list(tables.made(name, run, tables.beside(path).imports))
        got = pq.read_table(folder.parent / "season" / name).to_pylist()
        assert [tuple(r.values())[1 : len(tables.TABLES[name].names) + 1] for r in got] == rows
        assert {r["run_id"] for r in got} == {RUN}
        assert {(r["year"], r["month"]) for r in got} == {(2026, 11)}


def _names() -> Iterator[str]:
    for table in tables.TABLES.values():
        yield from table.names


def test_every_column_says_what_it_is() -> None:
    for table in tables.TABLES.values():
        assert len(set(table.names)) == len(table.names)
        for column in table.columns:
            assert column.meaning
            assert column.source
            if column.kind == "real" and "metric" not in column.unit:
                assert column.unit or column.name == "belt_value"
    assert not [name for name in _names() if name.endswith("_rpm")]


# Strap and pod.


@pytest.fixture
def strapped(folder: Path) -> Path:
    """A run of two minutes with a strap and a pod, whose links were lost for twenty seconds."""
    path = folder / f"{RUN}.gaitpi"
    writer = RunWriter(path, sample.header())
    for batch in sample.batches(sample.counts(208), size=208, time_s=119.0):
        writer.batch(batch)
    writer.seconds(sample.second(float(k), cadence_spm=170.0) for k in range(120))
    writer.steps(sample.step(0.35 * k) for k in range(int(120 / 0.35)))
    for heart in strap(120.0, lambda _t: 150.0, [(40.0, 60.0)]):
        writer.reading(heart._replace(contact=math.nan) if heart.time_s > 100 else heart)
    for row in pod(120.0, lambda _t: 3.0, [(40.0, 60.0)], first_m=700.0):
        writer.reading(row)
    writer.close({})
    return path


@pytest.mark.parametrize("name", ["heart", "rr", "pod", "steps", "seconds"])
def test_what_strap_and_pod_sent_goes_out(
    strapped: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    table = tables.TABLES[name]
    with RunReader(strapped) as run:
        rows = list(tables.made(name, run))
    said(capsys, "export", "last", "--csv", "t.csv", "--parquet", "t.parquet", "--table", name)
    found = [tuple(row.values()) for row in pq.read_table("t.parquet").to_pylist()]
    assert found == rows
    lines = list(csv.reader(io.StringIO(Path("t.csv").read_text())))
    assert tuple(lines[0]) == table.names
    assert len(lines) == len(rows) + 1


def test_raw_tables_are_what_was_sent(strapped: Path) -> None:
    with RunReader(strapped) as run:
        hearts, pods = run.hearts(), run.pods()
        assert [row[:3] for row in tables.hearts(run)] == [row[:3] for row in hearts]
        assert {row[3] for row in tables.hearts(run)} == {True, None}
        assert [row[:6] for row in tables.pods(run)] == [row[:6] for row in pods]
        rr = [row[1] for row in tables.intervals(run)]
    assert rr == [one for row in hearts for one in row.intervals_s]
    with RunView(strapped, Window(30.0, 90.0)) as run:
        times: list[Any] = [row[0] for row in [*tables.hearts(run), *tables.pods(run)]]
    assert times
    assert all(30.0 <= time_s < 90.0 for time_s in times)


def test_a_hole_is_empty_and_the_way_goes_on_behind_it(strapped: Path) -> None:
    with RunReader(strapped) as run:
        rows: list[dict[str, Any]] = [
            dict(zip(tables.SECONDS.names, row, strict=True)) for row in tables.made("seconds", run)
        ]
        steps: list[dict[str, Any]] = [
            dict(zip(tables.STEPS.names, row, strict=True)) for row in tables.made("steps", run)
        ]
        whole: dict[str, Any] = dict(
            zip(tables.RUNS.names, tables.whole_run(run, outside(run), ()), strict=True)
        )
    for row in rows:
        assert (row["heart_rate_bpm"] is None) == (44.0 <= row["time_s"] < 60.0)
        assert (row["speed_ms"] is None) == (45.0 <= row["time_s"] < 61.0 or row["time_s"] == 0.0)
    assert rows[30]["distance_m"] == pytest.approx(29.86 * 3.0, abs=0.1)
    assert rows[61]["distance_m"] == pytest.approx(60.86 * 3.0, abs=0.1)
    assert rows[30]["step_length_m"] == pytest.approx(3.0 * 60.0 / 170.0)
    assert steps[100]["step_length_m"] == pytest.approx(3.0 * 0.35)
    assert {s["speed_ms"] for s in steps if 46.0 < s["ic_s"] < 60.0} == {None}
    assert whole["distance_m"] == pytest.approx(357.0, abs=1.5)
    assert whole["distance_lacks_s"] == 0.0
    assert (whole["distance_from"], whole["heart_rate_from"]) == ("pod", "strap")
    assert whole["heart_rate_share"] == pytest.approx(105.0 / 120.0, abs=0.02)
